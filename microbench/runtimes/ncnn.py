"""ncnn on the CPU, with and without Winograd's convolution; models come to it from ONNX through pnnx."""

from __future__ import annotations

import importlib.util
import subprocess
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Mapping, Optional, Sequence

import numpy as np
from numpy.typing import NDArray

from microbench.measure.record import Configuration
from microbench.measure.session import Session, replacement
from microbench.measure.workload import Workload
from microbench.runtimes.base import RUNTIMES, Runtime
from microbench.runtimes.kernels import Kernel, describe_kernels

_CONVERSION_S = 120.0
"""A network of twenty million parameters takes seconds; what takes longer than this hangs."""
_HEADER_LINES = 2
_CONVERSIONS = ("Packing", "Cast")


@RUNTIMES.register("ncnn")
class Ncnn(Runtime):
    """ncnn in fp32, with Winograd's transformation (Lavin and Gray 2016, arXiv 1509.09308) where ncnn chooses it.

    A 3x3 convolution of stride 1 then takes up to four times fewer multiplications than the MACs that tables count.
    """

    name = "ncnn"
    distributions = ("ncnn",)
    module = "ncnn"
    precisions = {"cpu": ("fp32",)}
    install = "pip install 'lpsnet-microbench[ncnn]'"
    winograd: ClassVar[bool] = True

    def missing_device(self, device: str) -> Optional[str]:
        """The converter is a package of its own."""
        if device == "cpu" and _converter() is None:
            return "the Python package pnnx, which converts ONNX models for it, is not installed"
        return super().missing_device(device)

    def load(
        self, workload: Workload, configuration: Configuration, inputs: Mapping[str, NDArray[np.float32]]
    ) -> Session:
        """See the base class.

        Raises:
            ValueError: more than one image a run, for which ncnn has no dimension, or a model that cannot be converted.
        """
        import ncnn

        if any(value.shape[0] != 1 for value in inputs.values() if value.ndim > 2):
            raise ValueError("ncnn takes one image a run")
        net = ncnn.Net()
        options = net.opt
        options.num_threads = configuration.threads
        options.use_vulkan_compute = False
        options.use_winograd_convolution = self.winograd
        for reduced in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(options, reduced, False)
        with tempfile.TemporaryDirectory(prefix="microbench-ncnn-") as folder:
            graph, weights = convert(workload.onnx_model, Path(folder))
            layers = graph.read_text("utf-8").splitlines()[_HEADER_LINES:]
            if net.load_param(str(graph)) or net.load_model(str(weights)):
                raise ValueError("ncnn cannot load the converted model")
        kernels = [kernel_of_layer(line, winograd=self.winograd) for line in layers]
        return _NcnnSession(ncnn, net, inputs, len(workload.reference), kernels, configuration.threads)


@RUNTIMES.register("ncnn-direct")
class NcnnDirect(Ncnn):
    """ncnn without Winograd's transformation: every convolution does the multiplications that tables count."""

    name = "ncnn-direct"
    winograd = False


def convert(onnx_model: bytes, folder: Path) -> tuple[Path, Path]:
    """Convert a model to ncnn's format, its weights in fp32.

    Args:
        onnx_model: the ONNX file's content.
        folder: for the files; exists.

    Returns:
        The file of the graph and that of the weights.

    Raises:
        ValueError: pnnx cannot convert the model.
    """
    converter = _converter()
    assert converter is not None  # `missing_device` says so before
    (folder / "model.onnx").write_bytes(onnx_model)
    done = subprocess.run(
        [str(converter), "model.onnx", "fp16=0"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_CONVERSION_S,
        check=False,
    )
    graph, weights = folder / "model.ncnn.param", folder / "model.ncnn.bin"
    if done.returncode or not graph.is_file() or not weights.is_file():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ValueError(f"pnnx cannot convert the model: {last[0][:200]}")
    return graph, weights


def _converter() -> Optional[Path]:
    """Pnnx's program; its Python package is not imported, as that takes torch."""
    found = importlib.util.find_spec("pnnx")
    places = (found.submodule_search_locations or []) if found is not None else []
    return next((path for path in (Path(place) / "pnnx" for place in places) if path.is_file()), None)


class _NcnnSession(Session):
    def __init__(
        self,
        ncnn: Any,
        net: Any,
        inputs: Mapping[str, NDArray[np.float32]],
        outputs: int,
        kernels: Sequence[Kernel],
        threads: int,
    ) -> None:
        self.worker_threads = threads > 1
        self._ncnn = ncnn
        self._net = net
        self._kernels = kernels
        self._names = [f"out{index}" for index in range(outputs)]
        self._results: list[Any] = []
        self._bind(inputs)

    def _bind(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        # pnnx names inputs by their place. A matrix has no dimension for the batch. It is a copy: one that shares the
        # array's memory has no reference count, which a first layer that works in place reads through a null pointer.
        self._inputs = inputs
        self._matrices = [
            (f"in{index}", self._ncnn.Mat(value[0] if value.ndim > 2 else value).clone())
            for index, value in enumerate(inputs.values())
        ]

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        self._bind(replacement(inputs, self._inputs))

    def enqueue(self, runs: int) -> None:
        net, matrices, names = self._net, self._matrices, self._names
        for _ in range(runs):
            extractor = net.create_extractor()
            for name, matrix in matrices:
                extractor.input(name, matrix)
            self._results = [extractor.extract(name) for name in names]

    def outputs(self) -> tuple[NDArray[Any], ...]:
        if any(code for code, _ in self._results):
            raise RuntimeError("ncnn could not compute an output")
        arrays = [np.array(result) for _, result in self._results]
        return tuple(array[np.newaxis] if array.ndim > 2 else array for array in arrays)

    def describe(self) -> Mapping[str, Any]:
        return describe_kernels(lambda: self._kernels)

    def close(self) -> None:
        self._results = []
        self._matrices = []
        self._net = None


def kernel_of_layer(line: str, *, winograd: bool) -> Kernel:
    """The kernel of a line of ncnn's graph file; it names neither shapes nor the algorithm that ncnn will choose.

    >>> kernel_of_layer("Convolution convrelu_0 1 1 in0 out0 0=32 1=3", winograd=True).implementation
    'ncnn, Winograd allowed'

    Args:
        line: of the file: operator, name, numbers of inputs and outputs, their names, and parameters by number, of
            which 1 is a convolution's kernel and 3 its stride.
        winograd: whether ncnn may choose Winograd's algorithm for a 3x3 convolution of stride 1.
    """
    operator, *fields = line.split()
    parameters = dict(field.split("=", 1) for field in fields if "=" in field)
    is_candidate = operator == "Convolution" and parameters.get("1") == "3" and parameters.get("3", "1") == "1"
    allowed = f", Winograd {'allowed' if winograd else 'off'}" if is_candidate else ""
    return Kernel(operator, f"ncnn{allowed}", converts_layout=operator in _CONVERSIONS)
