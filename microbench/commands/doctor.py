"""`microbench doctor`: which runtimes and devices can be measured here."""

from __future__ import annotations

import json

import click

from microbench.commands import options


@click.command("doctor")
@options.as_json
def doctor(as_json: bool) -> None:
    """List the runtimes, devices and data sets found here, and how to install what is missing.

    Nothing is loaded or measured.

    Example: microbench doctor
    """
    from microbench.doctor import examine

    findings = examine()
    click.echo(json.dumps(findings.as_json()) if as_json else findings.as_text())
