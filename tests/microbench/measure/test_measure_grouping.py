"""Rows that take more memory together than they may: loaded in groups, another cut in each generation."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.measure.grouping import MemoryBudget, Orders
from microbench.measure.measurement import Measurement
from microbench.measure.memory import peak_resident_bytes, resident_bytes
from microbench.measure.sampler import Failure, Outcome, Policy, Row, sample
from microbench.measure.session import Reading, Session

LIMIT = 1000
GENERATIONS = 6
POLICY = Policy(min_generations=GENERATIONS, max_generations=GENERATIONS, rounds_per_generation=2, row_budget_s=1e9)


@dataclass
class Machine:
    """A process whose resident memory is what its live sessions declare, and what it held before."""

    base: int = 500
    live: dict[int, int] = field(default_factory=dict)
    peak: int = 0
    windows: list[str] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def resident(self) -> int:
        return self.base + sum(self.live.values())

    def loader(self, key: str, needs: int) -> Callable[[int], Session]:
        def load(_: int) -> Session:
            number = next(self.numbers)
            self.live[number] = needs
            self.peak = max(self.peak, sum(self.live.values()))
            return Loaded(self, key, number)

        return load

    def row(self, key: str, needs: int, **values: Any) -> Row:
        return Row(key, self.loader(key, needs), **{"estimated_bytes": needs, **values})


class Loaded(Session):
    def __init__(self, machine: Machine, key: str, number: int) -> None:
        self._machine, self._key, self._number = machine, key, number

    def enqueue(self, runs: int) -> None:
        """Takes no time."""

    def feed(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Takes any."""

    def outputs(self) -> tuple[NDArray[Any], ...]:
        return ()

    def read(self, runs: int) -> Reading:
        assert self._number in self._machine.live, "a freed session was run"
        self._machine.windows.append(self._key)
        return Reading(runs, 20_000_000 * runs, 20_000_000 * runs, 0)

    def close(self) -> None:
        del self._machine.live[self._number]


def sampled(machine: Machine, rows: Sequence[Row], limit: int = LIMIT) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    sample(rows, POLICY, lambda row, outcome: found.update({row.key: outcome}), memory=budget(machine, limit))
    assert not machine.live
    return found


def budget(machine: Machine, limit: int = LIMIT) -> MemoryBudget:
    return MemoryBudget(limit, machine.resident)


@pytest.mark.parametrize("needs", [(100,) * 9, (100,) * 35, (900, 100, 500, 450, 60, 1000, 300), (999,) * 3])
def test_sessions_never_take_more_than_the_limit_and_each_row_has_its_generations(needs: tuple[int, ...]) -> None:
    machine = Machine()
    found = sampled(machine, [machine.row(f"r{i}", need) for i, need in enumerate(needs)])
    assert machine.peak <= LIMIT
    for outcome in found.values():
        assert isinstance(outcome, Measurement)
        assert [generation.index for generation in outcome.generations] == list(range(GENERATIONS))
        assert outcome.loads == GENERATIONS
    assert len(found) == len(needs)


def test_as_many_are_loaded_together_as_fit() -> None:
    machine = Machine()
    sampled(machine, [machine.row(f"r{i}", 100) for i in range(35)])
    assert machine.peak == LIMIT


def test_a_row_larger_than_the_limit_is_sampled_by_itself() -> None:
    machine = Machine()
    found = sampled(machine, [machine.row("small", 100), machine.row("large", 3 * LIMIT), machine.row("other", 100)])
    assert all(isinstance(outcome, Measurement) for outcome in found.values())
    assert machine.peak == 3 * LIMIT


def test_the_first_load_corrects_the_estimate() -> None:
    """Estimated at the whole limit each, they take turns in the first generation, and then fit side by side."""
    machine = Machine()
    rows = [machine.row(f"r{i}", 100, estimated_bytes=LIMIT) for i in range(5)]
    sampled(machine, rows)
    assert machine.peak == 600  # five, and the successor of one before that is freed


def test_memory_that_the_estimates_did_not_foresee_ends_a_group() -> None:
    machine = Machine()
    sampled(machine, [machine.row(f"r{i}", 400, estimated_bytes=0) for i in range(6)])
    # In the first generation, the row that crosses the limit is the last of its group; then its need is known.
    assert machine.peak <= LIMIT + 400


def test_the_limit_holds_where_the_system_does_not_report_memory() -> None:
    machine = Machine()
    rows = [machine.row(f"r{i}", 300) for i in range(8)]
    sample(rows, POLICY, lambda *_: None, memory=MemoryBudget(LIMIT, lambda: None))
    assert machine.peak <= LIMIT


def test_a_session_that_is_too_dear_to_load_again_stays_and_counts() -> None:
    machine = Machine()
    kept = [machine.row(f"kept{i}", 200, max_loads=1) for i in range(2)]
    found = sampled(machine, [*kept, *(machine.row(f"r{i}", 300) for i in range(5))])
    assert machine.peak <= LIMIT
    for key, outcome in found.items():
        assert isinstance(outcome, Measurement)
        assert outcome.loads == (1 if key.startswith("kept") else GENERATIONS)


def test_sessions_that_stay_are_not_all_loaded_where_they_do_not_fit() -> None:
    machine = Machine()
    found = sampled(machine, [machine.row(f"r{i}", 400, max_loads=1) for i in range(7)])
    assert machine.peak <= LIMIT
    assert all(isinstance(outcome, Measurement) and outcome.loads == 1 for outcome in found.values())


def test_a_row_that_cannot_be_loaded_leaves_its_place_to_the_next() -> None:
    machine = Machine()

    def fail(_: int) -> Session:
        raise MemoryError("too large")

    rows = [machine.row(f"r{i}", 400) for i in range(4)]
    found = sampled(machine, [*rows[:2], Row("broken", fail, estimated_bytes=400), *rows[2:]])
    assert isinstance(found.pop("broken"), Failure)
    assert all(isinstance(outcome, Measurement) for outcome in found.values())
    assert machine.peak <= LIMIT


def test_rows_of_one_group_are_interleaved() -> None:
    machine = Machine()
    sampled(machine, [machine.row(f"r{i}", 300) for i in range(6)])
    # Each round takes one window of each of three rows: no row has two windows in a row but where rounds meet.
    neighbours = [a == b for a, b in itertools.pairwise(machine.windows)]
    assert np.mean(neighbours) < 0.4


def key_of(row: str) -> str:
    return row


def set_of(row: str) -> str:
    return row[0]


def test_two_generations_give_every_row_the_same_mean_place() -> None:
    rows = [f"{name}{i}" for name in "abc" for i in range(5)]
    orders = Orders(np.random.default_rng(0))
    for _ in range(10):
        first, second = (orders.next(rows, key_of, set_of) for _ in range(2))
        assert {first.index(row) + second.index(row) for row in rows} == {len(rows) - 1}


def test_what_is_compared_is_sampled_one_after_the_other() -> None:
    rows = [f"{name}{i}" for i in range(5) for name in "abc"]
    orders = Orders(np.random.default_rng(0))
    seen = set()
    for _ in range(20):
        order = orders.next(rows, key_of, set_of)
        assert len([1 for a, b in itertools.pairwise(order) if a[0] != b[0]]) == 2
        seen.add(tuple(order))
    assert len(seen) == 20


def test_rows_that_end_leave_the_others_their_order() -> None:
    rows = ["a0", "a1", "b0", "b1", "b2"]
    orders = Orders(np.random.default_rng(1))
    first = orders.next(rows, key_of, set_of)
    second = orders.next(["a1", "b0", "b2"], key_of, set_of)
    assert second == [row for row in reversed(first) if row in ("a1", "b0", "b2")]


def test_linear_drift_moves_rows_of_different_groups_alike() -> None:
    """Latency rises with each window taken; the rows' means over an even number of generations are the same."""
    rows = [f"a{i}" for i in range(12)]
    orders = Orders(np.random.default_rng(2))
    total = dict.fromkeys(rows, 0.0)
    now = 0
    for _ in range(8):
        for row in orders.next(rows, key_of, set_of):
            total[row] += 1 + 0.01 * now
            now += 1
    assert max(total.values()) == pytest.approx(min(total.values()))


def test_this_process_has_held_at_least_what_it_holds() -> None:
    held, peak = resident_bytes(), peak_resident_bytes()
    if held is None or peak is None:
        pytest.skip("the system does not tell")
    assert peak > 2**20
    block = np.ones(2**23)  # 64 MiB
    grown = resident_bytes()
    assert grown is not None
    assert grown - held > 2**25
    assert (peak_resident_bytes() or 0) >= grown - 2**22
    del block
