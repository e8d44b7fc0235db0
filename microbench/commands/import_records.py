"""`microbench import`: add records that were measured on another machine."""

from __future__ import annotations

from pathlib import Path

import click

from microbench.commands import options


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option("--machine", help="Name of the folder they go to [default: from the processor that the records name].")
@options.results
def import_records(files: tuple[Path, ...], machine: str | None, results: Path) -> None:
    """Add records that were measured on another machine to the results.

    A FILE is a .jsonl file, or a folder, .tar.gz or .zip with such files in it, the folder of a bundle for example.
    Records that are already there are skipped.

    Example: microbench import for-my-board/results --machine my-board
    """
    from microbench.bundle.import_records import gather_records, merge_records
    from microbench.experiments import EXPERIMENTS

    arrivals = merge_records(gather_records(files), results, EXPERIMENTS.names, machine)
    for arrival in arrivals:
        click.echo(f"{arrival.path}: {arrival.added} added, {arrival.known} already there")
    for name in dict.fromkeys(arrival.machine for arrival in arrivals):
        experiments = " ".join(arrival.experiment for arrival in arrivals if arrival.machine == name)
        place = "" if results == Path("results") else f" --results {results}"
        click.echo(f"To see them: microbench show {experiments} --machine {name}{place}")
