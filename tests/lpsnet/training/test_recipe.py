import re
from pathlib import Path

import pytest

from lpsnet.training import RECIPES, Recipe, load_recipe
from microbench.errors import InputError


@pytest.mark.parametrize("name", RECIPES)
def test_every_packaged_recipe_is_whole(name: str) -> None:
    assert isinstance(load_recipe(name), Recipe)


def test_cityscapes_is_trained_as_published() -> None:
    recipe = load_recipe("cityscapes")
    # LPS-Net, arXiv 2207.13600, section 4.2.
    assert (recipe.iterations, recipe.batch_size, recipe.crop_height, recipe.crop_width) == (90_000, 16, 768, 768)
    assert (recipe.optimizer, recipe.momentum, recipe.weight_decay) == ("sgd", 0.9, 0.0005)
    assert (recipe.learning_rate, recipe.poly_power) == (0.01, 0.9)
    assert (recipe.scale_low, recipe.scale_high, recipe.flip) == (0.5, 2.0, True)
    assert recipe.reparameterised


def test_camvid_is_trained_as_published() -> None:
    recipe = load_recipe("camvid_paper")
    assert (recipe.iterations, recipe.batch_size, recipe.learning_rate) == (40_000, 12, 0.03)
    assert (recipe.crop_height, recipe.crop_width, recipe.loss) == (720, 960, "ohem")


def test_a_recipe_comes_back_from_its_own_file(tmp_path: Path) -> None:
    recipe = load_recipe("camvid")
    (tmp_path / "mine.yaml").write_text(recipe.as_yaml())
    assert load_recipe(str(tmp_path / "mine.yaml")) == recipe


def test_fields_are_changed_as_in_the_file() -> None:
    recipe = load_recipe("camvid").changed(
        {"learning_rate": "1e-4", "flip": "false", "iterations": "7", "loss": "ohem"}
    )
    assert (recipe.learning_rate, recipe.flip, recipe.iterations, recipe.loss) == (0.0001, False, 7, "ohem")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("iterations", "0", "iterations must be greater than 0, not 0."),
        ("iterations", "[", "a field of a recipe must have a value as in YAML, not '['."),
        ("iterations", "1.5", "iterations must be an integer, not 1.5."),
        ("iterations", "true", "iterations must be an integer, not True."),
        ("flip", "1", "flip must be true or false, not 1."),
        ("learning_rate", "fast", "learning_rate must be a number, not 'fast'."),
        ("learning_rate", ".nan", "learning_rate must be greater than 0, not nan."),
        ("momentum", "1", "momentum must be at least 0 and less than 1, not 1."),
        ("scale_high", "0.1", "scale_high must be at least scale_low, 0.5, not 0.1."),
        ("optimizer", "adam", "optimizer 'adam' is unknown; allowed: sgd, adamw."),
        ("data_set", "kitti", "data_set 'kitti' is unknown; allowed: bdd100k, camvid, cityscapes, generated."),
    ],
)
def test_a_value_that_cannot_be_is_refused(field: str, value: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        load_recipe("camvid_cpu").changed({field: value})


def test_an_unknown_field_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"'lr' is unknown; allowed: data_set, .*learning_rate"):
        load_recipe("camvid").changed({"lr": "1"})


def test_a_recipe_holds_every_hyperparameter(tmp_path: Path) -> None:
    text = load_recipe("camvid").as_yaml()
    (tmp_path / "short.yaml").write_text(text.replace("momentum: 0.9\n", ""))
    with pytest.raises(InputError, match="lacks the field 'momentum'"):
        load_recipe(str(tmp_path / "short.yaml"))


@pytest.mark.parametrize("content", ["[1, 2]", "a: [", "\x00", ""])
def test_what_is_not_a_recipe_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "not.yaml").write_text(content)
    with pytest.raises(InputError, match=r"not\.yaml"):
        load_recipe(str(tmp_path / "not.yaml"))


def test_a_missing_recipe_names_those_there_are() -> None:
    with pytest.raises(InputError, match=r"must be one of bdd100k, .*generated or a YAML file"):
        load_recipe("nothing")
