"""A session takes other inputs after it is loaded, and int8 reads its ranges off the calibration inputs."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from microbench import runtimes
from microbench.errors import InputError
from microbench.measure.record import Configuration
from microbench.measure.session import Session
from microbench.measure.workload import Workload
from microbench.models.build import build_workload

SHAPE = (1, 3, 9, 7)
RUNTIMES = ("onnxruntime", "openvino", "torch-eager", "torch-eager-channels-last")


@pytest.fixture(scope="module")
def workload() -> Workload:
    return build_workload("convolution", partial(nn.Conv2d, 3, 4, 3, padding=1), SHAPE)


def load(name: str, workload: Workload, precision: str = "fp32") -> Session:
    return runtimes.get(name).load_checked(workload, Configuration(name, precision, "cpu", 1), layout_seed=1)


def output(session: Session) -> NDArray[np.float32]:
    session.enqueue(1)
    session.synchronize()
    (values,) = session.outputs()
    return values.copy()


def expected(workload: Workload, values: NDArray[np.float32]) -> NDArray[np.float32]:
    assert workload.module is not None
    with torch.no_grad():
        result: NDArray[np.float32] = workload.module(torch.from_numpy(values)).numpy()
    return result


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_session_computes_on_the_latest_inputs_it_was_fed(name: str, workload: Workload) -> None:
    session = load(name, workload)
    for seed in (1, 2):
        values = np.random.default_rng(seed).standard_normal(SHAPE, dtype=np.float32)
        session.feed({"input": values})
        np.testing.assert_allclose(output(session), expected(workload, values), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RUNTIMES)
def test_inputs_need_not_be_contiguous_nor_outlive_the_call(name: str, workload: Workload) -> None:
    session = load(name, workload)
    values = np.random.default_rng(3).standard_normal((1, 9, 7, 3), dtype=np.float32)
    wanted = expected(workload, values.transpose(0, 3, 1, 2).copy())
    session.feed({"input": values.transpose(0, 3, 1, 2)})
    del values
    np.testing.assert_allclose(output(session), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize(
    "inputs",
    [
        {"image": np.zeros(SHAPE, dtype=np.float32)},
        {"input": np.zeros((1, 3, 7, 9), dtype=np.float32)},
        {"input": np.zeros(SHAPE, dtype=np.float64)},
        {},
    ],
    ids=["name", "shape", "type", "none"],
)
def test_other_names_shapes_or_types_are_refused(
    name: str, inputs: dict[str, NDArray[np.float32]], workload: Workload
) -> None:
    session = load(name, workload)
    before = output(session)
    with pytest.raises(
        InputError, match=r"must have the names, types and shapes \{'input': 'float32 \(1, 3, 9, 7\)'\}"
    ):
        session.feed(inputs)
    np.testing.assert_array_equal(output(session), before)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_int8_covers_the_range_of_the_calibration_inputs(name: str, workload: Workload) -> None:
    """The timed inputs reach about 3: ten times as large ones are cut off unless int8 was calibrated on them."""
    large = 10 * workload.inputs["input"]
    calibrated = dataclasses.replace(workload, calibration=({"input": workload.inputs["input"]}, {"input": large}))
    errors = {}
    for label, chosen in (("inputs", workload), ("calibration", calibrated)):
        session = load(name, chosen, "int8")
        session.feed({"input": large})
        wanted = expected(workload, large)
        errors[label] = np.linalg.norm(output(session) - wanted) / np.linalg.norm(wanted)
    assert errors["calibration"] < 0.05
    assert errors["inputs"] > 0.5
