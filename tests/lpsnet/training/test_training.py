import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from commands import run_python
from safetensors.torch import load_file

import lpsnet
from lpsnet import training
from lpsnet.data.dataset import SegmentationDataset
from lpsnet.data.generated import Generated
from lpsnet.training import checkpoint, load_recipe
from lpsnet.training.files import CHECKPOINT
from lpsnet.training.loss import SegmentationLoss
from lpsnet.training.optimisation import learning_rate
from microbench.errors import InputError

RECIPE = dataclasses.replace(
    load_recipe("generated"),
    crop_height=48, crop_width=64, batch_size=4, iterations=6, warmup_iterations=2, validate_every=3, precision="fp32",
)  # fmt: skip


@pytest.fixture
def design(small: lpsnet.Architecture) -> lpsnet.NetworkDesign:
    return lpsnet.NetworkDesign(architecture=small, num_classes=11)


@pytest.fixture(scope="module")
def scenes() -> SegmentationDataset:
    return Generated("train", size=(64, 80), count=8)


class KilledError(Exception):
    pass


def kill_at(step: int) -> Callable[[training.Progress], None]:
    def on_progress(progress: training.Progress) -> None:
        if progress.step >= step:
            raise KilledError

    return on_progress


@pytest.mark.parametrize(
    "changes",
    [{}, {"precision": "bf16"}, {"reparameterised": False, "optimizer": "sgd", "ema_decay": 0.0, "workers": 1}],
    ids=["as is", "bf16", "plain form, SGD, no average, a worker"],
)
def test_a_killed_and_resumed_run_ends_at_the_weights_of_an_unbroken_one(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path, changes: dict[str, object]
) -> None:
    recipe = dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]
    unbroken = training.train(design, recipe, scenes, None, tmp_path / "unbroken", seed=3)
    with pytest.raises(KilledError):
        training.train(design, recipe, scenes, None, tmp_path / "broken", seed=3, on_progress=kill_at(3))
    assert not (tmp_path / "broken" / "network.safetensors").exists()
    torch.rand(5)  # whatever else draws random numbers in between has no part in it
    resumed = training.train(design, recipe, scenes, None, tmp_path / "broken", seed=3)
    expected = load_file(unbroken)
    for name, tensor in load_file(resumed).items():
        assert torch.equal(tensor, expected[name]), name


@pytest.mark.parametrize(("name", "weight"), [("fast-scnn", 0.4), ("stdc1", 1.0)])
def test_auxiliary_heads_are_trained_with_their_papers_weight_and_left_out_of_the_result(
    name: str, weight: float, scenes: SegmentationDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 5.0, 7.0])
    recipe = dataclasses.replace(RECIPE, iterations=1, validate_every=1)
    monkeypatch.setattr(SegmentationLoss, "forward", lambda _, scores, __: 0 * scores.sum() + next(losses))
    told: list[training.Progress] = []
    design = lpsnet.network_design(name, 11)
    weights = training.train(design, recipe, scenes, None, tmp_path, on_progress=told.append)
    assert told[0].loss == pytest.approx(3 + weight * (5 + 7))
    assert not [key for key in load_file(weights) if key.startswith("auxiliary")]


def test_a_seed_is_another_run(design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, iterations=1)
    first, second = (load_file(training.train(design, recipe, scenes, None, tmp_path / str(s), seed=s)) for s in (0, 1))
    assert not torch.equal(first["head.weight"], second["head.weight"])


def test_a_finished_run_is_not_trained_again(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    weights = training.train(design, RECIPE, scenes, None, tmp_path)
    written = weights.stat().st_mtime_ns
    assert training.train(design, RECIPE, scenes, None, tmp_path, on_progress=kill_at(0)) == weights
    assert weights.stat().st_mtime_ns == written


def test_the_network_learns_and_says_so(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, iterations=40, validate_every=20, ema_decay=0.0)
    told: list[training.Progress] = []
    weights = training.train(design, recipe, scenes, scenes, tmp_path, on_progress=told.append)
    assert [progress.step for progress in told] == [20, 40]
    assert told[1].loss < told[0].loss
    log = pd.read_csv(next(tmp_path.glob("log-from-0/metrics.csv")))
    assert log["validation_mean_iou"].tolist() == pytest.approx([progress.mean_iou for progress in told])
    network = lpsnet.load_network(weights)
    assert network.form == "deploy"
    trained_design = lpsnet.design_of(network)
    assert isinstance(trained_design, lpsnet.NetworkDesign)
    assert trained_design.architecture.ratios == design.architecture.ratios
    measured = lpsnet.evaluation.evaluate(lpsnet.evaluation.TorchPredictor(network), scenes)
    assert measured.confusion.mean_iou == pytest.approx(told[1].mean_iou)
    assert (tmp_path / "recipe.yaml").read_text() == recipe.as_yaml()


def test_another_runs_folder_is_refused(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    training.train(design, RECIPE, scenes, None, tmp_path)
    for changed, arguments in [
        ("seed", (design, RECIPE, scenes, None, tmp_path, 1)),
        ("recipe", (design, dataclasses.replace(RECIPE, momentum=0.8), scenes, None, tmp_path, 0)),
        ("network", (dataclasses.replace(design, interaction="none"), RECIPE, scenes, None, tmp_path, 0)),
    ]:
        *positional, seed = arguments
        with pytest.raises(InputError, match=f"is of a run with {changed} .*another folder"):
            training.train(*positional, seed=seed)  # type: ignore[arg-type]


def test_a_corrupt_checkpoint_is_told_in_a_sentence(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    training.train(design, RECIPE, scenes, None, tmp_path)
    content = (tmp_path / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="is corrupt; delete its folder to train anew"):
        training.train(design, RECIPE, scenes, None, tmp_path)


def test_a_full_disk_leaves_the_last_good_checkpoint(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KilledError):
        training.train(design, RECIPE, scenes, None, tmp_path, on_progress=kill_at(3))
    before = (tmp_path / CHECKPOINT).read_bytes()

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "replace", no_room)
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            training.train(design, RECIPE, scenes, None, tmp_path)
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    training.train(design, RECIPE, scenes, None, tmp_path)


def test_a_loss_that_explodes_is_told_before_it_is_kept(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, optimizer="sgd", learning_rate=1e30, warmup_iterations=0)
    with pytest.raises(InputError, match=r"learning_rate 1e\+30 is too high: the loss is not finite at step 3"):
        training.train(design, recipe, scenes, None, tmp_path)
    assert not (tmp_path / CHECKPOINT).exists()


def test_another_number_of_classes_is_refused(
    design: lpsnet.NetworkDesign, scenes: SegmentationDataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="num_classes must be 11 for generated, not 19"):
        training.train(dataclasses.replace(design, num_classes=19), RECIPE, scenes, None, tmp_path)


def test_the_learning_rate_follows_the_poly_policy() -> None:
    recipe = dataclasses.replace(RECIPE, learning_rate=0.01, iterations=100, warmup_iterations=0, poly_power=0.9)
    assert learning_rate(recipe, 0) == pytest.approx(0.01)
    assert learning_rate(recipe, 50) == pytest.approx(0.01 * 0.5**0.9)
    warm = dataclasses.replace(recipe, warmup_iterations=4)
    assert learning_rate(warm, 0) == pytest.approx(0.01 / 4)
    assert learning_rate(warm, 3) == pytest.approx(learning_rate(recipe, 3))


@pytest.mark.slow
@pytest.mark.subprocess
def test_two_processes_train_one_network(tmp_path: Path) -> None:
    settings = ["batch_size=4", "iterations=2", "validate_every=2", "crop_height=48", "crop_width=64"]
    assignments = [part for setting in settings for part in ("--set", setting)]
    command = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone",
               "-m", "microbench", "train", "lpsnet-step-0", "--out", tmp_path / "run", *assignments]  # fmt: skip
    done = run_python(*command)
    assert done.code == 0, done.err
    assert done.out.count("Written:") == 1
    assert load_file(tmp_path / "run" / "network.safetensors")


def test_checkpoints_run_no_code(tmp_path: Path) -> None:
    class Exploit:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("false",)

    torch.save({"identity": {}, "step": Exploit()}, tmp_path / CHECKPOINT)
    with pytest.raises(InputError, match="is corrupt"):
        checkpoint.load_checkpoint(tmp_path / CHECKPOINT, {})
