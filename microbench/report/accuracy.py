"""Measured accuracy: reads the evaluations of trained networks from the results, and formats them for tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lpsnet.evaluated import Evaluation
from microbench.errors import InputError

FOLDER = "accuracy"
"""In the folder of all results: accuracy/<recipe>/<network>/seed<number>/."""

TRAINING_FILE = "training.json"


@dataclass(frozen=True)
class Accuracy:
    """One network, trained by one recipe, from one or more seeds.

    Attributes:
        name: the network's, unique within a recipe.
        recipe: by which it was trained.
        seeds: of the runs, in order.
        evaluations: one for each seed, all on the same images.
        trainings: what was kept of each training: iterations, batch size, seconds, environment.
    """

    name: str
    recipe: str
    seeds: tuple[int, ...]
    evaluations: tuple[Evaluation, ...]
    trainings: tuple[Mapping[str, Any], ...]

    @property
    def mean_iou(self) -> float:
        """Mean over the seeds, 0 to 1."""
        return float(np.mean([evaluation.confusion.mean_iou for evaluation in self.evaluations]))

    @property
    def spread(self) -> float | None:
        """Standard deviation between seeds; None for a single one."""
        if len(self.seeds) < 2:
            return None
        return float(np.std([evaluation.confusion.mean_iou for evaluation in self.evaluations], ddof=1))

    @property
    def text(self) -> str:
        """The mean in percent and, of several seeds, their spread."""
        spread = self.spread
        return f"{100 * self.mean_iou:.1f}" + ("" if spread is None else f" ±{100 * spread:.1f}")


def network_name(table: str, row: str) -> str:
    """The name in the results of the network of a table's row.

    >>> network_name("table2", "ghost")
    'table2-ghost'
    """
    return f"{table}-{row}"


def read_accuracies(results: Path, table: str, rows: Iterable[str]) -> dict[str, Accuracy]:
    """Read the accuracy of a table's networks: by the recipe that trained most of them, and of several the longest.

    Args:
        results: the folder of all results.
        table: e.g. "table2".
        rows: of the table; each names its network.

    Returns:
        By row; rows whose network has no finished run are left out.

    Raises:
        InputError: a run's files are damaged, or its seeds were not evaluated on the same images.
    """
    return read_network_accuracies(results, {row: network_name(table, row) for row in rows})


def read_network_accuracies(results: Path, names: Mapping[str, str]) -> dict[str, Accuracy]:
    """Read the accuracy of networks: by the recipe that trained most of them, and of several the longest.

    Args:
        results: the folder of all results.
        names: what the results call each network, by what the caller calls it.

    Returns:
        By the caller's names; networks without a finished run are left out.

    Raises:
        InputError: a run's files are damaged, or its seeds were not evaluated on the same images.
    """
    by_recipe = [
        {row: found for row, name in names.items() if (found := _read(recipe / name)) is not None}
        for recipe in sorted((results / FOLDER).glob("*"))
    ]
    return max(by_recipe, key=lambda found: (len(found), _images_seen(found)), default={})


def _images_seen(found: Mapping[str, Accuracy]) -> int:
    return sum(t["iterations"] * t["batch_size"] for accuracy in found.values() for t in accuracy.trainings)


def _read(folder: Path) -> Accuracy | None:
    seeds = {}
    for path in folder.glob(f"seed*/{TRAINING_FILE}"):
        try:
            training = json.loads(path.read_text("utf-8"))
            seeds[int(training["seed"])] = (Evaluation.read(path.parent), training)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{str(path)!r} is damaged; delete its folder and train that network again.") from error
    if not seeds:
        return None
    ordered = sorted(seeds)
    evaluations = tuple(seeds[seed][0] for seed in ordered)
    if len({evaluation.images for evaluation in evaluations}) > 1:
        raise InputError(f"the seeds in {str(folder)!r} must all be evaluated on the same images.")
    return Accuracy(
        folder.name, folder.parent.name, tuple(ordered), evaluations, tuple(seeds[seed][1] for seed in ordered)
    )


def miou_heading(accuracies: Mapping[str, Accuracy]) -> str:
    """The heading of the measured mIoU's column, with the data set; the column is empty without a trained network."""
    if not accuracies:
        return "mIoU % (not trained)"
    evaluation = next(iter(accuracies.values())).evaluations[0]
    return f"mIoU % ({evaluation.data_set} {evaluation.split})"


def accuracy_sentence(accuracies: Sequence[Accuracy]) -> str:
    """How networks of one recipe were trained, and their mIoU; of several networks the range."""
    evaluation, training = accuracies[0].evaluations[0], accuracies[0].trainings[0]
    minutes = [t["training_s"] / 60 for accuracy in accuracies for t in accuracy.trainings]
    by_seeds = sorted({accuracy.seeds for accuracy in accuracies})
    seeds = " or ".join(", ".join(map(str, seeds)) for seeds in by_seeds)
    best, worst = (chosen(accuracies, key=lambda accuracy: accuracy.mean_iou).text for chosen in (max, min))
    return (
        f"mIoU {worst if best == worst else f'{worst} to {best}'}% on {evaluation.data_set}, split {evaluation.split} "
        f"({len(evaluation.images)} images): trained from scratch by recipe {accuracies[0].recipe}, "
        f"{training['iterations']} iterations of {training['batch_size']} images, "
        f"{_range_text(minutes)} minutes a run, seed{'s' * (len(by_seeds[0]) > 1)} {seeds}"
    )


def _range_text(values: Sequence[float]) -> str:
    low, high = f"{min(values):.0f}", f"{max(values):.0f}"
    return low if low == high else f"{low} to {high}"
