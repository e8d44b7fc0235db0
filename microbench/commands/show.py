"""`microbench show`: figures and tables of what is recorded, of this machine or another."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("show")
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@click.option("--machine", help="Name of the machine's folder [default: this machine's].")
@click.option("--resolution", help="Of whole networks, where several are recorded: height x width of the image.")
@click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder of all machines' results.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def show(
    experiments: tuple[str, ...], machine: str | None, resolution: str | None, results: Path, as_json: bool
) -> None:
    """Draw figures and write tables of recorded EXPERIMENTs; nothing is measured."""
    from microbench.commands.presenting import present
    from microbench.experiments.parsing import parse_resolution
    from microbench.experiments.recorded import recorded
    from microbench.measure.environment import machine_name
    from microbench.measure.store import machine_folder

    folder = machine_folder(results, machine or machine_name())
    size = parse_resolution(resolution) if resolution else None
    found = recorded(experiments, folder, size)
    present(found.experiments, found.records, found.ceilings, folder, title=" ".join(experiments), as_json=as_json)
