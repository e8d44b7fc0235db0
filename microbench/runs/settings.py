"""What the user asks of a run, and how blocks and whole networks are timed where nothing else is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Sequence

from microbench.errors import InputError, require_positive
from microbench.measure.environment import fingerprint
from microbench.measure.memory import GIB
from microbench.measure.sampler import FEWEST_GENERATIONS, Policy
from microbench.measure.timing import HOT
from microbench.measure.undisturbed import DRAWN
from microbench.measure.workload import WorkloadSpec
from microbench.runs.runner import Plan, Target
from microbench.runtimes import AUTO, configure, get

_BLOCK_S, _NETWORK_S = 6.0, 5.0
"""Of a row's time at most, where others leave none over."""
_ALL_BLOCKS_S = 180.0
"""Of all blocks that are timed together: where they are many, each has less time, so that figures and tables together
stay within twelve minutes on two cores."""
_FEWEST_BLOCK_S = 2.0
QUICK_FACTOR = 3
"""A quick run's intervals may be this many times wider, and its rows take as much less time."""


_QUICK_ROUNDS = 2
"""Windows of a whole network in each load of a quick run: of the largest, one takes a second."""


@dataclass(frozen=True)
class Settings:
    """What the user asks for, the same for all rows of a run."""

    folder: Path
    """The machine's results folder."""
    runtimes: Sequence[str] = (AUTO,)
    precisions: Sequence[str] = ("fp32",)
    timings: Sequence[str] = (AUTO,)
    """What the latency is the latency of; "auto" is the kernel span on a GPU."""
    l2_states: Sequence[str] = (HOT,)
    """Whether a run finds its inputs in the GPU's cache."""
    cache_states: Sequence[str] = ()
    """Whether a run on a CPU finds the processor's caches hot or cold; if empty, hot, and cold too for the specs that
    say so, on one thread."""
    device: str = AUTO
    threads: Optional[int] = None
    """Worker threads on a CPU; if None, one for blocks and all cores for whole networks."""
    ci_target: Optional[float] = None
    """Relative half width of the 95% interval; if None, 1% for blocks and 2% for whole networks."""
    row_budget_s: Optional[float] = None
    """If None, 6 seconds for blocks (of more than 30 rows a share of three minutes, at least 2) and 5 for networks."""
    quick: bool = False
    """Wider intervals in less time, and only what an experiment asks for at once: no search of widths."""
    fresh: bool = False
    """Measure also what is recorded already."""
    builds: Optional[int] = None
    """Of so many builds a row is measured in runtimes whose builds differ by chance; if None, 3 (TensorRT)."""
    memory_gib: Optional[float] = None
    """What the models that are loaded at the same time may take, in GiB; if None, 1.25 or half of what is available."""


def plan_of(specs: Sequence[WorkloadSpec], settings: Settings, *, whole_networks: bool) -> Plan:
    """The plan that times `specs` as the settings say.

    Args:
        specs: all of blocks, or all of whole networks.
        settings: what the user asks for.
        whole_networks: whether a run takes a tenth of a second rather than a thousandth.

    Raises:
        InputError: a runtime, precision, device, policy or memory limit that cannot be.
    """
    if settings.memory_gib is not None and not 0 < settings.memory_gib < math.inf:
        raise InputError(f"memory must be a positive number of GiB, not {settings.memory_gib!r}.")
    if settings.builds is not None:
        require_positive("builds", settings.builds)
    threads = settings.threads
    if threads is None:
        threads = fingerprint().cpu_cores if whole_networks else 1
    specs = with_caches(specs, settings)
    targets = [
        Target(*configure(runtime, precision, settings.device, threads, timing, l2, cache))
        for runtime in dict.fromkeys(settings.runtimes)
        for precision in dict.fromkeys(settings.precisions)
        for timing in dict.fromkeys(settings.timings)
        for l2 in dict.fromkeys(settings.l2_states)
        for cache in dict.fromkeys(settings.cache_states or [HOT, *(state for spec in specs for state in spec.caches)])
        if settings.cache_states or cache == HOT or _is_one_thread(runtime, settings.device, threads)
    ]
    for target in targets:
        if settings.builds is not None and target.runtime.min_builds > 1:
            target.runtime.min_builds = settings.builds
    rows = sum(target.configuration.cache in spec.caches for spec in specs for target in targets)
    return Plan(
        specs=specs,
        targets=targets,
        policy=_policy(settings, rows, whole_networks=whole_networks),
        folder=settings.folder,
        fresh=settings.fresh,
        whole_networks=whole_networks,
        memory_bytes=None if settings.memory_gib is None else int(settings.memory_gib * GIB),
    )


def with_caches(specs: Sequence[WorkloadSpec], settings: Settings) -> list[WorkloadSpec]:
    """The specs, each in the states of the caches that the user asks for, if any."""
    if not settings.cache_states:
        return list(specs)
    return [replace(spec, caches=tuple(settings.cache_states)) for spec in specs]


def _is_one_thread(runtime: str, device: str, threads: int) -> bool:
    chosen = get(runtime)
    usual = next((place for place in chosen.precisions if chosen.missing(place) is None), "")
    return threads == 1 and (usual if device == AUTO else device) == "cpu"


def _policy(settings: Settings, rows: int, *, whole_networks: bool) -> Policy:
    block_s = min(_BLOCK_S, max(_ALL_BLOCKS_S / max(rows, 1), _FEWEST_BLOCK_S))
    ci_target, budget_s = (0.02, _NETWORK_S) if whole_networks else (0.01, block_s)
    if settings.quick:
        ci_target, budget_s = ci_target * QUICK_FACTOR, budget_s / QUICK_FACTOR
    if settings.ci_target is not None:
        ci_target = settings.ci_target
    if settings.row_budget_s is not None:
        budget_s = settings.row_budget_s
    if not whole_networks:
        if settings.quick:
            return Policy(ci_target, budget_s, min_generations=FEWEST_GENERATIONS, rounds_per_generation=4)
        return Policy(ci_target, budget_s)
    # A window is one run of a tenth of a second or more: the fewest that the undisturbed latency needs will do.
    fewest = FEWEST_GENERATIONS
    rounds = _QUICK_ROUNDS if settings.quick else DRAWN
    return Policy(ci_target, budget_s, min_generations=fewest, max_generations=20, rounds_per_generation=rounds)
