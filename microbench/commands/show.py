"""`microbench show`: figures and tables of what is recorded, of this machine or another."""

from __future__ import annotations

from pathlib import Path

import click

from microbench.commands import options


@click.command("show")
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@options.machine
@options.resolution
@options.results
@options.imports
@options.as_json
def show(
    experiments: tuple[str, ...], machine: str | None, resolution: str | None, results: Path, as_json: bool
) -> None:
    """Draw the figures and write the tables of recorded EXPERIMENTs; nothing is measured.

    Where whole networks are recorded at several image sizes, --resolution chooses one.

    Example: microbench show figure5 table2 --machine my-board
    """
    from microbench.commands.printing import print_experiments
    from microbench.experiments.parsing import parse_resolution
    from microbench.measure.environment import machine_name
    from microbench.measure.store import machine_folder
    from microbench.studies.recorded import read_recorded

    folder = machine_folder(results, machine or machine_name())
    size = parse_resolution(resolution) if resolution else None
    found = read_recorded(experiments, folder, size)
    print_experiments(
        found.experiments, found.records, found.ceilings, folder, title=" ".join(experiments), as_json=as_json
    )
