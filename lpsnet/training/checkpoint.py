"""Checkpoints: all that a training run needs to continue as if it had never been stopped."""

import io
from pathlib import Path
from typing import Any

import torch

from lpsnet.files import write_file
from lpsnet.training.recipe import Recipe
from microbench.errors import InputError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; until it is whole on the disk, the one before it stays.

    Raises:
        InputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_file(path, buffer.getvalue())


def load_checkpoint(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Read a checkpoint, without running any code in it.

    Args:
        path: the file.
        identity: what the run to be resumed must have in common with this one, by the name of its field.

    Raises:
        InputError: the file is corrupt, or another run's.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = dict(state["identity"])
    except Exception as error:  # a truncated zip, a pickle of something else: torch has many ways to say so
        raise InputError(f"checkpoint {str(path)!r} is corrupt; delete its folder to train anew.") from error
    for field, value in identity.items():
        if found.get(field) != value:
            raise InputError(
                f"checkpoint {str(path)!r} is of a run with {field} {_short(found.get(field))}, not {_short(value)}; "
                "give another folder, or delete that one."
            )
    checkpoint: dict[str, Any] = state
    return checkpoint


def identity_of(design: Any, recipe: Recipe, seed: int, images: int) -> dict[str, Any]:
    """The arguments that define a run, as plain values: a checkpoint of other ones is refused."""
    return {"network": repr(design), "recipe": recipe.as_yaml(), "seed": seed, "number of training images": images}


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
