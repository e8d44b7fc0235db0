"""A torch module loaded and ready to run on an NVIDIA GPU."""

from __future__ import annotations

import contextlib
import functools
from typing import Any, Callable, Iterator, Mapping, Optional

import numpy as np
from numpy.typing import NDArray

from microbench.measure.gpu import pci_bus_id
from microbench.measure.nvml import DeviceMonitor
from microbench.measure.record import Configuration
from microbench.measure.session import Reading, replacement
from microbench.measure.timing import KERNEL_SPAN
from microbench.runtimes.cuda.session import DeviceSession
from microbench.runtimes.pytorch.session import as_array, tensors_of
from microbench.runtimes.pytorch.stream import TorchStream

WARM_UP_RUNS = 3
"""Before runs are captured, as torch's notes on CUDA graphs ask for: libraries choose kernels and take workspace."""

Run = Callable[[], Any]
"""Enqueues one run on the current stream and gives back the outputs, on the device."""


class TorchCudaSession(DeviceSession):
    """Calls a module on a stream of its own, in inference mode.

    Inputs and outputs lie page-locked on the host, in the precision of the model: a copy is as large as the model's
    own input or output, and no cast is part of a run.
    """

    def __init__(
        self,
        torch: Any,
        call: Any,
        inputs: Mapping[str, NDArray[np.float32]],
        dtype: Any,
        configuration: Configuration,
        *,
        replays: bool,
    ) -> None:
        """Loads it.

        Args:
            torch: the module, given because this floor is imported where torch is not.
            call: the module on the device, as it is or compiled.
            inputs: in the order of the call's arguments.
            dtype: of the module.
            configuration: the precision, the timing and the state of the cache.
            replays: a run is not a call but the replay of one that was captured as a CUDA graph.

        Raises:
            RuntimeError: the module cannot be run, captured, or timed as the configuration says.
        """
        # The module came here on the default stream, which the session's own does not wait for.
        torch.cuda.synchronize()
        self._torch = torch
        self._cuda_stream = TorchStream(torch)
        super().__init__(self._cuda_stream, DeviceMonitor.open(pci_bus_id()))
        self._allow_tf32 = configuration.precision == "tf32"
        self._inputs = inputs
        self._host_inputs: list[Any] = []
        self._host_outputs: list[Any] = []
        self._device_inputs: list[Any] = []
        self._run: Optional[Run] = None
        self._result: Any = None
        try:
            with self._ready():  # torch gives memory to the stream that is current
                self._bind(dtype)
            self._run = functools.partial(call, *self._device_inputs)
            self.feed(inputs)
            self.enqueue(WARM_UP_RUNS)
            self.synchronize()
            self._host_outputs = [self._page_locked(t.shape, t.dtype) for t in tensors_of(self._result)]
            with self._ready():
                # The kernel span is the time of runs that are captured anyhow, and a graph cannot be captured in one.
                if replays and configuration.timing != KERNEL_SPAN:
                    self._run = self._captured(self._run)
                self.start(configuration)
        except BaseException:
            self.close()
            raise

    def _bind(self, dtype: Any) -> None:
        """Makes the inputs' places, on the host and on the device."""
        torch, device = self._torch, self._torch.device("cuda")
        self._host_inputs = [self._page_locked(value.shape, dtype) for value in self._inputs.values()]
        self._device_inputs = [torch.empty(host.shape, dtype=dtype, device=device) for host in self._host_inputs]

    @contextlib.contextmanager
    def _ready(self) -> Iterator[None]:
        """In it, torch runs as this session's configuration says; afterwards it is as it was.

        Rows of other precisions are timed in between, so what is set must not outlast the window.
        """
        with self._torch.inference_mode(), self._cuda_stream.current(), backends_set(self._torch, self._settings()):
            yield

    def _settings(self) -> dict[str, bool]:
        return {
            "cudnn.allow_tf32": self._allow_tf32,
            "cuda.matmul.allow_tf32": self._allow_tf32,
            # Which kernel it finds fastest would be a matter of chance, load by load.
            "cudnn.benchmark": False,
        }

    def _page_locked(self, shape: Any, dtype: Any) -> Any:
        return self._torch.empty(shape, dtype=dtype, pin_memory=True)

    def _captured(self, run: Run) -> Run:
        results: list[Any] = []
        launch = self._cuda_stream.capture(lambda: results.append(run()))

        def replay() -> Any:
            launch()
            return results[0]

        return replay

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """See the base class."""
        self._inputs = replacement(inputs, self._inputs)
        with self._ready():
            for host, value in zip(self._host_inputs, self._inputs.values()):
                host.copy_(self._torch.from_numpy(value))
            self._enqueue_inputs()
        self.synchronize()

    def enqueue(self, runs: int) -> None:
        """See the base class."""
        with self._ready():
            super().enqueue(runs)

    def read(self, runs: int) -> Reading:
        """See the base class."""
        with self._ready():
            return super().read(runs)

    def enqueue_run(self) -> None:
        """See the base class."""
        assert self._run is not None
        self._result = self._run()

    def enqueue_with_copies(self) -> None:
        """See the base class."""
        self._enqueue_inputs()
        self.enqueue_run()
        self._enqueue_outputs()

    def _enqueue_inputs(self) -> None:
        for tensor, host in zip(self._device_inputs, self._host_inputs):
            tensor.copy_(host, non_blocking=True)

    def _enqueue_outputs(self) -> None:
        for host, tensor in zip(self._host_outputs, tensors_of(self._result)):
            host.copy_(tensor, non_blocking=True)

    def outputs(self) -> tuple[NDArray[Any], ...]:
        """See the base class."""
        with self._ready():
            self._enqueue_outputs()
        self.synchronize()
        return tuple(as_array(tensor).copy() for tensor in self._host_outputs)

    def describe(self) -> Mapping[str, Any]:
        """See the base class: what was set in torch's backends, and the libraries that it computes with."""
        torch = self._torch
        return {**self._settings(), "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}

    def close(self) -> None:
        """See the base class."""
        super().close()
        self._run = None
        self._result = None
        self._device_inputs = []
        self._host_inputs = []
        self._host_outputs = []
        # What torch keeps for its next tensors the other runtimes of this process would lack.
        self._torch.cuda.empty_cache()


@contextlib.contextmanager
def backends_set(torch: Any, settings: Mapping[str, bool]) -> Iterator[None]:
    """Within it `torch.backends` has these settings, and afterwards those that it had.

    TF32 goes by `allow_tf32`, the older of its two names: where the newer (`fp32_precision`, torch 2.9) was set,
    torch's compiler, which reads the older, stops with an error.

    Args:
        torch: the module.
        settings: values by name, e.g. {"cudnn.allow_tf32": False}.

    Raises:
        RuntimeError: a setting does not take effect, as one of the newer names overrules it.
    """
    with contextlib.ExitStack() as restoring:
        for name, value in settings.items():
            path, _, attribute = name.rpartition(".")
            place = functools.reduce(getattr, path.split("."), torch.backends)
            restoring.callback(setattr, place, attribute, getattr(place, attribute))
            setattr(place, attribute, value)
            if getattr(place, attribute) != value:  # torch itself raises, where it knows of the contradiction
                raise RuntimeError(f"torch.backends.{name} cannot be set to {value}")
        yield
