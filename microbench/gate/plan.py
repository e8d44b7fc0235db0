"""What one gate compares, and how."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from microbench.errors import InputError
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.inputs import ModelInput
from microbench.gate.model_set import ModelSet
from microbench.gate.onnx_file import OnnxFile
from microbench.gate.sampling_plan import FEWEST_PROCESSES, MOST_PROCESSES, SamplingPlan
from microbench.measure.environment import fingerprint
from microbench.measure.record import Configuration
from microbench.runtimes import get

FIRST, CONFIRMATION = "first", "confirmation"
"""The two stages."""


@dataclass(frozen=True)
class GatePlan:
    """What is compared with what, and how."""

    base: ModelSet
    head: ModelSet
    configuration: Configuration
    sampling: SamplingPlan = field(default_factory=SamplingPlan)
    rule: DecisionRule = field(default_factory=DecisionRule)
    confirmation_processes: int | None = None
    """Of the second stage: as many as in the first if None; without a second stage if 0."""
    pythons: Mapping[str, str] = field(default_factory=dict)
    """Interpreters by side, if the sides have one each; then no process measures both sides."""
    fresh: bool = False
    """Measure anew, even if the ledger has a gate of the same plan."""
    name: str | None = None
    """Of the gate; if None, that of the gate that is resumed, or a new one."""

    def __post_init__(self) -> None:
        """Refuse a second stage whose samples would say nothing."""
        count = self.confirmation_processes
        if count is not None and count != 0 and not FEWEST_PROCESSES <= count <= MOST_PROCESSES:
            raise InputError(
                f"confirm must be 0 for no confirmation, or {FEWEST_PROCESSES} to {MOST_PROCESSES} processes, "
                f"not {count!r}."
            )

    @property
    def separate_processes(self) -> bool:
        """Whether each side runs in processes of its own."""
        return bool(self.pythons)

    @property
    def comparable(self) -> dict[str, tuple[OnnxFile, OnnxFile]]:
        """The models that both sides have with the same inputs."""
        return {
            name: (base, self.head.models[name])
            for name, base in self.base.models.items()
            if name in self.head.models and self.head.models[name].inputs == base.inputs
        }

    def processes(self, stage: str) -> int:
        """How many replicates a stage takes."""
        if stage == FIRST or self.confirmation_processes is None:
            return self.sampling.processes
        return self.confirmation_processes

    def require_power(self) -> None:
        """Refuse a gate in which no slowdown, however large, could be significant.

        Raises:
            InputError: a stage has too few processes for so many workloads.
        """
        for stage in (FIRST, CONFIRMATION):
            if self.processes(stage):
                self.rule.require_power(self.processes(stage), len(self.comparable))

    def key(self) -> str:
        """Equal for gates whose measurements may be shared: the same files, sampled in the same way on this machine."""
        identity = {
            "models": {name: [side.sha256 for side in pair] for name, pair in self.comparable.items()},
            "inputs": {
                name: {own: _input_identity(found) for own, found in pair[0].inputs.items()}
                for name, pair in self.comparable.items()
            },
            "configuration": asdict(self.configuration),
            "sampling": asdict(self.sampling),
            "pythons": dict(self.pythons),
            "host": fingerprint().host,
            "version": get(self.configuration.runtime).version(),
        }
        if self.confirmation_processes is not None:
            identity["confirmation_processes"] = self.confirmation_processes
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def _input_identity(model_input: ModelInput) -> object:
    # The shape alone for float32, as in the first ledgers, so that these stay valid.
    return model_input.shape if model_input.dtype == ModelInput.dtype else asdict(model_input)
