"""Run the processes that a stage needs and the ledger lacks, and keep each as soon as it has ended."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from microbench.gate.ledger import Ledger
from microbench.gate.ledger_line import ProcessLine
from microbench.gate.sampling import Task
from microbench.gate.sampling_plan import SamplingPlan
from microbench.gate.spawn import run_worker
from microbench.gate.worker import Job
from microbench.measure.environment import fingerprint
from microbench.measure.noise import Counters, Shares
from microbench.measure.record import Configuration

Progress = Callable[[str, float], None]
"""Called with what is being done and its share done, 0 to 1."""


def no_progress(_what: str, _share: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class ProcessId:
    """Which process of a gate."""

    stage: str
    replicate: int
    position: int = 0
    """In a block of several processes that make one replicate."""
    side: str = "both"
    """Which of the sides it measures: "both", "base" or "head"."""


@dataclass(frozen=True)
class GateIdentity:
    """What all processes of one gate have in common."""

    name: str
    key: str
    """Equal for gates of the same models, sampled in the same way on the same machine; see `GatePlan.key`."""
    configuration: Configuration
    sampling: SamplingPlan
    pythons: Mapping[str, str] = field(default_factory=dict)
    """The interpreter by side; this one for a side that is not named."""


@dataclass
class ProcessRunner:
    """Runs processes one after the other; those in the ledger are not run again."""

    gate: GateIdentity
    ledger: Ledger
    failures: dict[str, str] = field(default_factory=dict)
    """The error by workload. A workload that fails in one process is left out of the following ones; when the gate is
    resumed, it is tried again."""

    def run(
        self,
        processes: Sequence[ProcessId],
        tasks: Mapping[str, Sequence[Task]],
        on_progress: Progress = no_progress,
    ) -> dict[str, dict[ProcessId, Mapping[str, Any]]]:
        """Run the processes.

        Args:
            processes: in the order in which they are run.
            tasks: what a process measures, by its side.
            on_progress: called before each process.

        Returns:
            By workload and process the windows of the workload's arms, for workloads that failed in no process.
        """
        for done, process in enumerate(processes):
            on_progress(process.stage, done / len(processes))
            # A crash ends a process early: what it did not reach needs another one.
            while missing := self._missing(process, tasks[process.side]):
                self._run_process(process, missing)
        found: dict[str, dict[ProcessId, Mapping[str, Any]]] = {}
        wanted = set(processes)
        for line in self.ledger.of_gate(self.gate.name):
            process = _process_id(line)
            for workload in line["workloads"] if process in wanted else ():
                if "arms" in workload and workload["workload"] not in self.failures:
                    found.setdefault(workload["workload"], {})[process] = workload["arms"]
        return found

    def _missing(self, process: ProcessId, tasks: Sequence[Task]) -> list[Task]:
        measured = {
            workload["workload"]
            for line in self.ledger.of_gate(self.gate.name)
            if _process_id(line) == process
            for workload in line["workloads"]
            if "arms" in workload
        }
        return [task for task in tasks if task.workload not in measured and task.workload not in self.failures]

    def _run_process(self, process: ProcessId, tasks: Sequence[Task]) -> None:
        seed = int(hashlib.sha256(f"{self.gate.name} {process} {len(tasks)}".encode()).hexdigest()[:8], 16)
        order = np.random.default_rng(seed).permutation(len(tasks)).tolist()
        job = Job(self.gate.configuration, self.gate.sampling, seed, [tasks[index] for index in order])
        python = self.gate.pythons.get(process.side, sys.executable)
        before, started = Counters.now(), time.time()
        version, workloads = run_worker(python, job)
        shares = Shares.between(before, Counters.now())
        line = {
            "gate": self.gate.name,
            "key": self.gate.key,
            **asdict(process),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
            "took_s": round(time.time() - started, 3),
            **asdict(shares),
            "configuration": asdict(self.gate.configuration),
            "sampling": asdict(self.gate.sampling),
            "seed": seed,
            "runtime_version": version,
            "environment": asdict(fingerprint()),
            "workloads": workloads,
        }
        self.ledger.append(line)
        self.failures.update({entry["workload"]: entry["error"] for entry in workloads if "error" in entry})


def _process_id(line: ProcessLine) -> ProcessId:
    return ProcessId(line["stage"], line["replicate"], line["position"], line["side"])
