"""`microbench train`: train a network by a recipe; and the options by which tables train theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from microbench.commands.console import progress_bar
from microbench.errors import InputError

if TYPE_CHECKING:
    from microbench.experiments.base import Experiment

Command = TypeVar("Command", bound=Callable[..., Any])


@click.command("train")
@click.argument("network", default="lpsnet-s")
@click.option(
    "--recipe",
    "recipe_name",
    default="generated",
    show_default=True,
    help="A recipe that comes with the package, or your own YAML file.",
)
@click.option("--data", "root", type=click.Path(path_type=Path), help="Folder of the recipe's data set.")
@click.option("--block", default="conv3x3", show_default=True, help="Convolutional block.")
@click.option("--interaction", default="bilateral_b", show_default=True, help="Path interaction.")
@click.option("--width", type=int, help="Table 2's structure with this channel base c, in place of NETWORK.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of first weights, batches and augmentation.")
@click.option(
    "--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe; repeatable."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the run [default: runs/<recipe>-<network>-seed<seed>]."
)
@click.option(
    "--record",
    is_flag=True,
    help="Evaluate on the recipe's test split; keep that and the weights (float16) in results/accuracy/.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of all results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")  # fmt: skip
def train(
    network: str,
    recipe_name: str,
    root: Path | None,
    block: str,
    interaction: str,
    width: int | None,
    seed: int,
    assignments: tuple[str, ...],
    out: Path | None,
    record: bool,
    results: Path,
    as_json: bool,
) -> None:
    """Train NETWORK from scratch, or go on with a run that was stopped.

    Without any argument: LPS-Net-S on generated street scenes, in less than three minutes on two cores. The folder of
    the run gets the recipe, a log, a checkpoint and the network's weights; `microbench evaluate` takes it from there.
    Several processes: `torchrun --nproc-per-node 2 -m microbench train ...`.
    """
    with _needing_extra():
        from microbench.experiments.training import Training, record_run, run_folder, trained
    import lpsnet
    from lpsnet import data
    from lpsnet.training import load_recipe

    if record and assignments:
        raise InputError("set must not be given with --record: a result names its recipe, so write a file of your own.")
    training = Training(load_recipe(recipe_name).changed(_fields(assignments)), Path(recipe_name).stem, root)
    name = network if width is None else f"{block}-{interaction}-c{width}"
    classes = data.make(training.recipe.data_set, training.recipe.train_split, root).classes
    chosen = network if width is None else lpsnet.table2_architecture(width)
    design = lpsnet.network_design(chosen, len(classes.names), block, interaction)
    folder = out or run_folder(training, name, seed)
    with progress_bar(quiet=as_json) as on_progress:
        weights = trained(design, training, folder, seed, on_progress)
        if os.environ.get("RANK", "0") != "0":
            return  # torchrun's first process speaks for all
        kept = record_run(folder, name, training, seed, results, on_progress, keep_weights=True) if record else None
    if as_json:
        found = {"weights": str(weights), "recipe": training.label, "seed": seed, "record": str(kept) if kept else None}
        click.echo(json.dumps(found))
    else:
        click.echo(f"Written: {weights}" + (f", {kept}" if kept else ""))
        recipe = training.recipe
        click.echo(f"Next: microbench evaluate {weights} --data-set {recipe.data_set} --split {recipe.test_split}")


def training_options(command: Command) -> Command:
    """The options of a table whose mIoU column can be filled."""
    options = [
        click.option("--train", "recipe_name", metavar="RECIPE",
                     help="First train, by this recipe, the networks that the mIoU column lacks."),
        click.option("--data", "root", type=click.Path(path_type=Path), help="Folder of the recipe's data set."),
        click.option("--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True,
                     help="Of the trainings; repeat for one run of each network a seed."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def train_columns(
    experiments: Sequence[Experiment],
    recipe_name: str,
    root: Path | None,
    seeds: Sequence[int],
    results: Path,
    *,
    quiet: bool,
) -> None:
    """Train the networks that the experiments' mIoU columns lack; see `training_options`."""
    with _needing_extra():
        from microbench.experiments.training import Training, train_tables
    from lpsnet.training import load_recipe

    training = Training(load_recipe(recipe_name), Path(recipe_name).stem, root)
    with progress_bar(quiet=quiet) as on_progress:
        train_tables(experiments, training, seeds, results, on_progress)


def _fields(assignments: Sequence[str]) -> dict[str, str]:
    fields = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"set must have the form FIELD=VALUE, not {assignment!r}.")
        fields[field] = value
    return fields


@contextmanager
def _needing_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"train needs the package {error.name!r}: pip install 'lpsnet-microbench[train]'.") from error
