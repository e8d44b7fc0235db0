"""Every runtime that is there gives the right answer in every precision that it claims, and a wrong one is caught."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from microbench import runtimes
from microbench.measure.record import Configuration
from microbench.measure.session import Session, WrongOutputError
from microbench.measure.workload import Workload
from microbench.models.build import build_workload
from microbench.runtimes.base import TOLERANCE, Runtime, placed


def small_network() -> nn.Module:
    """Two convolutions, the first with what is folded into it; no width is a multiple of a vector's."""
    return nn.Sequential(
        nn.Conv2d(3, 10, 3, padding=1, bias=False),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.Conv2d(10, 5, 3, stride=2, padding=1, groups=5),
    )


@pytest.fixture(scope="module")
def workload() -> Workload:
    return build_workload("small", small_network, (2, 3, 13, 11))


def cpu_targets() -> list[Any]:
    """Every precision of every runtime on the CPU, but for torch.compile, which takes its time."""
    found = [runtimes.get(name) for name in runtimes.names() if name != "torch-compile"]
    return [
        pytest.param(runtime, precision, id=f"{runtime.name}-{precision}")
        for runtime in found
        for precision in runtime.precisions.get("cpu", ())
    ]


def loaded(runtime: Runtime, workload: Workload, precision: str = "fp32", threads: int = 1) -> Session:
    return runtime.load_checked(workload, Configuration(runtime.name, precision, "cpu", threads), layout_seed=1)


def load_or_skip(runtime: Runtime, workload: Workload, precision: str, threads: int = 1) -> Session:
    if (reason := runtime.missing("cpu")) is not None:
        pytest.skip(reason)
    try:
        return loaded(runtime, workload, precision, threads)
    except ValueError as error:
        # What a runtime may only find out while it loads; the workload is of two images.
        known = ("this processor has no", "takes one image a run")
        assert any(reason in str(error) for reason in known)  # noqa: PT017 - anything else is a failure
        pytest.skip(str(error))


def largest_error(output: NDArray[Any], workload: Workload) -> float:
    (reference,) = workload.reference
    assert output.shape == reference.shape
    return float(np.abs(output.astype(np.float32) - reference).max() / np.abs(reference).max())


@pytest.mark.parametrize(("runtime", "precision"), cpu_targets())
def test_the_output_is_right_within_the_precisions_tolerance(
    runtime: Runtime, precision: str, workload: Workload
) -> None:
    session = load_or_skip(runtime, workload, precision)
    (output,) = session.outputs()
    assert largest_error(output, workload) <= TOLERANCE[precision]


@pytest.mark.parametrize(("runtime", "precision"), cpu_targets())
def test_it_stays_right_over_many_runs(runtime: Runtime, precision: str, workload: Workload) -> None:
    session = load_or_skip(runtime, workload, precision)
    (first,) = (output.copy() for output in session.outputs())
    reading = session.read(25)
    assert reading.runs == 25
    assert reading.wall_ns > 0
    assert reading.cpu_ns > 0
    np.testing.assert_array_equal(session.outputs()[0], first)
    session.close()


def test_float32_is_not_silently_computed_in_less(workload: Workload) -> None:
    """Within a few units in the last place: bf16 and tf32 would be off by a thousandth and more."""
    for name in ("onnxruntime", "openvino", "torch-eager"):
        (output,) = loaded(runtimes.get(name), workload).outputs()
        assert largest_error(output, workload) < 1e-5


def test_reduced_precision_is_really_reduced(workload: Workload) -> None:
    for runtime, precision in [(p.values[0], p.values[1]) for p in cpu_targets()]:
        assert isinstance(runtime, Runtime)
        if precision == "fp32" or runtime.missing("cpu") is not None:
            continue
        try:
            (output,) = loaded(runtime, workload, str(precision)).outputs()
        except ValueError:
            continue  # not on this processor
        assert largest_error(output, workload) > 1e-5, (runtime.name, precision)


@pytest.mark.subprocess
@pytest.mark.slow
def test_inductor_compiles_more_models_than_dynamo_keeps_for_one_function(workload: Workload) -> None:
    """Dynamo gives up on a function after eight compilations; a sweep of widths has more rows than that.

    Three models, with the limit lowered to two: a compilation takes seconds.
    """
    from torch._dynamo import config

    runtime = runtimes.get("torch-compile")
    if (reason := runtime.missing("cpu")) is not None:
        pytest.skip(reason)
    (output,) = loaded(runtime, workload).outputs()
    assert largest_error(output, workload) < 1e-5
    with config.patch(recompile_limit=2):
        for width in (3, 4, 5):
            plain = build_workload(f"{width}", partial(nn.Conv2d, width, width, 1), (1, width, 4, 4))
            assert largest_error(loaded(runtime, plain).outputs()[0], plain) < 1e-5


@pytest.mark.parametrize(("runtime", "precision"), cpu_targets())
def test_a_wrong_answer_is_caught_in_every_precision(runtime: Runtime, precision: str, workload: Workload) -> None:
    load_or_skip(runtime, workload, precision).close()
    wrong = dataclasses.replace(workload, reference=(np.roll(workload.reference[0], 1, axis=1),))
    with pytest.raises(WrongOutputError, match=f"allowed {TOLERANCE[precision]:.2g}"):
        loaded(runtime, wrong, precision)


def test_a_reference_off_by_one_percent_is_caught_in_float32(workload: Workload) -> None:
    wrong = dataclasses.replace(workload, reference=(workload.reference[0] * np.float32(1.01),))
    with pytest.raises(WrongOutputError, match=r"by 0\.0099, allowed 0\.001"):
        loaded(runtimes.get("onnxruntime"), wrong)


def test_a_session_whose_answer_is_wrong_is_freed(workload: Workload, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = runtimes.get("onnxruntime")
    closed: list[Session] = []
    monkeypatch.setattr(type(loaded(runtime, workload)), "close", lambda session: closed.append(session))
    wrong = dataclasses.replace(workload, reference=(workload.reference[0] * 2,))
    with pytest.raises(WrongOutputError):
        loaded(runtime, wrong)
    assert len(closed) == 1


def test_a_workload_without_a_module_runs_where_torch_is_not_needed() -> None:
    bare = dataclasses.replace(build_workload("single", small_network, (1, 3, 13, 11)), module=None)
    for name in runtimes.names():
        runtime = runtimes.get(name)
        if runtime.missing("cpu") is not None or "cpu" not in runtime.precisions:
            continue
        if runtime.needs_module:
            with pytest.raises(ValueError, match="carries no torch module"):
                loaded(runtime, bare)
        else:
            loaded(runtime, bare).close()


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch-eager"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_knows_whether_others_compute_for_it(name: str, threads: int, workload: Workload) -> None:
    session = loaded(runtimes.get(name), workload, threads=threads)
    assert session.worker_threads is (threads > 1)
    session.close()


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "torch-eager"])
def test_a_run_leaves_the_workload_as_it_was(name: str, workload: Workload) -> None:
    before = {key: value.copy() for key, value in workload.inputs.items()}
    loaded(runtimes.get(name), workload).read(3)
    for key, value in workload.inputs.items():
        np.testing.assert_array_equal(value, before[key])
    assert next(iter(workload.module.parameters())).dtype.itemsize == 4  # type: ignore[union-attr]


# Placing


def test_placed_data_is_equal_and_its_own() -> None:
    values = np.random.default_rng(0).standard_normal((2, 3, 5, 7), dtype=np.float32)
    copy = placed(values, np.random.default_rng(1))
    np.testing.assert_array_equal(copy, values)
    assert copy.dtype == values.dtype
    assert copy.flags.c_contiguous
    assert not np.shares_memory(copy, values)


def test_placed_data_lies_at_a_cache_line_drawn_at_random() -> None:
    values = np.zeros(1000, dtype=np.float32)
    rng = np.random.default_rng(2)
    addresses = [placed(values, rng).ctypes.data for _ in range(400)]
    assert all(address % 64 == 0 for address in addresses)
    lines = {address % 4096 // 64 for address in addresses}
    # Of 64 cache lines in a page, 400 draws leave out some 64 exp(-6.25), hardly any.
    assert len(lines) > 55


def test_the_same_seed_places_data_at_the_same_cache_line() -> None:
    values = np.zeros(10, dtype=np.float32)
    lines = {placed(values, np.random.default_rng(3)).ctypes.data % 4096 for _ in range(10)}
    assert len(lines) == 1


def test_data_of_any_size_can_be_placed() -> None:
    for size in (0, 1, 1023, 1024, 1025, 300_000):
        values = np.arange(size, dtype=np.float32)
        for seed in range(8):
            np.testing.assert_array_equal(placed(values, np.random.default_rng(seed)), values)


class Layout(nn.Module):
    """Notes how the maps lie that it is given, and the weights behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image: Any) -> Any:
        self.seen.append(image.stride())
        return self.conv(image)


@pytest.mark.parametrize(
    ("name", "stride"), [("torch-eager", (45, 15, 5, 1)), ("torch-eager-channels-last", (45, 1, 15, 3))]
)
def test_torch_runs_in_the_layout_that_its_runtimes_name_says(name: str, stride: tuple[int, ...]) -> None:
    workload = build_workload("layout", Layout, (2, 3, 3, 5))
    workload.module.seen.clear()  # type: ignore[union-attr]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("copy.deepcopy", lambda module: module)
        session = loaded(runtimes.get(name), workload)
    assert workload.module.seen == [stride]  # type: ignore[union-attr]
    is_last = workload.module.conv.weight.stride()[1] == 1  # type: ignore[union-attr]
    assert is_last == (name == "torch-eager-channels-last")
    session.close()
