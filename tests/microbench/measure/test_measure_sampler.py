"""How rows are sampled, on sessions whose every reading is scripted: no clock of this machine is asked."""

import gc
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.errors import InputError
from microbench.measure import sampler
from microbench.measure.measurement import Measurement
from microbench.measure.sampler import Failure, Outcome, Policy, Row, sample
from microbench.measure.session import Reading, Session
from microbench.measure.undisturbed import ratio_interval


@dataclass(frozen=True)
class Event:
    """What was asked of a session."""

    what: str
    key: str
    load: int
    runs: int = 0


@dataclass
class World:
    """Simulated time, and all that happened in it."""

    now_s: float = 0.0
    events: list[Event] = field(default_factory=list)
    drift: Callable[[float], float] = lambda _: 1.0
    """Slows down everything that runs at a moment, e.g. as the clock frequency falls."""

    def of(self, key: str, *whats: str) -> list[Event]:
        return [event for event in self.events if event.key == key and event.what in whats]

    def windows(self) -> list[Event]:
        """The timed windows: those of a model under 100 ms follow untimed runs of the same model."""
        return [
            event
            for before, event in zip(self.events, self.events[1:], strict=False)
            if event.what == "read" and (before.what, before.key, before.load) == ("enqueue", event.key, event.load)
        ]


@dataclass
class Model:
    """A model whose loads differ, and whose windows scatter, by known amounts."""

    world: World
    key: str
    latency_ms: float = 1.0
    load_effect: float = 0.0
    noise: float = 0.0
    cold: Sequence[float] = ()
    """How many times slower the first runs after a load are."""
    device_ms: float | None = None
    worker_threads: bool = False
    cpu_share: float = 1.0
    preempted_every: int = 0
    fail_at: dict[tuple[str, int], BaseException] = field(default_factory=dict)
    """What is raised by ("load", nth load), ("read" or "close", nth load)."""
    max_loads: int | None = None
    loads: int = 0
    seeds: list[int] = field(default_factory=list)

    def load(self, seed: int) -> Session:
        number = self.loads
        self.loads += 1
        self.seeds.append(seed)
        self.world.events.append(Event("load", self.key, number))
        self.fail("load", number)
        return Loaded(self, number)

    def fail(self, what: str, number: int) -> None:
        if (what, number) in self.fail_at:
            raise self.fail_at[what, number]

    @property
    def row(self) -> Row:
        return Row(self.key, self.load, self.max_loads)


class Loaded(Session):
    def __init__(self, model: Model, number: int) -> None:
        self.worker_threads = model.worker_threads
        self._model = model
        self._number = number
        self._rng = np.random.default_rng([*model.key.encode(), number])
        self._load_factor = float(np.exp(self._rng.standard_normal() * model.load_effect))
        self._cold = iter(model.cold)
        self._windows = 0

    def enqueue(self, runs: int) -> None:
        self._happens("enqueue", runs)

    def feed(self, inputs: object) -> None:
        """A window's length does not depend on the inputs."""

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return ()

    def read(self, runs: int) -> Reading:
        wall_ns = self._happens("read", runs)
        model = self._model
        self._windows += 1
        return Reading(
            runs=runs,
            wall_ns=wall_ns,
            cpu_ns=round(wall_ns * model.cpu_share),
            preemptions=int(model.preempted_every > 0 and self._windows % model.preempted_every == 0),
            device_ns=None if model.device_ms is None else round(model.device_ms * runs * 1e6),
        )

    def close(self) -> None:
        self._model.world.events.append(Event("close", self._model.key, self._number))
        self._model.fail("close", self._number)

    def _happens(self, what: str, runs: int) -> int:
        model = self._model
        model.world.events.append(Event(what, model.key, self._number, runs))
        model.fail(what, self._number)
        scatter = float(np.exp(self._rng.standard_normal() * model.noise))
        factor = self._load_factor * scatter * next(self._cold, 1.0) * model.world.drift(model.world.now_s)
        wall_ns = round(runs * model.latency_ms * factor * 1e6)
        model.world.now_s += wall_ns / 1e9
        return wall_ns


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    simulated = World()
    clock = SimpleNamespace(perf_counter=lambda: simulated.now_s, get_clock_info=time.get_clock_info)
    monkeypatch.setattr(sampler, "time", clock)
    return simulated


PATIENT = Policy(row_budget_s=1e9)
FEWEST = PATIENT.min_generations


def outcomes(models: Sequence[Model], policy: Policy = PATIENT) -> dict[str, Outcome]:
    """Sample the models; each row must have exactly one outcome."""
    found: dict[str, Outcome] = {}

    def keep(row: Row, outcome: Outcome) -> None:
        assert row.key not in found
        found[row.key] = outcome

    sample([model.row for model in models], policy, keep)
    assert set(found) == {model.key for model in models}
    return found


def measured(model: Model, policy: Policy = PATIENT) -> Measurement:
    outcome = outcomes([model], policy)[model.key]
    assert isinstance(outcome, Measurement)
    return outcome


def failed(outcome: Outcome) -> str:
    assert isinstance(outcome, Failure)
    return outcome.message


# Loads


def test_every_generation_loads_the_model_anew_with_another_seed(world: World) -> None:
    model = Model(world, "a")
    found = measured(model, Policy(min_generations=5))
    assert model.loads == found.loads == len(found.generations) == 5
    assert len(set(model.seeds)) == 5
    assert [generation.load for generation in found.generations] == [0, 1, 2, 3, 4]


def test_a_session_is_freed_once_its_successor_is_loaded(world: World) -> None:
    """Freed before, the successor would be given the same memory, and would not be another draw of the layout."""
    measured(Model(world, "a"), Policy(min_generations=3))
    assert [(event.what, event.load) for event in world.of("a", "load", "close")] == [
        ("load", 0), ("load", 1), ("close", 0), ("load", 2), ("close", 1), ("close", 2),
    ]  # fmt: skip


def test_each_window_is_taken_of_the_latest_load(world: World) -> None:
    found = measured(Model(world, "a"), Policy(min_generations=4))
    assert [window.load for window in world.windows()] == [load for load in range(4) for _ in range(8)]
    assert found.samples == 32


def test_a_costly_load_is_kept_for_the_later_generations(world: World) -> None:
    model = Model(world, "a", max_loads=2)
    found = measured(model, Policy(min_generations=5))
    assert model.loads == found.loads == 2
    assert [generation.load for generation in found.generations] == [0, 1, 1, 1, 1]
    assert [generation.index for generation in found.generations] == [0, 1, 2, 3, 4]
    assert len(world.of("a", "close")) == 2


# Interleaving


def rounds_of(world: World, rows: int) -> list[list[str]]:
    keys = [window.key for window in world.windows()]
    return [keys[start : start + rows] for start in range(0, len(keys), rows)]


def test_each_round_takes_one_window_of_every_row(world: World) -> None:
    policy = Policy(min_generations=3, rounds_per_generation=5)
    outcomes([Model(world, key) for key in "abcdef"], policy)
    rounds = rounds_of(world, 6)
    assert len(rounds) == 3 * 5
    assert all(sorted(keys) == list("abcdef") for keys in rounds)


def test_the_order_is_another_in_each_round(world: World) -> None:
    outcomes([Model(world, key) for key in "abcdef"], Policy(min_generations=3, rounds_per_generation=5))
    orders = rounds_of(world, 6)
    assert len({tuple(order) for order in orders}) == len(orders)
    # No row is always before another.
    assert len({order[0] for order in orders}) > 3


def test_the_seed_of_the_policy_settles_the_order(world: World) -> None:
    orders = []
    for seed in (1, 1, 2):
        world.events.clear()
        outcomes([Model(world, key) for key in "abcdef"], Policy(min_generations=2, seed=seed))
        orders.append(rounds_of(world, 6))
    assert orders[0] == orders[1] != orders[2]


def test_all_rows_are_loaded_before_any_is_timed(world: World) -> None:
    outcomes([Model(world, key) for key in "abc"], Policy(min_generations=2))
    first_window = [event.what for event in world.events].index("enqueue")
    assert {event.key for event in world.events[:first_window] if event.what == "load"} == set("abc")


def test_a_row_that_is_done_is_no_longer_run(world: World) -> None:
    found = outcomes([Model(world, "quiet"), Model(world, "loud", load_effect=0.05)], Policy(row_budget_s=1e9))
    quiet, loud = found["quiet"], found["loud"]
    assert isinstance(quiet, Measurement)
    assert isinstance(loud, Measurement)
    assert len(quiet.generations) == FEWEST < len(loud.generations)
    assert len(world.of("quiet", "load")) == len(world.of("quiet", "close")) == FEWEST


def test_a_row_is_handed_over_as_soon_as_it_is_done(world: World) -> None:
    handed_over: list[tuple[str, int]] = []
    models = [Model(world, "loud", load_effect=0.05), Model(world, "quiet")]
    sample(
        [model.row for model in models],
        Policy(row_budget_s=1e9),
        lambda row, _: handed_over.append((row.key, len(world.of("loud", "load")))),
    )
    assert handed_over[0] == ("quiet", FEWEST)
    assert handed_over[1][0] == "loud"


def test_drift_moves_rows_alike_and_leaves_their_ratio(world: World) -> None:
    """The machine slows down by half during the run: latencies are moved, the ratio of interleaved rows is not."""
    # The run takes some 0.2 s of simulated time.
    world.drift = lambda now_s: 1 + min(now_s, 0.5)
    policy = Policy(min_generations=10, max_generations=10, row_budget_s=1e9)
    found = outcomes([Model(world, "slow", latency_ms=0.3), Model(world, "fast", latency_ms=0.1)], policy)
    slow, fast = found["slow"], found["fast"]
    assert isinstance(slow, Measurement)
    assert isinstance(fast, Measurement)
    assert fast.latency_ms > 0.1 * 1.05
    sides = [[generation.latencies_ms() for generation in side.generations] for side in (slow, fast)]
    ratio = ratio_interval(*sides)
    assert ratio.estimate == pytest.approx(3.0, rel=0.01)
    assert [generation.index for generation in slow.generations] == [g.index for g in fast.generations]


# When it ends


def test_a_quiet_row_ends_at_the_least_number_of_generations(world: World) -> None:
    found = measured(Model(world, "a", noise=0.001))
    assert found.converged
    assert len(found.generations) == FEWEST
    assert not found.typical.excludes(1.0)
    assert found.latency_ms == pytest.approx(1.0, rel=0.002)


@pytest.mark.parametrize("ci_target", [0.02, 0.01, 0.007])
def test_a_row_that_converged_is_as_precise_as_asked(world: World, ci_target: float) -> None:
    found = measured(Model(world, "a", load_effect=0.01), Policy(ci_target=ci_target, row_budget_s=1e9))
    assert found.converged
    assert found.ci_target == ci_target
    assert found.undisturbed.half_width_share <= ci_target


def test_a_row_too_noisy_for_the_generations_says_that_it_did_not_converge(world: World) -> None:
    found = measured(Model(world, "a", load_effect=0.2), Policy(row_budget_s=1e9, max_generations=12))
    assert len(found.generations) == 12
    assert not found.converged


def test_a_row_ends_when_its_budget_is_spent(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=5.0, load_effect=0.2), Policy(row_budget_s=1.5))
    # About 40 ms of windows a generation, 120 ms of untimed runs, and 15 ms of warming up; fewer windows later on.
    assert 8 <= len(found.generations) <= 14
    assert not found.converged


def test_six_loads_are_taken_however_small_the_budget(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=1000.0, load_effect=0.1), Policy(row_budget_s=0.001))
    assert found.loads == 6
    assert not found.converged


def test_one_rows_budget_is_not_spent_by_the_others(world: World) -> None:
    dear = Model(world, "dear", latency_ms=50.0, load_effect=0.1)
    cheap = Model(world, "cheap", latency_ms=0.01, load_effect=0.1)
    found = outcomes([dear, cheap], Policy(row_budget_s=1.0))
    loads = {key: outcome.loads for key, outcome in found.items() if isinstance(outcome, Measurement)}
    assert loads["dear"] == 6
    assert loads["cheap"] > 7


def test_time_that_quiet_rows_leave_over_is_spent_on_the_others(world: World) -> None:
    def loads_of_the_loud_one(others: int) -> int:
        loud = Model(world, "loud", latency_ms=5.0, load_effect=0.2)
        quiet = [Model(world, f"q{i}", latency_ms=1.0) for i in range(others)]
        policy = Policy(row_budget_s=2.0, min_generations=6, max_generations=100)
        found = outcomes([loud, *quiet], policy)["loud"]
        assert isinstance(found, Measurement)
        return found.loads

    alone = loads_of_the_loud_one(0)
    assert loads_of_the_loud_one(1) > 1.3 * alone
    # But no row takes more than three times its own budget.
    assert loads_of_the_loud_one(8) < 3.3 * alone


def windows_a_load(measurement: Measurement) -> int:
    return len(measurement.generations[-1].readings)


def test_where_loads_differ_more_loads_are_taken_and_where_windows_do_more_windows(world: World) -> None:
    loads_differ = measured(Model(world, "a", 2.5, load_effect=0.05, noise=0.001), Policy(row_budget_s=1e9))
    windows_differ = measured(Model(world, "b", 2.5, load_effect=0.0005, noise=0.05), Policy(row_budget_s=1e9))
    assert windows_a_load(loads_differ) == 4
    assert windows_a_load(windows_differ) > 8


COVERAGE_ROWS = 200


def undisturbed_truth(load_effect: float, noise: float) -> float:
    """By the definition: a quarter of the fastest of four windows of a load lie below it."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal(400_000) * load_effect + rng.standard_normal((4, 400_000)).min(axis=0) * noise
    return float(np.exp(np.quantile(draws, 0.25)))


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("load_effect", "noise", "ci_target", "coverage"),
    [
        (0.01, 0.005, 0.015, 0.93),
        (0.02, 0.01, 0.02, 0.90),
        (0.005, 0.02, 0.015, 0.93),
        (0.005, 0.02, 0.01, 0.93),
    ],
)
def test_stopping_when_precise_costs_little_coverage(
    world: World, load_effect: float, noise: float, ci_target: float, coverage: float
) -> None:
    """The rule that stops a row looks at its 95% interval after each generation from the tenth on.

    It so prefers generations that agree by chance, and it settles how many windows each load has.
    """
    models = [Model(world, f"{i}", 2.5, load_effect, noise) for i in range(COVERAGE_ROWS)]
    found = outcomes(models, Policy(ci_target=ci_target, row_budget_s=1e9))
    intervals = [outcome.undisturbed for outcome in found.values() if isinstance(outcome, Measurement)]
    truth = 2.5 * undisturbed_truth(load_effect, noise)
    assert len(intervals) == COVERAGE_ROWS
    assert np.mean([not interval.excludes(truth) for interval in intervals]) >= coverage


# Failure


@pytest.mark.parametrize("what", ["load", "read", "enqueue"])
@pytest.mark.parametrize("nth_load", [0, 3])
@pytest.mark.parametrize("error", [RuntimeError("no kernel\nfor  this"), MemoryError("no kernel for this")])
def test_a_row_that_fails_leaves_its_error_and_the_others_go_on(
    world: World, what: str, nth_load: int, error: Exception
) -> None:
    bad = Model(world, "bad", fail_at={(what, nth_load): error})
    found = outcomes([Model(world, "a"), bad, Model(world, "b")])
    assert failed(found["bad"]) == f"{type(error).__name__}: no kernel for this"
    for key in "ab":
        assert isinstance(found[key], Measurement)
        assert len(world.of(key, "load")) == FEWEST
    assert bad.loads == nth_load + 1


@pytest.mark.parametrize("what", ["load", "read"])
@pytest.mark.parametrize("nth_load", [0, 2])
def test_a_failed_rows_sessions_are_freed(world: World, what: str, nth_load: int) -> None:
    outcomes([Model(world, "a", fail_at={(what, nth_load): RuntimeError("no")}), Model(world, "b")])
    loaded = {event.load for event in world.of("a", "load")} - ({nth_load} if what == "load" else set())
    assert {event.load for event in world.of("a", "close")} == loaded


def test_a_message_of_any_length_is_one_short_line(world: World) -> None:
    found = outcomes([Model(world, "a", fail_at={("load", 0): ValueError("x\n" * 4000)})])
    assert "\n" not in failed(found["a"])
    assert len(failed(found["a"])) < 600


def test_an_error_without_a_message_still_names_itself(world: World) -> None:
    assert failed(outcomes([Model(world, "a", fail_at={("read", 1): MemoryError()})])["a"]) == "MemoryError: no message"


def test_all_rows_may_fail(world: World) -> None:
    found = outcomes([Model(world, key, fail_at={("load", 0): RuntimeError(key)}) for key in "ab"])
    assert [failed(found[key]) for key in "ab"] == ["RuntimeError: a", "RuntimeError: b"]


def test_a_session_that_cannot_be_freed_at_the_end_keeps_its_samples(world: World) -> None:
    found = outcomes([Model(world, "a", fail_at={("close", FEWEST - 1): RuntimeError("busy")}), Model(world, "b")])
    assert all(isinstance(outcome, Measurement) for outcome in found.values())


def test_no_rows_are_no_work() -> None:
    assert outcomes([]) == {}


@pytest.fixture
def _collecting() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


@pytest.mark.usefixtures("_collecting")
def test_garbage_is_not_collected_while_a_window_is_timed(world: World) -> None:
    states: list[bool] = []

    def look(_: float) -> float:
        states.append(gc.isenabled())
        return 1.0

    world.drift = look
    measured(Model(world, "a"))
    assert states
    assert not any(states)
    assert gc.isenabled()


@pytest.mark.usefixtures("_collecting")
def test_a_stopped_run_gives_garbage_collection_back(world: World) -> None:
    with pytest.raises(KeyboardInterrupt):
        outcomes([Model(world, "a", fail_at={("read", 2): KeyboardInterrupt()})])
    assert gc.isenabled()


@pytest.mark.usefixtures("_collecting")
def test_garbage_collection_that_was_off_stays_off(world: World) -> None:
    gc.disable()
    measured(Model(world, "a"))
    assert not gc.isenabled()


# Warming up


def warm_up_reads(world: World) -> list[Event]:
    """Of the first load, in the order taken."""
    windows = set(map(id, world.windows()))
    return [event for event in world.of("a", "read") if event.load == 0 and id(event) not in windows]


def test_cold_runs_are_not_among_the_samples(world: World) -> None:
    cold = [50.0, *np.geomspace(3.0, 1.05, 8)]
    found = measured(Model(world, "a", latency_ms=3.0, cold=cold))
    latencies = np.concatenate([generation.latencies_ms() for generation in found.generations])
    assert latencies.max() == pytest.approx(3.0, rel=0.02)


def test_warming_up_ends_when_two_windows_agree(world: World) -> None:
    measured(Model(world, "a", latency_ms=3.0, cold=[9.0, 4.0, 2.0, 1.5, 1.2]))
    # One run to begin with, four more that were slower and slower to change, and two that agree.
    assert len(warm_up_reads(world)) == 7


def test_warming_up_ends_although_no_two_windows_agree(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=3.0, noise=0.5), Policy(min_generations=2, max_generations=2))
    assert found.samples == 16
    assert len(warm_up_reads(world)) <= 21


@pytest.mark.parametrize("latency_ms", [0.0005, 0.01, 0.3, 1.9])
def test_a_window_lasts_for_the_least_time(world: World, latency_ms: float) -> None:
    found = measured(Model(world, "a", latency_ms=latency_ms), Policy(min_window_ms=2.0))
    readings = [reading for generation in found.generations for reading in generation.readings]
    assert all(reading.wall_ns >= 2e6 for reading in readings)
    assert max(reading.wall_ns for reading in readings) < 5e6
    assert found.latency_ms == pytest.approx(latency_ms)


def test_a_window_lasts_for_a_thousand_ticks_of_a_coarse_clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = SimpleNamespace(resolution=16e-6)
    clock = SimpleNamespace(perf_counter=lambda: world.now_s, get_clock_info=lambda _: coarse)
    monkeypatch.setattr(sampler, "time", clock)
    found = measured(Model(world, "a", latency_ms=0.1))
    assert all(r.wall_ns >= 16e6 for generation in found.generations for r in generation.readings)


def test_a_long_run_is_a_window_of_its_own(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=7.0))
    assert {reading.runs for generation in found.generations for reading in generation.readings} == {1}


@pytest.mark.parametrize(("latency_ms", "runs"), [(0.1, 100), (1.0, 10), (5.0, 3), (15.0, 3), (50.0, 1)])
def test_untimed_runs_lead_each_window_in_until_the_caches_hold_what_they_should(
    world: World, latency_ms: float, runs: int
) -> None:
    """For at least 10 ms and 3 runs, or a single run of 20 ms or more."""
    found = measured(Model(world, "a", latency_ms=latency_ms))
    assert len(world.of("a", "enqueue")) == found.samples
    assert {event.runs for event in world.of("a", "enqueue")} <= {runs, runs + 1}


def test_a_run_in_which_the_caches_share_is_lost_is_spared_that(world: World) -> None:
    measured(Model(world, "a", latency_ms=150.0))
    assert world.of("a", "enqueue") == []


# What is said of a row


def test_the_latency_is_the_wall_clocks_where_the_device_has_none(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=0.5))
    assert found.clock == "wall"
    assert found.latency_ms == pytest.approx(0.5)


def test_the_latency_is_the_devices_where_it_has_a_clock(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=0.5, device_ms=0.2, cpu_share=0.9))
    assert found.clock == "device"
    assert found.latency_ms == pytest.approx(0.2)
    assert found.cpu_ms == pytest.approx(0.45)


def test_a_row_that_waited_is_noisy(world: World) -> None:
    found = measured(Model(world, "a", cpu_share=0.8))
    assert found.diagnostics.wall_over_cpu == pytest.approx(1.25)
    assert any(re.search(r"wall/CPU 1\.25", reason) for reason in found.noise_reasons)
    assert found.noisy


@pytest.mark.parametrize("cpu_share", [0.5, 1.9])
def test_a_row_with_worker_threads_is_not_judged_by_its_cpu_time(world: World, cpu_share: float) -> None:
    found = measured(Model(world, "a", cpu_share=cpu_share, worker_threads=True))
    assert found.diagnostics.wall_over_cpu == pytest.approx(1 / cpu_share, abs=1e-3)
    assert not any("wall/CPU" in reason for reason in found.noise_reasons)


def test_preempted_windows_are_counted_among_the_samples_alone(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=3.0, preempted_every=2))
    # Once in every two windows of one 3 ms run each.
    assert found.diagnostics.preemptions_per_s == pytest.approx(1 / 2 / 0.003, rel=0.02)
    assert any("preempted 167/s" in reason for reason in found.noise_reasons)


def test_loads_that_differ_are_told(world: World) -> None:
    found = measured(Model(world, "a", load_effect=0.2), Policy(row_budget_s=1e9, max_generations=20))
    assert found.diagnostics.spread_between_generations == pytest.approx(0.2, rel=0.4)
    assert any("spread" in reason for reason in found.noise_reasons)


def test_the_99th_percentile_is_told_of_662_single_runs_and_no_fewer(world: World) -> None:
    def p99_of(latency_ms: float, rounds: int) -> float | None:
        policy = Policy(min_generations=4, max_generations=4, rounds_per_generation=rounds, row_budget_s=1e9)
        return measured(Model(world, "a", latency_ms=latency_ms, noise=0.01), policy).latency_p99_ms

    assert p99_of(5.0, rounds=165) is None
    single = p99_of(5.0, rounds=166)
    assert single is not None
    assert single == pytest.approx(5.0 * np.exp(0.01 * 2.33), rel=0.005)
    # A window of many runs averages the tail away.
    assert p99_of(0.1, rounds=166) is None


# Policy and progress


@pytest.mark.parametrize(
    ("values", "field_name"),
    [
        ({"ci_target": 0.0}, "ci"),
        ({"ci_target": 1.0}, "ci"),
        ({"ci_target": -0.01}, "ci"),
        ({"ci_target": float("nan")}, "ci"),
        ({"row_budget_s": 0.0}, "budget"),
        ({"row_budget_s": -1.0}, "budget"),
        ({"row_budget_s": float("nan")}, "budget"),
        ({"min_generations": 1}, "min_generations"),
        ({"min_generations": 9, "max_generations": 8}, "max_generations"),
        ({"rounds_per_generation": 0}, "rounds_per_generation"),
    ],
)
def test_a_policy_that_cannot_be_sampled_by_is_refused_in_one_sentence(values: dict[str, Any], field_name: str) -> None:
    with pytest.raises(InputError, match=field_name) as refusal:
        Policy(**values)
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def test_progress_only_grows_and_ends_at_one(world: World) -> None:
    shares: list[float] = []
    models = [Model(world, "a"), Model(world, "b", load_effect=0.03), Model(world, "c", load_effect=0.3)]
    sample([model.row for model in models], Policy(row_budget_s=1e9), lambda *_: None, shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] == 1.0


# Long runs, of a whole network on a small machine


def test_a_long_row_has_three_windows_a_load_and_no_run_beyond_them_but_one_in_the_first_load(world: World) -> None:
    policy = Policy(0.02, 5.0, min_generations=6, rounds_per_generation=4)
    found = measured(Model(world, "a", latency_ms=300.0, load_effect=0.05, noise=0.05), policy)
    assert found.loads == 6
    assert [len(generation.readings) for generation in found.generations[:4]] == [3] * 4
    assert len(world.of("a", "read", "enqueue")) == found.samples + 1


def test_a_run_that_was_slow_once_after_its_load_is_not_taken_for_a_long_one(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=3.0, cold=[60.0]))
    assert max(reading.wall_ns for g in found.generations for reading in g.readings) < 10e6
    assert {len(generation.readings) for generation in found.generations} == {PATIENT.rounds_per_generation}


def test_warming_up_ends_in_time_where_windows_never_agree(world: World) -> None:
    measured(Model(world, "a", latency_ms=40.0, noise=0.5), Policy(min_generations=2, max_generations=2))
    took_s = sum(40e-3 for _ in warm_up_reads(world))
    assert took_s < 1


def test_a_noisy_dear_row_is_not_given_more_windows_than_its_budget_has_time_for(world: World) -> None:
    policy = Policy(0.02, 5.0, min_generations=6, rounds_per_generation=4)
    measured(Model(world, "a", latency_ms=300.0, noise=0.3), policy)
    assert world.now_s < 6 * 4 * 0.3 * 1.5


def test_a_noisy_row_whose_windows_are_cheap_still_has_more_of_them(world: World) -> None:
    found = measured(Model(world, "a", latency_ms=2.0, noise=0.2), Policy(0.001, 3.0, min_generations=6))
    assert max(len(generation.readings) for generation in found.generations) > 8
