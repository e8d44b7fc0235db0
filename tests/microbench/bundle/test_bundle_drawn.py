"""Weights and inputs that a bundle does not bring along but draws: the models are whole again, and small on the way."""

import dataclasses
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from torch import nn

from microbench.bundle.draws import PLACES, draw, draw_places
from microbench.bundle.manifest import FLOAT32
from microbench.bundle.reader import Bundle, open_bundle
from microbench.bundle.writer import BundleWriter
from microbench.experiments.ceilings import Ceilings
from microbench.experiments.sweep import Axes, BlockChoice, axes_to_specs
from microbench.measure.session import WrongOutputError, check_outputs
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.models.build import build_workload
from microbench.models.drawn import drawn
from microbench.runtimes.forms import BFLOAT16, FORMS, HALF, QUANTIZED, QUANTIZED_SYMMETRIC, model_in


@pytest.fixture(scope="module")
def specs() -> Sequence[WorkloadSpec]:
    axes = Axes(blocks=(BlockChoice("conv3x3"), BlockChoice("ghost")), widths=(24,), resolutions=((32, 32),))
    return axes_to_specs("sweep", axes)


@pytest.fixture(scope="module")
def folder(specs: Sequence[WorkloadSpec], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "drawn"
    writer = BundleWriter(path)
    for spec in specs:
        workload, drawing = drawn(spec.build(), FORMS)
        writer.add(spec, workload, whole_network=False, drawing=drawing)
    writer.finish()
    return path


@pytest.fixture
def bundle(folder: Path) -> Bundle:
    return open_bundle(folder)


def workloads(bundle: Bundle) -> list[Workload]:
    return [bundle.spec(entry).build() for entry in bundle.manifest.entries]


def weights(model: bytes) -> dict[str, Any]:
    graph = onnx.load_from_string(model).graph
    return {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}


# The draws


def test_draws_are_the_same_bits_everywhere() -> None:
    """Typed from another machine's NumPy 2.0 and Python 3.9."""
    assert draw(1, 3).tolist() == [0.6346860527992249, -1.6308377981185913, 0.6036637425422668]
    assert draw_places(3, 100, 5).tolist() == sorted([55, 49, 35, 26, 25])


def test_draws_are_nearly_normal() -> None:
    values = draw(5, 10**6).astype(np.float64)
    assert abs(values.mean()) < 4e-3
    assert values.std() == pytest.approx(1, abs=3e-3)
    assert (values**4).mean() == pytest.approx(3 - 1.2 / 8, abs=0.03)  # of the sum of eight uniform variables
    # Neither zeros nor denormals, which some processors compute with at other speeds.
    assert np.abs(values[values != 0]).min() > 1e-6


def test_two_seeds_have_nothing_in_common() -> None:
    assert abs(float(np.corrcoef(draw(1, 10**5), draw(2, 10**5))[0, 1])) < 0.015


def test_a_draw_does_not_depend_on_how_much_is_drawn_after_it() -> None:
    np.testing.assert_array_equal(draw(7, 2**20 + 5)[: 2**10], draw(7, 2**10))


# Models


def test_a_model_on_the_device_answers_as_its_reference_says(bundle: Bundle) -> None:
    for workload in workloads(bundle):
        session = onnxruntime.InferenceSession(workload.onnx_model, providers=["CPUExecutionProvider"])
        outputs = tuple(session.run(None, dict(workload.inputs)))
        check_outputs(outputs, workload.reference, 1e-5)


def test_drawn_weights_have_the_spread_of_those_that_they_replace(
    bundle: Bundle, specs: Sequence[WorkloadSpec]
) -> None:
    for spec, workload in zip(specs, workloads(bundle), strict=True):
        before, after = weights(spec.build().onnx_model), weights(workload.onnx_model)
        assert before.keys() == after.keys()
        changed = [name for name in before if not np.array_equal(before[name], after[name])]
        assert changed
        for name in changed:
            assert after[name].std() == pytest.approx(before[name].std(), rel=0.15)


def test_the_large_weights_are_not_in_the_bundle(bundle: Bundle) -> None:
    for entry in bundle.manifest.entries:
        for form, stored in entry.models.items():
            part = zlib.decompress((bundle.folder / stored.template).read_bytes())
            whole = bundle._model(stored)
            largest = max(values.nbytes for values in weights(whole).values())
            assert len(part) <= len(whole) - largest, form


def test_every_form_is_what_the_device_would_have_made_of_the_model(bundle: Bundle) -> None:
    """Had it the package onnx: the same values in every weight."""
    for workload in workloads(bundle):
        for form in FORMS:
            found, expected = weights(model_in(workload, form)), weights(FORMS[form](workload))
            assert found.keys() == expected.keys()
            for name, values in expected.items():
                np.testing.assert_array_equal(found[name], values, err_msg=f"{form} {name}")


def test_half_forms_answer_as_the_reference_within_their_precision(bundle: Bundle) -> None:
    for workload in workloads(bundle):
        assert set(workload.forms) == set(FORMS)
        (name,) = workload.inputs
        half = onnxruntime.InferenceSession(workload.forms[HALF], providers=["CPUExecutionProvider"])
        outputs = half.run(None, {name: workload.inputs[name].astype(np.float16)})
        check_outputs(tuple(outputs), workload.reference, 2e-2)
        onnx.checker.check_model(onnx.load_from_string(workload.forms[BFLOAT16]), full_check=True)
        for form in (QUANTIZED, QUANTIZED_SYMMETRIC):
            options = onnxruntime.SessionOptions()
            options.add_session_config_entry("session.disable_quant_qdq", "1")
            session = onnxruntime.InferenceSession(workload.forms[form], options, providers=["CPUExecutionProvider"])
            check_outputs(tuple(session.run(None, dict(workload.inputs))), workload.reference, 2e-1)


def test_other_weights_than_those_of_the_reference_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    stored = bundle.manifest.entries[0].models[FLOAT32]
    assert stored.holes is not None
    holes = json.loads((bundle.folder / stored.holes).read_bytes())
    holes[0]["seed"] += 1
    changed = tmp_path / stored.holes
    changed.parent.mkdir()
    changed.write_text(json.dumps(holes))
    (tmp_path / stored.template).write_bytes((bundle.folder / stored.template).read_bytes())
    with pytest.raises(RuntimeError, match="are not those that the reference was computed with"):
        Bundle(tmp_path, bundle.manifest)._model(stored)


def test_weights_that_were_learned_are_brought_along(tmp_path: Path) -> None:
    built = build_workload("learned", lambda: nn.Conv2d(8, 64, 3), (1, 8, 9, 9))
    learned = dataclasses.replace(built, random_weights=False)
    workload, drawing = drawn(learned, [HALF])
    writer = BundleWriter(tmp_path / "there")
    writer.add(WorkloadSpec("networks", "learned", lambda: learned), workload, whole_network=True, drawing=drawing)
    writer.finish()
    (found,) = workloads(open_bundle(tmp_path / "there"))
    assert found.onnx_model == built.onnx_model
    np.testing.assert_array_equal(found.reference[0], built.reference[0])
    assert set(found.forms) == {HALF}


# Inputs and references


def test_ceilings_take_no_room(tmp_path: Path) -> None:
    """Their arrays alone were 134 MB of a bundle of Figure 4."""
    writer = BundleWriter(tmp_path / "there")
    for spec in Ceilings().specs():
        workload, drawing = drawn(spec.build(), [])
        writer.add(spec, workload, whole_network=False, drawing=drawing)
    writer.finish()
    large = [path for path in (tmp_path / "there").rglob("*") if path.is_file() and path.stat().st_size > 200_000]
    assert large == []


def test_of_a_large_output_some_places_are_compared(bundle: Bundle) -> None:
    (workload, _) = workloads(bundle)
    (reference,) = workload.reference
    assert isinstance(reference, np.ma.MaskedArray)
    assert reference.shape == (1, 24, 32, 32)
    assert 0.45 * reference.size < reference.count() <= PLACES
    whole = np.array(reference.filled(0))
    check_outputs((whole,), (reference,), 1e-6)
    with pytest.raises(WrongOutputError, match="differs from the float32 reference by"):
        check_outputs((np.roll(whole, 1, axis=-1),), (reference,), 1e-1)
    broken = whole.copy()
    broken[np.ma.getmaskarray(reference)] = np.nan
    with pytest.raises(WrongOutputError):
        check_outputs((broken,), (reference,), 1e-1)
