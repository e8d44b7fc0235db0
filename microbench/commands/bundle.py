"""`microbench bundle`: workloads for a device without torch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from microbench.commands import options
from microbench.errors import EXIT_ROWS_FAILED


@click.command("bundle")
@click.argument("experiments", nargs=-1, required=True, metavar="EXPERIMENT...")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder to write; it must be empty or not exist."
)
@options.resolution
@options.imports
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    help="Also store what this precision needs on a device without the package onnx. Repeatable [default: all].",
)
@click.option("--archive", is_flag=True, help="Also pack the folder into OUT.tar.gz.")
def bundle(
    experiments: tuple[str, ...], out: Path, resolution: str | None, precisions: tuple[str, ...], archive: bool
) -> None:
    """Write the workloads of EXPERIMENTs to a folder that needs only Python 3.9, NumPy and a runtime.

    On the device: `cd OUT && python3 -m microbench.measure . --runtime tensorrt`; then copy OUT/results back and
    add it with `microbench import`. Rows that depend on measured ones, such as those of Table 2's search for widths,
    are not included.

    Exit codes: 0 done, 1 some workloads could not be built and were left out, 2 bad input.

    Example: microbench bundle figure4 figure5 --out for-my-board --archive
    """
    from microbench.commands.console import progress_bar
    from microbench.experiments.network import make_experiments
    from microbench.experiments.parsing import parse_resolution
    from microbench.studies.bundle import FORMS_OF, pack, write_bundle

    size = parse_resolution(resolution) if resolution else None
    requested = make_experiments(experiments, size)
    with progress_bar(quiet=False) as on_progress:
        written = write_bundle(requested, out, on_progress, precisions or tuple(FORMS_OF))
    for name, error in written.left_out.items():
        click.echo(f"microbench: left out {name}: {error}", err=True)
    click.echo(f"Written: {written.workloads} workloads to {out}")
    if archive:
        click.echo(f"Written: {pack(out)}")
    click.echo(f"On the device: cd {out.name} && python3 -m microbench.measure .")
    if written.left_out:
        sys.exit(EXIT_ROWS_FAILED)
