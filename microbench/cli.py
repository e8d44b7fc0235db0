"""The command line. It reads options, calls the rooms that do the work, and prints; nothing is computed here."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from microbench import __version__
from microbench.commands.bundle import bundle
from microbench.commands.compare import compare
from microbench.commands.console import progress_bar
from microbench.commands.evaluate import evaluate
from microbench.commands.gate import gate
from microbench.commands.import_records import import_records
from microbench.commands.predict import predict
from microbench.commands.presenting import present
from microbench.commands.report import report, write_report
from microbench.commands.show import show
from microbench.commands.train import train, train_columns, training_options
from microbench.errors import EXIT_BAD_INPUT, EXIT_ROWS_FAILED, EXIT_STOPPED, InputError

if TYPE_CHECKING:
    from microbench.experiments.base import Experiment
    from microbench.experiments.sweep import Sweep

Command = TypeVar("Command", bound=Callable[..., Any])


class _Experiments(click.Group):
    """`run`'s subcommands, one for each registered experiment. They are looked up late, as that imports torch."""

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
        return _sweep_command() if name == "sweep" else _experiment_command(name)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="microbench")
def cli() -> None:
    """Which convolutional block, channel widths and path interaction buy the most per millisecond on this device?

    Start with `microbench doctor`, then `microbench run all`. Exit codes: 0 done, 1 some rows failed (each says why),
    2 bad input.
    """


@cli.group(cls=_Experiments)
def run() -> None:
    """Time an experiment on this machine; rows that are recorded already are not timed again."""


def _run_options(command: Command) -> Command:
    """The options that all experiments share."""
    options = [
        click.option("--runtime", "runtimes", multiple=True, default=("auto",), show_default=True,
                     help="Inference runtime; repeat for several side by side. See `microbench doctor`."),
        click.option("--precision", "precisions", multiple=True, default=("fp32",), show_default=True,
                     help="fp32, tf32, fp16, bf16 or int8, where the runtime has it; repeatable."),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto."),
        click.option("--timing", "timings", multiple=True, default=("auto",), show_default=True,
                     help="On a GPU: kernel_span (auto), isolated or end_to_end; repeatable, each a row of its own."),
        click.option("--l2", "l2_states", multiple=True, default=("hot",), show_default=True,
                     help="On a GPU: hot, or cold to find the inputs outside its cache in each run; repeatable."),
        click.option("--threads", type=int,
                     help="Worker threads on a CPU [default: 1 for blocks, all cores for whole networks]."),
        click.option("--ci", "ci_target", type=float,
                     help="Sample until the 95% interval's half width is this share of the median "
                          "[default: 0.01 for blocks, 0.02 for whole networks]."),
        click.option("--budget", "row_budget_s", type=float,
                     help="Seconds after which a row ends unconverged [default: 6 for blocks, 5 for whole networks]."),
        click.option("--quick", is_flag=True,
                     help="Intervals three times as wide, no width search, no full-resolution rows."),
        click.option("--fresh", is_flag=True, help="Measure again what is recorded already."),
        click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
                     help="Folder of all machines' results."),
        click.option("--machine", help="Name of this machine's folder in it [default: from the processor]."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _experiment_command(name: str) -> click.Command:
    """The subcommand of an experiment; its fields that have a help text become options."""
    from microbench.experiments import EXPERIMENTS

    constructor: Any = EXPERIMENTS.get(name)
    fields = [field for field in getattr(constructor, "__dataclass_fields__", {}).values() if "help" in field.metadata]

    @_run_options
    def command(**options: Any) -> None:
        texts = {field: options.pop(field.name) for field in fields}
        given = {field.name: field.metadata["parse"](text) for field, text in texts.items() if text is not None}
        experiment = constructor(**given)
        recipe, root, seeds = (options.pop(option, None) for option in ("recipe_name", "root", "seeds"))
        if recipe is not None:
            train_columns([experiment], recipe, root, seeds, options["results"], quiet=options["as_json"])
        _run([experiment], name, **options)

    for field in fields:
        flag = "--" + field.name.replace("_", "-")
        command = click.option(flag, field.name, help=field.metadata["help"])(command)
    if constructor.has_accuracy:
        command = training_options(command)
    return click.command(name, help=f"{constructor.title}.")(command)


def _sweep_command() -> click.Command:
    @click.command("sweep")
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
    @click.option("--batch", "batches", type=int, multiple=True, default=(1,), show_default=True, help="Images a run.")
    @click.option(
        "--depth", "depths", type=int, multiple=True, default=(1,), show_default=True, help="Blocks in a stack."
    )
    @_run_options
    def command(**options: Any) -> None:
        """A sweep of blocks over widths, resolutions, strides, batch sizes and depths of stack.

        Every combination is one row; all runtimes and precisions are sampled side by side.
        """
        names = ("block_texts", "widths", "in_width", "resolutions", "strides", "batches", "depths")
        _run([_sweep(**{name: options.pop(name) for name in names})], "sweep", **options)

    return command  # fmt: skip


def _sweep(
    block_texts: Sequence[str],
    widths: str,
    in_width: int | None,
    resolutions: Sequence[str],
    strides: tuple[int, ...],
    batches: tuple[int, ...],
    depths: tuple[int, ...],
) -> Sweep:
    import blocks
    from microbench.experiments.parsing import parse_resolution, parse_widths
    from microbench.experiments.sweep import Axes, BlockChoice, Sweep

    return Sweep(
        Axes(
            blocks=tuple(BlockChoice.parse(text) for text in block_texts or blocks.NAMES),
            widths=parse_widths(widths),
            in_width=in_width,
            resolutions=tuple(parse_resolution(text) for text in resolutions),
            strides=strides,
            batches=batches,
            depths=depths,
        )
    )


@run.command("all")
@_run_options
def run_all(**options: Any) -> None:
    """Every figure and table, sampled side by side, and the report of them."""
    from microbench.experiments import EXPERIMENTS

    experiments = [EXPERIMENTS.make(name) for name in EXPERIMENTS.names]
    _run([experiment for experiment in experiments if experiment.in_all], "all", with_report=True, **options)


def _run(
    experiments: Sequence[Experiment],
    title: str,
    *,
    results: Path,
    machine: str | None,
    as_json: bool,
    with_report: bool = False,
    **settings: Any,
) -> None:
    from microbench.experiments.campaign import CEILINGS, Settings, conduct
    from microbench.measure.environment import machine_name
    from microbench.measure.store import machine_folder

    name = machine or machine_name()
    folder = machine_folder(results, name)
    with progress_bar(quiet=as_json) as on_progress:
        records = conduct(experiments, Settings(folder, **settings), on_progress)
    present(experiments, records, records.get(CEILINGS, []), folder, title=title, as_json=as_json)
    if with_report:
        path, _ = write_report((name,), results)
        click.echo(f"Report: {path}", err=as_json)
    if any(record.error for own in records.values() for record in own):
        sys.exit(EXIT_ROWS_FAILED)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def doctor(as_json: bool) -> None:
    """What is there to measure with, what is missing, and the line that installs it."""
    from microbench.doctor import examine

    findings = examine()
    if as_json:
        click.echo(json.dumps(findings.as_json()))
    else:
        click.echo(findings.as_text())


@cli.command()
@click.argument("network")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--size", default="1024x2048", show_default=True, help="Height x width of the image in pixels.")
@click.option("--batch", type=int, default=1, show_default=True, help="Images a run.")
@click.option("--classes", type=int, default=19, show_default=True, help="Score maps.")
@click.option("--block", default="conv3x3", show_default=True, help="Convolutional block.")
@click.option("--interaction", default="bilateral_b", show_default=True, help="Path interaction.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights file [default: random weights].")
@click.option("--dynamic", is_flag=True, help="Leave batch, height and width open.")
@click.option("--full-resolution", is_flag=True, help="End in each pixel's class at the image's size, not in scores.")
def export(
    network: str,
    path: Path,
    size: str,
    batch: int,
    classes: int,
    block: str,
    interaction: str,
    weights: Path | None,
    dynamic: bool,
    full_resolution: bool,
) -> None:
    """Write NETWORK (lpsnet-s, lpsnet-step-3, ...) in its deploy form to PATH as ONNX, opset 17."""
    import lpsnet
    from microbench.experiments.parsing import parse_resolution

    resolution = parse_resolution(size)
    built = lpsnet.build(network, classes, block, interaction, deploy=True)
    if weights is not None:
        lpsnet.load_weights(built, weights)
    exported = lpsnet.FullResolutionArgmax(built) if full_resolution else built
    lpsnet.export_onnx(exported, path, resolution, dynamic=dynamic, batch=batch)
    click.echo(f"Written: {path}")


cli.add_command(bundle)
cli.add_command(compare)
cli.add_command(import_records)
cli.add_command(show)
cli.add_command(report)
cli.add_command(train)
cli.add_command(evaluate)
cli.add_command(predict)
cli.add_command(gate)


def main() -> None:
    """The `microbench` command."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        code = cli.main(standalone_mode=False)
    except InputError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("microbench: stopped; finished rows are kept, the same command goes on from there.", err=True)
        sys.exit(EXIT_STOPPED)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(sentence: str) -> None:
    click.echo(f"microbench: {sentence}", err=True)
    sys.exit(EXIT_BAD_INPUT)


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"microbench: warning: {message}", err=True)


if __name__ == "__main__":
    main()
