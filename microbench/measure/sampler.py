"""Sample rows that will be compared: interleaved in random order, each until it is known well enough.

The run is cut into generations. In each, every unfinished row is loaded anew (the memory layout moves a small
convolution by several percent from load to load, so one load is one draw) and warmed up, and then all rows are timed
in rounds, one window a row a round, in random order. Where the rows take more memory than they may, a generation is
cut into groups of rows that are loaded together, another cut in each generation; see `microbench.measure.grouping`. A
row ends when the interval of its undisturbed latency is within the target, or its time is up; time that rows leave over
is spent on those that are not precise yet. How many windows a load is worth depends on the row: more where windows
differ, fewer where loads do, so that the time goes into more loads.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import math
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Optional, Sequence, Union

import numpy as np

from microbench.errors import InputError
from microbench.measure.grouping import MemoryBudget, Orders
from microbench.measure.measurement import (
    Generation,
    Measurement,
    independent_samples,
    is_precise,
    summarize,
    undisturbed_latency,
)
from microbench.measure.memory import default_limit_bytes, peak_resident_bytes, return_freed_memory
from microbench.measure.noise import Counters, Diagnostics, Shares
from microbench.measure.session import Reading, Session
from microbench.measure.statistics import spread
from microbench.measure.undisturbed import DRAWN, windows_worth_taking

_RESOLUTION_FACTOR = 1000
"""A window lasts at least this many ticks of the clock."""
_WARMUP_AGREEMENT = 0.02
FEWEST_GENERATIONS = 6
"""However dear a row is: of fewer too little is known of how one load differs from the next. Student's t is then 2.6;
with two it was 12.7."""
_FEWEST_LEFT = 2
"""Generations of which windows must be left where a device held its clock down."""
_MAX_SHARE_OF_BUDGET = 3.0
"""So many times its own budget a row may spend, where others left theirs over."""
_MAX_MORE_WINDOWS = 4
"""So many times the policy's rounds a row may take in a generation."""
_JUDGED_AFTER = 4
"""Generations, from which on it is estimated how much loads and windows differ."""
_MAX_WARMUP_WINDOWS = 20
_MAX_WARMUP_S = 0.2
"""After which warming up ends where the host's clock counts: where neighbours disturb every other window, two that
agree may be long in coming. (A GPU raises its clock in its own time.)"""
_PRIME_MS = 10.0
_PRIME_RUNS = 3
_PRIMED_BELOW_MS = 20.0
_LONG_FROM_MS = 100.0
"""Each window is led in by untimed runs: the other rows have just emptied the caches, and the latency reported is that
of back-to-back runs. Short runs are repeated for at least this time and often, as a cache may take several passes over
maps of its own size until it keeps what it should (here 10% at 16 channels); a run of 20 ms or more has one run ahead
of it, and in a long one, of 100 ms or more, the caches' share is lost. Where the caches are emptied before each run,
nothing leads a window in."""
_LONG_ROUNDS = 2
"""Windows of a long run in each load at first, beside the one that ends its warming up, which counts: six loads of it
already take five seconds, and what differs from load to load, two windows more would not show."""
_COLD_WINDOW_MS = 0.1
"""A window of runs that find the caches cold lasts at least this long: a thousand times what reading the clocks adds to
it. To empty the caches takes ten times as long as a short run, so that more runs a window would cost many loads."""


@dataclass(frozen=True)
class Policy:
    """How long and how finely to sample."""

    ci_target: float = 0.01
    """Relative half width of the 95% interval at which a row is done."""
    row_budget_s: float = 6.0
    """Seconds that a row's runs may take in all, warming up included; then it ends unconverged, and says so. What other
    rows of the run leave over of theirs is added to it, up to three times as much."""
    min_generations: int = 10
    max_generations: int = 40
    rounds_per_generation: int = 8
    """Windows of a row in each load at first; then as many as are worth it, from 4 to four times as many. Fewer where a
    run takes 100 ms or more."""
    min_window_ms: float = 2.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be sampled by."""
        if not 0 < self.ci_target < 1:
            raise InputError(f"ci must lie between 0 and 1 (0.01 is 1%), not {self.ci_target!r}.")
        if not self.row_budget_s > 0:
            raise InputError(f"budget must be a positive number of seconds, not {self.row_budget_s!r}.")
        if not 2 <= self.min_generations <= self.max_generations or self.rounds_per_generation < 1:
            raise InputError(
                "min_generations must be at least 2 and at most max_generations, rounds_per_generation at least 1."
            )


@dataclass
class Row:
    """One thing to time."""

    key: str
    load: Callable[[int], Session]
    """Loads the model once more; the argument is a seed for the placing of its buffers."""
    max_loads: Optional[int] = None
    """Loads beyond this many are spared: compiling may take a minute. The last session is then kept."""
    min_builds: int = 1
    """At least so many generations are taken, however short the time: each of the first is a build of its own."""
    compared_in: str = ""
    """The set of rows that it is compared with: these are loaded together as far as memory allows."""
    estimated_bytes: int = 0
    """What a session of it may take of the host's memory at most; its first load shows what it does take."""


@dataclass(frozen=True)
class Failure:
    """A row that could not be loaded or run."""

    message: str


Outcome = Union[Measurement, Failure]


@dataclass
class _Progress:
    """A row's state while it is sampled."""

    row: Row
    session: Optional[Session] = None
    runs: int = 1
    """Runs a window."""
    prime_runs: int = 1
    """Untimed runs before a window."""
    loads: int = 0
    spent_s: float = 0.0
    is_long: bool = False
    """Whether a run takes so long that caches and warming up are lost in it, by the latest load."""
    rounds: int = 0
    """Windows in the generation under way; 0 until the first."""
    windows_s: float = 0.0
    """That all windows took, with what leads them in."""
    first_window_s: float = 0.0
    """That a window is expected to take before any was taken."""
    load_s: float = 0.0
    """That the latest load took until it was warm."""
    generations: list[Generation] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    """Of the generation under way."""
    discarded: list[Reading] = field(default_factory=list)
    """In which the device held its clock down: its latency then is not the model's."""
    ended: int = 0
    """Generations, those included of which nothing was left."""
    builds: dict[Optional[int], Mapping[str, Any]] = field(default_factory=dict)
    """What the runtime said of each."""
    shares: list[Shares] = field(default_factory=list)

    def end_generation(self, index: int, shares: Shares) -> None:
        self.ended += 1
        if self.readings:
            assert self.session is not None
            self.generations.append(Generation(index, self.loads - 1, tuple(self.readings), self.session.build))
            self.shares.append(shares)
            self.readings = []

    @property
    def keeps_session(self) -> bool:
        """Whether the session is too dear to be loaded once more, and stays."""
        return self.row.max_loads is not None and self.loads >= self.row.max_loads

    def close(self) -> None:
        if self.session is not None:
            # A runtime that cannot free its session does not take the row's samples, or the other rows, with it.
            with contextlib.suppress(Exception):
                self.session.close()
            self.session = None


def sample(
    rows: Sequence[Row],
    policy: Policy,
    on_outcome: Callable[[Row, Outcome], None],
    on_progress: Callable[[float], None] = lambda _: None,
    memory: Optional[MemoryBudget] = None,
    on_build: Callable[[Row, Measurement], None] = lambda *_: None,
) -> None:
    """Time the rows side by side.

    Args:
        rows: what to time; those that will be compared belong into one call.
        policy: how long and how finely.
        on_outcome: called once a row, as soon as the row is done, so that it can be kept.
        on_progress: called with the share of the work that is surely done, 0 to 1.
        memory: what the sessions may take at the same time; if None, `default_limit_bytes()`.
        on_build: called with what is known of a row so far when a further build of its model has been timed, and the
            row is not done.
    """
    memory = memory or MemoryBudget(default_limit_bytes())
    # A collection in the middle of a window would be timed with it.
    collecting = gc.isenabled()
    gc.disable()
    try:
        done = 0
        for part in _parts(rows, memory.limit_bytes):
            on_part = functools.partial(_report, on_progress, done / len(rows), len(part) / len(rows))
            _Sampling(part, policy, memory, on_outcome, on_part, on_build).run()
            done += len(part)
    finally:
        if collecting:
            gc.enable()


def _report(on_progress: Callable[[float], None], done: float, portion: float, share: float) -> None:
    on_progress(done + portion * share)


def _parts(rows: Sequence[Row], limit_bytes: int) -> list[list[Row]]:
    """Rows whose last session is kept cannot take turns in memory: no more of them at a time than the limit bears."""
    parts: list[list[Row]] = []
    kept_bytes = 0
    for row in rows:
        needed = row.estimated_bytes if row.max_loads is not None else 0
        if not parts or (needed and kept_bytes + needed > limit_bytes):
            parts.append([])
            kept_bytes = 0
        parts[-1].append(row)
        kept_bytes += needed
    return parts


class _Sampling:
    """The sampling of rows that can be compared, from their first load to their outcomes."""

    def __init__(
        self,
        rows: Sequence[Row],
        policy: Policy,
        memory: MemoryBudget,
        on_outcome: Callable[[Row, Outcome], None],
        on_progress: Callable[[float], None],
        on_build: Callable[[Row, Measurement], None],
    ) -> None:
        self._on_build = on_build
        self._rows = len(rows)
        self._active = [_Progress(row) for row in rows]
        self._policy = policy
        self._memory = memory
        self._on_outcome = on_outcome
        self._on_progress = on_progress
        self._rng = np.random.default_rng(policy.seed)
        self._orders = Orders(self._rng)
        self._generation = 0
        self._loading = len(rows)
        """Rows that are loaded in this generation."""
        self._left_over_s = 0.0
        """Of the budgets of the rows that are done, less what others have taken of it."""

    def run(self) -> None:
        """Take generations until no row is left."""
        generation = 0
        while self._active:
            self._generation, self._loading = generation, len(self._active)
            waiting = self._orders.next(self._active, lambda p: p.row.key, lambda p: p.row.compared_in)
            self._active = []
            divided = False
            while waiting:
                group, waiting = self._load_group(waiting)
                divided = divided or bool(waiting)
                unfinished = self._sample_group(group, generation)
                self._active += unfinished
                if divided:
                    self._free([progress for progress in unfinished if not progress.keeps_session])
            generation += 1
            self._report(len(self._active), generation)

    def _report(self, active: int, generations: float) -> None:
        """Report what is surely done where so many rows are left after so many generations."""
        floor = min(generations / self._policy.min_generations, 0.9)
        self._on_progress(1 - active / self._rows * (1 - floor))

    def _load_group(self, waiting: list[_Progress]) -> tuple[list[_Progress], list[_Progress]]:
        """Load rows from the front of the queue until the next would not fit; these, and those that still wait."""
        group: list[_Progress] = []
        for place, progress in enumerate(waiting):
            if (
                group
                and progress.session is None
                and not self._memory.has_room(progress.row.key, progress.row.estimated_bytes)
            ):
                return group, waiting[place:]
            group += self._attempt([progress], self._load_warm)
            # A generation takes minutes where many networks are loaded, which is most of its time.
            self._report(self._loading, self._generation + 1 - (len(waiting) - place - 1) / self._loading)
        return group, []

    def _load_warm(self, progress: _Progress) -> None:
        """Load the row's model anew, unless that is too dear, and warm it up."""
        row = progress.row

        def ready() -> None:
            start, windows_s = time.perf_counter(), progress.windows_s
            self._load(progress)
            _warm_up(progress, self._policy)
            progress.load_s = time.perf_counter() - start - (progress.windows_s - windows_s)

        # Warming up is included, as some runtimes take most of their memory in the second run.
        self._memory.loading(row.key, row.estimated_bytes, ready)

    def _load(self, progress: _Progress) -> None:
        if progress.session is not None and progress.keeps_session:
            return
        row = progress.row
        seed = int(self._rng.integers(2**31))
        # The new session is loaded before the old one is freed: else it would be given the same memory again.
        if progress.session is not None and not self._memory.has_room(row.key, row.estimated_bytes):
            self._close(progress)
        replaced = progress.session
        progress.session = row.load(seed)
        progress.loads += 1
        if replaced is not None:
            replaced.close()
        # Once a build: finding out what runs may take as long as a load.
        if progress.session.build not in progress.builds:
            description = progress.session.describe()
            if description is not None:
                progress.builds[progress.session.build] = description

    def _sample_group(self, group: list[_Progress], generation: int) -> list[_Progress]:
        """Take a generation of rows that are warm; those that are not finished."""
        start = Counters.now()
        for progress in group:
            progress.rounds = _rounds(progress, self._policy)
        for taken in range(max((progress.rounds for progress in group), default=0)):
            shuffled = [group[i] for i in self._rng.permutation(len(group))]
            done = [progress for progress in shuffled if progress.rounds <= taken]
            group = done + self._attempt([p for p in shuffled if p.rounds > taken], _take_window)
        shares = Shares.between(start, Counters.now())
        unfinished = []
        for progress in group:
            progress.end_generation(generation, shares)
            if self._is_done(progress):
                outcome = _outcome(progress, self._policy)
                self._close(progress)
                self._left_over_s += max(self._policy.row_budget_s - progress.spent_s, 0.0)
                self._on_outcome(progress.row, outcome)
            else:
                unfinished.append(progress)
                self._keep_build(progress)
        return unfinished

    def _keep_build(self, progress: _Progress) -> None:
        """Report the row as it is known so far, if this generation was the first of a build."""
        builds = [generation.build for generation in progress.generations]
        if builds and builds[-1] is not None and builds.count(builds[-1]) == 1:
            outcome = _outcome(progress, self._policy)
            if isinstance(outcome, Measurement):
                self._on_build(progress.row, outcome)

    def _is_done(self, progress: _Progress) -> bool:
        policy = self._policy
        if progress.ended >= policy.max_generations:
            return True
        is_judged = len(progress.generations) >= policy.min_generations
        if is_judged and is_precise(undisturbed_latency(progress.generations), policy.ci_target):
            return True
        # Where builds differ by chance, they are what the interval is over, and further loads of them add little.
        fewest = progress.row.min_builds if progress.row.min_builds > 1 else FEWEST_GENERATIONS
        if progress.ended < fewest:
            return False
        return progress.spent_s >= policy.row_budget_s and not self._is_given_more(progress)

    def _is_given_more(self, progress: _Progress) -> bool:
        """Whether the time that other rows left over pays for one more generation; it is then taken from it."""
        needed_s = progress.spent_s / progress.ended
        most_s = _MAX_SHARE_OF_BUDGET * self._policy.row_budget_s
        if needed_s > self._left_over_s or progress.spent_s + needed_s > most_s:
            return False
        self._left_over_s -= needed_s
        return True

    def _attempt(self, group: list[_Progress], step: Callable[[_Progress], None]) -> list[_Progress]:
        """Do `step` for every row; one that fails ends with its error, and the others continue."""
        alive = []
        for progress in group:
            try:
                step(progress)
            except Exception as error:  # whatever a runtime throws is that row's outcome
                self._close(progress)
                self._on_outcome(progress.row, Failure(one_line(error)))
            else:
                alive.append(progress)
        return alive

    def _free(self, group: list[_Progress]) -> None:
        """Close the sessions of a group, so that the next one has their memory."""
        for progress in group:
            self._close(progress)
        gc.collect()
        return_freed_memory()

    def _close(self, progress: _Progress) -> None:
        progress.close()
        self._memory.freed(progress.row.key)


def one_line(error: BaseException) -> str:
    """The error as one line for a record: its kind and the start of its message."""
    text = " ".join(str(error).split()) or "no message"
    return f"{type(error).__name__}: {text[:500]}"


def _warm_up(progress: _Progress, policy: Policy) -> None:
    """Run until two windows agree, and settle how many runs a window takes.

    One run of a long row will do, which counts as its load's first window: the one whose output was checked came before
    it. (In the first load two, as the length of the very first may be that of anything.)
    """
    session = progress.session
    assert session is not None
    start = time.perf_counter()
    is_cold = session.empty_caches is not None
    minimum_ns = max(
        (_COLD_WINDOW_MS if is_cold else policy.min_window_ms) * 1e6,
        _RESOLUTION_FACTOR * time.get_clock_info("perf_counter").resolution * 1e9,
    )
    previous_ns = float("inf")
    was_long = progress.is_long
    for _ in range(_MAX_WARMUP_WINDOWS):
        window_start = time.perf_counter()
        reading = session.read(progress.runs)
        run_ns = reading.timed_ns / reading.runs
        is_long = reading.device_ns is None and not is_cold and run_ns >= _LONG_FROM_MS * 1e6
        progress.is_long = is_long and was_long
        if progress.is_long:
            progress.readings.append(reading)
            progress.windows_s += time.perf_counter() - window_start
            break
        was_long = is_long
        is_over = reading.device_ns is None and not is_long and time.perf_counter() - start > _MAX_WARMUP_S
        if reading.timed_ns < minimum_ns:
            progress.runs = max(progress.runs + 1, round(minimum_ns / run_ns * 1.1))
        elif is_over or abs(run_ns / previous_ns - 1) < _WARMUP_AGREEMENT:
            break
        previous_ns = run_ns
    progress.prime_runs = 0 if is_cold else _prime_runs(run_ns / 1e6)
    progress.first_window_s = (progress.runs + progress.prime_runs) * run_ns / 1e9
    progress.spent_s += time.perf_counter() - start


def _prime_runs(run_ms: float) -> int:
    if run_ms < _PRIMED_BELOW_MS:
        return max(_PRIME_RUNS, math.ceil(_PRIME_MS / run_ms))
    return 1 if run_ms < _LONG_FROM_MS else 0


def _take_window(progress: _Progress) -> None:
    session = progress.session
    assert session is not None
    start = time.perf_counter()
    if progress.prime_runs:
        session.enqueue(progress.prime_runs)
        session.synchronize()
    reading = session.read(progress.runs)
    (progress.discarded if reading.throttling else progress.readings).append(reading)
    took_s = time.perf_counter() - start
    progress.windows_s += took_s
    progress.spent_s += took_s


def _rounds(progress: _Progress, policy: Policy) -> int:
    """How many windows the row's next generation has: as many as are worth it and as its budget has time for.

    Of the loads that every row has, each is given as much of what is left of the budget.
    """
    at_first = min(policy.rounds_per_generation, _LONG_ROUNDS) if progress.is_long else policy.rounds_per_generation
    if progress.keeps_session:
        return at_first
    loads = [generation.latencies_ms() for generation in progress.generations]
    window_s = progress.windows_s / sum(len(load) for load in loads) if loads else progress.first_window_s
    wanted = at_first
    if len(loads) >= _JUDGED_AFTER:
        wanted = windows_worth_taking(loads, load_cost=progress.load_s, window_cost=window_s)
        wanted = min(wanted, _MAX_MORE_WINDOWS * at_first)
    loads_to_come = FEWEST_GENERATIONS - progress.ended
    if loads_to_come > 0 and window_s > 0:
        # The load of the generation under way is spent already.
        affordable_s = policy.row_budget_s - progress.spent_s - (loads_to_come - 1) * progress.load_s
        wanted = min(wanted, int(affordable_s / loads_to_come / window_s))
    return max(wanted, min(DRAWN, at_first))


def _outcome(progress: _Progress, policy: Policy) -> Outcome:
    assert progress.session is not None
    single_threaded = not progress.session.worker_threads
    readings = [reading for generation in progress.generations for reading in generation.readings]
    if len(progress.generations) < _FEWEST_LEFT:
        discarded = len(progress.discarded)
        return Failure(
            f"the device held its clock down ({_throttling(progress)}) in {discarded} of {discarded + len(readings)} "
            "windows: too few are left"
        )
    clocks = [reading.sm_clock_mhz for reading in readings if reading.sm_clock_mhz is not None]
    caches = progress.session.empty_caches
    by_build = independent_samples(progress.generations)
    diagnostics = Diagnostics(
        preemptions_per_s=round(sum(r.preemptions for r in readings) * 1e9 / sum(r.wall_ns for r in readings), 1),
        wall_over_cpu=round(float(np.median([r.wall_ns / max(r.cpu_ns, 1) for r in readings])), 4),
        spread_between_generations=round(spread([g.latencies_ms() for g in progress.generations]), 4),
        pressure_share=_mean([s.pressure_share for s in progress.shares]),
        steal_share=_mean([s.steal_share for s in progress.shares]),
        spread_between_builds=round(spread(by_build), 4) if progress.generations[0].build is not None else None,
        sm_clock_mhz=float(np.median(clocks)) if clocks else None,
        max_sm_clock_mhz=progress.session.max_sm_clock_mhz,
        throttled_windows=len(progress.discarded) if clocks or progress.discarded else None,
        throttling=_throttling(progress),
        peak_resident_bytes=peak_resident_bytes(),
        overwritten_bytes=None if caches is None else caches.overwritten_bytes,
    )
    return summarize(
        tuple(progress.generations),
        diagnostics,
        ci_target=policy.ci_target,
        single_threaded=single_threaded,
        builds=tuple(progress.builds.values()) or None,
    )


def _throttling(progress: _Progress) -> Optional[str]:
    return ", ".join(sorted({str(reading.throttling) for reading in progress.discarded})) or None


def _mean(values: Sequence[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 4) if known else None
