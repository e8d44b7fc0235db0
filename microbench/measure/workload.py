"""What is timed: one model with fixed input shapes, where it lies on the experiment's axes, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, Union

import numpy as np
from numpy.typing import NDArray

from microbench.measure.timing import HOT

Axis = Union[str, int, float, bool]


@dataclass(frozen=True)
class Cost:
    """What one run of a model takes, counted, not measured."""

    macs: int
    """Multiply-accumulates of convolutions and matrix products (what the paper calls FLOPs)."""
    parameters: int
    """Learnable values of the deployed model."""
    moved_bytes: int
    """Inputs, weights and outputs of every operator after fusion, in float32."""


@dataclass(frozen=True, eq=False)
class Workload:
    """A model made ready for every runtime, with the inputs it is timed on and the outputs it must give."""

    name: str
    onnx_model: bytes
    """The serialised ONNX model, static shapes, float32."""
    inputs: Mapping[str, NDArray[Any]]
    """Random normal values by input name, never zeros (denormals and zeros run at other speeds), or integers."""
    reference: tuple[NDArray[Any], ...]
    """The float32 outputs, or maps of classes, that a session's are held against before its time counts."""
    cost: Cost
    module: Optional[Any] = None
    """The torch module that the ONNX model was exported from; absent where torch is."""
    calibration: tuple[Mapping[str, NDArray[np.float32]], ...] = ()
    """Inputs that int8 reads the activations' ranges off; none stands for `inputs`, which will do to time a model but
    not to judge what it predicts."""
    forms: Mapping[str, bytes] = field(default_factory=dict)
    """The model in other forms by name (see `microbench.runtimes.forms`), where they were made beforehand."""
    whole_network: bool = False
    """Whether so many layers follow each other that rounding builds up: its output is then checked less closely."""
    random_weights: bool = False
    """Whether the weights are of no consequence: a bundle may draw others like them where it is timed."""


@dataclass(frozen=True)
class WorkloadSpec:
    """A workload before it is built: a sweep plans with these and builds what is not yet measured."""

    experiment: str
    name: str
    """Unique within the experiment."""
    build: Callable[[], Workload] = field(compare=False)
    axes: Mapping[str, Axis] = field(default_factory=dict, compare=False)
    """Where the workload lies in its experiment, e.g. {"block": "conv3x3", "width": 32}."""
    caches: tuple[str, ...] = field(default=(HOT,), compare=False)
    """In which states of the processor's caches it is timed; those beyond the first on one thread of a CPU alone."""
    devices: tuple[str, ...] = field(default=("cpu", "cuda"), compare=False)
    """On which it is timed."""
