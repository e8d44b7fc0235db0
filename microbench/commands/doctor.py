"""`microbench doctor`: which runtimes and devices can be measured here."""

from __future__ import annotations

import json

import click

from microbench.commands import options


@click.command("doctor")
@click.option("--load", is_flag=True, help="Also list the data sets, and import each plugin to see whether it works.")
@options.imports
@options.as_json
def doctor(load: bool, as_json: bool) -> None:
    """List the runtimes, devices and plugins found here, and how to install what is missing.

    Nothing is measured, and without --load nothing is loaded. A plugin is a block, interaction, network, runtime, data
    set or experiment of another installed package.

    Example: microbench doctor
    """
    from microbench.doctor import examine

    findings = examine(load=load)
    click.echo(json.dumps(findings.as_json()) if as_json else findings.as_text())
