"""`microbench gate`: fail when a network got slower, and only then."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microbench.commands.console import print_table, progress_bar
from microbench.errors import InputError

if TYPE_CHECKING:
    from microbench.gate.sides import Side
    from microbench.measure.record import Configuration


_OF_THE_GATE = ("fresh", "allow_unmatched", "base_python", "head_python")
_OF_CALIBRATION = ("quick", "pool", "gates", "slowdown")


@click.command("gate")
@click.argument("base", required=False)
@click.argument("head", required=False)
@click.option("--runtime", default="auto", show_default=True, help="Inference runtime; see `microbench doctor`.")
@click.option("--precision", default="fp32", show_default=True, help="One that the runtime has.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, or auto.")
@click.option("--timing", default="auto", show_default=True, help="On a GPU: kernel_span (auto), isolated, end_to_end.")
@click.option("--threads", type=int, default=1, show_default=True, help="Worker threads on a CPU.")
@click.option(
    "--export",
    "export_command",
    metavar="COMMAND",
    help="How a git revision's models are built: a shell command run in its folder, with {out} for the folder that "
    "they go to and {python} for the interpreter [default: this project's own bundle of figure4].",
)
@click.option(
    "--shape", "shapes", multiple=True, metavar="NAME=1x3x64x64", help="Of an input with open dimensions; repeatable."
)
@click.option("--base-python", help="Interpreter of the base, if its runtime is another version than the head's.")
@click.option("--head-python", help="Interpreter of the head. With one of the two no process has both sides in it.")
@click.option("--allow-unmatched", is_flag=True, help="A workload that only one side has is told, and does not count.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for raw samples and reports [default: gate].")
@click.option("--fresh", is_flag=True, help="Measure anew what OUT holds already.")
@click.option(
    "--calibrate", is_flag=True, help="Measure the gate's own error rates here; BASE, if given, names models."
)
@click.option("--quick", is_flag=True, help="With --calibrate: one model, fewer processes, no whole gates; minutes.")
@click.option("--pool", type=int, help="With --calibrate: processes that gates are drawn from [default: 60].")
@click.option("--gates", type=int, help="With --calibrate: whole gates that are run for real [default: 10].")
@click.option(
    "--slowdown",
    type=float,
    multiple=True,
    help="With --calibrate: injected, in percent; repeatable [default: 2, 5 and 10].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def gate(
    base: str | None,
    head: str | None,
    runtime: str,
    precision: str,
    device: str,
    timing: str,
    threads: int,
    export_command: str | None,
    shapes: tuple[str, ...],
    base_python: str | None,
    head_python: str | None,
    calibrate: bool,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare the latency of HEAD's models with BASE's; exit with 1 if one got slower.

    Each side is a folder of .onnx files, a bundle (folder or .tar.gz), or a git revision, which is exported first.
    Models of the same name are loaded side by side in 12 fresh processes and timed in turns; what looks slower must be
    so in 12 more. Stopped, the same command goes on from there.

    Exit codes: 0 no workload got slower, 1 at least one did, 2 bad input, or a workload that could not be compared,
    3 inconclusive: the machine was too noisy to tell, 130 stopped. A calibration ends with 0, or 2 for bad input.
    """
    from microbench.gate.revision import DEFAULT_EXPORT, Exporter
    from microbench.gate.sides import open_side
    from microbench.runtimes import configure, get

    _require_sides(base, head, calibrate=calibrate)
    _refuse_stray({**options, "base_python": base_python, "head_python": head_python}, calibrate=calibrate)
    if get(runtime).needs_module:
        raise InputError(f"runtime {runtime!r} runs torch modules, and the gate compares ONNX files; name another one.")
    _, configuration = configure(runtime, precision, device, threads, timing)
    given = dict(_parse_shape(text) for text in shapes)
    pythons = {}
    if base_python or head_python:
        pythons = {"base": _interpreter(base_python), "head": _interpreter(head_python)}
    exporter = Exporter(export_command or DEFAULT_EXPORT, pythons=pythons)
    with tempfile.TemporaryDirectory(prefix="microbench-gate-") as name:

        def side(role: str, text: str) -> Side:
            return open_side(role, text, Path(name), exporter, given)

        if calibrate:
            if base is None:
                from microbench.gate.suite import write_suite

                write_suite(Path(name) / "suite")
                models = dataclasses.replace(side("base", str(Path(name) / "suite")), label="three small models")
            else:
                models = side("base", base)
            _calibrate(models, configuration, out or Path("gate-calibration"), as_json=as_json, **options)
        elif base is not None and head is not None:
            sides = side("base", base), side("head", head)
            _gate(*sides, configuration, pythons, out or Path("gate"), as_json=as_json, **options)


def _gate(
    base: Side,
    head: Side,
    configuration: Configuration,
    pythons: Mapping[str, str],
    folder: Path,
    *,
    fresh: bool,
    allow_unmatched: bool,
    as_json: bool,
    **_: Any,
) -> None:
    from microbench.gate.conduct import Plan, conduct
    from microbench.gate.exits import exit_code
    from microbench.gate.ledger import Ledger
    from microbench.gate.policy import Policy, Sampling
    from microbench.gate.report import as_json as outcome_json
    from microbench.gate.report import headline, summary, table, write

    workloads = len(base.models.keys() & head.models.keys())
    policy = Policy(Sampling().for_suite(max(workloads, 1)))
    plan = Plan(base, head, configuration, policy, pythons, fresh=fresh)
    with progress_bar(quiet=as_json) as on_progress:
        outcome = conduct(plan, Ledger(folder / "processes.jsonl"), on_progress)
    code = exit_code(outcome, allow_unmatched=allow_unmatched)
    written = write(outcome, code, folder)
    if as_json:
        click.echo(json.dumps(outcome_json(outcome, code), allow_nan=False))
    else:
        print_table(f"{head.label} over {base.label}", table(outcome))
        click.echo(f"{summary(outcome)}\nWritten: {', '.join(map(str, written))}\nLatency gate: {headline(outcome)}")
    sys.exit(code)


def _calibrate(
    models: Side,
    configuration: Configuration,
    folder: Path,
    *,
    quick: bool,
    pool: int | None,
    gates: int | None,
    slowdown: tuple[float, ...],
    as_json: bool,
    **_: Any,
) -> None:
    from microbench.gate.calibration import QUICK, Extent, calibrate
    from microbench.gate.calibration_report import as_json as calibration_json
    from microbench.gate.calibration_report import findings, table, write
    from microbench.gate.policy import Policy, Sampling

    extent = QUICK if quick else Extent()
    asked: dict[str, Any] = {"pool": pool, "real_gates": gates}
    asked["slowdowns"] = tuple(percent / 100 for percent in slowdown) or None
    extent = dataclasses.replace(extent, **{name: value for name, value in asked.items() if value is not None})
    if quick:
        models = dataclasses.replace(models, models=dict(list(models.models.items())[:1]))
    with progress_bar(quiet=as_json) as on_progress:
        policy = Policy(Sampling().for_suite(max(len(models.models), 1)))
        calibration = calibrate(models, configuration, policy, extent, folder, on_progress)
    written = write(calibration, folder)
    if as_json:
        click.echo(json.dumps(calibration_json(calibration), allow_nan=False))
    else:
        print_table("How often the gate errs here", table(calibration))
        for finding in findings(calibration):
            click.echo(f"- {finding}")
        click.echo(f"Written: {', '.join(map(str, written))}")


def _require_sides(base: str | None, head: str | None, *, calibrate: bool) -> None:
    if calibrate and head is not None:
        raise InputError("head must not be given with --calibrate, which holds one side against itself.")
    if not calibrate and (base is None or head is None):
        raise InputError("base and head must be given: a folder of .onnx files, a bundle, or a git revision each.")


def _refuse_stray(options: Mapping[str, Any], *, calibrate: bool) -> None:
    stray = _OF_THE_GATE if calibrate else _OF_CALIBRATION
    for option in stray:
        if options[option]:
            raise InputError(f"{option.replace('_', '-')} must {'not ' * calibrate}be given with --calibrate.")


def _interpreter(named: str | None) -> str:
    """Absolute, as it is run in folders of its own; links are kept, as a virtual environment's interpreter is one."""
    if named is None:
        return sys.executable
    found = shutil.which(named)
    return named if found is None else str(Path(found).absolute())


def _parse_shape(text: str) -> tuple[str, tuple[int, ...]]:
    name, _, sizes = text.rpartition("=")
    if not name or not all(size.isdecimal() and int(size) for size in sizes.split("x")):
        raise InputError(f"shape {text!r} must be an input's name and its sizes, e.g. image=1x3x64x64.")
    return name, tuple(int(size) for size in sizes.split("x"))
