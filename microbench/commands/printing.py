"""Print the tables of experiments, for `run` and `show`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microbench.commands.console import print_table

if TYPE_CHECKING:
    from microbench.experiments import Experiment
    from microbench.measure.record import Record


def print_experiments(
    experiments: Sequence[Experiment],
    records: Mapping[str, Sequence[Record]],
    ceilings: Sequence[Record],
    folder: Path,
    *,
    title: str,
    as_json: bool,
) -> None:
    """Draw the figures, write the tables, and print tables and findings.

    Args:
        experiments: whose records to show.
        records: by the experiment's name.
        ceilings: of the "ceilings" experiment in the same configurations.
        folder: the machine's results folder, named after it; figures and tables go there.
        title: what was requested, for the JSON object.
        as_json: print one JSON object instead of tables and sentences.
    """
    from microbench.report.dataframe import to_dataframe
    from microbench.report.tables.files import write_table

    document: dict[str, Any] = {
        "experiment": title,
        "machine": folder.name,
        "records": [],
        "findings": {},
        "figures": [],
    }
    for experiment in experiments:
        own = records[experiment.name]
        presentation = experiment.present(own, ceilings, folder)
        values = to_dataframe(own) if presentation.values is None else presentation.values
        files = write_table(presentation.table, values, folder / experiment.name)
        document["records"] += [record.as_row() for record in own]
        document["findings"][experiment.name] = presentation.data
        document["figures"] += [str(path) for path in presentation.figures]
        if not as_json:
            print_table(f"{experiment.title} ({folder.name})", presentation.table)
            for finding in presentation.findings:
                click.echo(f"- {finding}")
            click.echo("Written: " + ", ".join(str(path) for path in (*files, *presentation.figures)) + "\n")
    if as_json:
        document["ceilings"] = [record.as_row() for record in ceilings]
        click.echo(json.dumps(document, allow_nan=False))
