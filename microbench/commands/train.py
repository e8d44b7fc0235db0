"""`microbench train`: train a network by a recipe."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click


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
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--set", "assignments", multiple=True, metavar="FIELD=VALUE", help="Change a field of the recipe; repeatable."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of the run [default: runs/<recipe>-<network>-seed<seed>].",
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
    as_json: bool,
) -> None:
    """Train NETWORK from scratch, or go on with a run that was stopped.

    Without any argument: LPS-Net-S on generated street scenes, in less than three minutes on two cores. The folder of
    the run gets the recipe, a log, a checkpoint and the network's weights; `microbench evaluate` takes it from there.
    Several processes: `torchrun --nproc-per-node 2 -m microbench train ...`.
    """
    import lpsnet
    from lpsnet import data
    from lpsnet.training import Progress, load_recipe
    from lpsnet.training import train as run_training
    from microbench.commands.console import progress_bar
    from microbench.errors import InputError

    pairs = [assignment.partition("=") for assignment in assignments]
    if bad := [a for a, (_, equals, _) in zip(assignments, pairs, strict=True) if not equals]:
        raise InputError(f"set must have the form FIELD=VALUE, not {bad[0]!r}.")
    recipe = load_recipe(recipe_name).changed({field: value for field, _, value in pairs})
    training_set = data.make(recipe.data_set, recipe.train_split, root)
    splits = [] if recipe.validation_split == "none" else [recipe.validation_split]
    validation_set = data.InMemory(data.make(recipe.data_set, splits[0], root)) if splits else None
    architecture = lpsnet.architecture(network) if width is None else lpsnet.table2_architecture(width)
    design = lpsnet.NetworkDesign(
        architecture=architecture,
        num_classes=len(training_set.classes.names),
        block=block,
        interaction=interaction,
    )
    name = network if width is None else f"{block}-{interaction}-c{width}"
    folder = out or Path("runs", f"{Path(recipe_name).stem}-{name}-seed{seed}")

    with progress_bar(quiet=as_json) as show:

        def report(progress: Progress) -> None:
            iou = "" if progress.mean_iou is None else f", mIoU {100 * progress.mean_iou:.1f}"
            text = f"loss {progress.loss:.3f}{iou}, {progress.images_per_s:.1f} images/s"
            show(f"{name}: {text}", progress.step / progress.iterations)

        weights = run_training(design, recipe, training_set, validation_set, folder, seed=seed, on_progress=report)
    if os.environ.get("RANK", "0") != "0":
        return  # torchrun's first process speaks for all
    if as_json:
        click.echo(json.dumps({"weights": str(weights), "recipe": recipe_name, "seed": seed}))
    else:
        click.echo(f"Written: {weights}")
        click.echo(f"Next: microbench evaluate {weights} --data-set {recipe.data_set} --split {recipe.test_split}")
