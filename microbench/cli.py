"""The `microbench` command: the names of its subcommands, and how it ends.

A subcommand is imported when it is used, so that `--help` and a wrong option are answered at once.
"""

from __future__ import annotations

import importlib
import signal
import sys
import threading
import warnings
from typing import Any, NamedTuple

import click

from microbench import __version__
from microbench.errors import EXIT_BAD_INPUT, EXIT_STOPPED, InputError


class _Entry(NamedTuple):
    """Where a subcommand is defined, and its line in `microbench --help`."""

    target: str
    summary: str


COMMANDS = {
    "doctor": _Entry("microbench.commands.doctor:doctor", "What can be measured here, and how to install what cannot."),
    "run": _Entry("microbench.commands.run:run", "Time a figure, a table, or all of them on this machine."),
    "show": _Entry("microbench.commands.show:show", "Draw the figures and tables of recorded experiments."),
    "report": _Entry("microbench.commands.report:report", "Write the verdicts and all results to one HTML file."),
    "compare": _Entry("microbench.commands.compare:compare", "Compare sets of records row by row."),
    "gate": _Entry("microbench.commands.gate:gate", "Fail if a network became slower, as a step of CI."),
    "export": _Entry("microbench.commands.export:export", "Write a network to an ONNX file."),
    "bundle": _Entry("microbench.commands.bundle:bundle", "Write workloads to a folder for a device without torch."),
    "import": _Entry("microbench.commands.import_records:import_records", "Add records measured on another machine."),
    "train": _Entry("microbench.commands.train:train", "Train a network by a recipe."),
    "evaluate": _Entry("microbench.commands.evaluate:evaluate", "Mean IoU of a trained network, in any runtime."),
    "predict": _Entry("microbench.commands.predict:predict", "Class maps and overlays of your own images."),
}
"""Every subcommand, in the order of `microbench --help`."""


class _LazyGroup(click.Group):
    """Imports a subcommand when it is used."""

    def list_commands(self, context: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="microbench")
def cli() -> None:
    """Which convolutional block, channel widths and path interaction give the most accuracy per millisecond here?

    Start with `microbench doctor`, then `microbench run figure4 --quick`; `microbench run all` measures everything.

    Exit codes: 0 done, 1 some rows failed (each with its reason), 2 bad input, 70 a fault of
    this program (with the path of its log), 130 stopped by Ctrl-C.
    """


def main() -> None:
    """The `microbench` command."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    _end_on_termination_as_on_ctrl_c()
    try:
        code = cli.main(standalone_mode=False)
    except InputError as error:
        _fail(str(error))
    except click.ClickException as error:
        _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        click.echo("microbench: stopped; finished rows are kept, and the same command continues from there.", err=True)
        sys.exit(EXIT_STOPPED)
    except Exception as error:  # an exit code of 1 would read as a result: rows that failed, or a slower network
        from microbench.crash import report_crash

        sys.exit(report_crash("microbench", error))
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _end_on_termination_as_on_ctrl_c() -> None:
    """So that what a command started is ended, and what it unpacked is removed, also when a CI job is cancelled."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, interrupt)


def _fail(sentence: str) -> None:
    click.echo(f"microbench: {sentence}", err=True)
    sys.exit(EXIT_BAD_INPUT)


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"microbench: warning: {message}", err=True)


if __name__ == "__main__":
    main()
