"""`microbench train`: train a network by a recipe."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from microbench import plugins
from microbench.commands import options
from microbench.commands.console import progress_bar
from microbench.errors import InputError
from microbench.extras import require_extra


@click.command("train")
@click.argument("network", default="lpsnet-s")
@click.option(
    "--recipe",
    "recipe_name",
    default="generated",
    show_default=True,
    help="A recipe that comes with the package, or your own YAML file.",
)
@options.data_folder
@options.block
@options.interaction
@click.option("--width", type=int, help="Table 2's structure with this channel base c, in place of NETWORK.")
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of weights, batches and augmentation.",
)
@click.option(
    "--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe; repeatable."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of the run [default: runs/<recipe>-<network>-seed<seed>]."
)
@click.option(
    "--record",
    is_flag=True,
    help="Evaluate on the recipe's test split; keep the outcome and the weights (float16) in results/accuracy/.",
)
@options.results
@options.imports
@options.as_json
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
    """Train NETWORK from scratch, or resume a run that was stopped.

    Without any argument: LPS-Net-S on generated street scenes, in less than three minutes on two cores. The folder of
    the run gets the recipe, a log, a checkpoint and the network's weights, which `microbench evaluate` reads.
    Several processes: `torchrun --nproc-per-node 2 -m microbench train ...`.

    Example: microbench train lpsnet-s --recipe camvid_cpu --data CamVid/ --record
    """
    require_extra("train", "training")
    import lpsnet
    from lpsnet import data
    from lpsnet.training import load_recipe
    from microbench.studies.train import Training, record_run, run_folder, train_network

    if record and assignments:
        raise InputError("set must not be given with --record: a result names its recipe, so write a file of your own.")
    training = Training(load_recipe(recipe_name).changed(_fields(assignments)), Path(recipe_name).stem, root)
    name = network if width is None else f"{block}-{interaction}-c{width}"
    classes = data.make(training.recipe.data_set, training.recipe.train_split, root).classes
    structure = network if width is None else lpsnet.table2_architecture(width)
    design = lpsnet.network_design(structure, len(classes.names), block, interaction)
    folder = out or run_folder(training, name, seed)
    with progress_bar(quiet=as_json) as on_progress:
        weights = train_network(design, training, folder, seed, on_progress)
        if os.environ.get("RANK", "0") != "0":
            return  # of torchrun's processes the first one prints
        kept = record_run(folder, name, training, seed, results, on_progress, keep_weights=True) if record else None
    if as_json:
        found = {"weights": str(weights), "recipe": training.label, "seed": seed, "record": str(kept) if kept else None}
        click.echo(json.dumps(found))
    else:
        click.echo(f"Written: {weights}" + (f", {kept}" if kept else ""))
        recipe = training.recipe
        choice = ["--data-set", recipe.data_set, "--split", recipe.test_split]
        choice += [part for text in plugins.requested() for part in ("--import", text)]
        click.echo(f"Next: microbench evaluate {weights} {shlex.join(choice)}")


def _fields(assignments: Sequence[str]) -> dict[str, str]:
    fields = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals:
            raise InputError(f"set must have the form FIELD=VALUE, not {assignment!r}.")
        fields[field] = value
    return fields
