"""Time one model of the user's own: `microbench.time`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microbench import runtimes
from microbench.errors import InputError
from microbench.measure.measurement import Measurement
from microbench.measure.sampler import Failure, Outcome, Policy, Row, sample
from microbench.measure.timing import HOT
from microbench.measure.workload import Workload
from microbench.runtimes import AUTO, Runtime

if TYPE_CHECKING:
    import onnx
    import torch

    Array = NDArray[Any] | torch.Tensor
    Input = Array | Sequence[int]
    """An example, or a shape, for which random normal values are drawn."""
    Inputs = Input | Sequence[Input] | Mapping[str, Input]
    Model = torch.nn.Module | onnx.ModelProto | bytes | str | os.PathLike[str]

_SUFFIX = ".onnx"


def time(
    model: Model,
    inputs: Inputs | None = None,
    *,
    runtime: str = AUTO,
    precision: str = "fp32",
    device: str = AUTO,
    threads: int = 1,
    timing: str = AUTO,
    l2: str = HOT,
    cache: str = HOT,
    ci_target: float = Policy.ci_target,
    budget_s: float = Policy.row_budget_s,
    seed: int = 0,
) -> Measurement:
    """Measure the latency of a model, with its 95% confidence interval and what may have disturbed it.

    The model is loaded anew several times, warmed up, and timed in windows of many runs, until the interval is narrow
    enough; its outputs are compared with a reference before any time counts. A module is timed in evaluation mode,
    and the reference is its own output in float32; that of an ONNX model is ONNX Runtime's without optimisations.

    Args:
        model: a torch module, or an ONNX model as path, bytes or `onnx.ModelProto`.
        inputs: an example (array or tensor) or a shape; of several inputs a list of these in the model's order or, for
            an ONNX model, a mapping by name. Of a shape, normally distributed values are drawn. Not needed for an ONNX
            model whose shapes are all fixed. Integers need an example.
        runtime: a runtime's name, as `microbench doctor` lists them, or "auto".
        precision: "fp32", "tf32", "fp16", "bf16" or "int8", where the runtime has it.
        device: "cpu", "cuda", or "auto" for the runtime's preferred one that is there.
        threads: worker threads on a CPU.
        timing: on a GPU, "kernel_span" (which "auto" is), "isolated" or "end_to_end".
        l2: on a GPU, "hot", or "cold" to find the inputs outside its cache in each run.
        cache: on a CPU, "hot", or "cold" to find inputs and weights outside the processor's caches in each run.
        ci_target: sample until the interval's half width is this share of the latency.
        budget_s: seconds after which sampling ends even so; the result then says that it did not converge.
        seed: of the drawn inputs and of the order of sampling.

    Raises:
        InputError: the model cannot be read, run or exported, its outputs in this runtime are wrong, the inputs do not
            fit it, or there is no such runtime, precision or device here.

    >>> import numpy as np, onnx
    >>> from onnx import TensorProto, helper
    >>> x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in "xy")
    >>> graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "relu", [x], [y])
    >>> model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    >>> measured = time(model, (1000, 64), budget_s=0.2)
    >>> measured.latency_ci_low_ms <= measured.latency_ms <= measured.latency_ci_high_ms
    True
    """
    policy = Policy(ci_target=ci_target, row_budget_s=budget_s, seed=seed)
    chosen, configuration = runtimes.configure(runtime, precision, device, threads, timing, l2, cache)
    workload = _workload(model, inputs, chosen, seed)
    outcomes: list[Outcome] = []
    row = Row(
        "model",
        lambda layout_seed: chosen.load_checked(workload, configuration, layout_seed),
        chosen.max_loads,
        chosen.min_builds,
    )
    sample([row], policy, on_outcome=lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    if isinstance(outcome, Failure):
        reason = outcome.message.rstrip(".")
        raise InputError(f"runtime {chosen.name!r} cannot time this model in {precision}: {reason}.")
    return outcome


def _workload(model: Model, inputs: Inputs | None, runtime: Runtime, seed: int) -> Workload:
    # A torch module is known without importing torch, which need not be installed.
    if any(kind.__module__ == "torch.nn.modules.module" for kind in type(model).__mro__):
        if isinstance(inputs, Mapping):
            raise InputError("inputs of a torch module must be in the order of its forward, not by name.")
        from microbench.models.user_module import module_workload

        module: Any = model
        return module_workload(module, _given(inputs), seed, export=not runtime.needs_module)
    if runtime.needs_module:
        raise InputError(f"runtime {runtime.name!r} runs torch modules alone, not ONNX models.")
    if not isinstance(model, str | os.PathLike | bytes) and not hasattr(model, "graph"):
        raise InputError(f"model must be a torch module or an ONNX model, not {type(model).__name__}.")
    from microbench.models.user_onnx import onnx_workload

    onnx_model: Any = model
    if isinstance(inputs, Mapping):
        return onnx_workload(onnx_model, {name: _one(value) for name, value in inputs.items()}, seed)
    return onnx_workload(onnx_model, _given(inputs), seed)


def _given(inputs: Any) -> list[Any]:
    """The inputs in their order: shapes as tuples, examples as arrays."""
    if inputs is None:
        return []
    is_one = hasattr(inputs, "shape") or not isinstance(inputs, Sequence) or all(isinstance(i, int) for i in inputs)
    if is_one:
        return [_one(inputs)]
    return [_one(value) for value in inputs]


def _one(value: Any) -> tuple[int, ...] | NDArray[Any]:
    if hasattr(value, "detach"):
        tensor = value.detach().cpu()
        return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, Sequence) and all(isinstance(size, int) for size in value):
        return tuple(value)
    raise InputError(f"inputs must be arrays, tensors or shapes such as (1, 3, 224, 224), not {type(value).__name__}.")
