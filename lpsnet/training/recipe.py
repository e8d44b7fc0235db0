"""Recipes: flat YAML files that hold every hyperparameter of a training run."""

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from lpsnet import data
from microbench.errors import InputError, one_of

_FOLDER = Path(__file__).with_name("recipes")

RECIPES = tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))
"""The recipes that come with the package."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained. Every field is in the YAML file; none has a default.

    Attributes:
        data_set: one of `lpsnet.data.NAMES`.
        train_split: whose images are learnt from.
        validation_split: whose images progress is measured on; "none" for no measurement.
        test_split: whose images the tables' mIoU is of.
        in_memory: decode each image once and hold all of them.
        workers: processes that decode, if not in memory; 0 for the training process itself.
        crop_height: of the training images, in pixels of the scaled frame.
        crop_width: likewise.
        input_scale: how many times a frame is enlarged, bilinearly, before the network sees it, in training and in
            evaluation. It moves the network's stride of 16 and more towards the labels' detail.
        scale_low: least random scaling of the enlarged frame, before it is cropped.
        scale_high: largest.
        flip: mirror half of the images.
        colour_jitter: largest relative change of brightness, contrast and saturation; 0 for none.
        batch_size: images a step, over all processes.
        iterations: steps.
        optimizer: "sgd", or "adamw" (decoupled weight decay).
        learning_rate: at its highest.
        momentum: of SGD, or Adam's first beta.
        weight_decay: of the weights of convolutions; BN and biases have none.
        poly_power: the learning rate falls as (1 - step / iterations) to this power.
        warmup_iterations: steps in which the learning rate rises linearly at first.
        loss: "cross_entropy", or "ohem" (online hard example mining).
        ohem_threshold: pixels whose true class is given less than this probability are hard.
        ohem_kept: the least share of a batch's pixels that is kept, easy or not.
        class_weights: "none", or "log": 1 / ln(1.10 + frequency), of ENet (arXiv 1606.02147).
        reparameterised: train with RepVGG's branches.
        ema_decay: of an average of the weights that is evaluated and exported in their place; 0 for none.
        precision: "fp32", or "bf16" in the layers for which that is safe (automatic mixed precision).
        channels_last: store maps with their channels innermost.
        validate_every: steps between two measurements of progress, with a checkpoint at each.
    """

    data_set: str
    train_split: str
    validation_split: str
    test_split: str
    in_memory: bool
    workers: int
    crop_height: int
    crop_width: int
    input_scale: float
    scale_low: float
    scale_high: float
    flip: bool
    colour_jitter: float
    batch_size: int
    iterations: int
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    momentum: float
    weight_decay: float
    poly_power: float
    warmup_iterations: int
    loss: Literal["cross_entropy", "ohem"]
    ohem_threshold: float
    ohem_kept: float
    class_weights: Literal["none", "log"]
    reparameterised: bool
    ema_decay: float
    precision: Literal["fp32", "bf16"]
    channels_last: bool
    validate_every: int

    def __post_init__(self) -> None:
        for field, kind in typing.get_type_hints(Recipe).items():
            _require_kind(field, kind, getattr(self, field))
        if self.data_set not in data.NAMES:
            raise one_of("data_set", self.data_set, data.NAMES)
        for field in ("crop_height", "crop_width", "batch_size", "iterations", "validate_every"):
            _require(self, field, getattr(self, field) > 0, "greater than 0")
        for field in ("workers", "warmup_iterations", "weight_decay", "poly_power", "colour_jitter"):
            _require(self, field, getattr(self, field) >= 0, "at least 0")
        for field in ("momentum", "ema_decay"):
            _require(self, field, 0 <= getattr(self, field) < 1, "at least 0 and less than 1")
        for field in ("ohem_threshold", "ohem_kept"):
            _require(self, field, 0 < getattr(self, field) <= 1, "greater than 0 and at most 1")
        _require(self, "learning_rate", self.learning_rate > 0, "greater than 0")
        _require(self, "input_scale", self.input_scale > 0, "greater than 0")
        _require(self, "scale_low", self.scale_low > 0, "greater than 0")
        _require(self, "scale_high", self.scale_high >= self.scale_low, f"at least scale_low, {self.scale_low}")

    def changed(self, assignments: Mapping[str, str]) -> "Recipe":
        """This recipe with other values, given as in the YAML file.

        Raises:
            InputError: no such field, or a value that it cannot have.
        """
        known = tuple(field.name for field in dataclasses.fields(self))
        for field in assignments:
            if field not in known:
                raise one_of("field of a recipe", field, known)
        return dataclasses.replace(self, **{field: _value(text) for field, text in assignments.items()})

    def as_yaml(self) -> str:
        """The recipe's file."""
        return yaml.safe_dump(dataclasses.asdict(self), sort_keys=False)


def load_recipe(name_or_path: str) -> Recipe:
    """A recipe that comes with the package, or the user's own file.

    Raises:
        InputError: no such recipe or file, or its content is not a recipe.
    """
    path = _FOLDER / f"{name_or_path}.yaml" if name_or_path in RECIPES else Path(name_or_path)
    try:
        fields = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"recipe {name_or_path!r} must be one of {', '.join(RECIPES)} or a YAML file ({error.strerror})."
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"recipe {str(path)!r} is not a YAML file.") from error
    if not isinstance(fields, dict):
        raise InputError(f"recipe {str(path)!r} must map the names of its fields to values.")
    known = [field.name for field in dataclasses.fields(Recipe)]
    unknown = [str(field) for field in fields if field not in known]
    missing = [field for field in known if field not in fields]
    if unknown:
        raise one_of(f"field of recipe {str(path)!r}", unknown[0], known)
    if missing:
        raise InputError(f"recipe {str(path)!r} lacks the field {missing[0]!r}; a recipe holds every hyperparameter.")
    return Recipe(**{field: _value(value) for field, value in fields.items()})


def _value(text: Any) -> Any:
    """A value as YAML reads it, except that "1e-3" is a number here, where YAML 1.1 reads a string."""
    try:
        value = yaml.safe_load(text) if isinstance(text, str) else text
    except yaml.YAMLError as error:
        raise InputError(f"a field of a recipe must have a value as in YAML, not {text!r}.") from error
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _require_kind(field: str, kind: Any, value: Any) -> None:
    if typing.get_origin(kind) is Literal:
        if value not in typing.get_args(kind):
            raise one_of(field, value, typing.get_args(kind))
    elif kind is float:
        if type(value) not in (int, float):
            raise InputError(f"{field} must be a number, not {value!r}.")
    elif type(value) is not kind:
        words = {bool: "true or false", int: "an integer", str: "a text"}
        raise InputError(f"{field} must be {words[kind]}, not {value!r}.")


def _require(recipe: Recipe, field: str, holds: bool, words: str) -> None:
    if not holds:
        raise InputError(f"{field} must be {words}, not {getattr(recipe, field)!r}.")
