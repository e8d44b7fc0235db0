"""TensorRT 8.6, 10 and 11 over a simulated GPU.

The names of each version are those that its real binding has, so that a name which a version lacks is an
AttributeError here too. An engine computes what ONNX Runtime makes of its model.
"""

from __future__ import annotations

import base64
import enum
import json
import types
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np
import onnx
import onnxruntime
from fake_gpu import Kernels, SimulatedGpu

VERSIONS = ("8.6.0", "10.16.1.11", "11.4.0.106")

_BUILDER_FLAGS = {
    8: "FP16 INT8 DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE "
    "OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS DIRECT_IO REJECT_EMPTY_ALGORITHMS VERSION_COMPATIBLE "
    "EXCLUDE_LEAN_RUNTIME FP8",
    10: "FP16 BF16 INT8 DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE EDITABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS "
    "SAFETY_SCOPE OBEY_PRECISION_CONSTRAINTS PREFER_PRECISION_CONSTRAINTS DIRECT_IO REJECT_EMPTY_ALGORITHMS "
    "VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME FP8 STRICT_NANS MONITOR_MEMORY FP4",
    11: "DEBUG GPU_FALLBACK REFIT DISABLE_TIMING_CACHE EDITABLE_TIMING_CACHE TF32 SPARSE_WEIGHTS SAFETY_SCOPE "
    "DIRECT_IO VERSION_COMPATIBLE EXCLUDE_LEAN_RUNTIME STRIP_PLAN STRICT_NANS MONITOR_MEMORY DISTRIBUTIVE_INDEPENDENCE",
}
_TACTIC_SOURCES = {
    8: "CUBLAS CUBLAS_LT CUDNN EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS",
    10: "CUBLAS CUBLAS_LT CUDNN EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS",
    11: "EDGE_MASK_CONVOLUTIONS JIT_CONVOLUTIONS",
}
_DTYPES = {
    onnx.TensorProto.FLOAT: "FLOAT",
    onnx.TensorProto.FLOAT16: "HALF",
    onnx.TensorProto.INT64: "INT64",
    onnx.TensorProto.INT32: "INT32",
}
ERROR, INTERNAL_ERROR = "ERROR", "INTERNAL_ERROR"


@dataclass
class BuildLog:
    """What one call of the builder was asked."""

    model: bytes
    flags: set[str]
    workspace_bytes: int
    level: int
    verbosity: str
    timing_cache: bytes
    calibrated_on: list[list[np.ndarray[Any, Any]]]
    tactic_sources: int


@dataclass
class FakeTensorRT:
    """The module, and what a test may set and look at."""

    module: types.ModuleType
    builds: list[BuildLog] = field(default_factory=list)
    runs_ns: list[int] = field(default_factory=lambda: [10_000])
    """What a run of the first, second, ... build takes; the last stands for all that follow."""
    parser_errors: list[str] = field(default_factory=list)
    builder_error: str | None = None
    context_error: str | None = None
    execution_error: str | None = None
    constructed: list[str] = field(default_factory=list)
    """Names of the objects made that crash where there is no driver."""


def make_tensorrt(gpu: SimulatedGpu, version: str) -> FakeTensorRT:
    """TensorRT of one of `VERSIONS`."""
    major = int(version.split(".")[0])
    module = types.ModuleType("tensorrt")
    module.__spec__ = ModuleSpec("tensorrt", None)
    fake = FakeTensorRT(module)

    builder_flag = enum.IntEnum("BuilderFlag", _BUILDER_FLAGS[major], start=0)  # type: ignore[misc]
    tactic_source = enum.IntEnum("TacticSource", _TACTIC_SOURCES[major], start=0)  # type: ignore[misc]
    io_mode = enum.IntEnum("TensorIOMode", "NONE INPUT OUTPUT", start=0)  # type: ignore[misc]
    data_type = enum.IntEnum("DataType", "FLOAT HALF INT32 INT64 INT8 UINT8 BOOL", start=0)  # type: ignore[misc]

    class ILogger:
        ERROR, INTERNAL_ERROR, WARNING = ERROR, INTERNAL_ERROR, "WARNING"

        def __init__(self) -> None:
            """Subclasses must call it."""

        def log(self, severity: str, message: str) -> None:
            """Subclasses say what becomes of a message."""

    class TimingCache:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def serialize(self) -> bytes:
            return self.content + b"t"

    config_attributes = {"flags_set", "builder_optimization_level", "profiling_verbosity", "int8_calibrator"}

    class Config:
        def __init__(self) -> None:
            self.flags_set = {"TF32"}
            self.builder_optimization_level = 3
            self.profiling_verbosity = "LAYER_NAMES_ONLY"
            self._workspace = 0
            self._sources = 0
            self._cache = TimingCache(b"")

        def __setattr__(self, name: str, value: Any) -> None:
            # As in the binding, what a version does not have cannot be set.
            gone = name == "int8_calibrator" and major >= 11
            if gone or not (name in config_attributes or name.startswith("_")):
                raise AttributeError(f"'IBuilderConfig' object has no attribute '{name}'")
            super().__setattr__(name, value)

        def set_memory_pool_limit(self, pool: str, nbytes: int) -> None:
            assert pool == "WORKSPACE"
            self._workspace = nbytes

        def set_flag(self, flag: Any) -> None:
            self.flags_set.add(flag.name)

        def clear_flag(self, flag: Any) -> None:
            self.flags_set.discard(flag.name)

        def set_tactic_sources(self, sources: int) -> None:
            self._sources = sources

        def create_timing_cache(self, content: bytes) -> TimingCache:
            return TimingCache(content)

        def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
            assert not ignore_mismatch
            self._cache = cache
            return True

        def get_timing_cache(self) -> TimingCache:
            return self._cache

    class Network:
        model = b""

    class ParserError:
        def __init__(self, text: str) -> None:
            self._text = text

        def desc(self) -> str:
            return self._text

    class OnnxParser:
        def __init__(self, network: Network, logger: ILogger) -> None:
            self._network = network
            assert isinstance(logger, ILogger)

        def parse(self, model: bytes) -> bool:
            self._network.model = model
            return not fake.parser_errors

        @property
        def num_errors(self) -> int:
            return len(fake.parser_errors)

        def get_error(self, index: int) -> ParserError:
            return ParserError(fake.parser_errors[index])

    def calibrate(config: Config, names: list[str]) -> list[list[np.ndarray[Any, Any]]]:
        calibrator = getattr(config, "int8_calibrator", None)
        if calibrator is None:
            return []
        assert calibrator.get_batch_size() >= 1
        assert calibrator.read_calibration_cache() is None
        seen = []
        while (addresses := calibrator.get_batch(names)) is not None:
            seen.append([np.frombuffer(gpu.memory[address], np.float32).copy() for address in addresses])
        calibrator.write_calibration_cache(b"ranges")
        return seen

    class Builder:
        def __init__(self, logger: ILogger) -> None:
            fake.constructed.append("Builder")
            self._logger = logger

        def create_network(self, flags: int) -> Network:
            assert flags == 1
            return Network()

        def create_builder_config(self) -> Config:
            return Config()

        def build_serialized_network(self, network: Network, config: Config) -> bytes | None:
            if fake.builder_error is not None:
                self._logger.log("WARNING", "of no concern")
                self._logger.log(ERROR, fake.builder_error)
                return None
            run_ns = fake.runs_ns[min(len(fake.builds), len(fake.runs_ns) - 1)]
            names = [value.name for value in onnx.load_from_string(network.model).graph.input]
            fake.builds.append(
                BuildLog(
                    network.model,
                    config.flags_set,
                    config._workspace,
                    config.builder_optimization_level,
                    config.profiling_verbosity,
                    config.get_timing_cache().content,
                    calibrate(config, names),
                    config._sources,
                )
            )
            model = base64.b64encode(network.model).decode()
            return json.dumps({"version": version, "run_ns": run_ns, "model": model}).encode()

    class Context:
        _has_run: bool

        def __init__(self, engine: Engine) -> None:
            self._engine = engine
            self._addresses: dict[str, int] = {}
            self._has_run = False

        def set_tensor_address(self, name: str, address: int) -> bool:
            assert address in gpu.memory
            self._addresses[name] = address
            return True

        def execute_async_v3(self, stream: int) -> bool:
            if fake.execution_error is not None:
                self._engine.logger.log(ERROR, fake.execution_error)
                return False
            assert self._has_run or gpu.streams[stream].captured is None, "a context's first run cannot be captured"
            self._has_run = True
            addresses = dict(self._addresses)
            reads = [(addresses[name], len(gpu.memory[addresses[name]])) for name in self._engine.input_names]
            gpu.run(stream, Kernels(self._engine.run_ns, lambda: reads))
            if gpu.streams[stream].captured is None:
                self._engine.compute(addresses)
            return True

    class Engine:
        def __init__(self, plan: dict[str, Any], logger: ILogger) -> None:
            self.logger = logger
            self.run_ns: int = plan["run_ns"]
            model = base64.b64decode(plan["model"])
            graph = onnx.load_from_string(model).graph
            self.input_names = [value.name for value in graph.input]
            self._values = {value.name: value.type.tensor_type for value in (*graph.input, *graph.output)}
            self._names = list(self._values)
            # int8 pairs computed in float32: a GPU adds them in 32 bits, unlike a processor without VNNI.
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry("session.disable_quant_qdq", "1")
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self._computed: dict[bytes, list[Any]] = {}

        @property
        def num_io_tensors(self) -> int:
            return len(self._names)

        def get_tensor_name(self, index: int) -> str:
            return str(self._names[index])

        def get_tensor_shape(self, name: str) -> list[int]:
            return [dimension.dim_value for dimension in self._values[name].shape.dim]

        def get_tensor_dtype(self, name: str) -> Any:
            return data_type[_DTYPES[self._values[name].elem_type]]

        def get_tensor_mode(self, name: str) -> Any:
            return io_mode["INPUT" if name in self.input_names else "OUTPUT"]

        def create_execution_context(self) -> Context | None:
            if fake.context_error is not None:
                self.logger.log(ERROR, fake.context_error)
                return None
            return Context(self)

        def create_engine_inspector(self) -> Inspector:
            return Inspector(self)

        def compute(self, addresses: dict[str, int]) -> None:
            content = b"".join(bytes(gpu.memory[addresses[name]]) for name in self.input_names)
            if content not in self._computed:
                feeds = {
                    name: np.frombuffer(gpu.memory[addresses[name]], np.float32).reshape(self.get_tensor_shape(name))
                    for name in self.input_names
                }
                self._computed = {content: self._session.run(None, feeds)}
            for output, value in zip(self._session.get_outputs(), self._computed[content], strict=True):
                gpu.memory[addresses[output.name]][:] = value.tobytes()

    class Inspector:
        def __init__(self, engine: Engine) -> None:
            self._engine = engine

        def get_engine_information(self, form: str) -> str:
            assert form == "JSON"
            tactic = f"sm90_fake_{self._engine.run_ns}"
            convolution = {"Name": "conv", "LayerType": "CaskConvolution", "TacticName": tactic, "Weights": [1, 2]}
            return json.dumps({"Layers": [convolution, "reformat"], "Bindings": []})

    class EngineOld(Engine):
        device_memory_size = 4096

    class EngineMiddle(EngineOld):
        device_memory_size_v2 = 4096

    class EngineNew(Engine):
        device_memory_size_v2 = 4096

    engine_class = {8: EngineOld, 10: EngineMiddle, 11: EngineNew}[major]

    class Runtime:
        def __init__(self, logger: ILogger) -> None:
            fake.constructed.append("Runtime")
            self._logger = logger

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            try:
                content = json.loads(plan)
            except ValueError:
                self._logger.log(ERROR, "Serialization assertion magicTagRead == kMAGIC_TAG failed")
                return None
            if content["version"] != version:
                self._logger.log(ERROR, f"The engine was built by TensorRT {content['version']}")
                return None
            return engine_class(content, self._logger)

    vars(module).update(
        __version__=version,
        BuilderFlag=builder_flag,
        TacticSource=tactic_source,
        TensorIOMode=io_mode,
        DataType=data_type,
        MemoryPoolType=types.SimpleNamespace(WORKSPACE="WORKSPACE"),
        ProfilingVerbosity=types.SimpleNamespace(DETAILED="DETAILED"),
        LayerInformationFormat=types.SimpleNamespace(JSON="JSON"),
        ILogger=ILogger,
        Builder=Builder,
        OnnxParser=OnnxParser,
        Runtime=Runtime,
    )
    if major < 11:
        module.IInt8EntropyCalibrator2 = type("IInt8EntropyCalibrator2", (), {"__init__": lambda _: None})  # type: ignore[attr-defined]
    return fake
