"""Sets of records compared row by row: ratios, and what is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from microbench.errors import InputError
from microbench.measure.environment import Environment
from microbench.measure.interval import Interval
from microbench.measure.measurement import Generation, Measurement
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.store import RecordStore
from microbench.report.comparison.ratios import ALLOWED, Comparison, compare_records
from microbench.report.comparison.selection import RecordSelection, read_selections
from microbench.report.figures.comparison import draw_comparison

ENVIRONMENT = Environment("1a2b3c", "A processor", 2, (), {}, None, None, None, "Linux", "3.11", {}, None)
DIAGNOSTICS = Diagnostics(0.0, 1.0, 0.0, None, None)


def measured(latency_ms: float, half_width: float = 0.01, noise_reasons: tuple[str, ...] = ()) -> Measurement:
    return Measurement(
        undisturbed=Interval(latency_ms, latency_ms * (1 - half_width), latency_ms * (1 + half_width)),
        typical=Interval(latency_ms, latency_ms * (1 - half_width), latency_ms * (1 + half_width)),
        cpu_ms=latency_ms,
        latency_p99_ms=None,
        samples=48,
        loads=6,
        converged=True,
        ci_target=0.01,
        clock="wall",
        diagnostics=DIAGNOSTICS,
        noise_reasons=noise_reasons,
        generations=(Generation(0, 0, (Reading(1, round(latency_ms * 1e6), round(latency_ms * 1e6), 0),)),),
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


def compared(*sides: list[Record], allow: str = "") -> Comparison:
    """Sets called a, b, c and so on."""
    sets = [RecordSelection(label, tuple(side)) for label, side in zip("abc", sides, strict=False)]
    return compare_records(sets, allow=frozenset(allow.split()))


def on_host(host: str) -> dict[str, Any]:
    return {"environment": dataclasses.replace(ENVIRONMENT, host=host)}


def test_the_ratio_is_over_the_first_set() -> None:
    (row,) = compared([record(latency_ms=2.0)], [record(latency_ms=3.0)], [record(latency_ms=1.0)]).rows
    assert [latency and (latency.latency_ms, latency.ratio.estimate) for latency in row.latencies] == [
        (2.0, 1.0),
        (3.0, 1.5),
        (1.0, 0.5),
    ]


def test_rows_are_matched_by_what_they_are_and_not_by_their_place() -> None:
    first = [record("a", 1.0), record("b", 2.0)]
    second = [record("b", 2.2), record("a", 0.9)]
    ratios = {row.name: row.latencies[1] and row.latencies[1].ratio.estimate for row in compared(first, second).rows}
    assert ratios == {"a": pytest.approx(0.9), "b": pytest.approx(1.1)}


UNLIKE = [
    ({"experiment": "sweep"}, None),
    ({"configuration": Configuration("openvino")}, "runtime"),
    ({"configuration": Configuration("onnxruntime", precision="int8")}, "precision"),
    ({"configuration": Configuration("onnxruntime", threads=2)}, "threads"),
    ({"configuration": Configuration("onnxruntime", device="cuda")}, "runtime"),
    ({"configuration": Configuration("onnxruntime", timing="isolated")}, "runtime"),
    ({"configuration": Configuration("onnxruntime", l2="cold")}, "runtime"),
]


@pytest.mark.parametrize(("changes", "field"), UNLIKE)
def test_unlike_rows_are_compared_only_where_it_was_asked_for(changes: dict[str, Any], field: str | None) -> None:
    sides = [record()], [record(latency_ms=2.0, **changes)]
    for allowed in ["", *ALLOWED]:
        if allowed and allowed == field:
            (row,) = compared(*sides, allow=allowed).rows
            assert row.latencies[1] is not None
            assert row.latencies[1].ratio.estimate == 2.0
            continue
        with pytest.raises(InputError, match=r"records 'a' have no measured row in common with 'b'.*\.$"):
            compared(*sides, allow=allowed)


def test_the_versions_of_unlike_runtimes_are_not_compared() -> None:
    other = record(configuration=Configuration("openvino"), runtime_version="2026.4")
    assert len(compared([record()], [other], allow="runtime").rows) == 1


def test_a_set_with_two_rows_for_one_is_refused_with_what_tells_them_apart() -> None:
    both = [record(), record(configuration=Configuration("onnxruntime", precision="int8"))]
    with pytest.raises(InputError) as refusal:
        compared([record()], both, allow="precision")
    assert "records 'b' hold row 'row' in onnxruntime fp32, 1 thread and in onnxruntime int8" in str(refusal.value)
    assert str(refusal.value).endswith("PATH@onnxruntime:int8.")


def test_of_a_row_measured_under_two_versions_the_later_counts() -> None:
    (row,) = compared(
        [record(latency_ms=1.0), record(latency_ms=2.0, runtime_version="1.24")], [record()], allow="version"
    ).rows
    assert row.latencies[0] is not None
    assert row.latencies[0].latency_ms == 2.0


def test_what_cannot_be_allowed_is_refused() -> None:
    with pytest.raises(InputError, match="allow 'weather' is unknown; allowed: host, version, runtime"):
        compared([record()], [record()], allow="weather")


def test_rows_stand_in_the_order_of_their_widths() -> None:
    rows = [record(f"conv/{width}") for width in (16, 8, 128)]
    assert [row.name for row in compared(rows, rows).rows] == ["conv/8", "conv/16", "conv/128"]


@pytest.mark.parametrize(("half_width", "differ"), [(0.01, True), (0.09, False)])
def test_the_ratio_has_the_interval_of_both_latencies(half_width: float, differ: bool) -> None:
    first = record(measurement=measured(1.0, half_width))
    second = record(measurement=measured(1.1, half_width))
    (row,) = compared([first], [second]).rows
    assert row.latencies[1] is not None
    low, high = row.latencies[1].ratio.low, row.latencies[1].ratio.high
    assert low < 1.1 < high
    assert (low > 1) is differ
    # Wider than either side's own, by the square root of two as both are alike.
    assert (high - low) / 2 / 1.1 == pytest.approx(half_width * 2**0.5, rel=0.02)


def test_a_row_that_is_noisy_on_either_side_is_noisy() -> None:
    for pair in ((noisy("a", 1.0), record("a")), (record("a"), noisy("a", 1.0))):
        assert compared([pair[0]], [pair[1]]).rows[0].noisy
    assert not compared([record("a")], [record("a")]).rows[0].noisy


def test_the_largest_difference_is_of_quiet_rows_in_either_direction() -> None:
    first = [record("a", 1.0), record("b", 1.0), record("c", 1.0)]
    second = [record("a", 1.03), record("b", 0.96), noisy("c", 2.0)]
    assert compared(first, second).largest_quiet_difference == pytest.approx(0.04)


def test_without_quiet_rows_there_is_no_largest_difference() -> None:
    comparison = compared([noisy("a", 1.0)], [record("a")])
    assert comparison.largest_quiet_difference is None
    assert "1 rows compared, 1 of them noisy in a set." in comparison.summary()


def test_the_mean_of_ratios_is_geometric() -> None:
    first = [record("a", 1.0), record("b", 1.0)]
    comparison = compared(first, [record("a", 4.0), record("b", 1.0)], [record("a", 0.5)])
    assert comparison.mean_ratios() == {"b": pytest.approx(2.0), "c": pytest.approx(0.5)}
    assert "b takes 2 times as long as a (geometric mean)" in comparison.summary()


def test_rows_that_a_set_lacks_are_named() -> None:
    comparison = compared([record("k"), record("l"), record("n")], [record("l"), record("m")])
    assert comparison.lacking == {"a": ("m",), "b": ("k", "n")}
    assert "not in a: m" in comparison.summary()
    assert "not in b: k, n" in comparison.summary()


def test_many_lacking_rows_are_counted() -> None:
    comparison = compared([record(str(width)) for width in range(10)], [record("0")])
    assert "not in b: 1, 2, 3, 4, 5, 6 and 3 more." in comparison.summary()


def test_a_row_that_failed_in_one_set_is_lacking_there() -> None:
    comparison = compared([record("k"), record("l"), failed("m")], [failed("k"), record("l"), failed("m")])
    assert [row.name for row in comparison.rows] == ["l"]
    assert comparison.lacking == {"b": ("k",)}


def test_a_row_that_only_some_sets_have_keeps_its_place_empty() -> None:
    comparison = compared([record("k")], [], [record("k", 2.0)])
    (row,) = comparison.rows
    assert row.latencies[1] is None
    assert list(comparison.table()["b / a"]) == [""]
    assert list(comparison.values()["set"]) == ["a", "c"]


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
    sides = [record()], [record()], [record(latency_ms=2.0, **changes)]
    other = {"host": "version", "version": "host"}[field]
    for allowed in ("", other):
        with pytest.raises(InputError) as refusal:
            compared(*sides, allow=allowed)
        text = str(refusal.value)
        assert text.startswith(f"{field} differs in row 'row' ({values[0]} and {values[1]})")
        assert text.endswith(f"--allow {field} to compare anyway.")
    (row,) = compared(*sides, allow=field).rows
    assert [latency and latency.ratio.estimate for latency in row.latencies] == [1.0, 1.0, 2.0]


def test_unlike_hosts_of_rows_that_are_not_compared_do_no_harm() -> None:
    assert len(compared([record("a"), record("b", **on_host("ffffff"))], [record("a")]).rows) == 1


def test_the_table_and_the_json_say_the_same() -> None:
    comparison = compared([record("k", 2.0), noisy("l", 1.0)], [record("k", 3.0), record("l", 1.0)])
    table = comparison.table()
    assert list(table["a, ms"]) == ["2", "1"]
    assert list(table["b / a"]) == ["1.500 [1.479, 1.521]", "1.000 [0.986, 1.014]"]
    assert list(table["remarks"]) == ["", "noisy in a"]
    found = json.loads(json.dumps(comparison.as_json(), allow_nan=False))
    assert found["sets"] == ["a", "b"]
    assert [row["latencies"][1]["ratio"]["estimate"] for row in found["rows"]] == [1.5, 1.0]
    assert found["largest_quiet_difference"] == 0.5


# The figure


def test_a_figure_names_few_rows_and_lays_out_many_by_latency(tmp_path: Path) -> None:
    few = [record(f"row {index}", 1.0) for index in range(3)]
    many = [record(f"width {index}", 1.0 + index, experiment="sweep") for index in range(60)]
    comparison = compared([*few, *many], [*few, *many], [few[0], noisy("row 1", 1.0)])
    png, svg, _ = draw_comparison(comparison, tmp_path / "compare")
    assert png.stat().st_size > 0
    text = svg.read_text()
    # Text is drawn as outlines, with what it says in a comment.
    for shown in ("row 0", "latency over that in a", "latency in a (ms)"):
        assert f"<!-- {shown} -->" in text
    for experiment in ("figure5", "sweep"):
        assert f"<!-- {experiment}, with 95% intervals" in text
    assert "<!-- width 0 -->" not in text


# Reading sets


def write(path: Path, *records: Record) -> Path:
    path.parent.mkdir(exist_ok=True)
    with RecordStore(path) as store:
        for whole in records:
            store.append(whole)
    return path


def test_a_set_is_a_file_or_all_files_of_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", record("a", 1.0), record("a", 2.0))
    write(tmp_path / "b.jsonl", record("b"))
    (tmp_path / "notes.txt").write_text("not a record")
    # Of a row measured twice, the later one.
    file, folder = read_selections([str(tmp_path / "a.jsonl"), str(tmp_path)])
    assert file.records == (record("a", 2.0),)
    assert folder.records == (record("a", 2.0), record("b"))


def test_some_rows_of_a_set_are_chosen_by_runtime_and_precision(tmp_path: Path) -> None:
    rows = [
        record(configuration=Configuration(runtime, precision))
        for runtime in ("onnxruntime", "openvino")
        for precision in ("fp32", "int8")
    ]
    path = str(write(tmp_path / "a.jsonl", *rows))
    whole, runtime, precision, both = read_selections(
        [path, f"{path}@openvino", f"{path}@int8", f"{path}@openvino:int8"]
    )
    assert whole.records == tuple(rows)
    assert runtime.records == (rows[2], rows[3])
    assert precision.records == (rows[1], rows[3])
    assert both.records == (rows[3],)
    assert [one.label for one in (runtime, precision, both)] == ["openvino", "int8", "openvino int8"]
    with pytest.raises(InputError, match=r"hold no runtime or precision 'fp16'; they hold: fp32, int8, onnxruntime"):
        read_selections([f"{path}@fp16"])


def test_sets_are_called_by_what_their_paths_do_not_share(tmp_path: Path) -> None:
    paths = [write(tmp_path / machine / "figure5.jsonl", record()) for machine in ("phone", "server")]
    assert [one.label for one in read_selections([str(path) for path in paths])] == ["phone", "server"]
    assert [one.label for one in read_selections([str(paths[0]), str(tmp_path / "phone")])] == [
        str(paths[0]),
        str(tmp_path / "phone"),
    ]
    twice = [one.label for one in read_selections([str(paths[0])] * 2)]
    assert twice == [f"{paths[0]} (1)", f"{paths[0]} (2)"]


def test_a_path_with_the_sign_in_it_is_a_path(tmp_path: Path) -> None:
    path = write(tmp_path / "me@home" / "a.jsonl", record())
    assert read_selections([str(path)])[0].records == (record(),)


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"hold nothing; give a \.jsonl file or a machine's results folder\.$"):
        read_selections([str(tmp_path)])


def test_a_set_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_selections([str(tmp_path / "missing.jsonl")])
