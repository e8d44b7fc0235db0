"""`microbench run`: time an experiment, or all of them, on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from microbench.commands import options
from microbench.commands.console import progress_bar
from microbench.errors import EXIT_ROWS_FAILED, EXIT_TIME_UP, InputError
from microbench.extras import require_extra

if TYPE_CHECKING:
    from microbench.experiments import Experiment
    from microbench.experiments.sweep import Sweep

Command = TypeVar("Command", bound=Callable[..., Any])


class _Experiments(click.Group):
    """One subcommand for each registered experiment."""

    def list_commands(self, context: click.Context) -> list[str]:
        from microbench.experiments import EXPERIMENTS

        return [*EXPERIMENTS.names, *super().list_commands(context)]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        declared = super().get_command(context, name)
        if declared is not None:
            return declared
        from microbench.experiments import EXPERIMENTS

        if name not in EXPERIMENTS.names:
            return None
        if name == "map":
            from microbench.commands.run_map import run_map

            return run_map
        return _sweep_command() if name == "sweep" else _experiment_command(name)


@click.group("run", cls=_Experiments)
@options.imports
def run() -> None:
    """Time an experiment on this machine, draw its figures and write its tables.

    Rows that are already recorded are not timed again, so a stopped run continues where it ended.

    Example: microbench run figure4
    """


def run_options(command: Command) -> Command:
    """Add the options that all experiments share."""
    shared = [
        options.imports,
        options.runtimes,
        options.precisions,
        options.device,
        options.timings,
        options.l2_states,
        options.cache_states,
        options.threads,
        click.option("--ci", "ci_target", type=float,
                     help="Sample until the half width of the 95% interval is this share of the latency "
                          "[default: 0.01 for blocks, 0.02 for whole networks]."),
        click.option("--budget", "row_budget_s", type=float,
                     help="Stop sampling a row after this many seconds, even if its interval is still wider "
                          "[default: 6 for blocks, less where they are many, 5 for whole networks]."),
        click.option("--quick", is_flag=True,
                     help="A first look: intervals three times as wide, no width search, no full-resolution rows."),
        click.option("--memory", "memory_gib", type=float,
                     help="Load no more models at the same time than fit into this many GiB; the others take turns "
                          "[default: 1.25, or half of what is available]."),
        click.option("--max-minutes", type=float,
                     help="Begin no row that would end later; the same command continues (exit code 75)."),
        click.option("--fresh", is_flag=True, help="Also measure rows that are already recorded."),
        options.results,
        options.machine,
        options.as_json,
    ]  # fmt: skip
    for option in reversed(shared):
        command = option(command)
    return command


def training_options(command: Command) -> Command:
    """Add the options of a table whose mIoU column can be filled."""
    own = [
        click.option("--train", "recipe_name", metavar="RECIPE",
                     help="First train the networks whose mIoU is missing, by this recipe."),
        options.data_folder,
        click.option("--seed", "seeds", type=int, multiple=True, default=(0,), show_default=True,
                     help="Seed of the trainings. Repeat it to train each network several times."),
    ]  # fmt: skip
    for option in reversed(own):
        command = option(command)
    return command


def _experiment_command(name: str) -> click.Command:
    """The subcommand of an experiment; its fields that have a help text become options."""
    from microbench.experiments import EXPERIMENTS

    constructor: Any = EXPERIMENTS.get(name)
    fields = [field for field in getattr(constructor, "__dataclass_fields__", {}).values() if "help" in field.metadata]

    @run_options
    def command(**values: Any) -> None:
        texts = {field: values.pop(field.name) for field in fields}
        given = {field.name: field.metadata["parse"](text) for field, text in texts.items() if text is not None}
        experiment = constructor(**given)
        recipe, root, seeds = (values.pop(option, None) for option in ("recipe_name", "root", "seeds"))
        if recipe is not None:
            _train([experiment], recipe, root, seeds, values["results"], quiet=values["as_json"])
        _time([experiment], name, **values)

    for field in fields:
        flag = "--" + field.name.replace("_", "-")
        command = click.option(flag, field.name, help=field.metadata["help"])(command)
    if constructor.has_accuracy:
        command = training_options(command)
    help_text = f"{constructor.title}.\n\nExample: microbench run {name} --quick"
    return click.command(name, help=help_text, short_help=constructor.title)(command)


def _sweep_command() -> click.Command:
    @click.command("sweep", short_help="Any blocks over widths, resolutions, strides, batch sizes and depths")
    @click.option(
        "--block",
        "block_texts",
        multiple=True,
        help="Block, with options if any: conv3x3, inverted_residual:expansion=4; repeatable [default: all].",
    )
    @click.option(
        "--width", "widths", default="8..64:8", show_default=True, help="Output channels: 8,16,32 or 1..17 or 8..72:8."
    )
    @click.option("--in-width", type=int, help="Input channels [default: as many as output channels].")
    @click.option(
        "--resolution",
        "resolutions",
        multiple=True,
        default=("128x128",),
        show_default=True,
        help="Height x width of the input map; repeatable.",
    )
    @click.option("--stride", "strides", type=int, multiple=True, default=(1,), show_default=True, help="1 or 2.")
    @click.option(
        "--batch", "batches", type=int, multiple=True, default=(1,), show_default=True, help="Images per run."
    )
    @click.option("--depth", "depths", type=int, multiple=True, help="Blocks in a stack; repeatable [default: 1].")
    @click.option(
        "--marginal",
        is_flag=True,
        help="Also what one more block costs inside a network, from stacks of 1, 2, 4 and 8 blocks.",
    )
    @run_options
    def command(**values: Any) -> None:
        """A sweep of blocks over widths, resolutions, strides, batch sizes and depths of stack.

        Every combination is one row; all runtimes and precisions are sampled side by side.

        Example: microbench run sweep --block conv3x3 --block ghost --width 8..64:8
        """
        names = ("block_texts", "widths", "in_width", "resolutions", "strides", "batches", "depths", "marginal")
        _time([_sweep(**{name: values.pop(name) for name in names})], "sweep", **values)

    return command


def _sweep(
    block_texts: Sequence[str],
    widths: str,
    in_width: int | None,
    resolutions: Sequence[str],
    strides: tuple[int, ...],
    batches: tuple[int, ...],
    depths: tuple[int, ...],
    marginal: bool,
) -> Sweep:
    import blocks
    from microbench.experiments.parsing import parse_resolution, parse_widths
    from microbench.experiments.sweep import CHAIN_DEPTHS, Axes, BlockChoice, Sweep

    if marginal and depths:
        raise InputError("depth must not be given with --marginal, which takes stacks of 1, 2, 4 and 8 blocks.")
    return Sweep(
        Axes(
            blocks=tuple(BlockChoice.parse(text) for text in block_texts or blocks.NAMES),
            widths=parse_widths(widths),
            in_width=in_width,
            resolutions=tuple(parse_resolution(text) for text in resolutions),
            strides=strides,
            batches=batches,
            depths=CHAIN_DEPTHS if marginal else depths or (1,),
        )
    )


@run.command("gpu-visit", short_help="All that is wanted from a GPU at hand for a short time")
@click.option("--bundle", type=click.Path(path_type=Path), required=True, help="Folder that `microbench bundle` wrote.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for all that is brought back.")
@click.option("--tensorrt-python", default=sys.executable, help="Interpreter with TensorRT [default: this one].")
@click.option("--camvid", type=click.Path(path_type=Path), help="Folder of CamVid; without it nothing is trained.")
@click.option("--max-minutes", type=float, default=9.0, show_default=True, help="End this call within that time.")
@click.option("--list", "only_list", is_flag=True, help="Print the steps' commands in their order, and do nothing.")
def run_gpu_visit(
    bundle: Path, out: Path, tensorrt_python: str, camvid: Path | None, max_minutes: float, only_list: bool
) -> None:
    """Do what is wanted from a GPU in calls of a few minutes each, the most wanted first.

    Repeat the command until it ends with exit code 0: each call continues where the last one was stopped. Everything
    is in OUT, which is all that has to be brought back. See docs/gpu-visit.md.

    Exit codes: 0 done, 1 some steps failed, 2 bad input, 75 time is up.

    Example: microbench run gpu-visit --bundle lps --out visit --max-minutes 9
    """
    from microbench.studies.gpu_visit import Visit, conduct, execute, steps_of

    visit = Visit(bundle.resolve(), out.resolve(), tensorrt_python, camvid.resolve() if camvid else None)
    if only_list:
        for step in steps_of(visit):
            click.echo(f"{step.name}: {' '.join(step.command)}")
        return
    outcome = conduct(visit, max_minutes, execute, lambda step: click.echo(f"microbench: {step.name}", err=True))
    for name, exit_code in outcome.failed.items():
        click.echo(f"microbench: {name} ended with exit code {exit_code}; the next call tries it again.", err=True)
    if outcome.left:
        click.echo(f"microbench: time is up; left are {', '.join(outcome.left)}; the same command continues.", err=True)
        sys.exit(EXIT_TIME_UP)
    click.echo(f"Bring back: {out}")
    if outcome.failed:
        sys.exit(EXIT_ROWS_FAILED)


@run.command("all", short_help="Every figure and table, and the report")
@run_options
def run_all(**values: Any) -> None:
    """Time every figure and table of the paper side by side, and write the report.

    Example: microbench run all
    """
    from microbench.experiments import EXPERIMENTS

    experiments = [EXPERIMENTS.make(name) for name in EXPERIMENTS.names]
    _time([experiment for experiment in experiments if experiment.in_all], "all", with_report=True, **values)


def _train(
    experiments: Sequence[Experiment],
    recipe_name: str,
    root: Path | None,
    seeds: Sequence[int],
    results: Path,
    *,
    quiet: bool,
) -> None:
    """Train the networks whose mIoU the experiments' tables lack."""
    require_extra("train", "--train")
    from lpsnet.training import load_recipe
    from microbench.studies.train import Training, train_tables

    training = Training(load_recipe(recipe_name), Path(recipe_name).stem, root)
    with progress_bar(quiet=quiet) as on_progress:
        train_tables(experiments, training, seeds, results, on_progress)


def _time(
    experiments: Sequence[Experiment],
    title: str,
    *,
    results: Path,
    machine: str | None,
    as_json: bool,
    max_minutes: float | None = None,
    with_report: bool = False,
    **settings: Any,
) -> None:
    """Time the experiments, print their tables, and exit with 1 if some rows failed, with 75 if time is up before."""
    from microbench.commands.printing import print_experiments
    from microbench.measure.environment import machine_name
    from microbench.measure.store import machine_folder
    from microbench.runs.time_limit import TimeLimit
    from microbench.studies.run import CEILINGS, Settings, run_experiments

    name = machine or machine_name()
    folder = machine_folder(results, name)
    limit = None if max_minutes is None else TimeLimit(max_minutes)
    with progress_bar(quiet=as_json) as on_progress:
        records = run_experiments(experiments, Settings(folder, **settings), on_progress, limit)
    if limit is not None and limit.rows_left:
        click.echo(f"microbench: time is up, {limit.rows_left} rows are left; the same command continues.", err=True)
        sys.exit(EXIT_TIME_UP)
    print_experiments(experiments, records, records.get(CEILINGS, []), folder, title=title, as_json=as_json)
    if with_report:
        from microbench.studies.report import write_report

        path, _ = write_report((name,), results)
        click.echo(f"Report: {path}", err=as_json)
    if any(record.error for own in records.values() for record in own):
        sys.exit(EXIT_ROWS_FAILED)
