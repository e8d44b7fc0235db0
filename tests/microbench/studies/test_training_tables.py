import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lpsnet import Architecture
from lpsnet.evaluated import Evaluation
from lpsnet.training import load_recipe
from microbench.errors import InputError
from microbench.experiments.base import Experiment, Presentation
from microbench.experiments.network import NetworkChoice
from microbench.measure.workload import WorkloadSpec
from microbench.report.accuracy import miou_heading, read_accuracies
from microbench.report.accuracy_notes import accuracy_notes
from microbench.studies.train import Training, record_run, run_folder, train_network, train_tables

pytestmark = pytest.mark.heavy

TINY = Architecture((1, 1, 1, 1, 1), (4, 4, 8, 8, 8), (1, "1/4", 0))
RECIPE = dataclasses.replace(
    load_recipe("generated"),
    crop_height=32, crop_width=48, batch_size=2, iterations=2, warmup_iterations=0, validate_every=2,
    precision="fp32", train_split="val", validation_split="none", class_weights="none",
)  # fmt: skip
TRAINING = Training(RECIPE, "tiny", None)


class Table(Experiment):
    name = "table9"
    title = "Two networks"
    whole_networks = True
    has_accuracy = True

    def specs(self) -> list[WorkloadSpec]:
        return []

    def trained_networks(self) -> dict[str, NetworkChoice]:
        return {name: NetworkChoice(TINY, interaction=name) for name in ("none", "bilateral_b")}

    def present(self, *_: object) -> Presentation:
        return Presentation(pd.DataFrame())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks, two seeds each, trained for two steps."""
    folder = tmp_path_factory.mktemp("tables")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        train_tables([Table()], TRAINING, [0, 1], folder / "results")
    return folder / "results"


def test_every_network_is_trained_from_every_seed(results: Path) -> None:
    found = read_accuracies(results, "table9", ["none", "bilateral_b", "direct_a"])
    assert list(found) == ["none", "bilateral_b"]
    assert all(accuracy.seeds == (0, 1) and accuracy.recipe == "tiny" for accuracy in found.values())
    assert all(accuracy.mean_iou > 0 for accuracy in found.values())


def test_the_mean_over_seeds_and_their_spread_are_shown(results: Path) -> None:
    accuracy = read_accuracies(results, "table9", ["none"])["none"]
    ious = [100 * evaluation.confusion.mean_iou for evaluation in accuracy.evaluations]
    assert accuracy.text == f"{np.mean(ious):.1f} ±{np.std(ious, ddof=1):.1f}"


def test_the_notes_name_data_recipe_iterations_seeds_and_stability(results: Path) -> None:
    found = read_accuracies(results, "table9", ["none", "bilateral_b"])
    training, places, verdict = accuracy_notes(found, "bilateral_b")
    for part in ("generated, split test (30 images)", "recipe tiny, 2 iterations of 2 images", "seeds 0, 1", "mIoU "):
        assert part in training
    assert "none" in places
    assert "bilateral_b" in places
    assert "bilateral_b has the highest mIoU: undecided; " in verdict
    assert miou_heading(found) == "mIoU % (generated test)"


def test_untrained_networks_leave_the_column_empty(tmp_path: Path) -> None:
    found = read_accuracies(tmp_path, "table9", ["none"])
    assert found == {}
    assert miou_heading(found) == "mIoU % (not trained)"
    assert accuracy_notes(found, "none") == []


def test_what_is_recorded_is_not_trained_again(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # without the runs' folder
    train_tables([Table()], TRAINING, [0, 1], results)
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_of_the_same_name_is_refused(results: Path) -> None:
    other = dataclasses.replace(TRAINING, recipe=dataclasses.replace(RECIPE, momentum=0.5))
    with pytest.raises(InputError, match=r"recipe is not the one that .* was trained by; rename its file"):
        train_tables([Table()], other, [0], results)


def test_the_recipe_that_trained_more_networks_fills_the_column(results: Path, tmp_path: Path) -> None:
    (tmp_path / "accuracy").mkdir()
    (tmp_path / "accuracy" / "tiny").symlink_to(results / "accuracy" / "tiny")
    (tmp_path / "accuracy" / "another").mkdir()
    (tmp_path / "accuracy" / "another" / "table9-none").symlink_to(results / "accuracy" / "tiny" / "table9-none")
    found = read_accuracies(tmp_path, "table9", ["none", "bilateral_b"])
    assert {accuracy.recipe for accuracy in found.values()} == {"tiny"}


def test_damaged_results_are_told_in_a_sentence(results: Path, tmp_path: Path) -> None:
    folder = tmp_path / "accuracy" / "tiny" / "table9-none" / "seed0"
    folder.mkdir(parents=True)
    for path in (results / "accuracy" / "tiny" / "table9-none" / "seed0").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "training.json").write_text('{"seed": ')
    with pytest.raises(InputError, match="is damaged; delete its folder and train that network again"):
        read_accuracies(tmp_path, "table9", ["none"])


def test_kept_weights_are_those_that_were_evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import lpsnet
    from lpsnet import data
    from lpsnet.evaluation import TorchPredictor, evaluate

    monkeypatch.chdir(tmp_path)
    run = run_folder(TRAINING, "tiny", 0)
    train_network(NetworkChoice(TINY).design(11), TRAINING, run, 0)
    folder = record_run(run, "tiny", TRAINING, 0, tmp_path / "results", keep_weights=True)
    network = lpsnet.load_network(folder / "network.safetensors")
    again = evaluate(TorchPredictor(network), data.make("generated", "test"))
    assert np.array_equal(again.counts, Evaluation.read(folder).counts)
    kept = json.loads((folder / "training.json").read_text())
    assert (kept["iterations"], kept["batch_size"], kept["seed"]) == (2, 2, 0)
    assert kept["training_s"] > 0
