"""`microbench run map`: the options of the map's axes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from microbench.commands import options
from microbench.commands.console import progress_bar
from microbench.errors import EXIT_ROWS_FAILED, EXIT_TIME_UP

RUNTIMES = ("onnxruntime", "openvino")
PRECISIONS = ("fp32", "int8")


@click.command("map", short_help="How many blocks of another kind one 3x3 convolution costs, and where")
@options.imports
@click.option(
    "--runtime", "runtimes", multiple=True, default=RUNTIMES, show_default=True, help="Inference runtime; repeatable."
)
@click.option(
    "--precision",
    "precisions",
    multiple=True,
    default=PRECISIONS,
    show_default=True,
    help="fp32, tf32, fp16, bf16 or int8, where the runtime has it; repeatable.",
)
@options.device
@click.option(
    "--threads", type=int, multiple=True, help="Worker threads on a CPU; repeatable [default: 1 and all cores]."
)
@click.option(
    "--batch", "batches", type=int, multiple=True, default=(1,), show_default=True, help="Images per run; repeatable."
)
@click.option(
    "--block",
    "block_texts",
    multiple=True,
    help="Block to compare the 3x3 convolution with, with options if any; repeatable [default: sepconv3x3, "
    "ghost, inverted_residual, shufflenet and bottleneck].",
)
@click.option("--width", "widths", help="Channels in and out: 8,16,32 or 8..64:8 [default: 8,16,24,32,64,128].")
@click.option(
    "--resolution",
    "resolutions",
    multiple=True,
    help="Height x width of the maps; repeatable [default: 16, 32, 64 and 128].",
)
@click.option(
    "--most-macs",
    type=float,
    help="Leave out shapes of which one convolution has more MACs on one image [default: 7e8].",
)
@click.option("--minutes", type=float, help="Begin nothing that would end later [default: 40, or 5 with --quick].")
@click.option("--ci", "ci_target", type=float, help="Interval of a row's latency that is enough [default: 0.01].")
@click.option("--budget", "row_budget_s", type=float, help="Seconds for a row, six loads at least [default: 0.5].")
@click.option("--quick", is_flag=True, help="A first look: the coarse grid alone, in a third of the time a row.")
@click.option("--memory", "memory_gib", type=float, help="See `microbench run sweep --help`.")
@options.results
@options.machine
@options.as_json
def run_map(
    runtimes: tuple[str, ...],
    precisions: tuple[str, ...],
    device: str,
    threads: tuple[int, ...],
    batches: tuple[int, ...],
    block_texts: tuple[str, ...],
    widths: str | None,
    resolutions: tuple[str, ...],
    most_macs: float | None,
    minutes: float | None,
    ci_target: float | None,
    row_budget_s: float | None,
    quick: bool,
    memory_gib: float | None,
    results: Path,
    machine: str | None,
    as_json: bool,
) -> None:
    """How many blocks of another kind one 3x3 convolution costs inside a network, over widths and resolutions.

    Each runtime, precision, number of threads and batch is a panel. A coarse grid of shapes is measured first; the
    rest of the time goes to where it is open which block costs less. The same command continues a stopped run, and
    refines a finished one.

    Exit codes: 0 done, 1 some rows failed, 2 bad input, 75 the time was up before the coarse grid was measured.

    Example: microbench run map --runtime onnxruntime --precision fp32 --minutes 15
    """
    from microbench.commands.printing import print_experiments
    from microbench.experiments.map import MAP, BreakEvenMap, MapGrid
    from microbench.experiments.parsing import parse_resolution, parse_widths
    from microbench.experiments.sweep import BlockChoice
    from microbench.measure.environment import fingerprint, machine_name
    from microbench.measure.store import machine_folder
    from microbench.runs.settings import Settings
    from microbench.studies.break_even_map import measure_map

    given = {
        "blocks": tuple(BlockChoice.parse(text) for text in block_texts),
        "widths": parse_widths(widths) if widths else (),
        "resolutions": tuple(parse_resolution(text) for text in resolutions),
        "most_macs": most_macs,
    }
    experiment = BreakEvenMap(MapGrid(**{axis: value for axis, value in given.items() if value}), batches)  # type: ignore[arg-type]
    folder = machine_folder(results, machine or machine_name())
    settings = Settings(
        folder,
        runtimes=runtimes,
        precisions=precisions,
        device=device,
        ci_target=ci_target,
        row_budget_s=row_budget_s,
        quick=quick,
        memory_gib=memory_gib,
    )
    with progress_bar(quiet=as_json) as on_progress:
        found = measure_map(
            experiment, settings, threads or tuple(dict.fromkeys((1, fingerprint().cpu_cores))), minutes, on_progress
        )
    records = experiment.in_order(found.records)
    print_experiments([experiment], {MAP: records}, [], folder, title=MAP, as_json=as_json)
    if found.coarse_left:
        click.echo(
            f"microbench: time is up, {found.coarse_left} shapes of the coarse grid are left; the same command "
            "continues.",
            err=True,
        )
        sys.exit(EXIT_TIME_UP)
    if any(record.error for record in records):
        sys.exit(EXIT_ROWS_FAILED)
