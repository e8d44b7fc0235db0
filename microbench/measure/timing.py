"""What a latency is the latency of: three ways to time one run on a GPU, and whether its inputs lie in the cache.

They answer different questions and are never merged: each is a row of its own. So is, on a CPU, a latency with the
processor's caches emptied before each run.
"""

from __future__ import annotations

KERNEL_SPAN = "kernel_span"
"""The device's own time of one run: many runs are captured as a CUDA graph, fewer as another, and the difference of
the two graphs' times is that of the runs between them. No launch of kernels, no copy of inputs or outputs, no host."""
ISOLATED = "isolated"
"""The device's time of one run launched by itself, with an event before and one after each. The launches are queued
behind a kernel that waits, so that the device never waits for the host, but the device's own start of each kernel is in
it."""
END_TO_END = "end_to_end"
"""The host's time from inputs in host memory to outputs in host memory, one run after the other: on a GPU the copy to
the device, the launch, the run, the copy back and the waiting for it. The one timing that there is on a CPU."""

TIMINGS = (KERNEL_SPAN, ISOLATED, END_TO_END)

HOT = "hot"
"""Each run reads the same inputs and weights, which stay in whatever cache they fit: runs are back to back."""
COLD = "cold"
"""Before each run, untimed, more memory than the GPU's L2 cache, or than all caches of the processor, hold is
overwritten, so that a run finds neither its inputs nor its weights there, as after the run of another model."""

L2_STATES = (HOT, COLD)
"""Of a GPU."""
CACHE_STATES = (HOT, COLD)
"""Of a processor; see `microbench.measure.cold_caches`."""
