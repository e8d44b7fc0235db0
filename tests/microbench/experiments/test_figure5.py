"""Figure 5: what is timed, and what is shown of single blocks and of one more inside a network."""

from pathlib import Path

from microbench.experiments.figure5 import DEPTHS, PANELS, Figure5
from microbench.measure.environment import fingerprint
from microbench.measure.measurement import Generation, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.workload import Cost, WorkloadSpec

ENDS_MS = 0.5


def inside_ms(width: int) -> float:
    """Steps of sixteen channels."""
    return 0.001 * (-(-width // 16) * 16) ** 2


def record(spec: WorkloadSpec, latency_ms: float) -> Record:
    """Ten loads on a line that nothing disturbs."""
    readings = tuple(Reading(1, round(latency_ms * 1e6), round(latency_ms * 1e6), 0) for _ in range(4))
    generations = tuple(Generation(index, index, readings) for index in range(10))
    width, depth = int(spec.axes["width"]), int(spec.axes["depth"])
    return Record(
        experiment=spec.experiment,
        name=spec.name,
        axes=spec.axes,
        configuration=Configuration("onnxruntime"),
        runtime_version="1",
        run="2026-01-01T00:00:00Z-aaaa",
        environment=fingerprint(),
        cost=Cost(macs=9 * width * width * 128 * 128 * depth, parameters=1, moved_bytes=1),
        measurement=summarize(
            generations, Diagnostics(0.0, 1.0, 0.0, None, None), ci_target=0.01, single_threaded=True
        ),
    )


def records(depths: tuple[int, ...] = DEPTHS) -> list[Record]:
    return [
        record(spec, ENDS_MS + int(spec.axes["depth"]) * inside_ms(int(spec.axes["width"])))
        for spec in Figure5().specs()
        if spec.axes["depth"] in depths
    ]


def test_each_width_is_timed_in_chains_that_show_whether_they_lie_on_a_line() -> None:
    specs = Figure5().specs()
    widths = set(PANELS["a"]) | set(PANELS["b"])
    assert {(spec.axes["width"], spec.axes["depth"]) for spec in specs} == {(w, d) for w in widths for d in (1, 2, 4)}
    assert len(specs) == 3 * len(widths)


def test_the_table_has_each_width_alone_and_as_one_more_block_with_its_ends(tmp_path: Path) -> None:
    shown = Figure5().present(records(), [], tmp_path)
    widths = set(PANELS["a"]) | set(PANELS["b"])
    assert len(shown.table) == 2 * len(widths)
    more = shown.table[shown.table["depth"] == "one more"]
    assert set(more["width"]) == widths
    assert all(text.startswith("0.5") for text in more["ends ms"])
    inside = [curve for curve in shown.data["sweet_spots_inside_a_network"] if "5(b)" in curve["label"]]
    assert [curve["sweet_spots"] for curve in inside] == [[16, 32, 48, 64]]
    assert "inside a network" in inside[0]["label"]
    (ends,) = [finding for finding in shown.findings if "the ends" in finding]
    assert "0.5 to 0.5 ms, 7% to 66% of a single block" in ends
    svg = next(path for path in shown.figures if path.suffix == ".svg")
    assert svg.read_text("utf-8").count("inside a network") == 2


def test_without_chains_the_figure_is_that_of_single_blocks(tmp_path: Path) -> None:
    shown = Figure5().present(records((1,)), [], tmp_path)
    assert len(shown.table) == len(set(PANELS["a"]) | set(PANELS["b"]))
    assert shown.data["sweet_spots_inside_a_network"] == []
    assert not any("inside a network" in finding or "the ends" in finding for finding in shown.findings)
