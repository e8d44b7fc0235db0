"""Controlled experiments on simulated records: what is shown, what is ruled out, and what stays undecided."""

import dataclasses
import doctest
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from microbench.experiments.figure4 import CONV, SEPCONV
from microbench.experiments.isa import Isa
from microbench.experiments.layout import Layout
from microbench.experiments.winograd import Winograd
from microbench.measure.record import Record
from microbench.measure.store import RecordStore
from microbench.measure.workload import Axis, WorkloadSpec
from microbench.report.controlled import conclusion, kernels
from microbench.report.controlled.kernels import winograd_tactics
from microbench.report.controlled.ratio_change import ratio_changes
from microbench.studies.recorded import read_recorded
from microbench.studies.report import build_report

pytestmark = pytest.mark.heavy

MakeRecord = Callable[..., Record]
LOADS = 10


class Device:
    """Makes a record of a spec: what a device would give whose latency is known."""

    def __init__(self, make_record: MakeRecord, noise: float = 0.004, loads: int = LOADS) -> None:
        self.make_record, self.noise, self.loads = make_record, noise, loads
        self.rng = np.random.default_rng(3)

    def run(
        self, spec: WorkloadSpec, latency_ms: float, runtime: str, implementations: Sequence[str], macs: int
    ) -> Record:
        medians = latency_ms * np.exp(self.rng.normal(0, self.noise, self.loads))
        record = self.make_record(spec.experiment, spec.name, dict(spec.axes), medians, macs=macs, runtime=runtime)
        assert record.measurement is not None
        listed = [
            {"operator": "Convolution", "implementation": name, "converts_layout": False} for name in implementations
        ]
        return dataclasses.replace(
            record, measurement=dataclasses.replace(record.measurement, builds=({"kernels": listed},))
        )


def steps_of(period: int, width: Axis) -> float:
    """Latency in milliseconds where channels are padded to a multiple of the period."""
    return 0.2 + 0.002 * (math.ceil(int(width) / period) * period) ** 2


def isa_records(
    device: Device, periods: dict[str, int], kernel_of: Callable[[str], str] = lambda level: f"jit:{level}_core"
) -> list[Record]:
    return [
        device.run(
            spec, steps_of(period, spec.axes["width"]), "torch-eager", [kernel_of(level)], int(spec.axes["width"]) ** 2
        )
        for level, period in periods.items()
        for spec in Isa(level).specs()
    ]


def outcomes(experiment: Isa | Winograd | Layout, records: Sequence[Record], folder: Path) -> list[str]:
    presentation = experiment.present(records, [], folder)
    assert len(presentation.findings) >= len(presentation.data["conclusions"])
    return [found["outcome"] for found in presentation.data["conclusions"]]


def test_a_period_that_grows_with_the_vectors_shows_the_cause(make_record: MakeRecord, tmp_path: Path) -> None:
    records = isa_records(Device(make_record), {"avx2": 8, "avx512": 16})
    presentation = Isa().present(records, [], tmp_path)
    assert [found["outcome"] for found in presentation.data["conclusions"]] == ["shown"]
    sentence = presentation.findings[0]
    assert sentence.startswith(
        "torch-eager fp32, 1 thread: does the period follow the vectors' width (avx2 and avx512)? cause shown: "
        "8 channels with avx2 (in 100% of resamples), 16 channels with avx512"
    )
    assert "jit:avx512_core" in sentence
    assert list(presentation.table["isa"]) == ["avx2"] * 16 + ["avx512"] * 16
    assert {path.suffix for path in presentation.figures} == {".png", ".svg", ".pdf"}
    assert any("ONNX Runtime is left out" in finding for finding in presentation.findings)


def test_recorded_levels_are_shown_in_their_order_and_in_the_report(make_record: MakeRecord, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    records = isa_records(Device(make_record), {"avx512": 16, "avx2": 8})
    with RecordStore(folder / "isa.jsonl") as store:
        for record in records:
            store.append(record)
    found = read_recorded(["isa"], folder)
    assert sorted(record.name for record in found.records["isa"]) == sorted(record.name for record in records)
    sections = {section.name: section for section in build_report(["here"], tmp_path).machines[0].sections}
    assert "cause shown" in sections["isa"].findings[0]
    assert sections["isa"].figures
    assert "winograd" not in sections  # missed by nobody
    assert "roofline" not in sections


def test_a_period_that_stays_rules_the_vectors_out(make_record: MakeRecord, tmp_path: Path) -> None:
    assert outcomes(Isa(), isa_records(Device(make_record), {"avx2": 16, "avx512": 16}), tmp_path) == ["ruled out"]


def test_a_restriction_that_the_kernels_did_not_heed_shows_nothing(make_record: MakeRecord, tmp_path: Path) -> None:
    records = isa_records(Device(make_record), {"avx2": 8, "avx512": 16}, lambda _: "jit:avx512_core")
    presentation = Isa().present(records, [], tmp_path)
    assert [found["outcome"] for found in presentation.data["conclusions"]] == ["undecided"]
    assert "the restriction did not take effect in the kernels that ran" in presentation.findings[0]


def test_few_loads_or_much_noise_leave_the_question_open(make_record: MakeRecord, tmp_path: Path) -> None:
    few = isa_records(Device(make_record, loads=4), {"avx2": 8, "avx512": 16})
    assert outcomes(Isa(), few, tmp_path) == ["undecided"]
    assert "a row has 4 loads, and 6 are needed" in Isa().present(few, [], tmp_path).findings[0]
    noisy = isa_records(Device(make_record, noise=0.6), {"avx2": 8, "avx512": 16})
    assert outcomes(Isa(), noisy, tmp_path) == ["undecided"]


def test_one_level_alone_has_a_period_and_no_answer(make_record: MakeRecord, tmp_path: Path) -> None:
    presentation = Isa().present(isa_records(Device(make_record), {"avx2": 8}), [], tmp_path)
    assert presentation.data["conclusions"] == []
    assert "with one level there is nothing to compare it with" in presentation.findings[0]


def block_records(
    device: Device,
    experiment: Winograd | Layout,
    latency_ms: Callable[[str, str, int, int], float],
    runtimes: tuple[str, str],
) -> list[Record]:
    """Rows of both arms; MACs are those of the model, whatever the arm computes."""
    return [
        device.run(
            spec,
            latency_ms(runtime, str(spec.axes["block"]), int(spec.axes["width"]), int(spec.axes["depth"])),
            runtime,
            ["NCHWc" if runtime == "onnxruntime" else "CPUExecutionProvider"],
            (9 if spec.axes["block"] == CONV.label else 2) * int(spec.axes["depth"]) * 10**6,
        )
        for runtime in runtimes
        for spec in experiment.specs()
    ]


def winograd_latency(saved: float) -> Callable[[str, str, int, int], float]:
    """A device whose standard convolution is `saved` times as fast with Winograd; a depthwise pair takes 1 ms."""

    def latency_ms(runtime: str, block: str, width: int, depth: int) -> float:  # noqa: ARG001
        if block == SEPCONV.label:
            return 0.3 + depth * 1.0
        return 0.3 + depth * (5.0 / saved if runtime == "ncnn" else 5.0)

    return latency_ms


def test_a_ratio_that_turns_with_winograd_stands_or_falls_with_it(make_record: MakeRecord, tmp_path: Path) -> None:
    records = block_records(Device(make_record), Winograd(), winograd_latency(2.5), ("ncnn", "ncnn-direct"))
    presentation = Winograd().present(records, [], tmp_path)
    assert [found["outcome"] for found in presentation.data["conclusions"]] == ["shown", "shown"]
    alone, inside = presentation.data["ratio_changes"]
    # 9 / 2 times the MACs: (1 / 2) * 4.5 with it on and (1 / 5) * 4.5 with it off, once the ends are gone.
    assert inside["on"]["estimate"] == pytest.approx(2.25, rel=0.03)
    assert inside["off"]["estimate"] == pytest.approx(0.9, rel=0.03)
    assert inside["change"]["low"] < 2.5 < inside["change"]["high"]
    assert alone["on"]["estimate"] == pytest.approx(4.5 * 1.3 / 2.3, rel=0.03)
    assert "depends on this switch" in presentation.findings[1]
    assert inside["control"]["low"] < 1 < inside["control"]["high"]


def test_the_interval_of_a_change_holds_the_truth_in_most_draws(make_record: MakeRecord) -> None:
    """Of 60 draws 57 are expected; fewer than 50 would be of an interval that is too narrow."""
    device, held = Device(make_record, noise=0.03), 0
    specs = [spec for spec in Winograd().specs() if spec.axes["depth"] == 1]
    latency_ms = winograd_latency(2.5)
    for _ in range(60):
        on, off = (
            [
                device.run(spec, latency_ms(runtime, str(spec.axes["block"]), 32, 1), runtime, [], 10**6)
                for spec in specs
            ]
            for runtime in ("ncnn", "ncnn-direct")
        )
        (change,) = ratio_changes(on, off, CONV.label, SEPCONV.label)
        held += not change.change.excludes((0.3 + 5.0) / (0.3 + 2.0))
    assert held >= 50


def test_one_load_of_each_model_tells_nothing_of_the_change(make_record: MakeRecord, tmp_path: Path) -> None:
    device = Device(make_record, loads=1)
    records = block_records(device, Winograd(), winograd_latency(2.5), ("ncnn", "ncnn-direct"))
    presentation = Winograd().present(records, [], tmp_path)
    assert [found["outcome"] for found in presentation.data["conclusions"]] == ["undecided"]


def test_a_switch_that_changes_nothing_is_ruled_out(make_record: MakeRecord, tmp_path: Path) -> None:
    records = block_records(Device(make_record), Winograd(), winograd_latency(1.0), ("ncnn", "ncnn-direct"))
    assert outcomes(Winograd(), records, tmp_path) == ["ruled out", "ruled out"]


def test_a_change_within_a_wide_interval_is_undecided(make_record: MakeRecord, tmp_path: Path) -> None:
    device = Device(make_record, noise=0.5)
    records = block_records(device, Winograd(), winograd_latency(1.1), ("ncnn", "ncnn-direct"))
    assert set(outcomes(Winograd(), records, tmp_path)) <= {"undecided"}


def test_arms_of_different_runs_are_compared_with_a_wider_interval(make_record: MakeRecord, tmp_path: Path) -> None:
    records = block_records(Device(make_record), Winograd(), winograd_latency(2.5), ("ncnn", "ncnn-direct"))
    apart = [
        dataclasses.replace(record, run="later") if record.configuration.runtime == "ncnn-direct" else record
        for record in records
    ]
    together, parted = (
        Winograd().present(rows, [], tmp_path).data["ratio_changes"][0]["change"] for rows in (records, apart)
    )
    assert parted["high"] / parted["low"] > 1.1 * together["high"] / together["low"]


def layout_latency(runtime: str, block: str, width: int, depth: int) -> float:
    """Blocks of 8 channels with the NCHWc layout; without it no steps, and twice the time."""
    cost = 0.5 if block == SEPCONV.label else 1.0
    if runtime == "onnxruntime":
        return 0.1 + depth * cost * steps_of(8, width)
    return depth * cost * 2 * (0.2 + 0.002 * width**2)


def test_a_layout_that_makes_the_period_is_shown_to(make_record: MakeRecord, tmp_path: Path) -> None:
    arms = ("onnxruntime", "onnxruntime-nchw")
    records = block_records(Device(make_record, noise=0.002), Layout(), layout_latency, arms)
    presentation = Layout().present(records, [], tmp_path)
    by_question = {found["question"]: found["outcome"] for found in presentation.data["conclusions"]}
    assert by_question["does the period over widths 1 to 17 come with the NCHWc layout?"] == "shown"
    assert "Convolutions of onnxruntime: NCHWc." in presentation.findings
    assert "Convolutions of onnxruntime-nchw: CPUExecutionProvider." in presentation.findings
    assert len(presentation.figures) == 6


def test_a_layout_that_changed_no_kernel_is_reported(make_record: MakeRecord, tmp_path: Path) -> None:
    arms = ("onnxruntime", "onnxruntime-nchw")
    records = block_records(Device(make_record), Layout(), layout_latency, arms)
    measurements = {record.name: record.measurement for record in records if record.configuration.runtime == arms[1]}
    same = [dataclasses.replace(record, measurement=measurements[record.name]) for record in records]
    assert any("no kernel differs" in finding for finding in Layout().present(same, [], tmp_path).findings)


def test_tensorrt_tactics_of_winograd_are_found_by_their_names(make_record: MakeRecord) -> None:
    record = make_record("winograd", "a", {}, [1.0, 1.0])
    assert record.measurement is not None
    layers = [{"Name": "conv", "TacticName": "sm80_xmma_fprop_winograd_f32"}, {"Name": "x", "TacticName": "gemm"}]
    measurement = dataclasses.replace(record.measurement, builds=({"layers": layers},))
    record = dataclasses.replace(record, measurement=measurement)
    assert winograd_tactics(record) == ("sm80_xmma_fprop_winograd_f32",)


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(conclusion).failed == doctest.testmod(kernels).failed == 0
