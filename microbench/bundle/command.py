"""`python -m microbench.measure BUNDLE`: time a bundle on the device in front of you."""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, NoReturn, Optional, Sequence

from microbench import plugins, runtimes
from microbench.bundle.reader import Bundle, open_bundle
from microbench.bundle.text_table import table_text
from microbench.crash import report_crash
from microbench.errors import EXIT_BAD_INPUT, EXIT_ROWS_FAILED, EXIT_STOPPED, EXIT_TIME_UP, InputError
from microbench.measure.environment import machine_name
from microbench.measure.store import machine_folder
from microbench.measure.timing import HOT
from microbench.runs.engines import build_engines
from microbench.runs.estimate import estimate_text
from microbench.runs.runner import Plan, run
from microbench.runs.settings import Settings, plan_of
from microbench.runs.time_limit import TimeLimit
from microbench.runtimes.tensorrt.engine_cache import cache_in

PROGRAM = "microbench.measure"


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Run the command; exit codes: 0 done, 1 some rows failed, 2 bad input, 70 a crash, 75 time is up, 130 stopped."""
    warnings.showwarning = lambda message, *_: _say(f"warning: {message}")
    options = _parser().parse_args(arguments)
    options.arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        for text in options.imports:
            plugins.request(text)
        with cache_in(options.engine_cache):
            sys.exit(_measure(options))
    except InputError as error:
        _say(str(error))
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        _say("stopped; finished rows are kept, the same command goes on from there.")
        sys.exit(EXIT_STOPPED)
    except Exception as error:  # an exit code of 1 would read as rows that failed
        sys.exit(report_crash(PROGRAM, error))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One sentence, without the usage around it."""
        _say(f"{message}; see `python -m {PROGRAM} --help`.")
        sys.exit(EXIT_BAD_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=f"python -m {PROGRAM}",
        description="Time what a bundle holds; rows that are recorded already are not timed again. "
        "Exit codes: 0 done, 1 some rows failed (each says why), 2 bad input, 75 time is up, 130 stopped.",
    )
    parser.add_argument("bundle", type=Path, help="the folder that `microbench bundle` wrote")
    parser.add_argument(
        "--runtime",
        dest="runtimes",
        action="append",
        metavar="NAME",
        help=f"{runtimes.AUTO} or {', '.join(_bundle_runtimes())}; repeat for several side by side [default: auto]",
    )
    parser.add_argument(
        "--precision",
        dest="precisions",
        action="append",
        metavar="NAME",
        help="fp32, tf32, fp16, bf16 or int8, where the runtime has it; repeatable [default: fp32]",
    )
    parser.add_argument(
        "--import",
        dest="imports",
        action="append",
        default=[],
        metavar="FILE.py|MODULE[:NAME]",
        help="code of your own to import first, such as a runtime; repeatable",
    )
    parser.add_argument("--device", default=runtimes.AUTO, help="cpu, cuda or auto [default: auto]")
    parser.add_argument(
        "--timing",
        dest="timings",
        action="append",
        metavar="NAME",
        help="on a GPU: kernel_span, isolated or end_to_end; repeatable, each a row of its own [default: kernel_span]",
    )
    parser.add_argument(
        "--l2",
        dest="l2_states",
        action="append",
        metavar="STATE",
        help="on a GPU: hot, or cold to find the inputs outside its cache in each run; repeatable [default: hot]",
    )
    parser.add_argument(
        "--cache",
        dest="cache_states",
        action="append",
        metavar="STATE",
        help="on a CPU: hot, or cold to find inputs and weights outside its caches in each run; repeatable "
        "[default: hot]",
    )
    parser.add_argument(
        "--threads", type=int, help="worker threads on a CPU [default: 1 for blocks, all cores for whole networks]"
    )
    parser.add_argument(
        "--ci",
        dest="ci_target",
        type=float,
        help="sample until the 95%% interval's half width is this share of the latency "
        "[default: 0.01 for blocks, 0.02 for whole networks]",
    )
    parser.add_argument(
        "--budget",
        dest="row_budget_s",
        type=float,
        help="seconds after which a row ends unconverged [default: 6 for blocks, less where they are "
        "many, 5 for whole networks]",
    )
    parser.add_argument("--quick", action="store_true", help="intervals three times as wide")
    parser.add_argument("--fresh", action="store_true", help="measure again what is recorded already")
    parser.add_argument(
        "--memory",
        dest="memory_gib",
        type=float,
        help="what the models loaded at the same time may take, in GiB [default: 1.25, or half of what is available]",
    )
    parser.add_argument(
        "--only",
        action="append",
        metavar="PATTERN",
        help="time the rows that match alone, by experiment/name: 'figure4/*', '*sepconv*'; repeatable",
    )
    parser.add_argument(
        "--builds", type=int, help="engines built of a row, where builds differ by chance [default: 3 (TensorRT)]"
    )
    parser.add_argument(
        "--build-only",
        action="store_true",
        help="build the engines that the cache lacks, each build of a row in a process of its own, and time nothing",
    )
    parser.add_argument("--build", dest="own_build", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--max-minutes",
        type=float,
        help="begin no row or engine that would end later; the same command continues (exit code 75)",
    )
    parser.add_argument("--plan", action="store_true", help="say what is missing and how long it may take, no more")
    parser.add_argument(
        "--engine-cache",
        type=Path,
        help="folder of engines and of what kernels took; bring it along to a later visit "
        "[default: MICROBENCH_CACHE, else lpsnet-microbench in the user's cache folder]",
    )
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder for the records [default: results]"
    )
    parser.add_argument("--json", dest="as_json", action="store_true", help="print one JSON object on standard output")
    return parser


def _bundle_runtimes() -> list[str]:
    return [name for name in sorted(runtimes.names()) if not runtimes.get(name).needs_module]


def _measure(options: argparse.Namespace) -> int:
    bundle = open_bundle(options.bundle)
    asked = options.runtimes or [runtimes.AUTO]
    for name in asked:
        if runtimes.get(name).needs_module:
            raise InputError(
                f"runtime {name!r} runs torch modules, of which a bundle has none; "
                f"allowed: {', '.join([runtimes.AUTO, *_bundle_runtimes()])}."
            )
    machine = machine_name()
    settings = Settings(
        folder=machine_folder(options.results, machine),
        runtimes=asked,
        precisions=options.precisions or ["fp32"],
        timings=options.timings or [runtimes.AUTO],
        l2_states=options.l2_states or [HOT],
        cache_states=options.cache_states or [HOT],
        device=options.device,
        threads=options.threads,
        ci_target=options.ci_target,
        row_budget_s=options.row_budget_s,
        quick=options.quick,
        fresh=options.fresh,
        memory_gib=options.memory_gib,
        builds=options.builds,
    )
    limit = None if options.max_minutes is None else TimeLimit(options.max_minutes)
    plans = _plans(bundle, options.only or ["*"], settings)
    if options.plan:
        print(estimate_text(plans))
        return 0
    if options.build_only:
        return _build(plans, options, limit)
    records = [record for plan in plans for record in run(plan, _Progress(), limit)]
    if options.as_json:
        shown: dict[str, Any] = {"machine": machine, "records": [record.as_row() for record in records]}
        print(json.dumps(shown, allow_nan=False))
    else:
        print(table_text(records))
        print(f"\nRecords: {settings.folder}\nBring that folder home: microbench import {settings.folder.name}")
    if limit is not None and limit.rows_left:
        _say(f"time is up, {limit.rows_left} rows are left; the same command continues.")
        return EXIT_TIME_UP
    return EXIT_ROWS_FAILED if any(record.error for record in records) else 0


def _build(plans: Sequence[Plan], options: argparse.Namespace, limit: Optional[TimeLimit]) -> int:
    """Build engines, each build in a process of its own: their timing caches are apart, and so must they be."""
    builds = max((target.runtime.min_builds for plan in plans for target in plan.targets), default=1)
    if options.own_build is None and builds > 1:
        own = [sys.executable, "-m", PROGRAM, *options.arguments, "--build"]
        waiting = [start_process([*own, str(build)]) for build in range(builds)]
        return max(wait() for wait in waiting)
    chosen = None if options.own_build is None else [options.own_build]
    report = build_engines(plans, chosen, limit, _Progress())
    for name, error in report.errors.items():
        _say(f"{name}: {error}")
    _say(f"{report.built} engines built, {report.cached} were there, {report.left} are left.")
    if report.left:
        return EXIT_TIME_UP
    return EXIT_ROWS_FAILED if report.errors else 0


def start_process(arguments: Sequence[str]) -> Callable[[], int]:
    """Start a process beside this one; what is returned waits for its end and returns its exit code."""
    return subprocess.Popen(arguments).wait


def _plans(bundle: Bundle, patterns: Sequence[str], settings: Settings) -> list[Plan]:
    entries = [
        entry
        for entry in bundle.manifest.entries
        if any(fnmatch.fnmatchcase(f"{entry.experiment}/{entry.name}", pattern) for pattern in patterns)
    ]
    if not entries:
        experiments = dict.fromkeys(f"'{entry.experiment}/*'" for entry in bundle.manifest.entries)
        raise InputError(
            f"only {' '.join(patterns)!r} matches no row of the bundle; it holds {', '.join(experiments)}."
        )
    # One bad setting is told before any plan costs time.
    return [
        plan_of(specs, settings, whole_networks=whole_networks)
        for whole_networks in (False, True)
        if (specs := [bundle.spec(entry) for entry in entries if entry.whole_network == whole_networks])
    ]


class _Progress:
    """A line on standard error for each tenth of the work: a device's console may be a log."""

    def __init__(self) -> None:
        self._shown = ""

    def __call__(self, phase: str, share: float) -> None:
        line = f"{phase} {int(share * 10) * 10}%"
        if line != self._shown:
            _say(line)
            self._shown = line


def _say(sentence: str) -> None:
    print(f"{PROGRAM}: {sentence}", file=sys.stderr, flush=True)
