"""`microbench report`: one HTML file of what is recorded, with the verdicts on top."""

from __future__ import annotations

import json
from pathlib import Path

import click

from microbench.commands import options


@click.command("report")
@click.option(
    "--machine", "machines", multiple=True, help="Machine to show; repeat for several side by side [default: this one]."
)
@options.results
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The HTML file [default: report.html in the machine's folder; of several machines, in that of all results].",
)
@options.imports
@options.as_json
def report(machines: tuple[str, ...], results: Path, out: Path | None, as_json: bool) -> None:
    """Judge LPS-Net's three principles on the recorded measurements, and write one HTML file that needs no network.

    Nothing is measured. For each experiment that is not recorded, the report gives the command that measures it.

    Example: microbench report --machine my-board
    """
    from microbench.measure.environment import machine_name
    from microbench.studies.report import write_report

    path, page = write_report(machines or (machine_name(),), results, out)
    if as_json:
        click.echo(json.dumps({"report": str(path), **page.as_json()}, allow_nan=False))
    else:
        click.echo(page.as_text())
        click.echo(f"Written: {path}")
