"""`microbench compare`: sets of records, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from microbench.commands import options
from microbench.commands.console import print_table
from microbench.errors import InputError


@click.command("compare")
@click.argument("sets", nargs=-1, required=True, metavar="FIRST SECOND [MORE]...")
@click.option(
    "--allow",
    multiple=True,
    help="host, version, runtime, precision or threads: compare rows although it differs between them; repeatable.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for compare.md, .csv, .png and .svg.")
@options.as_json
def compare(sets: tuple[str, ...], allow: tuple[str, ...], out: Path | None, as_json: bool) -> None:
    """Compare sets of records with the FIRST one, row by row: ratios with their 95% intervals.

    A set is a records file or a machine's folder; PATH@RUNTIME, PATH@PRECISION or PATH@RUNTIME:PRECISION select
    some of its rows. Rows of different hosts, runtimes, precisions or threads are compared only if --allow names what
    may differ. Maps (`microbench run map`) are compared by the sign of their cells.

    Example: microbench compare results/my-board@onnxruntime results/my-board@openvino --allow runtime
    """
    from microbench.report.comparison.maps import map_agreements, without_maps
    from microbench.report.comparison.ratios import compare_records
    from microbench.report.comparison.selection import read_selections
    from microbench.report.figures.comparison import draw_comparison
    from microbench.report.tables.files import write_table

    if len(sets) < 2:
        raise InputError("sets must be at least two: records files or machines' folders.")
    selections = read_selections(sets)
    agreements = map_agreements(selections, allow=frozenset(allow))
    rows = without_maps(selections) if agreements else selections
    document: dict[str, Any] = {"maps": {label: agreement.as_json() for label, agreement in agreements.items()}}
    if not as_json:
        for label, agreement in agreements.items():
            click.echo(f"{selections[0].label} and {label}: {agreement.sentence}")
    if agreements and not (rows[0].records and any(one.records for one in rows[1:])):
        if as_json:
            click.echo(json.dumps(document, allow_nan=False))
        return
    comparison = compare_records(rows, allow=frozenset(allow))
    written: tuple[Path, ...] = ()
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            stem = out / "compare"
            written = (*write_table(comparison.table(), comparison.values(), stem), *draw_comparison(comparison, stem))
        except OSError as error:
            raise InputError(f"out {str(out)!r} cannot be written: {error.strerror}.") from error
    if as_json:
        document |= {**comparison.as_json(), "files": [str(path) for path in written]}
        click.echo(json.dumps(document, allow_nan=False))
    else:
        print_table(f"Over {comparison.labels[0]}", comparison.table())
        click.echo(comparison.summary())
        if written:
            click.echo(f"Written: {', '.join(map(str, written))}")
