"""What int8 models are made of, by processor."""

import dataclasses
import functools
import platform
from collections.abc import Callable, Sequence

import numpy as np
import onnx
import pytest
from torch import nn

from microbench.measure.environment import fingerprint
from microbench.measure.workload import Workload
from microbench.models.build import build_workload
from microbench.runtimes import forms
from microbench.runtimes.forms import QUANTIZED_SYMMETRIC, model_in, quantized_here
from microbench.runtimes.quantize import saturates_int8

AVX2_ALONE = ("avx2", "fma")
WITH_VNNI = ("avx2", "fma", "avx512f", "avx512_vnni")


@pytest.fixture(scope="module")
def workload() -> Workload:
    return build_workload("convolution", lambda: nn.Conv2d(3, 6, 3), (1, 3, 9, 9))


def largest_weight(
    workload: Workload,
    monkeypatch: pytest.MonkeyPatch,
    flags: Sequence[str],
    machine: str = "x86_64",
    quantised: Callable[[Workload], bytes] = quantized_here,
) -> int:
    """Of the convolution's quantised weights, on a processor with these extensions."""
    environment = dataclasses.replace(fingerprint(), cpu_flags=tuple(flags))
    monkeypatch.setattr(forms, "fingerprint", lambda: environment)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    graph = onnx.load_from_string(quantised(workload)).graph
    (weight,) = [
        array
        for tensor in graph.initializer
        if (array := onnx.numpy_helper.to_array(tensor)).shape == (6, 3, 3, 3) and array.dtype == np.int8
    ]
    return int(np.abs(weight.astype(int)).max())


def test_weights_keep_to_seven_bits_where_pairs_of_products_would_be_cut_off(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = largest_weight(workload, monkeypatch, AVX2_ALONE)
    assert 60 <= largest <= 64
    assert 2 * 255 * largest <= np.iinfo(np.int16).max


@pytest.mark.parametrize(
    ("flags", "machine"), [(WITH_VNNI, "x86_64"), (("avx2", "avx_vnni"), "AMD64"), (("asimd",), "aarch64")]
)
def test_weights_have_eight_bits_elsewhere(
    flags: Sequence[str], machine: str, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert largest_weight(workload, monkeypatch, flags, machine) == 127


def test_a_gpus_weights_have_eight_bits_whatever_the_processor(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    symmetric = functools.partial(model_in, form=QUANTIZED_SYMMETRIC)
    assert largest_weight(workload, monkeypatch, AVX2_ALONE, quantised=symmetric) == 127


def test_an_x86_processor_that_does_not_list_its_extensions_is_taken_to_saturate() -> None:
    assert saturates_int8("AMD64", ())
    assert not saturates_int8("arm64", ())
