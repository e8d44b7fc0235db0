"""`microbench gate`: fail when a network got slower, and only then."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from microbench.commands import options
from microbench.commands.console import print_table, progress_bar
from microbench.errors import InputError, one_of

if TYPE_CHECKING:
    from microbench.gate.decision_rule import DecisionRule
    from microbench.gate.model_set import ModelSet
    from microbench.gate.plan import GatePlan
    from microbench.gate.sampling_plan import SamplingPlan
    from microbench.measure.record import Configuration


_GATE_ONLY = ("fresh", "allow_unmatched", "base_python", "head_python", "confirm")
_CALIBRATION_ONLY = ("quick", "pool", "gates", "slowdown")


@click.command("gate")
@click.argument("base", required=False)
@click.argument("head", required=False)
@options.runtime
@options.precision
@options.device
@options.timing
@click.option("--threads", type=int, default=1, show_default=True, help="Worker threads on a CPU.")
@click.option(
    "--export",
    "export_command",
    metavar="COMMAND",
    help="How a git revision's models are built: a shell command run in its folder, with {out} for the folder that "
    "it writes them to and {python} for the interpreter [default: export in [tool.microbench.gate] of pyproject.toml].",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=SIZES",
    help="Shape of an input with open dimensions, and range of an input of integers: image=1x3x64x64 or "
    "'ids=1x128:int64[0,30000]'; repeatable.",
)
@click.option("--only", multiple=True, metavar="PATTERN", help="Workloads to compare, e.g. 'encoder/*'; repeatable.")
@click.option("--limit", type=float, metavar="PERCENT", help="The slowdown from which on it fails [default: 2.5].")
@click.option("--processes", type=int, help="Fresh processes that measure [default: 12, more for over 40 workloads].")
@click.option(
    "--confirm",
    type=int,
    metavar="PROCESSES",
    help="Further ones that must confirm a slowdown; 0 for none [default: as many].",
)
@click.option("--base-python", help="Interpreter of the base, if its runtime is another version than the head's.")
@click.option("--head-python", help="Interpreter of the head. With either, each side gets processes of its own.")
@click.option(
    "--allow-unmatched", is_flag=True, help="Report workloads that only one side has, but do not fail on them."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for raw samples and reports [default: gate].")
@click.option("--fresh", is_flag=True, help="Measure again what OUT has already.")
@click.option(
    "--calibrate", is_flag=True, help="Measure the gate's own error rates on this machine, on BASE's models if given."
)
@click.option("--quick", is_flag=True, help="With --calibrate: one model, fewer processes, no whole gates; minutes.")
@click.option("--pool", type=int, help="With --calibrate: processes that gates are drawn from [default: 60].")
@click.option("--gates", type=int, help="With --calibrate: whole gates that are really run [default: 10].")
@click.option(
    "--slowdown",
    type=float,
    multiple=True,
    help="With --calibrate: to inject, in percent; repeatable [default: 2, 5 and 10].",
)
@options.imports
@options.as_json
def gate(
    base: str | None,
    head: str | None,
    runtime: str,
    precision: str,
    device: str,
    timing: str,
    threads: int,
    export_command: str | None,
    inputs: tuple[str, ...],
    only: tuple[str, ...],
    limit: float | None,
    processes: int | None,
    confirm: int | None,
    base_python: str | None,
    head_python: str | None,
    calibrate: bool,
    out: Path | None,
    as_json: bool,
    **others: Any,
) -> None:
    """Compare the latency of HEAD's models with BASE's; exit with 1 if one got slower.

    Each side is a folder of .onnx files, a bundle (folder or .tar.gz), or a git revision, which is exported first.
    Models of the same name are loaded side by side in 12 fresh processes and timed in turns; a slowdown must be
    confirmed by 12 more. After an interruption the same command resumes.

    Exit codes: 0 no workload got slower, 1 at least one did, 2 bad input, or a workload that could not be compared,
    3 inconclusive: the machine was too noisy to tell, 70 a fault of this program, 130 stopped. A calibration ends with
    0, or 2 for bad input.

    Example: microbench gate main HEAD --export 'python export.py {out}'
    """
    from microbench.gate.decision_rule import DecisionRule
    from microbench.gate.inputs import parse_input
    from microbench.gate.model_set import open_models
    from microbench.gate.revision import RevisionExporter
    from microbench.gate.settings import GateSettings, read_settings
    from microbench.runtimes import configure, get

    _require_sides(base, head, calibrate=calibrate)
    _refuse_stray(
        {**others, "base_python": base_python, "head_python": head_python, "confirm": confirm}, calibrate=calibrate
    )
    if get(runtime).needs_module:
        raise InputError(f"runtime {runtime!r} runs torch modules, and the gate compares ONNX files; name another one.")
    _, configuration = configure(runtime, precision, device, threads, timing)
    settings = GateSettings() if calibrate and base is None else read_settings(Path.cwd())
    settings = settings.overridden(
        export=export_command, models=only, inputs=inputs, limit=limit, processes=processes, confirm=confirm
    )
    given = dict(parse_input(text) for text in settings.inputs)
    rule = DecisionRule() if settings.limit is None else DecisionRule().with_limit(settings.limit / 100)
    pythons = {}
    if base_python or head_python:
        pythons = {"base": _interpreter(base_python), "head": _interpreter(head_python)}
    with (
        tempfile.TemporaryDirectory(prefix="microbench-gate-") as name,
        RevisionExporter(settings.export, pythons=pythons) as exporter,
    ):

        def models_of(role: str, text: str) -> ModelSet:
            return open_models(role, text, Path(name), exporter, given)

        if calibrate:
            if base is None:
                from microbench.gate.suite import write_suite

                write_suite(Path(name) / "suite")
                models = dataclasses.replace(models_of("base", str(Path(name) / "suite")), label="three small models")
            else:
                models = models_of("base", base)
            _refuse_misspelt(settings.models, given, models)
            models = models.only(settings.models)
            folder = out or Path("gate-calibration")
            _calibrate(models, configuration, rule, settings.processes, folder, as_json=as_json, **others)
        elif base is not None and head is not None:
            from microbench.gate.plan import GatePlan

            before, after = models_of("base", base), models_of("head", head)
            _refuse_misspelt(settings.models, given, before, after)
            before, after = before.only(settings.models), after.only(settings.models)
            plan = GatePlan(
                before,
                after,
                configuration,
                _sampling(settings.processes, rule, before, after),
                rule,
                settings.confirm,
                pythons,
                fresh=others["fresh"],
            )
            _gate(plan, out or Path("gate"), allow_unmatched=others["allow_unmatched"], as_json=as_json)


def _refuse_misspelt(only: Sequence[str], given: Collection[str], *sides: ModelSet) -> None:
    """Refuse a pattern that no workload matches, and an input that no model has."""
    for pattern in only:
        if not any(side.only([pattern]).names for side in sides):
            raise one_of("only", pattern, sorted({name for side in sides for name in side.names}))
    if not any(side.refused for side in sides):
        known = {name for side in sides for model in side.models.values() for name in model.inputs}
        for name in given:
            if name not in known:
                raise one_of("input", name, sorted(known))


def _sampling(processes: int | None, rule: DecisionRule, *sides: ModelSet) -> SamplingPlan:
    """As many processes as given, or as the number of workloads needs; windows as many as there is time for."""
    from microbench.gate.sampling_plan import SamplingPlan

    workloads = max(1, len(set.intersection(*(set(side.models) for side in sides))))
    count = max(SamplingPlan.processes, rule.fewest_processes(workloads)) if processes is None else processes
    return SamplingPlan(processes=count).for_suite(workloads)


def _gate(plan: GatePlan, folder: Path, *, allow_unmatched: bool, as_json: bool) -> None:
    from microbench.gate.exits import exit_code
    from microbench.gate.ledger import Ledger
    from microbench.gate.report import as_json as result_json
    from microbench.gate.report import headline, summary, table
    from microbench.gate.report_files import write
    from microbench.gate.run import run

    with progress_bar(quiet=as_json) as on_progress, Ledger(folder / "processes.jsonl") as ledger:
        result = run(plan, ledger, on_progress)
    code = exit_code(result, allow_unmatched=allow_unmatched)
    written = write(result, code, folder)
    if as_json:
        click.echo(json.dumps(result_json(result, code), allow_nan=False))
    else:
        print_table(f"{plan.head.label} over {plan.base.label}", table(result))
        click.echo(f"{summary(result)}\nWritten: {', '.join(map(click.format_filename, written))}")
        click.echo(f"Latency gate: {headline(result)}")
    sys.exit(code)


def _calibrate(
    models: ModelSet,
    configuration: Configuration,
    rule: DecisionRule,
    processes: int | None,
    folder: Path,
    *,
    quick: bool,
    pool: int | None,
    gates: int | None,
    slowdown: tuple[float, ...],
    as_json: bool,
    **_: Any,
) -> None:
    from microbench.gate.calibration import QUICK, CalibrationSize, calibrate
    from microbench.gate.calibration_report import as_json as calibration_json
    from microbench.gate.calibration_report import findings, table, write

    size = QUICK if quick else CalibrationSize()
    given: dict[str, Any] = {"pool": pool, "real_gates": gates}
    given["slowdowns"] = tuple(percent / 100 for percent in slowdown) or None
    size = dataclasses.replace(size, **{name: value for name, value in given.items() if value is not None})
    if quick:
        models = dataclasses.replace(models, models=dict(list(models.models.items())[:1]))
    sampling = _sampling(processes, rule, models)
    with progress_bar(quiet=as_json) as on_progress:
        calibration = calibrate(models, configuration, sampling, rule, size, folder, on_progress)
    written = write(calibration, folder)
    if as_json:
        click.echo(json.dumps(calibration_json(calibration), allow_nan=False))
    else:
        print_table("How often the gate errs here", table(calibration))
        for finding in findings(calibration):
            click.echo(f"- {finding}")
        click.echo(f"Written: {', '.join(map(click.format_filename, written))}")


def _require_sides(base: str | None, head: str | None, *, calibrate: bool) -> None:
    if calibrate and head is not None:
        raise InputError("head must not be given with --calibrate, which compares one side with itself.")
    if not calibrate and (base is None or head is None):
        raise InputError("base and head must be given: a folder of .onnx files, a bundle, or a git revision each.")


def _refuse_stray(options: Mapping[str, Any], *, calibrate: bool) -> None:
    stray = _GATE_ONLY if calibrate else _CALIBRATION_ONLY
    for option in stray:
        if options[option] not in (None, False, ()):
            raise InputError(f"{option.replace('_', '-')} must {'not ' * calibrate}be given with --calibrate.")


def _interpreter(named: str | None) -> str:
    """Absolute, as workers run in folders of their own; links are kept, as virtual environments work by them."""
    if named is None:
        return sys.executable
    found = shutil.which(named)
    return named if found is None else str(Path(found).absolute())
