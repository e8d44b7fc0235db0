"""`microbench bundle`: workloads for a device without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from microbench.errors import EXIT_ROWS_FAILED


@click.command("bundle")
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder to write; it must not be there yet."
)
@click.option("--resolution", help="Height x width of the networks' image in pixels [default: 1024x2048].")
@click.option("--archive", is_flag=True, help="Pack the folder into OUT.tar.gz too.")
def bundle(experiments: tuple[str, ...], out: Path, resolution: str | None, archive: bool) -> None:
    """Write what EXPERIMENTs time into a folder that needs Python 3.9, NumPy and a runtime alone.

    On the device: `cd OUT && python3 -m microbench.measure . --runtime tensorrt`, then bring OUT/results home and
    `microbench import` it. Rows that follow from measured ones, as Table 2's search of widths does, cannot be in it.
    Exit codes: 0 done, 1 some workloads could not be built and were left out, 2 bad input.
    """
    from microbench.commands.console import progress_bar
    from microbench.experiments.bundling import chosen, pack, write_bundle
    from microbench.experiments.parsing import parse_resolution

    size = parse_resolution(resolution) if resolution else None
    asked = chosen(experiments, size)
    with progress_bar(quiet=False) as on_progress:
        written = write_bundle(asked, out, on_progress)
    for name, error in written.left_out.items():
        click.echo(f"microbench: left out {name}: {error}", err=True)
    click.echo(f"Written: {written.workloads} workloads to {out}")
    if archive:
        click.echo(f"Written: {pack(out)}")
    click.echo(f"On the device: cd {out.name} && python3 -m microbench.measure .")
    if written.left_out:
        sys.exit(EXIT_ROWS_FAILED)
