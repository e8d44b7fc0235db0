"""Files of trained weights: the newest one, the input scale it was trained with, and folders for results."""

from __future__ import annotations

from pathlib import Path

from microbench.errors import InputError

_RUNS = Path("runs")


def newest_run() -> Path:
    """The weights of the run that ended last, in the folder that `microbench train` writes to.

    Raises:
        InputError: there is none.
    """
    from lpsnet.training.files import WEIGHTS

    found = list(_RUNS.glob(f"*/{WEIGHTS}"))
    if not found:
        raise InputError(f"no trained network is in {_RUNS}/: give WEIGHTS, or first run `microbench train`.")
    return max(found, key=lambda path: path.stat().st_mtime)


def input_scale_of(weights: Path) -> float:
    """The factor by which images were enlarged in training; 1 if there is no recipe beside the weights.

    Raises:
        InputError: there is a recipe, but a damaged one.
    """
    from lpsnet.training.files import RECIPE

    recipe = weights.with_name(RECIPE)
    if not recipe.is_file():
        return 1.0
    from lpsnet.training import load_recipe

    return load_recipe(str(recipe)).input_scale


def make_folder(folder: Path) -> None:
    """Make the folder of a command's results, if need be.

    Raises:
        InputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"out {str(folder)!r} cannot be made: {error.strerror}.") from error
