"""Run the processes that a stage needs and that the ledger lacks, and keep each as soon as it has ended."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from microbench.gate.child import run_process
from microbench.gate.ledger import Ledger, Line
from microbench.gate.policy import Sampling
from microbench.gate.process import Job
from microbench.gate.sampling import Task
from microbench.measure.environment import fingerprint
from microbench.measure.noise import Counters, Shares
from microbench.measure.record import Configuration


@dataclass(frozen=True)
class Part:
    """One process of a stage."""

    stage: str
    replicate: int
    position: int = 0
    """In a block of several processes that make one replicate."""
    side: str = "both"
    """Which of the sides it runs: "both", "base" or "head"."""


@dataclass(frozen=True)
class Crew:
    """What all processes of a gate have in common."""

    gate: str
    """Its name."""
    key: str
    """Equal for gates of the same models, sampled in the same way on the same machine."""
    configuration: Configuration
    sampling: Sampling
    pythons: Mapping[str, str] = field(default_factory=dict)
    """The interpreter by side; this one where it is not named."""


@dataclass
class Muster:
    """Runs parts. What is in the ledger already is not run again."""

    crew: Crew
    ledger: Ledger
    failures: dict[str, str] = field(default_factory=dict)
    """Why, by workload: one that fails in a process is left out of the others. A gate that is gone on with tries it
    again."""

    def run(
        self,
        parts: Sequence[Part],
        tasks: Mapping[str, Sequence[Task]],
        on_progress: Callable[[str, float], None] = lambda *_: None,
    ) -> dict[str, dict[Part, Mapping[str, Any]]]:
        """Run the parts one after the other.

        Args:
            parts: in the order in which they are run.
            tasks: by the part's side.
            on_progress: called with the stage and its share done, 0 to 1.

        Returns:
            By workload and part the windows of the workload's arms, of workloads that failed in no part.
        """
        for done, part in enumerate(parts):
            on_progress(part.stage, done / len(parts))
            while missing := self._missing(part, tasks[part.side]):
                self._run_part(part, missing)
        found: dict[str, dict[Part, Mapping[str, Any]]] = {}
        wanted = set(parts)
        for line in self.ledger.of_gate(self.crew.gate):
            part = _part_of(line)
            for workload in line["workloads"] if part in wanted else ():
                if "arms" in workload and workload["workload"] not in self.failures:
                    found.setdefault(workload["workload"], {})[part] = workload["arms"]
        return found

    def _missing(self, part: Part, tasks: Sequence[Task]) -> list[Task]:
        known = {
            workload["workload"]
            for line in self.ledger.of_gate(self.crew.gate)
            if _part_of(line) == part
            for workload in line["workloads"]
            if "arms" in workload
        }
        return [task for task in tasks if task.workload not in known and task.workload not in self.failures]

    def _run_part(self, part: Part, tasks: Sequence[Task]) -> None:
        seed = int(hashlib.sha256(f"{self.crew.gate} {part} {len(tasks)}".encode()).hexdigest()[:8], 16)
        order = np.random.default_rng(seed).permutation(len(tasks)).tolist()
        job = Job(self.crew.configuration, self.crew.sampling, seed, [tasks[index] for index in order])
        python = self.crew.pythons.get(part.side, sys.executable)
        before, started = Counters.now(), time.time()
        version, workloads = run_process(python, job)
        shares = Shares.between(before, Counters.now())
        line = {
            "gate": self.crew.gate,
            "key": self.crew.key,
            **asdict(part),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "took_s": round(time.time() - started, 3),
            **asdict(shares),
            "configuration": asdict(self.crew.configuration),
            "sampling": asdict(self.crew.sampling),
            "seed": seed,
            "runtime_version": version,
            "environment": asdict(fingerprint()),
            "workloads": workloads,
        }
        self.ledger.append(line)
        self.failures.update({entry["workload"]: entry["error"] for entry in workloads if "error" in entry})


def _part_of(line: Line) -> Part:
    return Part(line["stage"], line["replicate"], line["position"], line["side"])
