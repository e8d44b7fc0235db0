"""TensorRT 8.6, 10 and 11 over a simulated GPU.

The names of each version are those that its real binding has, so that a name which a version lacks is an
AttributeError here too. An engine computes what ONNX Runtime makes of its model. Where the real one is known to refuse
something, or to answer oddly, so does this one.
"""

from __future__ import annotations

import base64
import enum
import json
import types
from collections.abc import Callable
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
_DATA_TYPES = {8: "FLOAT HALF INT8 INT32 BOOL UINT8 FP8", 10: "FLOAT HALF INT8 INT32 BOOL UINT8 FP8 BF16 INT64 INT4"}
_FORMATS = "LINEAR CHW2 HWC8 CHW4 CHW16 CHW32 DHWC8 CDHW32 HWC DLA_LINEAR DLA_HWC4 HWC16 DHWC"
_NEWEST_OPSET = {8: 17, 10: 20, 11: 24}
_PROTO = onnx.TensorProto
_DTYPES = {
    _PROTO.FLOAT: "FLOAT",
    _PROTO.FLOAT16: "HALF",
    _PROTO.BFLOAT16: "BF16",
    _PROTO.INT64: "INT64",
    _PROTO.INT32: "INT32",
    _PROTO.UINT8: "UINT8",
    _PROTO.INT8: "INT8",
    _PROTO.BOOL: "BOOL",
}
_INTEGERS = (_PROTO.INT64, _PROTO.INT32, _PROTO.INT8, _PROTO.BOOL)
_BYTES = {"HALF": np.float16, "BF16": np.uint16, "UINT8": np.uint8, "INT32": np.int32, "INT64": np.int64}
ERROR, INTERNAL_ERROR = "ERROR", "INTERNAL_ERROR"
FUSED = "[ONNX Layer: /conv/Conv]\x1e[ONNX Layer: /act/Relu]"
"""Metadata of a layer that was fused of two: 8.6 leaves the separator as it is, which no JSON string may hold."""


@dataclass
class BuildLog:
    """What one call of the builder was asked."""

    model: bytes
    flags: set[str]
    workspace_bytes: int
    level: int
    timing_iterations: int
    verbosity: str
    timing_cache: bytes
    calibrated_on: list[list[np.ndarray[Any, Any]]]
    tactic_sources: int
    ends: dict[str, tuple[str, str]]
    """Type and format of each input and output."""


@dataclass
class FakeTensorRT:
    """The module, and what a test may set and look at."""

    module: types.ModuleType
    builds: list[BuildLog] = field(default_factory=list)
    runs_ns: list[int] = field(default_factory=lambda: [10_000])
    """What a run of the first, second, ... build takes; the last stands for all that follow."""
    run_ns_of: Callable[[int, bytes], int] | None = None
    """What a run takes instead, by the number of the build and the model."""
    load_factor: Callable[[], float] = lambda: 1.0
    """Asked at each load of an engine: how much longer its runs take then."""
    tactic: str = "fake"
    """Part of the name of the kernels."""
    kernel: str | None = None
    """What the kernels compute in, whatever was asked for: "fp32", "tf32", "fp16", "bf16" or "int8"."""
    parser_errors: list[str] = field(default_factory=list)
    builder_error: str | None = None
    context_error: str | None = None
    execution_error: str | None = None
    inspector_text: str | None = None
    """What the inspector answers instead of the engine's layers."""
    constructed: list[str] = field(default_factory=list)
    """Names of the objects made that crash where there is no driver."""


def make_tensorrt(gpu: SimulatedGpu, version: str) -> FakeTensorRT:
    """TensorRT of one of `VERSIONS`."""
    major = int(version.split(".")[0])
    strongly_typed = major >= 11
    module = types.ModuleType("tensorrt")
    module.__spec__ = ModuleSpec("tensorrt", None)
    fake = FakeTensorRT(module)

    builder_flag = enum.IntEnum("BuilderFlag", _BUILDER_FLAGS[major], start=0)  # type: ignore[misc]
    tactic_source = enum.IntEnum("TacticSource", _TACTIC_SOURCES[major], start=0)  # type: ignore[misc]
    io_mode = enum.IntEnum("TensorIOMode", "NONE INPUT OUTPUT", start=0)  # type: ignore[misc]
    data_type = enum.IntEnum("DataType", _DATA_TYPES[min(major, 10)], start=0)  # type: ignore[misc]
    tensor_format = enum.IntEnum("TensorFormat", _FORMATS, start=0)  # type: ignore[misc]

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

    config_attributes = {
        "flags_set",
        "builder_optimization_level",
        "avg_timing_iterations",
        "profiling_verbosity",
        "int8_calibrator",
    }

    class Config:
        def __init__(self) -> None:
            self.flags_set = {"TF32"}
            self.builder_optimization_level = 3
            self.avg_timing_iterations = 1
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

    class NetworkTensor:
        """An input or output of a network."""

        def __init__(self, value: Any) -> None:
            self.name: str = value.name
            self.shape = tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
            self._dtype = data_type[_DTYPES[value.type.tensor_type.elem_type]]
            self.allowed_formats = 0
            """Which the real one takes for linear alone in some versions, for any in others; here it must be said."""

        @property
        def dtype(self) -> Any:
            return self._dtype

        @dtype.setter
        def dtype(self, value: Any) -> None:
            assert not strongly_typed, "a strongly typed network has its types from the model"
            self._dtype = value

    class Network:
        model = b""

        def __init__(self) -> None:
            self.inputs: list[NetworkTensor] = []
            self.outputs: list[NetworkTensor] = []

        num_inputs = property(lambda self: len(self.inputs))
        num_outputs = property(lambda self: len(self.outputs))

        def get_input(self, index: int) -> NetworkTensor:
            return self.inputs[index]

        def get_output(self, index: int) -> NetworkTensor:
            return self.outputs[index]

    class ParserError:
        def __init__(self, text: str) -> None:
            self._text = text

        def desc(self) -> str:
            return self._text

    class OnnxParser:
        def __init__(self, network: Network, logger: ILogger) -> None:
            self._network = network
            self._errors: list[str] = []
            assert isinstance(logger, ILogger)

        def parse(self, model: bytes) -> bool:
            self._network.model = model
            parsed = onnx.load_from_string(model)
            self._errors = [*fake.parser_errors, *refused(parsed, _NEWEST_OPSET[major])]
            self._network.inputs = [NetworkTensor(value) for value in parsed.graph.input]
            self._network.outputs = [NetworkTensor(value) for value in parsed.graph.output]
            return not self._errors

        @property
        def num_errors(self) -> int:
            return len(self._errors)

        def get_error(self, index: int) -> ParserError:
            return ParserError(self._errors[index])

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

    def end_of(tensor: NetworkTensor) -> tuple[str, str]:
        """The type and format that the builder gives to an end: channels last where it may."""
        allowed = [each.name for each in tensor_format if tensor.allowed_formats >> int(each) & 1]
        assert allowed, f"no format is allowed for {tensor.name}"
        if "HWC8" in allowed:
            assert len(tensor.shape) >= 3, "HWC8 is for three dimensions and more"
            assert tensor.dtype.name in ("HALF", "BF16"), "HWC8 is bound to half precision"
            return tensor.dtype.name, "HWC8"
        return tensor.dtype.name, "LINEAR"

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
            error = fake.builder_error or unconvertible(onnx.load_from_string(network.model))
            if error is not None:
                self._logger.log("WARNING", "of no concern")
                self._logger.log(ERROR, error)
                return None
            number = len(fake.builds)
            run_ns = fake.runs_ns[min(number, len(fake.runs_ns) - 1)]
            if fake.run_ns_of is not None:
                run_ns = fake.run_ns_of(number, network.model)
            ends = {tensor.name: end_of(tensor) for tensor in (*network.inputs, *network.outputs)}
            fake.builds.append(
                BuildLog(
                    network.model,
                    config.flags_set,
                    config._workspace,
                    config.builder_optimization_level,
                    config.avg_timing_iterations,
                    config.profiling_verbosity,
                    config.get_timing_cache().content,
                    calibrate(config, [tensor.name for tensor in network.inputs]),
                    config._sources,
                    ends,
                )
            )
            plan = {
                "version": version,
                "run_ns": run_ns,
                "model": base64.b64encode(network.model).decode(),
                "ends": ends,
                "kernel": fake.kernel or precision_of(network, config.flags_set),
            }
            return json.dumps(plan).encode()

    class Context:
        _has_run: bool

        def __init__(self, engine: Engine) -> None:
            self._engine = engine
            self._addresses: dict[str, int] = {}
            self._has_run = False

        def set_tensor_address(self, name: str, address: int) -> bool:
            assert len(gpu.memory[address]) >= self._engine.nbytes(name), "less memory than the tensor's format takes"
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
            gpu.run(stream, Kernels(self._engine.loaded_run_ns, lambda: reads))
            if gpu.streams[stream].captured is None:
                self._engine.compute(addresses)
            return True

    class Engine:
        def __init__(self, plan: dict[str, Any], logger: ILogger) -> None:
            self.logger = logger
            self.run_ns: int = plan["run_ns"]
            self.loaded_run_ns = round(self.run_ns * fake.load_factor())
            self.kernel: str = plan["kernel"]
            self.ends: dict[str, tuple[str, str]] = plan["ends"]
            model = onnx.load_from_string(base64.b64decode(plan["model"]))
            self.input_names = [value.name for value in model.graph.input]
            self._output_names = [value.name for value in model.graph.output]
            values = (*model.graph.input, *model.graph.output)
            self._shapes: dict[str, list[int]] = {
                value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in values
            }
            # int8 pairs computed in float32: a GPU adds them in 32 bits, unlike a processor without VNNI.
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry("session.disable_quant_qdq", "1")
            self._session = onnxruntime.InferenceSession(
                runnable(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            self._computed: dict[bytes, list[Any]] = {}

        @property
        def num_io_tensors(self) -> int:
            return len(self._shapes)

        def get_tensor_name(self, index: int) -> str:
            return list(self._shapes)[index]

        def get_tensor_shape(self, name: str) -> list[int]:
            return self._shapes[name]

        def get_tensor_dtype(self, name: str) -> Any:
            return data_type[self.ends[name][0]]

        def get_tensor_format(self, name: str) -> Any:
            return tensor_format[self.ends[name][1]]

        def get_tensor_mode(self, name: str) -> Any:
            return io_mode["INPUT" if name in self.input_names else "OUTPUT"]

        def nbytes(self, name: str) -> int:
            return int(self._store(name, np.zeros(self._shapes[name], np.float32)).nbytes)

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
                kinds = {value.name: value.type for value in self._session.get_inputs()}
                feeds = {
                    name: self._restore(name, gpu.memory[addresses[name]]).astype(
                        np.float16 if kinds[name] == "tensor(float16)" else np.float32
                    )
                    for name in self.input_names
                }
                self._computed = {content: self._session.run(None, feeds)}
            for name, value in zip(self._output_names, self._computed[content], strict=True):
                stored = self._store(name, value).tobytes()
                gpu.memory[addresses[name]][: len(stored)] = stored

        def _store(self, name: str, values: Any) -> Any:
            """The values as they lie in memory by the TensorRT documentation's definition of the format."""
            dtype, form = self.ends[name]
            stored = to_bfloat16(values) if dtype == "BF16" else values.astype(_BYTES.get(dtype, np.float32))
            if form == "LINEAR":
                return stored
            batch, channels, height, width = stored.shape
            padded = np.zeros((batch, height, width, (channels + 7) // 8 * 8), stored.dtype)
            for channel in range(channels):
                padded[:, :, :, channel] = stored[:, channel]
            return padded

        def _restore(self, name: str, memory: bytearray) -> Any:
            dtype, form = self.ends[name]
            shape = self._shapes[name]
            stored = np.frombuffer(memory, _BYTES.get(dtype, np.float32))
            if form == "LINEAR":
                stored = stored[: int(np.prod(shape))].reshape(shape)
            else:
                batch, channels, height, width = shape
                padded = stored.reshape(batch, height, width, -1)
                assert not padded[..., channels:].any(), "the padding of the channels is not zero"
                stored = np.stack([padded[:, :, :, channel] for channel in range(channels)], axis=1)
            return (stored.astype(np.uint32) << 16).view(np.float32) if dtype == "BF16" else stored

    class Inspector:
        def __init__(self, engine: Engine) -> None:
            self._engine = engine

        def get_engine_information(self, form: str) -> str:
            assert form == "JSON"
            if fake.inspector_text is not None:
                return fake.inspector_text
            text = json.dumps({"Layers": [*layers_of(self._engine), "reformat"], "Bindings": []})
            # As 8.6 writes it: the control character itself, and not its escape.
            return text.replace("\\u001e", "\x1e") if major == 8 else text

    def layers_of(engine: Engine) -> list[dict[str, Any]]:
        kernel = engine.kernel
        word = {"tf32": "FP32", "bf16": "BF16"}.get(kernel, kernel.upper())
        if major == 8:
            word = {"FP16": "Channel major FP16 format where channel % 8 == 0", "FP32": "Row major linear FP32"}.get(
                word, f"Row major {word} format"
            )
        else:
            word = {"FP16": "Half", "FP32": "Float", "BF16": "BFloat16", "INT8": "Int8"}[word]
        tensor = {"Name": "map", "Location": "Device", "Format/Datatype": word}
        operands = {"fp16": "f16f16", "fp32": "f32f32", "tf32": "tf32f32", "bf16": "bf16bf16", "int8": "i8i8"}[kernel]
        convolution = {
            "Name": "conv",
            "LayerType": "CaskConvolution",
            "Inputs": [tensor],
            "Outputs": [tensor],
            "TacticName": f"sm90_{fake.tactic}_{operands}_{engine.run_ns}",
            "Weights": [1, 2],
            "Metadata": FUSED,
        }
        halves = [(name, form) for name, (dtype, form) in engine.ends.items() if dtype in ("HALF", "BF16")]
        converted = [
            {"Name": f"Reformatting CopyNode for {name}", "LayerType": "Reformat", "Inputs": [tensor]}
            for name, form in halves
            if form == "LINEAR" and len(engine.get_tensor_shape(name)) == 4
        ]
        return [*converted, convolution]

    def precision_of(network: Network, flags: set[str]) -> str:
        model = onnx.load_from_string(network.model)
        ops = {node.op_type for node in model.graph.node}
        if "INT8" in flags or "QuantizeLinear" in ops:
            return "int8"
        types_of_inputs = {tensor.dtype.name for tensor in network.inputs}
        if "FP16" in flags or (strongly_typed and types_of_inputs == {"HALF"}):
            return "fp16"
        if "BF16" in flags or (strongly_typed and types_of_inputs == {"BF16"}):
            return "bf16"
        return "tf32" if "TF32" in flags else "fp32"

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
        TensorFormat=tensor_format,
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


def refused(model: Any, newest_opset: int) -> list[str]:
    """What the parser says against a model: an opset beyond its own, or types that do not go together."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset > newest_opset:
        return [f"the model has opset {opset}, the newest known is {newest_opset}"]
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return [str(error)]
    return []


def unconvertible(model: Any) -> str | None:
    """The builder's error where a model converts integers to 8-bit unsigned ones: only from floats is that there."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    types_by_name = {
        value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info, *graph.output)
    }
    for node in graph.node:
        if node.op_type == "Cast" and node.attribute[0].i == _PROTO.UINT8 and types_by_name[node.input[0]] in _INTEGERS:
            return f"Error Code 9: {node.name}: conversion from Int32 to UInt8 is not supported"
    return None


def runnable(model: Any) -> Any:
    """The model as ONNX Runtime has kernels for it: bfloat16 as float32, of the same values."""
    text = model.SerializeToString()
    widened = onnx.load_from_string(text)
    for tensor in widened.graph.initializer:
        if tensor.data_type == _PROTO.BFLOAT16:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    for value in (*widened.graph.input, *widened.graph.output, *widened.graph.value_info):
        if value.type.tensor_type.elem_type == _PROTO.BFLOAT16:
            value.type.tensor_type.elem_type = _PROTO.FLOAT
    for node in widened.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _PROTO.BFLOAT16:
                attribute.i = _PROTO.FLOAT
    return widened


def to_bfloat16(values: Any) -> Any:
    """The bits of the nearest bfloat16: by adding and subtracting, and not as the project does it."""
    single = values.astype(np.float32)
    scale = np.float32(2.0**16 + 1) * single
    rounded = (scale - (scale - single)).astype(np.float32)
    return (rounded.view(np.uint32) >> 16).astype(np.uint16)
