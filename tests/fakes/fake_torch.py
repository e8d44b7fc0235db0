"""torch with a simulated GPU: torch itself, on the CPU underneath, but for its device.

What is on the device are tensors of a class of their own. A convolution of them is a kernel, and a copy to or from
them takes its time; whether that is now or in a graph is for the simulated device to say.
"""

from __future__ import annotations

import contextlib
import math
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch._inductor.config  # while torch is itself: it would look for the rest of it in the fake
from fake_gpu import Kernels, SimulatedGpu, milliseconds

CLOCK_GHZ = 2.0


class FakeTorch(types.ModuleType):
    """The module, and what a test may set and look at."""

    def __init__(self, gpu: SimulatedGpu, *, is_built: bool = True, is_available: bool = True) -> None:
        super().__init__("torch")
        self.__spec__ = torch.__spec__
        self.__path__ = torch.__path__
        self.run_ns = 10_000
        """What one convolution takes."""
        self.tf32: list[tuple[bool, bool]] = []
        """Of cuDNN and cuBLAS, at each convolution."""
        self.benchmark: list[bool] = []
        self.compiled: list[dict[str, Any]] = []
        """The options of each compilation."""
        self.captured_runs: list[int] = []
        """How many convolutions each graph holds."""
        self.cuda = _make_cuda(gpu, is_available=is_available)
        self.backends = types.SimpleNamespace(
            cudnn=torch.backends.cudnn,
            cuda=types.SimpleNamespace(is_built=lambda: is_built, matmul=torch.backends.cuda.matmul),
        )
        self._gpu = gpu
        self._tensor = _make_tensor(self, gpu)

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def device(self, name: str) -> torch.device:
        assert name in ("cpu", "cuda")
        return torch.device("cpu")

    def empty(self, shape: Any, *, dtype: torch.dtype, **where: Any) -> torch.Tensor:
        assert "device" in where or where == {"pin_memory": True}, "host memory that is not page-locked"
        # Not zeros: what is read before it is written must be seen.
        unread = math.nan if dtype.is_floating_point else 7
        return torch.full(tuple(shape), unread, dtype=dtype).as_subclass(self._tensor)

    def compile(self, call: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        self.compiled.append(options)
        return call

    def convolution_ran(self) -> None:
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        self.tf32.append((cudnn.allow_tf32, matmul.allow_tf32))
        self.benchmark.append(cudnn.benchmark)


def _make_tensor(fake: FakeTorch, gpu: SimulatedGpu) -> type[torch.Tensor]:
    class SimulatedTensor(torch.Tensor):
        """On the device, or page-locked on the host."""

        @classmethod
        def __torch_function__(
            cls, function: Any, kinds: Any, arguments: tuple[Any, ...] = (), options: Any = None
        ) -> Any:
            options = options or {}

            def compute() -> Any:
                with torch._C.DisableTorchFunctionSubclass():
                    return function(*arguments, **options)

            if function is torch.conv2d:
                return _run(compute, arguments[0], cls)
            if function is torch.Tensor.copy_ and options.get("non_blocking"):
                gpu.copy(fake.cuda.current_stream().handle, arguments[0].nbytes, compute)
                return arguments[0]
            if function is torch.Tensor.zero_:
                gpu.flush(fake.cuda.current_stream().handle, arguments[0].data_ptr(), arguments[0].nbytes)
                return arguments[0]
            plain: Any = torch.Tensor.__torch_function__.__func__  # type: ignore[attr-defined]
            return plain(cls, function, kinds, arguments, options)

    def _run(compute: Callable[[], Any], image: torch.Tensor, cls: type[torch.Tensor]) -> torch.Tensor:
        fake.convolution_ran()
        result = torch.full_like(compute(), math.nan).as_subclass(cls)

        def read_and_compute() -> list[tuple[int, int]]:
            with torch.inference_mode(), torch._C.DisableTorchFunctionSubclass():
                result.copy_(compute())
            return [(image.data_ptr(), image.nbytes)]

        gpu.run(fake.cuda.current_stream().handle, Kernels(fake.run_ns, read_and_compute))
        return result

    return SimulatedTensor


def _make_cuda(gpu: SimulatedGpu, *, is_available: bool) -> Any:
    class Stream:
        def __init__(self) -> None:
            self.handle = gpu.new_stream()

        def synchronize(self) -> None:
            gpu.synchronize(self.handle)

    class Event:
        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing, "an event that takes no time cannot be read"

        def record(self, stream: Stream) -> None:
            self.at_ns = gpu.event_ns(stream.handle)

        def query(self) -> bool:
            return self.at_ns <= gpu.host_ns

        def elapsed_time(self, end: Event) -> float:
            assert end.query(), "the events have not both happened yet"
            return milliseconds(end.at_ns - self.at_ns)

    class CUDAGraph:
        captured: int | None = None

        def replay(self) -> None:
            assert self.captured is not None
            gpu.launch(self.captured, current[-1].handle)

        def __del__(self) -> None:
            gpu.graphs.pop(self.captured or 0, None)

    default = Stream()
    current = [default]

    @contextlib.contextmanager
    def stream(chosen: Stream) -> Iterator[None]:
        current.append(chosen)
        try:
            yield
        finally:
            current.pop()

    @contextlib.contextmanager
    def graph(target: CUDAGraph, *, pool: object, stream: Stream) -> Iterator[None]:
        assert pool is memory_pool
        assert stream is not default, "the default stream cannot be captured"
        assert gpu.runs > 0, "a module is warmed up before it is captured"
        with cuda.stream(stream):
            gpu.begin_capture(stream.handle)
            try:
                yield
            finally:
                target.captured = gpu.end_capture(stream.handle)
                if target.captured is None:
                    raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    def synchronize() -> None:
        for handle in gpu.streams:
            gpu.synchronize(handle)

    memory_pool = object()
    cuda = types.SimpleNamespace(
        Stream=Stream,
        Event=Event,
        CUDAGraph=CUDAGraph,
        stream=stream,
        graph=graph,
        current_stream=lambda: current[-1],
        graph_pool_handle=lambda: memory_pool,
        is_available=lambda: is_available,
        synchronize=synchronize,
        empty_cache=lambda: None,
        get_device_properties=lambda device: types.SimpleNamespace(L2_cache_size=gpu.l2_bytes),  # noqa: ARG005
        _sleep=lambda cycles: gpu.delay(current[-1].handle, round(cycles / CLOCK_GHZ)),
    )
    return cuda
