"""The command line. It reads options, calls the rooms that do the work, and prints; nothing is computed here."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from microbench import __version__
from microbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from microbench.experiments.base import Experiment
    from microbench.experiments.sweep import Sweep

EXIT_ROWS_FAILED = 1
EXIT_BAD_INPUT = 2

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
        experiment = EXPERIMENTS.make(name) if name != "sweep" else None
        return _sweep_command() if experiment is None else _preset_command(experiment)


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
        click.option("--threads", type=int, default=1, show_default=True, help="Worker threads on a CPU."),
        click.option("--ci", type=float, default=0.01, show_default=True,
                     help="Sample until the 95% interval's half width is this share of the median."),
        click.option("--budget", type=float, default=6.0, show_default=True,
                     help="Timed seconds after which a row ends unconverged."),
        click.option("--quick", is_flag=True, help="Short for --ci 0.03 --budget 1.5; the wider intervals are shown."),
        click.option("--fresh", is_flag=True, help="Measure again what is recorded already."),
        click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
                     help="Folder of all machines' results."),
        click.option("--machine", help="Name of this machine's folder in it [default: from the processor]."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _preset_command(experiment: Experiment) -> click.Command:
    @click.command(experiment.name, help=f"{experiment.title}.")
    @_run_options
    def command(**options: Any) -> None:
        _run([experiment], experiment.name, **options)

    return command


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
    from microbench.experiments.sweep import Axes, BlockChoice, Sweep, parse_resolution, parse_widths

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
    """Every figure and table, sampled side by side."""
    from microbench.experiments import EXPERIMENTS

    experiments = [EXPERIMENTS.make(name) for name in EXPERIMENTS.names]
    _run([experiment for experiment in experiments if experiment.in_all], "all", **options)


def _run(
    experiments: Sequence[Experiment],
    title: str,
    *,
    runtimes: Sequence[str],
    precisions: Sequence[str],
    device: str,
    threads: int,
    ci: float,
    budget: float,
    quick: bool,
    fresh: bool,
    results: Path,
    machine: str | None,
    as_json: bool,
) -> None:
    from microbench import runtimes as known_runtimes
    from microbench.experiments import EXPERIMENTS, runner
    from microbench.measure.environment import machine_name
    from microbench.measure.sampler import Policy
    from microbench.report.table import write_table

    targets = [
        runner.Target(*known_runtimes.configure(runtime, precision, device, threads))
        for runtime in dict.fromkeys(runtimes)
        for precision in dict.fromkeys(precisions)
    ]
    ceilings = EXPERIMENTS.make("ceilings")
    others = [experiment for experiment in experiments if experiment.name != ceilings.name]
    specs = {experiment.name: experiment.specs() for experiment in [*others, ceilings]}
    name = machine or machine_name()
    plan = runner.Plan(
        specs=[spec for planned in specs.values() for spec in planned],
        targets=targets,
        policy=Policy(ci_target=0.03, row_budget_s=1.5) if quick else Policy(ci_target=ci, row_budget_s=budget),
        folder=results / _folder_name(name),
        fresh=fresh,
    )
    with _progress(quiet=as_json) as on_progress:
        records = runner.run(plan, on_progress)
    of_ceilings = [record for record in records if record.experiment == ceilings.name]

    shown: dict[str, Any] = {"experiment": title, "machine": name, "records": [], "findings": {}, "figures": []}
    for experiment in experiments:
        own = [record for record in records if record.experiment == experiment.name]
        presentation = experiment.present(own, of_ceilings, plan.folder)
        rows = [record.as_row() for record in own]
        files = write_table(presentation.table, rows, plan.folder / experiment.name)
        shown["records"] += rows
        shown["findings"][experiment.name] = presentation.data
        shown["figures"] += [str(path) for path in presentation.figures]
        if not as_json:
            _print_table(f"{experiment.title} [{name}]", presentation.table)
            for finding in presentation.findings:
                click.echo(f"- {finding}")
            click.echo("Written: " + ", ".join(str(path) for path in (*files, *presentation.figures)) + "\n")
    if as_json:
        shown["ceilings"] = [record.as_row() for record in of_ceilings]
        click.echo(json.dumps(shown, allow_nan=False))
    if any(record.error for record in records):
        sys.exit(EXIT_ROWS_FAILED)


def _folder_name(machine: str) -> str:
    if not machine or machine == "paper" or any(character in machine for character in "/\\\0") or machine[0] == ".":
        raise InputError(f"machine {machine!r} cannot name a folder; use letters, digits, '-', '_' and '.'.")
    return machine


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error, so that standard output stays clean."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>8}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    # Drawing wakes up while windows are timed, so it is done seldom.
    with Progress(*columns, console=Console(stderr=True), disable=quiet, auto_refresh=False) as progress:
        task = progress.add_task("", total=1.0)

        def show(phase: str, share: float) -> None:
            progress.update(task, description=phase, completed=share, refresh=True)

        yield show


def _print_table(title: str, table: pd.DataFrame) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, box=box.SIMPLE, title_justify="left")
    for column in table.columns:
        numeric = column not in ("block", "runtime", "precision", "device", "ceiling", "remarks")
        shown.add_column(str(column), justify="right" if numeric else "left", overflow="fold")
    for row in table.astype(str).to_numpy().tolist():
        shown.add_row(*row)
    # Piped into a file, a table as wide as it needs is better than one folded to 80 columns.
    Console(width=None if sys.stdout.isatty() else 160).print(shown)


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
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["host", "version"]),
    help="Compare although this differs between the two sides; repeatable.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")  # fmt: skip
def compare(first: Path, second: Path, allow: tuple[str, ...], as_json: bool) -> None:
    """Hold two records files, or two machines' folders, against each other row by row.

    Rows of unlike hosts or runtime versions are refused unless --allow names what may differ.
    """
    from microbench.report.compare import compare_records, read_side

    comparison = compare_records(read_side(first), read_side(second), allow=frozenset(allow))
    if as_json:
        click.echo(json.dumps(comparison.as_json(), allow_nan=False))
    else:
        _print_table(f"{second} over {first}", comparison.table())
        click.echo(comparison.summary())


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
        sys.exit(130)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(sentence: str) -> None:
    click.echo(f"microbench: {sentence}", err=True)
    sys.exit(EXIT_BAD_INPUT)


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"microbench: warning: {message}", err=True)


if __name__ == "__main__":
    main()
