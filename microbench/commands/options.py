"""The options that several commands share: each default and help text is stated here once.

@click.command("show")
@options.machine
@options.results
@options.as_json
def show(machine: str | None, results: Path, as_json: bool) -> None: ...
"""

from __future__ import annotations

from pathlib import Path

import click

from microbench.runs.settings import Settings


def _import(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> None:
    for text in texts:
        from microbench.registries import import_code

        import_code(text)


_RUNTIME_HELP = "Inference runtime, by its name in `microbench doctor`."
_PRECISION_HELP = "fp32, tf32, fp16, bf16 or int8, where the runtime has it."
_TIMING_HELP = "On a GPU: kernel_span (auto), isolated or end_to_end."
_REPEATABLE = " Repeat it for several side by side."

runtimes = click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=Settings.runtimes,
    show_default=True,
    help=_RUNTIME_HELP + _REPEATABLE,
)
runtime = click.option("--runtime", default=Settings.runtimes[0], show_default=True, help=_RUNTIME_HELP)

precisions = click.option(
    "--precision",
    "precisions",
    multiple=True,
    default=Settings.precisions,
    show_default=True,
    help=_PRECISION_HELP + _REPEATABLE,
)
precision = click.option("--precision", default=Settings.precisions[0], show_default=True, help=_PRECISION_HELP)

imports = click.option(
    "--import",
    "imports",
    multiple=True,
    metavar="FILE.py|MODULE[:NAME]",
    is_eager=True,
    expose_value=False,
    callback=_import,
    help="Code of your own to import first: a file or module that registers blocks and so on by decorators, or "
    "one class or function of it. Repeat it for several.",
)

device = click.option("--device", default=Settings.device, show_default=True, help="cpu, cuda or auto.")

timings = click.option(
    "--timing",
    "timings",
    multiple=True,
    default=Settings.timings,
    show_default=True,
    help=_TIMING_HELP + _REPEATABLE,
)
timing = click.option("--timing", default=Settings.timings[0], show_default=True, help=_TIMING_HELP)

l2_states = click.option(
    "--l2",
    "l2_states",
    multiple=True,
    default=Settings.l2_states,
    show_default=True,
    help="On a GPU: whether a run finds its inputs in the L2 cache (hot) or in memory (cold)." + _REPEATABLE,
)

cache_states = click.option(
    "--cache",
    "cache_states",
    multiple=True,
    default=Settings.cache_states,
    help="On a CPU: whether a run finds its inputs and weights in the processor's caches (hot) or in memory (cold) "
    "[default: hot; Figure 4 both, on one thread]." + _REPEATABLE,
)

threads = click.option(
    "--threads", type=int, help="Worker threads on a CPU [default: 1 for blocks, all cores for whole networks]."
)

results = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder with the results of all machines.",
)

machine = click.option("--machine", help="Name of the machine's folder in it [default: from this processor].")

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")

data_folder = click.option("--data", "root", type=click.Path(path_type=Path), help="Folder with the data set's files.")

data_set = click.option(
    "--data-set",
    default="generated",
    show_default=True,
    help="Data set, by its name in `microbench doctor --load`.",
)

block = click.option("--block", default="conv3x3", show_default=True, help="Convolutional block.")

interaction = click.option("--interaction", default="bilateral_b", show_default=True, help="Path interaction.")

resolution = click.option("--resolution", help="Height x width of the networks' image in pixels, such as 512x1024.")

input_scale = click.option(
    "--input-scale",
    type=click.FloatRange(min=0, min_open=True),
    help="Enlarge each image by this factor before the network sees it [default: as in training, if WEIGHTS lie in "
    "the folder of their run; else 1].",
)
