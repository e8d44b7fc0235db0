"""Measure one stage: with both sides in each process if they share an interpreter, else in blocks of processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from microbench.gate.onnx_file import OnnxFile
from microbench.gate.plan import GatePlan
from microbench.gate.processes import ProcessId, ProcessRunner, Progress
from microbench.gate.replicate import (
    AGAIN,
    BASE,
    HEAD,
    Replicate,
    replicate_from_block,
    replicate_from_triples,
)
from microbench.gate.sampling import Arm, Task

_LOADS_OF_A_SIDE = 3
"""In a process with one side alone: several loads of its model average over memory layouts."""
_BLOCK = (BASE, HEAD, HEAD, BASE)


def measure_stage(
    plan: GatePlan, runner: ProcessRunner, stage: str, names: Sequence[str], on_progress: Progress
) -> dict[str, list[Replicate]]:
    """One stage's replicates of the workloads called `names`; a workload that failed is missing."""
    pairs = {name: plan.comparable[name] for name in names}
    if not plan.separate_processes:
        tasks = {"both": [triple(name, *pair) for name, pair in pairs.items()]}
        found = runner.run([ProcessId(stage, i) for i in range(plan.processes(stage))], tasks, on_progress)
        return {
            name: [replicate_from_triples(arms) for arms in found[name].values()] for name in names if name in found
        }
    tasks = {
        side: [_loads(name, pair[index]) for name, pair in pairs.items()] for index, side in enumerate((BASE, HEAD))
    }
    blocks = [list(_block(stage, i, runner.gate.name)) for i in range(plan.processes(stage))]
    found = runner.run([process for block in blocks for process in block], tasks, on_progress)
    return {
        name: [
            replicate_from_block([process.side for process in block], [found[name][process] for process in block])
            for block in blocks
        ]
        for name in names
        if name in found
    }


def triple(name: str, base: OnnxFile, head: OnnxFile, one_more_in: int | None = None) -> Task:
    """The three arms of a process with both sides: base, base again, head.

    Args:
        name: of the workload.
        base: its model on that side.
        head: its model on that side.
        one_more_in: injects a slowdown of 1/n into the head.
    """
    arms = [Arm(BASE, str(base.path), 0), Arm(AGAIN, str(base.path), 1), Arm(HEAD, str(head.path), 2, one_more_in)]
    return Task(name, base.inputs, arms)


def _loads(name: str, model: OnnxFile) -> Task:
    """The arms of a process with one side alone."""
    return Task(name, model.inputs, [Arm(f"load {i}", str(model.path), i) for i in range(_LOADS_OF_A_SIDE)])


def _block(stage: str, replicate: int, gate: str) -> Iterator[ProcessId]:
    """ABBA or BAAB at random, but the same again when the gate is resumed."""
    seed = hashlib.sha256(f"{gate} {stage} {replicate}".encode()).digest()
    swapped = np.random.default_rng(list(seed)).integers(2)
    for position, side in enumerate(_BLOCK):
        yield ProcessId(stage, replicate, position, {BASE: HEAD, HEAD: BASE}[side] if swapped else side)
