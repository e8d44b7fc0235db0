"""What the predictors find, and what an evaluation makes of it."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

import lpsnet
from lpsnet import Architecture, MultiPathNetwork
from lpsnet.data import ClassSet, Sample, SegmentationDataset
from lpsnet.evaluated import Evaluation
from lpsnet.evaluation import RuntimePredictor, ScaledPredictor, TorchPredictor, evaluate
from lpsnet.metrics import count_confusions
from lpsnet.normalisation import normalise
from microbench import runtimes
from microbench.errors import InputError

SIZE = (32, 48)
CLASSES = ClassSet(("sky", "road", "car", "tree"), ((128, 128, 128), (128, 64, 128), (64, 0, 128), (128, 128, 0)))


class Blots(SegmentationDataset):
    """Images whose brightness tells the class, three of the four classes, with some pixels ignored."""

    name = "blots"
    split = "test"
    classes = CLASSES

    def __init__(self, count: int = 3) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        rng = torch.Generator().manual_seed(index)
        coarse = torch.randint(3, (1, 1, 4, 6), generator=rng)
        label = interpolate(coarse.float(), size=SIZE, mode="nearest")[0, 0].byte()
        image = (label.int() * 100 + torch.randint(40, (3, *SIZE), generator=rng)).byte()
        label[:2] = 255
        return Sample(image, label, f"blot{index}")


class ByBrightness:
    """Tells the class from the image as `Blots` makes it, but takes every pixel at the left edge for class 0."""

    def __call__(self, image: Tensor, size: Sequence[int]) -> Tensor:
        assert tuple(image.shape[-2:]) == tuple(size)
        found = ((image[0] * 0.229 + 0.485) * 255 / 100).int().clamp(0, 2).byte()
        found[:, 0] = 0
        return found


@pytest.fixture
def network(small: Architecture) -> MultiPathNetwork:
    built = lpsnet.build(small, 4, deploy=True)
    for parameter in built.parameters():
        if parameter.dim() > 1:
            torch.nn.init.kaiming_normal_(parameter)
    return built


# Normalisation


def test_an_image_is_normalised_by_the_constants_of_imagenet() -> None:
    image = torch.tensor([0, 128, 255], dtype=torch.uint8).view(3, 1, 1).expand(3, 2, 2)
    expected = [(0 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    torch.testing.assert_close(normalise(image)[:, 0, 0], torch.tensor(expected))
    torch.testing.assert_close(normalise(torch.stack([image, image]))[1], normalise(image))


@pytest.mark.parametrize("image", [torch.zeros(3, 4, 4), torch.zeros(1, 4, 4, dtype=torch.uint8),
                                   torch.zeros(4, 4, dtype=torch.uint8)])  # fmt: skip
def test_what_is_no_8_bit_rgb_image_is_refused(image: Tensor) -> None:
    with pytest.raises(InputError, match=r"image must be 8-bit RGB of the shape \(\.\.\., 3, H, W\)"):
        normalise(image)


# Predictors


def test_the_classes_are_those_of_the_upsampled_scores(network: MultiPathNetwork) -> None:
    image = normalise(Blots()[0].image)
    size = (50, 77)  # a label need not have its image's size
    scores = interpolate(network(image[None]), size=size, mode="bilinear", align_corners=True)
    found = TorchPredictor(network)(image, size)
    assert found.dtype == torch.uint8
    assert torch.equal(found, scores.argmax(1)[0].byte())
    assert len({*found.flatten().tolist()}) > 1


def test_an_enlarged_image_still_gives_classes_at_the_labels_size(network: MultiPathNetwork) -> None:
    image = normalise(Blots()[0].image)
    enlarged = interpolate(image[None], size=(48, 72), mode="bilinear", align_corners=True)
    scores = interpolate(network(enlarged), size=SIZE, mode="bilinear", align_corners=True)
    found = ScaledPredictor(TorchPredictor(network), 1.5)(image, SIZE)
    assert torch.equal(found, scores.argmax(1)[0].byte())
    same = ScaledPredictor(TorchPredictor(network), 1)(image, SIZE)
    assert torch.equal(same, TorchPredictor(network)(image, SIZE))
    for factor in (0, -1, float("nan")):
        with pytest.raises(InputError, match="input_scale must be greater than 0"):
            ScaledPredictor(TorchPredictor(network), factor)(image, SIZE)


@pytest.mark.parametrize("name", ["torch-eager", "onnxruntime", "openvino"])
def test_an_engine_in_float32_finds_what_torch_finds(name: str, network: MultiPathNetwork) -> None:
    engine = RuntimePredictor(network, *runtimes.configure(name, "fp32", "cpu", 1), SIZE)
    torch_predictor = TorchPredictor(network)
    for sample in (Blots()[i] for i in range(3)):
        image = normalise(sample.image)
        differing = (engine(image, SIZE) != torch_predictor(image, SIZE)).float().mean()
        assert differing < 0.005
    engine.close()


def test_a_network_in_training_form_is_folded_for_the_engine(small: Architecture) -> None:
    network = lpsnet.build(small, 4)
    image = normalise(Blots()[0].image)
    engine = RuntimePredictor(network, *runtimes.configure("onnxruntime", "fp32", "cpu", 1), SIZE)
    assert (engine(image, SIZE) != TorchPredictor(network)(image, SIZE)).float().mean() < 0.005


def test_an_int8_engine_has_a_confusion_of_its_own(network: MultiPathNetwork) -> None:
    samples = Blots()
    calibration = [normalise(samples[i].image) for i in range(2)]
    target = runtimes.configure("onnxruntime", "int8", "cpu", 1)
    exact = evaluate(TorchPredictor(network), samples)
    quantised = evaluate(RuntimePredictor(network, *target, SIZE, calibration), samples)
    assert not np.array_equal(quantised.counts, exact.counts)
    # Quantised is still the same network: what it finds agrees in most places.
    moved = np.abs(quantised.counts - exact.counts).sum() / 2 / exact.counts.sum()
    assert moved < 0.2


def test_int8_without_calibration_images_is_refused(network: MultiPathNetwork) -> None:
    with pytest.raises(InputError, match="calibration must hold at least one image"):
        RuntimePredictor(network, *runtimes.configure("onnxruntime", "int8", "cpu", 1), SIZE)


def test_an_engine_refuses_an_image_of_another_size(network: MultiPathNetwork) -> None:
    engine = RuntimePredictor(network, *runtimes.configure("onnxruntime", "fp32", "cpu", 1), SIZE)
    with pytest.raises(InputError, match=r"shape \(3, 32, 48\) that the engine was built for, not \(3, 48, 32\)"):
        engine(torch.zeros(3, 48, 32), SIZE)


def test_what_a_runtime_cannot_run_is_told_in_a_sentence(
    network: MultiPathNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, configuration = runtimes.configure("onnxruntime", "fp32", "cpu", 1)

    def fail(*_: object) -> None:
        raise RuntimeError("no kernel for Resize\nat node 7")

    monkeypatch.setattr(type(runtime), "load", fail)
    with pytest.raises(InputError, match=r"runtime 'onnxruntime' cannot run this network in fp32: .*no kernel"):
        RuntimePredictor(network, runtime, configuration, SIZE)


# Evaluations


def test_every_image_has_its_own_confusion_and_they_add_up() -> None:
    told: list[tuple[str, float]] = []
    samples = Blots()
    evaluation = evaluate(ByBrightness(), samples, lambda phase, share: told.append((phase, share)))
    assert evaluation.counts.shape == (3, 4, 4)
    assert evaluation.images == ("blot0", "blot1", "blot2")
    for counts, sample in zip(evaluation.counts, (samples[i] for i in range(3)), strict=True):
        predicted = ByBrightness()(normalise(sample.image), SIZE)
        np.testing.assert_array_equal(counts, count_confusions(sample.label, predicted, 4))
    assert evaluation.confusion.pixels == 3 * 30 * 48  # two of 32 rows are ignored
    np.testing.assert_array_equal(evaluation.confusion.counts, evaluation.counts.sum(0))
    assert told == [("evaluating", done / 3) for done in (1, 2, 3)]


def test_the_mean_leaves_out_the_class_that_is_nowhere() -> None:
    evaluation = evaluate(ByBrightness(), Blots())
    assert evaluation.left_out == ("tree",)
    described = evaluation.as_json()
    assert described["iou"]["tree"] is None
    assert described["left_out"] == ["tree"]
    there = [described["iou"][name] for name in ("sky", "road", "car")]
    assert 0.8 < min(there) < 1
    assert described["mean_iou"] == pytest.approx(sum(there) / 3)


def test_an_evaluation_is_written_and_read(tmp_path: Path) -> None:
    evaluation = dataclasses.replace(evaluate(ByBrightness(), Blots()), origin={"runtime": "none"})
    summary, per_image = evaluation.write(tmp_path)
    assert json.loads(summary.read_text()) == json.loads(json.dumps(evaluation.as_json()))
    assert per_image.name == "confusions.npz"
    again = Evaluation.read(tmp_path)
    np.testing.assert_array_equal(again.counts, evaluation.counts)
    assert dataclasses.replace(again, counts=evaluation.counts).as_json() == evaluation.as_json()
    assert (again.images, again.classes, again.origin) == (evaluation.images, CLASSES, {"runtime": "none"})


def test_a_folder_that_holds_no_evaluation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"evaluation '.*' cannot be read"):
        Evaluation.read(tmp_path)
    _, per_image = evaluate(ByBrightness(), Blots()).write(tmp_path)
    per_image.write_bytes(per_image.read_bytes()[:100])
    with pytest.raises(InputError, match="cannot be read"):
        Evaluation.read(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    evaluate(ByBrightness(), Blots(2)).write(other)
    (other / "confusions.npz").replace(per_image)
    with pytest.raises(InputError, match="of one and the same run"):
        Evaluation.read(tmp_path)


def test_a_data_set_without_images_is_refused() -> None:
    with pytest.raises(InputError, match="data set 'blots' has no images in its split 'test'"):
        evaluate(ByBrightness(), Blots(0))
