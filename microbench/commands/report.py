"""`microbench report`: one HTML file of what is recorded, with the verdicts on top."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from microbench.errors import InputError

if TYPE_CHECKING:
    from microbench.report.html import Report


@click.command("report")
@click.option(
    "--machine", "machines", multiple=True, help="Machine to show; repeat for several side by side [default: this one]."
)
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of all machines' results.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The HTML file [default: report.html in the machine's folder; of several machines, in that of all results].",
)
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts and every number as one JSON object.")
def report(machines: tuple[str, ...], results: Path, out: Path | None, as_json: bool) -> None:
    """Judge LPS-Net's three principles on what is recorded, and write it as one HTML file that needs no network.

    Nothing is measured. What is missing is named with the command that measures it.
    """
    from microbench.measure.environment import machine_name

    path, page = write_report(machines or (machine_name(),), results, out)
    if as_json:
        click.echo(json.dumps({"report": str(path), **page.as_json()}, allow_nan=False))
    else:
        click.echo(page.as_text())
        click.echo(f"Written: {path}")


def write_report(machines: tuple[str, ...], results: Path, out: Path | None = None) -> tuple[Path, Report]:
    """Write the report.

    Args:
        machines: names of folders in `results`.
        results: the folder of all results.
        out: the file; None for report.html in the machine's folder, or in `results` for several machines.

    Returns:
        The file, and what stands in it.

    Raises:
        InputError: a machine without records, or a file that cannot be written.
    """
    from microbench.experiments.reporting import report_page
    from microbench.report.html import render_html

    page = report_page(machines, results)
    path = out or (results / machines[0] if len(page.machines) == 1 else results) / "report.html"
    try:
        path.write_text(render_html(page), "utf-8")
    except OSError as error:
        raise InputError(f"out {str(path)!r} cannot be written: {error.strerror}.") from error
    return path, page
