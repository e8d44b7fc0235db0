"""Runs that find the processor's caches cold: what is overwritten, what is timed, and how such rows are sampled."""

import doctest
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.measure import cold_caches
from microbench.measure.cold_caches import ColdCaches, bytes_to_overwrite
from microbench.measure.measurement import Measurement
from microbench.measure.sampler import Outcome, Policy, Row, sample
from microbench.measure.session import Session

KIB, MIB = 2**10, 2**20
CACHES = {"L1d": 32 * KIB, "L1i": 32 * KIB, "L2": MIB, "L3": 4 * MIB}


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(cold_caches).failed == 0


def test_one_thread_overwrites_twice_what_its_caches_hold() -> None:
    emptying = ColdCaches(1, CACHES, cores=8, sharing=4)
    assert emptying.overwritten_bytes == 2 * (MIB + 4 * MIB)


def test_for_worker_threads_every_core_overwrites_twice_its_own_cache_and_its_share_of_the_last_level() -> None:
    emptying = ColdCaches(2, CACHES, cores=8, sharing=4)
    assert emptying.overwritten_bytes == 8 * 2 * (MIB + MIB)


def test_where_no_cache_is_known_more_than_most_processors_have_is_overwritten() -> None:
    assert bytes_to_overwrite({}, sharing=1) == 128 * MIB


def test_a_processor_whose_last_level_is_the_second_is_overwritten_once_over() -> None:
    assert bytes_to_overwrite({"L1d": 32 * KIB, "L2": MIB}, sharing=1) == 2 * MIB


def test_one_thread_overwrites_on_the_calling_thread() -> None:
    before = time.thread_time_ns()
    ColdCaches(1, {"L2": 16 * MIB}, cores=4, sharing=4)()
    assert time.thread_time_ns() - before > 1_000_000


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_several_threads_overwrite_each_on_a_core_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[int, set[int]] = {}

    def watch(_: ColdCaches, place: int) -> None:
        places[place] = os.sched_getaffinity(0)
        threads.add(threading.get_ident())

    threads: set[int] = set()
    monkeypatch.setattr(ColdCaches, "_overwrite", watch)
    usable = sorted(os.sched_getaffinity(os.getpid()))
    ColdCaches(2, CACHES, cores=len(usable), sharing=len(usable))()
    assert len(threads) == max(len(usable), 2)
    assert all(places[place] == {usable[place % len(usable)]} for place in range(len(usable)))
    assert os.sched_getaffinity(0) == set(usable), "the calling thread may still run anywhere"


class Emptied(ColdCaches):
    """Counts its calls, and takes a while."""

    def __init__(self, calls: list[str], takes_s: float = 0.0) -> None:
        super().__init__(1, {"L2": KIB}, cores=1, sharing=1)
        self._calls = calls
        self._takes_s = takes_s

    def __call__(self) -> None:
        self._calls.append("empty")
        time.sleep(self._takes_s)


class Slower(Session):
    """A run takes 3 ms where the caches were emptied since the one before it, and 1 ms where not."""

    overhead_s = 0.0
    """Of any call, however many runs it enqueues."""

    def __init__(self, *, cold: bool, takes_s: float = 0.0) -> None:
        self.calls: list[str] = []
        if cold:
            self.empty_caches = Emptied(self.calls, takes_s)

    def enqueue(self, runs: int) -> None:
        _wait(self.overhead_s)
        for _ in range(runs):
            _wait(3e-3 if self.calls and self.calls[-1] == "empty" else 1e-3)
            self.calls.append("run")

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Inputs do not matter."""

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return ()


def _wait(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_the_caches_are_emptied_before_each_run_of_a_cold_window() -> None:
    session = Slower(cold=True)
    reading = session.read(3)
    assert session.calls == ["empty", "run"] * 3
    assert reading.runs == 3
    assert reading.cpu_ns / 3 == pytest.approx(3e6, rel=0.3)


def test_a_hot_window_is_one_span_of_back_to_back_runs() -> None:
    session = Slower(cold=False)
    assert session.read(3).cpu_ns / 3 == pytest.approx(1e6, rel=0.3)
    assert session.calls == ["run"] * 3


def test_emptying_the_caches_is_not_in_the_time_of_the_runs() -> None:
    assert Slower(cold=True, takes_s=0.2).read(1).wall_ns < 200_000_000


def test_what_a_call_costs_without_a_run_is_subtracted() -> None:
    session = Slower(cold=True)
    session.overhead_s = 2e-3
    assert session.read(4).cpu_ns / 4 == pytest.approx(3e6, rel=0.3)


def sampled(cold: bool) -> tuple[Measurement, list[Slower]]:
    sessions: list[Slower] = []
    outcomes: list[Outcome] = []

    def load(_: int) -> Session:
        sessions.append(Slower(cold=cold))
        return sessions[-1]

    policy = Policy(0.5, min_generations=2, rounds_per_generation=4)
    sample([Row("row", load)], policy, on_outcome=lambda _, outcome: outcomes.append(outcome))
    (outcome,) = outcomes
    assert isinstance(outcome, Measurement)
    return outcome, sessions


def test_a_cold_row_is_as_slow_as_its_runs_after_the_emptying_and_says_what_was_overwritten() -> None:
    cold, sessions = sampled(cold=True)
    hot, _ = sampled(cold=False)
    assert cold.cpu_ms / hot.cpu_ms == pytest.approx(3, rel=0.3)
    assert cold.diagnostics.overwritten_bytes == 2 * KIB
    assert hot.diagnostics.overwritten_bytes is None
    assert all(session.calls == ["empty", "run"] * (len(session.calls) // 2) for session in sessions), "no run leads in"


def test_a_cold_window_is_one_run_as_emptying_takes_longer_than_short_runs() -> None:
    cold, _ = sampled(cold=True)
    assert {reading.runs for generation in cold.generations for reading in generation.readings} == {1}
