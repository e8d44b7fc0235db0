"""`microbench train`, and `run --train`: train networks, evaluate them, and keep the outcome in the results."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import lpsnet
from lpsnet import data
from lpsnet.evaluation import ScaledPredictor, TorchPredictor, evaluate
from lpsnet.files import write_file
from lpsnet.training import Progress, Recipe, load_recipe, train, training_log
from lpsnet.training.files import RECIPE, WEIGHTS
from microbench.errors import InputError
from microbench.experiments.base import Experiment
from microbench.measure.environment import fingerprint
from microbench.report.accuracy import FOLDER, TRAINING_FILE, network_name

RUNS = Path("runs")
"""Checkpoints and weights of unfinished and finished runs; not part of the results."""

OnProgress = Callable[[str, float], None]
"""Called with what is being done and its share done, 0 to 1."""


@dataclass(frozen=True)
class Training:
    """How networks are trained.

    Attributes:
        recipe: every hyperparameter.
        label: what the results call the recipe.
        root: the folder of its data set; None for what the environment says.
    """

    recipe: Recipe
    label: str
    root: Path | None


def run_folder(training: Training, name: str, seed: int) -> Path:
    """Where the run of the network called `name` lies."""
    return RUNS / f"{training.label}-{name}-seed{seed}"


def train_tables(
    experiments: Sequence[Experiment],
    training: Training,
    seeds: Sequence[int],
    results: Path,
    on_progress: OnProgress = lambda *_: None,
) -> None:
    """Train and evaluate the networks that the experiments' mIoU columns lack; a stopped run is resumed.

    Args:
        experiments: those without networks to train are skipped.
        training: how.
        seeds: one run of each network for each.
        results: the folder of all results.
        on_progress: see `OnProgress`.

    Raises:
        InputError: no such data set, a folder that cannot be written, or results by another recipe of that label.
    """
    recipe = training.recipe
    classes = len(data.make(recipe.data_set, recipe.test_split, training.root).classes.names)
    # Seed by seed: a first figure of every network comes before a second one of any.
    for seed in seeds:
        for experiment in experiments:
            for row, choice in experiment.trained_networks().items():
                name = network_name(experiment.name, row)
                if not _is_recorded(_result_folder(results, training, name, seed), recipe):
                    run = run_folder(training, name, seed)
                    train_network(choice.design(classes), training, run, seed, on_progress)
                    record_run(run, name, training, seed, results, on_progress)


def train_network(
    design: lpsnet.Design, training: Training, run: Path, seed: int, on_progress: OnProgress = lambda *_: None
) -> Path:
    """The file of weights of a network that was trained in the folder `run`, now or earlier.

    Raises:
        InputError: see `lpsnet.training.train`.
    """
    recipe = training.recipe
    training_set = data.make(recipe.data_set, recipe.train_split, training.root)
    is_measured = recipe.validation_split != "none"
    validation_set = data.make(recipe.data_set, recipe.validation_split, training.root) if is_measured else None

    def report_progress(progress: Progress) -> None:
        iou = "" if progress.mean_iou is None else f", mIoU {100 * progress.mean_iou:.1f}"
        text = f"{run.name}: loss {progress.loss:.3f}{iou}, {progress.images_per_s:.1f} images/s"
        on_progress(text, progress.step / progress.iterations)

    return train(design, recipe, training_set, validation_set, run, seed=seed, on_progress=report_progress)


def record_run(
    run: Path,
    name: str,
    training: Training,
    seed: int,
    results: Path,
    on_progress: OnProgress = lambda *_: None,
    *,
    keep_weights: bool = False,
) -> Path:
    """Evaluate a finished run on its recipe's test split, and keep the outcome in the results.

    Args:
        run: the run's folder.
        name: what the results call the network.
        training: how it was trained.
        seed: of the run.
        results: the folder of all results.
        on_progress: see `OnProgress`.
        keep_weights: keep the weights in float16 too; the evaluation then is of these.

    Returns:
        The folder of the outcome. Nothing is done if it is already there.

    Raises:
        InputError: the data set or the weights cannot be read, a folder cannot be written, or there is an outcome of
            another recipe of that label.
    """
    recipe = training.recipe
    folder = _result_folder(results, training, name, seed)
    if _is_recorded(folder, recipe):
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"results {str(folder)!r} cannot be made: {error.strerror}.") from error
    weights = run / WEIGHTS
    if keep_weights:
        lpsnet.save_weights(lpsnet.load_network(weights), folder / WEIGHTS, half=True)
        weights = folder / WEIGHTS
    predictor = ScaledPredictor(TorchPredictor(lpsnet.load_network(weights)), recipe.input_scale)
    samples = data.make(recipe.data_set, recipe.test_split, training.root)
    evaluation = evaluate(predictor, samples, lambda _, share: on_progress(f"{name}: evaluating", share))
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    origin = {"runtime": "torch", "precision": "fp32", "weights_sha256": digest}
    dataclasses.replace(evaluation, origin=origin).write(folder)
    _keep_training(run, folder, recipe, seed)
    return folder


def _result_folder(results: Path, training: Training, name: str, seed: int) -> Path:
    return results / FOLDER / training.label / name / f"seed{seed}"


def _is_recorded(folder: Path, recipe: Recipe) -> bool:
    if not (folder / TRAINING_FILE).exists():
        return False
    if load_recipe(str(folder / RECIPE)) != recipe:
        raise InputError(
            f"recipe is not the one that {str(folder)!r} was trained by; rename its file, or delete that folder."
        )
    return True


def _keep_training(run: Path, folder: Path, recipe: Recipe, seed: int) -> None:
    """The recipe, the log and, last, what says that all is there."""
    log = training_log(run, recipe.batch_size)
    write_file(folder / RECIPE, recipe.as_yaml().encode())
    write_file(folder / "log.csv", log.steps.to_csv(index=False).encode())
    kept = {
        "seed": seed,
        "iterations": recipe.iterations,
        "batch_size": recipe.batch_size,
        "training_s": round(log.training_s, 3),
        "environment": dataclasses.asdict(fingerprint()),
    }
    write_file(folder / TRAINING_FILE, (json.dumps(kept, indent=1) + "\n").encode())
