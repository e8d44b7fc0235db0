"""Kernels, limits and predicted latencies of rows, against sums worked out by hand."""

import dataclasses
import doctest
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from microbench.experiments.ceilings import KERNEL_GRAPHS, Layer, with_ceilings
from microbench.experiments.ceilings import Ceilings as CeilingsExperiment
from microbench.experiments.figure4 import Figure4
from microbench.experiments.figure5 import PANELS, Figure5
from microbench.experiments.sweep import Sweep
from microbench.measure.record import Configuration, Record
from microbench.report.dataframe import to_dataframe
from microbench.report.explanation import columns, costs, kernels, prediction
from microbench.report.explanation.columns import explain_rows, prediction_sentences, with_explanation
from microbench.report.explanation.costs import KernelCosts, kernel_costs, least_squares_above_0
from microbench.report.explanation.kernels import computed_macs, form_of, kernel_text, kernels_of
from microbench.report.explanation.prediction import Ceilings, explain
from microbench.report.explanation.steps import predicted_period, step_sentences, unblocked_widths
from microbench.report.marginal import marginal_costs
from microbench.report.sweet_spots import curves_of, marginal_curves
from microbench.report.tables.blocks import block_table
from microbench.runtimes.kernels import Kernel

MakeRecord = Any
PIXELS = 128 * 128
AXES = {"block": "conv3x3:bare", "in_width": 24, "resolution": "128x128", "stride": 1, "batch": 1, "depth": 1}


def conv(in_channels: int, out_channels: int, implementation: str = "NCHWc", window: int = 3) -> Kernel:
    macs = PIXELS * in_channels * out_channels * window**2
    shapes = (1, in_channels, 128, 128), (1, out_channels, 128, 128)
    return Kernel("Conv", implementation, *shapes, macs=macs, window=(window, window))


def depthwise(channels: int, implementation: str = "NCHWc") -> Kernel:
    shape = (1, channels, 128, 128)
    return Kernel("Conv", implementation, shape, shape, macs=PIXELS * channels * 9, window=(3, 3))


def reorder(operator: str, before: int, after: int) -> Kernel:
    shapes = (1, before, 128, 128), (1, after, 128, 128)
    return Kernel(operator, "CPUExecutionProvider", *shapes, converts_layout=True)


def blocked(width: int, block: int = 16) -> list[Kernel]:
    """A convolution as ONNX Runtime runs it where the width is a multiple of four."""
    padded = -(-width // block) * block
    ends = reorder("ReorderInput", width, padded), reorder("ReorderOutput", padded, width)
    return [ends[0], conv(padded, padded), ends[1]]


def with_kernels(record: Record, kernels: Sequence[Kernel], flags: Sequence[str] = ("avx2", "avx512f")) -> Record:
    assert record.measurement
    described = [{name: list(v) if isinstance(v, tuple) else v for name, v in vars(k).items()} for k in kernels]
    return dataclasses.replace(
        record,
        measurement=dataclasses.replace(record.measurement, builds=({"kernels": described},)),
        environment=dataclasses.replace(
            record.environment, cpu_flags=tuple(flags), cache_bytes={"L2": 2**20, "L3": 2**25}
        ),
    )


def row(
    make_record: MakeRecord, latency_ms: float, kernels: Sequence[Kernel], width: int = 24, **changes: Any
) -> Record:
    made = make_record("figure5", f"c{width}", {**AXES, "width": width, "in_width": width}, [latency_ms] * 6, **changes)
    return with_kernels(made, kernels)


def test_a_convolution_is_named_with_its_block_and_the_channels_that_fill_it(make_record: MakeRecord) -> None:
    assert kernel_text(row(make_record, 1.0, blocked(24))) == "NCHWc 16, out 24→32"
    assert kernel_text(row(make_record, 1.0, blocked(32))) == "NCHWc 16"
    assert kernel_text(row(make_record, 1.0, [conv(17, 17, "CPUExecutionProvider")])) == "plain"
    three = [conv(3, 16), reorder("ReorderOutput", 16, 3)]
    assert kernel_text(row(make_record, 1.0, three)) == "NCHWc 16 from NCHW, out 3→16"
    on_avx2 = with_kernels(row(make_record, 1.0, []), blocked(20, block=8), ["avx2"])
    assert kernel_text(on_avx2) == "NCHWc 8, out 20→24"
    of_openvino = [conv(40, 40, "brgconv_avx512_f32 acdb")]
    assert kernel_text(row(make_record, 1.0, of_openvino)) == "brgconv_avx512, out 40→48"


def test_a_chain_is_named_by_its_block(make_record: MakeRecord) -> None:
    chain = [*[depthwise(32), conv(32, 32, window=1)] * 2]
    assert kernel_text(row(make_record, 1.0, chain)) == "2 × (depthwise NCHWc 16 + 1×1 NCHWc 16)"


def test_layers_of_an_engine_are_named_by_their_tactic(make_record: MakeRecord) -> None:
    layers = [Kernel("Reformat", "copy", converts_layout=True), Kernel("CaskConvolution", "sm90_xmma_fprop")]
    assert kernel_text(row(make_record, 1.0, layers)) == "sm90_xmma_fprop"
    of_ncnn = row(make_record, 1.0, [Kernel("ConvolutionDepthWise", "ncnn")], runtime="ncnn-no-winograd")
    assert kernel_text(of_ncnn) == "ConvolutionDepthWise"


def test_a_depthwise_convolution_of_nine_channels_is_not_taken_for_a_pointwise_one() -> None:
    assert form_of(depthwise(9)) == "depthwise"
    assert form_of(conv(9, 9, window=1)) == "pointwise"
    assert form_of(conv(9, 9)) == "dense"


def test_vectors_and_blocks_are_filled_up() -> None:
    # Channels last: outputs to 48. In blocks of 8: both to 24.
    assert computed_macs(conv(40, 40, "brgconv_avx512_f32 acdb")) == PIXELS * 40 * 48 * 9
    assert computed_macs(conv(20, 20, "jit_avx2_f32 aBcd8b")) == PIXELS * 24 * 24 * 9
    assert computed_macs(depthwise(20, "jit_avx2_dw_f32 aBcd8b")) == PIXELS * 24 * 9
    assert computed_macs(conv(17, 17, "CPUExecutionProvider")) == PIXELS * 17 * 17 * 9


COSTS = KernelCosts(
    {
        ("run", 0): 0.01,
        ("node", 0): 0.001,
        ("Conv NCHWc dense", 0): 1e-8,  # 100 MMACs/ms
        ("ReorderInput CPUExecutionProvider", 16): 4e-8,
        ("ReorderInput CPUExecutionProvider", 32): 6e-8,
        ("ReorderOutput CPUExecutionProvider", 32): 5e-8,
    }
)


def test_a_latency_is_the_sum_of_what_its_kernels_cost(make_record: MakeRecord) -> None:
    # 24 channels, filled up to 32: 16,384 x 32 x 32 x 9 = 150,994,944 MACs at 100 MMACs/ms are 1.50995 ms.
    # Each conversion moves 2 x 16,384 x 24 x 4 = 3,145,728 bytes: at 5e-8, halfway from 16 to 32, 0.15729 ms,
    # and the same at the output's only knot. With three nodes and the run: 0.003 + 0.01.
    found = explain(row(make_record, 2.0, blocked(24)), Ceilings(COSTS, 100.0, {"L3": 2e7}))
    assert found is not None
    assert found.predicted_ms == pytest.approx(1.50995 + 2 * 0.15729 + 0.013, abs=1e-4)
    # Arithmetic 1.51 ms; two maps of 2 MiB at 20 MB/ms 0.21 ms; ends 0.32 ms.
    assert found.limit == "arithmetic"


def test_what_most_of_the_time_goes_to_is_the_limit(make_record: MakeRecord) -> None:
    one = row(make_record, 2.0, blocked(24))
    of_slow_memory = explain(one, Ceilings(COSTS, 100.0, {"L3": 1e6}))  # 4.2 ms for the maps
    of_fast_arithmetic = explain(one, Ceilings(COSTS, 1000.0, {"L3": 2e7}))
    without_its_level = explain(one, Ceilings(COSTS, 100.0, {"L2": 2e7}))
    assert of_slow_memory is not None
    assert of_slow_memory.limit == "L3"
    assert of_fast_arithmetic is not None
    assert of_fast_arithmetic.limit == "ends"
    assert without_its_level is not None
    assert without_its_level.limit is None


def test_a_kernel_that_no_ceiling_has_is_not_predicted(make_record: MakeRecord) -> None:
    found = explain(row(make_record, 2.0, [conv(17, 17, "other")], 17), Ceilings(COSTS, 100.0, {"L3": 2e7}))
    assert found is not None
    assert found.predicted_ms is None


def ceilings(make_record: MakeRecord) -> list[Record]:
    """Latencies that follow from known costs: those of `COSTS`, with conversions of 5e-8 ms a byte at all widths."""

    def ceiling(name: str, kernels: list[Kernel]) -> Record:
        latency = 0.01 + sum(0.001 + _cost(kernel) for kernel in kernels)
        return with_kernels(make_record("ceilings", name, {"ceiling": name}, [latency] * 6), kernels)

    small = Kernel("Conv", "NCHWc", (1, 16, 2, 2), (1, 16, 2, 2), macs=16 * 16 * 4, window=(1, 1))
    graphs = {
        "start": [small],
        "start_8": [small] * 8,
        **{f"depthwise_{c}": [blocked(c)[0], depthwise(c), blocked(c)[2]] for c in (16, 32, 48, 64)},
        "depthwise_48_3": [blocked(48)[0], *[depthwise(48)] * 3, blocked(48)[2]],
        "conv3x3_28": blocked(28),
        "conv3x3_28_2": [*blocked(28)[:2], *blocked(28)[1:]],
        "conv3x3_60": blocked(60),
    }
    return [ceiling(name, kernels) for name, kernels in graphs.items()]


def _cost(kernel: Kernel) -> float:
    assert kernel.input_shape
    assert kernel.output_shape
    if kernel.converts_layout:
        return 5e-8 * 4 * 2 * min(math.prod(kernel.input_shape), math.prod(kernel.output_shape))
    return 1e-8 * kernel.macs


def test_costs_are_found_from_ceilings_alone(make_record: MakeRecord) -> None:
    (found,) = kernel_costs(ceilings(make_record)).values()
    assert found.run_ms == pytest.approx(0.01, rel=0.02)
    one = row(make_record, 1.0, blocked(40), 40)
    expected = [0.001 + _cost(kernel) for kernel in kernels_of(one)]
    assert [found.of(kernel, one) for kernel in kernels_of(one)] == pytest.approx(expected, rel=0.02)


def test_a_row_that_takes_what_its_kernels_cost_is_predicted_and_one_twice_as_slow_is_not(
    make_record: MakeRecord,
) -> None:
    measured = 0.01 + sum(0.001 + _cost(kernel) for kernel in blocked(40))
    rows = [row(make_record, measured, blocked(40), 40), row(make_record, 2 * measured, blocked(24), 24)]
    as_predicted, slower = explain_rows(rows, ceilings(make_record))
    assert as_predicted.ratio == pytest.approx(1.0, abs=0.02)
    assert slower.ratio is not None
    assert slower.ratio < 0.85
    (sentence,) = prediction_sentences(rows, ceilings(make_record))
    assert "1 of 2 rows are predicted within 15%" in sentence


def test_the_table_and_its_file_have_the_explanation(make_record: MakeRecord) -> None:
    rows = [row(make_record, 1.0, blocked(24))]
    table = block_table(rows, ceilings(make_record))
    assert list(table["kernel"]) == ["NCHWc 16, out 24→32"]
    assert float(table["predicted ms"][0]) == pytest.approx(float(table["predicted/measured"][0]), abs=0.01)
    values = with_explanation(to_dataframe(rows), rows, ceilings(make_record))
    assert values["predicted_ms"][0] == pytest.approx(values["predicted_over_measured"][0], rel=0.01)


def test_records_without_kernels_have_a_table_without_the_columns(make_record: MakeRecord) -> None:
    old = make_record("figure5", "c24", {**AXES, "width": 24}, [1.0] * 6)
    plain_ceilings = [make_record("ceilings", "matrix_product", {"ceiling": "matrix_product"}, [1.0] * 6)]
    assert not {"kernel", "limit", "predicted ms"} & set(block_table([old], plain_ceilings).columns)
    assert "kernel" not in with_explanation(to_dataframe([old]), [old], plain_ceilings)
    assert prediction_sentences([old], plain_ceilings) == ()


def test_rows_of_a_gpu_have_kernels_and_no_prediction(make_record: MakeRecord) -> None:
    def on_gpu(record: Record) -> Record:
        return dataclasses.replace(record, configuration=Configuration("tensorrt", device="cuda"))

    one = on_gpu(row(make_record, 1.0, [Kernel("CaskConvolution", "sm90_xmma_fprop")]))
    table = block_table([one], [on_gpu(record) for record in ceilings(make_record)])
    assert list(table["kernel"]) == ["sm90_xmma_fprop"]
    assert "predicted ms" not in table


def sweep(make_record: MakeRecord, block: int) -> list[Record]:
    def kernels(width: int) -> list[Kernel]:
        return blocked(width) if width % 4 == 0 else [conv(width, width, "CPUExecutionProvider")]

    widths = range(16, 97, 8)
    return [row(make_record, (-(-w // block) * block) ** 2 / 1000, kernels(w), w, macs=w * w * 1000) for w in widths]


def test_the_predicted_period_is_beside_the_measured_one(make_record: MakeRecord) -> None:
    records = sweep(make_record, 16)
    (sentence,) = step_sentences(curves_of(to_dataframe(records)), [[record] for record in records])
    assert "predicted period 16 (NCHWc blocks of AVX-512, output padded, inputs in fours), measured 16." in sentence
    # Kernels that do not explain the measured steps are seen not to.
    other = sweep(make_record, 32)
    (sentence,) = step_sentences(curves_of(to_dataframe(other)), [[record] for record in other])
    assert "predicted period 16 " in sentence
    assert "measured 32." in sentence


def test_the_period_inside_a_network_is_predicted_from_the_kernels_of_its_chains(make_record: MakeRecord) -> None:
    chains = []
    for width in range(16, 97, 8):
        for depth in (1, 2, 4):
            latency = 0.5 + depth * (-(-width // 16) * 16) ** 2 / 1000
            axes = {**AXES, "width": width, "in_width": width, "depth": depth}
            made = make_record("figure5", f"c{width}/{depth}", axes, [latency] * 6, macs=depth * width**2 * 1000)
            chains.append(with_kernels(made, blocked(width)))
    costs = marginal_costs(chains)
    (sentence,) = step_sentences(marginal_curves(costs), [cost.rows for cost in costs])
    assert "inside a network" in sentence
    assert "predicted period 16 (NCHWc blocks of AVX-512, output padded, inputs in fours), measured 16." in sentence


def test_widths_too_few_for_a_period_are_said_to_be(make_record: MakeRecord) -> None:
    few = [row(make_record, 1.0 + (w > 16), blocked(w), w) for w in (4, 8, 12, 16, 20)]
    (sentence,) = step_sentences(curves_of(to_dataframe(few)), [[record] for record in few])
    assert sentence.endswith("no clear period measured: these widths have 1 of its steps.")


def test_widths_in_plain_kernels_are_named(make_record: MakeRecord) -> None:
    records = [row(make_record, 1.0, blocked(16), 16), row(make_record, 2.0, [conv(17, 17, "CPU")], 17)]
    assert unblocked_widths(records) == (17,)
    period = predicted_period(records)
    assert period is not None
    assert period.channels == 16


def test_a_period_of_other_runtimes_is_that_of_the_vectors_in_their_kernels_names(make_record: MakeRecord) -> None:
    found = predicted_period([row(make_record, 1.0, [conv(24, 24, "jit_avx2_f32 aBcd8b")])])
    assert found is not None
    assert found.channels == 8
    assert predicted_period([row(make_record, 1.0, [conv(24, 24, "gemm:jit")])]) is None


def test_figure_5_reports_what_its_kernels_predict(make_record: MakeRecord, tmp_path: Any) -> None:
    records = sweep(make_record, 16)
    presentation = Figure5().present(records, ceilings(make_record), tmp_path)
    assert any("rows are predicted within" in finding for finding in presentation.findings)
    assert any("predicted period 16" in finding for finding in presentation.findings)
    assert presentation.values is not None
    assert "predicted_ms" in presentation.values


def test_what_kernels_cost_is_measured_beside_the_figures_and_not_beside_a_sweep() -> None:
    assert with_ceilings([Figure4()])[-1] == CeilingsExperiment(kernels=True)
    assert with_ceilings([Sweep()])[-1] == CeilingsExperiment(kernels=False)
    assert with_ceilings([CeilingsExperiment(), Sweep()])[-1] == CeilingsExperiment(kernels=True)
    assert with_ceilings([Figure4()], kernels=False)[-1] == CeilingsExperiment(kernels=False)
    on_gpu = {spec.name for spec in CeilingsExperiment().specs() if "cuda" in spec.devices}
    roofline = {spec.name for spec in CeilingsExperiment(kernels=False).specs()}
    assert roofline == {"matrix_product", "stream_copy", "cached_copy", "shared_copy"} == on_gpu


def test_no_row_of_a_figure_is_among_the_ceilings() -> None:
    alone = {layers[0] for layers, _ in KERNEL_GRAPHS.values() if len(layers) == 1}
    assert not alone & {Layer(width, width) for panel in PANELS.values() for width in panel}
    of_figure4 = {Layer(32, 32), Layer(32, 32, groups=32), Layer(32, 32, 1)}
    assert not [layers for layers, _ in KERNEL_GRAPHS.values() if len(layers) > 1 and of_figure4 & set(layers)]


def test_costs_below_0_are_not_found() -> None:
    matrix = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    found = least_squares_above_0(matrix, np.array([1.0, 2.0, -1.0]))
    # With the second one at 0 the first is the mean of 1 and 2.
    assert found == pytest.approx([1.5, 0.0], abs=1e-3)


def test_the_examples_of_the_docstrings_hold() -> None:
    for module in (columns, costs, kernels, prediction):
        assert doctest.testmod(module).failed == 0
