"""What a user of `microbench evaluate` and `microbench predict` sees."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import call_microbench
from PIL import Image

import lpsnet
from lpsnet.data import generated
from lpsnet.evaluated import Evaluation
from lpsnet.training import load_recipe

pytestmark = pytest.mark.heavy

SMALL = lpsnet.Architecture((1, 1, 1, 1, 1), (4, 4, 8, 8, 8), (1, "1/2"))
HEIGHT, WIDTH = 32, 48


def microbench(*arguments: object, code: int = 0) -> str:
    """What the command prints where it ends with the code."""
    done = call_microbench(*arguments)
    assert done.code == code, done.err
    return done.out if code == 0 else done.err


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return save(tmp_path / "weights.safetensors", 11)


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """A folder in SegNet's layout: images of classes 0 to 8 and ignored pixels, at random."""
    root = tmp_path / "camvid"
    rng = np.random.default_rng(0)
    for part, count in (("train", 2), ("test", 3)):
        (root / part).mkdir(parents=True)
        (root / f"{part}annot").mkdir()
        for index in range(count):
            label = rng.choice([*range(9), 11], size=(HEIGHT, WIDTH)).astype(np.uint8)
            image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(image).save(root / part / f"{index}.png")
            Image.fromarray(label).save(root / f"{part}annot" / f"{index}.png")
    return root


def save(path: Path, classes: int, only: int | None = None) -> Path:
    """The weights of a random network, or of one that finds a single class everywhere."""
    torch.manual_seed(0)
    network = lpsnet.build(SMALL, classes, deploy=True)
    assert network.head.bias is not None
    if only is not None:
        network.head.bias.data[only] = 1e6
    path.parent.mkdir(parents=True, exist_ok=True)
    lpsnet.save_weights(network, path)
    return path


def evaluated(*arguments: object) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(microbench("evaluate", *arguments, "--json"))
    return document


# Evaluate


def test_the_table_names_every_class_and_what_the_mean_leaves_out(camvid: Path, tmp_path: Path) -> None:
    only_sky = save(tmp_path / "sky.safetensors", 11, only=0)
    out = tmp_path / "out"
    printed = microbench(
        "evaluate", only_sky, "--data-set", "camvid", "--data", camvid, "--out", out, "--device", "cpu"
    )
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if len(line.split()) >= 2}
    # All is called sky, and a ninth of what counts is sky: its IoU is its share, and the others' is 0.
    share = float(lines["Sky"][0].rstrip("%"))
    assert 8 < share < 14
    assert lines["Building"] == ["0.0%"]
    assert lines["Pedestrian"] == lines["Bicyclist"] == ["left", "out"]
    (summary,) = (line for line in printed.splitlines() if "mIoU" in line)
    assert summary.startswith("camvid test, torch fp32 on cpu: mIoU 1.")
    assert summary.endswith(f" over 9 classes, pixel accuracy {share}%, 3 images")
    assert (
        "Left out of the mean, as they occur in neither the truth nor the prediction: Pedestrian, Bicyclist" in printed
    )
    assert "generated" not in printed
    assert {path.name for path in out.iterdir()} == {"confusion.json", "confusions.npz", "panels.png"}


def test_json_has_the_figures_and_what_they_come_from(weights: Path, camvid: Path, tmp_path: Path) -> None:
    document = evaluated(weights, "--data-set", "camvid", "--data", camvid, "--device", "cpu")
    folder = tmp_path / "evaluation-camvid-test-torch-fp32"
    assert {Path(file).parent for file in document["files"]} == {folder}
    assert document["images"] == 3
    assert document["origin"]["runtime"] == "torch"
    assert document["origin"]["device"] == "cpu"
    assert document["origin"]["weights"].endswith("/weights.safetensors")
    assert len(document["origin"]["weights_sha256"]) == 64
    evaluation = Evaluation.read(folder)
    assert evaluation.confusion.mean_iou == pytest.approx(document["mean_iou"])
    assert evaluation.counts.shape == (3, 11, 11)
    with Image.open(folder / "panels.png") as panel:
        assert panel.width == 1960


@pytest.mark.parametrize(("runtime", "precision"), [("onnxruntime", "fp32"), ("onnxruntime", "int8"),
                                                    ("openvino", "fp32"), ("torch-eager", "bf16")])  # fmt: skip
def test_an_engine_is_judged_by_its_own_scores(runtime: str, precision: str, weights: Path, camvid: Path) -> None:
    common = (weights, "--data-set", "camvid", "--data", camvid)
    exact = evaluated(*common)
    document = evaluated(*common, "--runtime", runtime, "--precision", precision)
    assert document["origin"].items() >= {"runtime": runtime, "precision": precision, "device": "cpu"}.items()
    moved = np.abs(np.subtract(document["counts"], exact["counts"])).sum() / 2 / exact["pixels"]
    assert moved < {"fp32": 0.005, "bf16": 0.1, "int8": 0.5}[precision]
    if precision != "fp32":
        assert moved > 0


def test_the_images_are_enlarged_as_in_the_training_whose_folder_the_weights_lie_in(
    weights: Path, camvid: Path
) -> None:
    common = (weights, "--data-set", "camvid", "--data", camvid)
    plain = evaluated(*common)
    recipe = load_recipe("generated").changed({"input_scale": "1.5"})
    weights.with_name("recipe.yaml").write_text(recipe.as_yaml())
    enlarged = evaluated(*common)
    assert (plain["origin"]["input_scale"], enlarged["origin"]["input_scale"]) == ("1", "1.5")
    assert enlarged["counts"] != plain["counts"]
    assert evaluated(*common, "--input-scale", 1)["counts"] == plain["counts"]
    engine = evaluated(*common, "--runtime", "onnxruntime")
    assert np.abs(np.subtract(engine["counts"], enlarged["counts"])).sum() / 2 / plain["pixels"] < 0.005


def test_without_weights_the_newest_run_is_judged_on_generated_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(generated._COUNTS, "test", 2)  # drawing takes its time
    for age, name in enumerate(("newest", "older", "oldest")):
        path = save(tmp_path / "runs" / name / "network.safetensors", 11)
        os.utime(path, (1e9 - age, 1e9 - age))
    printed = microbench("evaluate")
    assert "generated test, torch fp32 on " in printed
    assert "The images are generated: these values say nothing about real streets." in printed
    assert (tmp_path / "runs" / "newest" / "evaluation-generated-test-torch-fp32" / "panels.png").exists()


def test_without_any_run_the_command_that_makes_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert microbench("evaluate", code=2) == (
        "microbench: no trained network is in runs/: give WEIGHTS, or first run `microbench train`.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--precision", "fp16"], "precision of runtime 'torch' must be fp32, not 'fp16'; torch-eager has others."),
        (["--runtime", "tvm"], "runtime 'tvm' is unknown"),
        (["--runtime", "openvino", "--precision", "fp4"], "precision of runtime 'openvino' on cpu 'fp4' is unknown"),
        (["--input-scale", "0"], "Invalid value for '--input-scale': 0.0 is not in the range x>0."),
        (["--device", "tpu"], "device 'tpu' is unknown; allowed: auto, cpu, cuda."),
        (["--data-set", "kitti"], "data set 'kitti' is unknown"),
        (["--split", "holdout"], "split 'holdout' is unknown"),
        (["--data-set", "cityscapes", "--data", "."], "19 classes of data set 'cityscapes', not 11|cityscapes expects"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str, weights: Path) -> None:
    told = microbench("evaluate", weights, *arguments, code=2)
    assert any(part in told for part in sentence.split("|"))
    assert told.count("\n") == 1
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


def test_results_that_cannot_be_written_are_told(weights: Path, camvid: Path) -> None:
    common = ("--data-set", "camvid", "--data", camvid, "--out", weights / "out")
    assert microbench("evaluate", weights, *common, code=2).endswith("/out' cannot be made: Not a directory.\n")


def test_weights_of_other_classes_are_refused(camvid: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "cityscapes.safetensors", 19)
    assert microbench("evaluate", other, "--data-set", "camvid", "--data", camvid, code=2) == (
        "microbench: weights must have the 11 classes of data set 'camvid', not 19.\n"
    )


# Predict


def test_every_image_of_a_folder_gets_a_mask_and_an_overlay(weights: Path, camvid: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    printed = microbench("predict", weights, camvid / "test", "--out", out)
    assert "3 images" in printed
    assert "camvid" in printed
    for kind in ("masks", "overlays"):
        assert sorted(path.name for path in (out / kind).iterdir()) == ["0.png", "1.png", "2.png"]
    with Image.open(out / "masks" / "0.png") as mask, Image.open(out / "overlays" / "0.png") as overlay:
        assert mask.size == overlay.size == (WIDTH, HEIGHT)
        assert mask.mode == "P"
        assert np.asarray(mask).max() < 11
        assert overlay.mode == "RGB"


def test_single_images_can_be_named_and_the_colours_chosen(camvid: Path, tmp_path: Path) -> None:
    only_car = save(tmp_path / "car.safetensors", 19, only=13)
    images = [camvid / "test" / "1.png", camvid / "test" / "2.png"]
    told = json.loads(
        microbench("predict", only_car, *images, "--out", tmp_path / "out", "--data-set", "bdd100k", "--json")
    )
    assert told["images"] == ["1", "2"]
    assert told["data_set"] == "bdd100k"
    with Image.open(tmp_path / "out" / "masks" / "2.png") as mask:
        assert set(np.asarray(mask).flat) == {13}
        assert mask.convert("RGB").getpixel((5, 5)) == (0, 0, 142)  # a car in Cityscapes' palette


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("drive.mp4", "is a video, of which frames must be made first: mkdir frames && ffmpeg -i "),
        ("missing", "must be a folder of images or an image file."),
        ("empty", "must hold images (.png, .jpg, .jpeg)."),
        ("text.png", "cannot be read, it may be corrupt or cut short"),
    ],
)
def test_a_source_that_is_no_image_is_refused(source: str, sentence: str, weights: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("not an image")
    told = microbench("predict", weights, tmp_path / source, "--out", tmp_path / "out", code=2)
    assert sentence in told
    assert told.count("\n") == 1


def test_images_of_one_name_are_refused(weights: Path, camvid: Path, tmp_path: Path) -> None:
    told = microbench("predict", weights, camvid / "test", camvid / "train", "--out", tmp_path / "out", code=2)
    assert "must have different names" in told


def test_a_network_of_a_number_of_classes_that_no_data_set_has_is_refused(camvid: Path, tmp_path: Path) -> None:
    odd = save(tmp_path / "odd.safetensors", 7)
    told = microbench("predict", odd, camvid / "test", "--out", tmp_path / "out", code=2)
    assert told == (
        "microbench: weights must have as many classes as data set bdd100k or camvid or cityscapes or generated, "
        "not 7.\n"
    )
