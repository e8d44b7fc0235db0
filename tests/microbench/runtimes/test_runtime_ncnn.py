"""ncnn: with and without Winograd it gives the reference; what it cannot run it refuses in a sentence."""

import doctest
import importlib.util

import numpy as np
import pytest
from commands import run_python
from torch import nn

import blocks
from microbench import runtimes
from microbench.models.build import build_workload
from microbench.runtimes import ncnn

pytestmark = pytest.mark.skipif(
    runtimes.get("ncnn").missing("cpu") is not None, reason="ncnn or pnnx is not installed (extra ncnn)"
)


@pytest.mark.parametrize("name", ["ncnn", "ncnn-direct"])
@pytest.mark.parametrize("block", blocks.NAMES)
def test_every_block_gives_the_reference(name: str, block: str) -> None:
    workload = build_workload(block, lambda: blocks.make(block, 8, 16, 2), (1, 8, 16, 20))
    runtime, configuration = runtimes.configure(name, "fp32", "cpu", 1)
    session = runtime.load_checked(workload, configuration, layout_seed=0)  # compares the output with the reference
    session.close()


def test_weights_keep_their_precision() -> None:
    workload = build_workload("conv", lambda: nn.Conv2d(4, 4, 3, padding=1), (1, 4, 16, 16))
    runtime, configuration = runtimes.configure("ncnn-direct", "fp32", "cpu", 1)
    session = runtime.load_checked(workload, configuration, layout_seed=0)
    error = np.abs(session.outputs()[0] - workload.reference[0]).max() / np.abs(workload.reference[0]).max()
    session.close()
    assert error < 1e-5  # pnnx would store weights in half precision, which errs by 1e-4


IN_PLACE_FIRST = """
from torch import nn
from microbench import runtimes
from microbench.models.build import build_workload

runtime, configuration = runtimes.configure("ncnn", "fp32", "cpu", 1)
for shape in [(4096,), (1, 16, 8, 8)]:
    session = runtime.load_checked(build_workload("relu", nn.ReLU, shape), configuration, layout_seed=0)
    session.close()
"""


@pytest.mark.subprocess
def test_a_first_layer_that_works_in_place_leaves_the_input_alone() -> None:
    # In a process of its own: ncnn reads through a null pointer if the input shares an array's memory.
    done = run_python("-c", IN_PLACE_FIRST)
    assert done.code == 0, done.err


def test_several_images_a_run_are_refused() -> None:
    workload = build_workload("conv", lambda: nn.Conv2d(4, 4, 3), (2, 4, 16, 16))
    runtime, configuration = runtimes.configure("ncnn", "fp32", "cpu", 1)
    with pytest.raises(ValueError, match="ncnn takes one image a run"):
        runtime.load_checked(workload, configuration, layout_seed=0)


def test_without_the_converter_it_is_unavailable_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "pnnx" else find(name, *rest))
    runtime = runtimes.get("ncnn")
    assert runtime.missing("cpu") == "the Python package pnnx, which converts ONNX models for it, is not installed"
    assert runtime.install == "pip install 'lpsnet-microbench[ncnn]'"


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(ncnn).failed == 0
