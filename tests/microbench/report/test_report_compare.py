"""Two sets of records held against each other: ratios, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from microbench.errors import InputError
from microbench.measure.environment import Environment
from microbench.measure.measurement import Measurement
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.store import RecordStore
from microbench.report.compare import Comparison, compare_records, read_side

ENVIRONMENT = Environment("1a2b3c", "A processor", 2, (), {}, None, None, None, "Linux", "3.11", {}, None)
DIAGNOSTICS = Diagnostics(0.0, 1.0, 0.0, None, None)


def measured(latency_ms: float, half_width: float = 0.01, noise_reasons: tuple[str, ...] = ()) -> Measurement:
    return Measurement(
        latency_ms=latency_ms,
        latency_ci_low_ms=latency_ms * (1 - half_width),
        latency_ci_high_ms=latency_ms * (1 + half_width),
        cpu_ms=latency_ms,
        latency_p99_ms=None,
        samples=48,
        loads=6,
        converged=True,
        ci_target=0.01,
        clock="wall",
        diagnostics=DIAGNOSTICS,
        noise_reasons=noise_reasons,
        generations=(),
    )


def record(name: str = "row", latency_ms: float = 1.0, **changes: Any) -> Record:
    whole = Record(
        experiment="figure5",
        name=name,
        axes={},
        configuration=Configuration("onnxruntime"),
        runtime_version="1.23",
        run="run",
        environment=ENVIRONMENT,
        measurement=measured(latency_ms),
    )
    return dataclasses.replace(whole, **changes)


def failed(name: str) -> Record:
    return record(name, measurement=None, error="RuntimeError: no")


def noisy(name: str, latency_ms: float) -> Record:
    return record(name, measurement=measured(latency_ms, noise_reasons=("preempted 300/s",)))


def on_host(host: str) -> dict[str, Any]:
    return {"environment": dataclasses.replace(ENVIRONMENT, host=host)}


def test_the_ratio_is_the_second_over_the_first() -> None:
    (row,) = compare_records([record(latency_ms=2.0)], [record(latency_ms=3.0)]).rows
    assert (row.first_ms, row.second_ms, row.ratio) == (2.0, 3.0, 1.5)


def test_rows_are_matched_by_what_they_are_and_not_by_their_place() -> None:
    first = [record("a", 1.0), record("b", 2.0)]
    second = [record("b", 2.2), record("a", 0.9)]
    ratios = {row.name: row.ratio for row in compare_records(first, second).rows}
    assert ratios == {"figure5 a": pytest.approx(0.9), "figure5 b": pytest.approx(1.1)}


@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": "sweep"},
        {"configuration": Configuration("openvino")},
        {"configuration": Configuration("onnxruntime", precision="int8")},
        {"configuration": Configuration("onnxruntime", threads=2)},
        {"configuration": Configuration("onnxruntime", device="cuda")},
        {"configuration": Configuration("onnxruntime", timing="isolated")},
        {"configuration": Configuration("onnxruntime", l2="cold")},
    ],
)
def test_unlike_rows_are_never_compared(changes: dict[str, Any]) -> None:
    comparison = compare_records([record()], [record(**changes)])
    assert comparison.rows == ()
    assert comparison.only_first == comparison.only_second == ("row",)


@pytest.mark.parametrize(
    ("half_width", "overlap"),
    [(0.01, False), (0.06, True)],
)
def test_it_is_told_whether_the_intervals_overlap(half_width: float, overlap: bool) -> None:
    first = record(measurement=measured(1.0, half_width))
    second = record(measurement=measured(1.1, half_width))
    for pair in ((first, second), (second, first)):
        (row,) = compare_records([pair[0]], [pair[1]]).rows
        assert row.intervals_overlap is overlap


def test_a_row_that_is_noisy_on_either_side_is_noisy() -> None:
    for pair in ((noisy("a", 1.0), record("a")), (record("a"), noisy("a", 1.0))):
        assert compare_records([pair[0]], [pair[1]]).rows[0].noisy
    assert not compare_records([record("a")], [record("a")]).rows[0].noisy


def test_the_largest_difference_is_of_quiet_rows_in_either_direction() -> None:
    first = [record("a", 1.0), record("b", 1.0), record("c", 1.0)]
    second = [record("a", 1.03), record("b", 0.96), noisy("c", 2.0)]
    assert compare_records(first, second).largest_quiet_difference == pytest.approx(0.04)


def test_without_quiet_rows_there_is_no_largest_difference() -> None:
    comparison = compare_records([noisy("a", 1.0)], [record("a")])
    assert comparison.largest_quiet_difference is None
    assert "1 rows compared, 1 of them noisy on a side." in comparison.summary()


def test_rows_on_one_side_alone_are_named() -> None:
    comparison = compare_records([record("a"), record("b"), record("d")], [record("b"), record("c")])
    assert comparison.only_first == ("a", "d")
    assert comparison.only_second == ("c",)
    assert "only on the first side: a, d" in comparison.summary()
    assert "only on the second side: c" in comparison.summary()


def test_a_row_that_failed_on_one_side_is_on_the_other_alone() -> None:
    comparison = compare_records([record("a"), failed("b")], [failed("a"), failed("b")])
    assert comparison.rows == ()
    assert comparison.only_first == ("a",)
    assert comparison.only_second == ()


@pytest.mark.parametrize(
    ("field", "changes", "values"),
    [
        ("host", on_host("ffffff"), ("1a2b3c", "ffffff")),
        ("version", {"runtime_version": "1.24"}, ("1.23", "1.24")),
    ],
)
def test_unlike_hosts_and_versions_are_refused_unless_allowed(
    field: str, changes: dict[str, Any], values: tuple[str, str]
) -> None:
    first, second = [record()], [record(latency_ms=2.0, **changes)]
    with pytest.raises(InputError) as refusal:
        compare_records(first, second)
    text = str(refusal.value)
    assert text.startswith(f"{field} differs in row 'row' ({values[0]} and {values[1]})")
    assert f"--allow {field}" in text
    assert text.endswith(".")
    other = {"host": "version", "version": "host"}[field]
    with pytest.raises(InputError):
        compare_records(first, second, allow=frozenset({other}))
    (row,) = compare_records(first, second, allow=frozenset({field})).rows
    assert row.ratio == 2.0


def test_unlike_hosts_of_rows_that_are_not_compared_do_no_harm() -> None:
    comparison = compare_records([record("a"), record("b", **on_host("ffffff"))], [record("a")])
    assert len(comparison.rows) == 1


def test_the_table_and_the_json_say_the_same() -> None:
    comparison = compare_records([record("a", 2.0), noisy("b", 1.0)], [record("a", 3.0), record("b", 1.0)])
    table = comparison.table()
    assert list(table["difference"]) == ["+50.0%", "+0.0%"]
    assert list(table["remarks"]) == ["intervals do not overlap", "noisy"]
    found = json.loads(json.dumps(comparison.as_json(), allow_nan=False))
    assert [row["ratio"] for row in found["rows"]] == [1.5, 1.0]
    assert found["largest_quiet_difference"] == 0.5


def test_two_empty_sides_have_nothing_to_say() -> None:
    assert compare_records([], []) == Comparison((), (), ())


# Reading a side


def write(path: Path, *records: Record) -> None:
    with RecordStore(path) as store:
        for whole in records:
            store.append(whole)


def test_a_side_is_a_file_or_all_files_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", record("a", 1.0), record("a", 2.0))
    write(tmp_path / "b.jsonl", record("b"))
    (tmp_path / "notes.txt").write_text("not a record")
    # Of a row measured twice, the later one.
    assert read_side(tmp_path / "a.jsonl") == [record("a", 2.0)]
    assert read_side(tmp_path) == [record("a", 2.0), record("b")]


def test_a_side_that_holds_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hold nothing; give a \.jsonl file or a machine's results folder\.$"):
        read_side(tmp_path)


def test_a_side_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_side(tmp_path / "missing.jsonl")
