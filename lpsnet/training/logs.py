"""The log of a training run."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from lightning.fabric.loggers.csv_logs import CSVLogger
from lightning.fabric.loggers.tensorboard import TensorBoardLogger

_PART = "log-from-"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        step: steps done, of `iterations`.
        iterations: steps in all.
        loss: mean over the steps since the last report.
        mean_iou: latest, on the validation split, 0 to 1; None before the first measurement.
        images_per_s: trained on since the run was started or resumed, all processes together, measurements left out.
    """

    step: int
    iterations: int
    loss: float
    mean_iou: float | None
    images_per_s: float


@dataclass(frozen=True)
class TrainingLog:
    """The whole log of a run, be it of several parts.

    Attributes:
        steps: one line a report: step, loss, images_per_s and, where it was measured, validation_mean_iou.
        training_s: seconds spent on the steps that count; measurements and steps lost to a kill are left out.
    """

    steps: pd.DataFrame
    training_s: float


def training_log(folder: Path, batch_size: int) -> TrainingLog:
    """Read the log in a run's folder.

    Args:
        folder: of the run.
        batch_size: of its recipe.
    """
    parts = {
        int(path.parent.name.rpartition("-")[2]): pd.read_csv(path) for path in folder.glob(f"{_PART}*/metrics.csv")
    }
    seconds = 0.0
    kept = []
    starts = sorted(parts)
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        part = parts[start].sort_values("step")
        # A part that was killed may reach beyond the checkpoint from which the next one continues.
        kept.append(part if end is None else part[part["step"] <= end])
        if len(kept[-1]):
            last = kept[-1].iloc[-1]
            seconds += (last["step"] - start) * batch_size / last["images_per_s"]
    return TrainingLog(pd.concat(kept, ignore_index=True), float(seconds))


class Logs:
    """A run's log as CSV and for TensorBoard. A resumed run writes further files beside those that are there.

    Args:
        folder: of the run.
        step: at which the run starts or continues.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._table = CSVLogger(root_dir=folder, name="", version=f"{_PART}{step}", flush_logs_every_n_steps=1)
        self._board = TensorBoardLogger(root_dir=folder, name="tensorboard", version=f"from-{step}")

    def write(self, progress: Progress, *, measured: bool) -> None:
        """Add a line.

        Args:
            progress: the values of the line.
            measured: whether the mean IoU is of this very step.
        """
        values = {"loss": progress.loss, "images_per_s": progress.images_per_s}
        if measured and progress.mean_iou is not None:
            values["validation_mean_iou"] = progress.mean_iou
        self._table.log_metrics({**values}, progress.step)
        self._table.save()
        self._board.log_metrics(values, progress.step)
        self._board.save()
