"""Write the numbers that the documents quote: `python docs/quotes.py`, after new records or new words for them.

A document marks what it quotes by `<!-- quote: NAME -->` and `<!-- end of quote -->`. What stands between the two marks
follows from the committed results, by the function that `QUOTES` calls NAME; a test compares.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import interactions
from microbench import runtimes as inference
from microbench.experiments.base import Presentation
from microbench.measure.store import latest, read_records
from microbench.report.accuracy import accuracy_sentence, read_accuracies
from microbench.report.comparison.ratios import compare_records
from microbench.report.comparison.selection import read_selections
from microbench.report.published import PAPER_RESOLUTION, published
from microbench.report.verdicts import Verdict, judge_interaction
from microbench.studies.recorded import read_recorded

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
MACHINE = "amd-epyc-2-cores"
AGAIN = "amd-epyc-2-cores-again"
"""The same machine, measured once more."""
GATE_MACHINE = "xeon-2-cores"
"""Where the gate was calibrated and the training loop timed."""

_NOT_YET = {"cpu": "not yet", "cuda": "not yet run on a device"}
_QUOTE = re.compile(
    r"(?P<open><!-- quote: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(?P<close><!-- end of quote -->)", re.DOTALL
)


def documents() -> list[Path]:
    """The README and the pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def quoted(text: str) -> list[tuple[str, str]]:
    """The quotes of a document, by name."""
    return [(match["name"], match["text"]) for match in _QUOTE.finditer(text)]


def rewritten(text: str) -> str:
    """The document with its quotes as the results have them today."""
    return _QUOTE.sub(lambda match: match["open"] + QUOTES[match["name"]]() + match["close"], text)


def interaction_verdict() -> Verdict:
    """Whether the paper's interaction is the one to take here."""
    records = latest(read_records(RESULTS / MACHINE / "table3.jsonl"))
    own = [record for record in records if record.axes["resolution"] == PAPER_RESOLUTION]
    return judge_interaction(own, read_accuracies(RESULTS, "table3", interactions.NAMES))


def headline() -> str:
    """The answer for one machine, in plain words."""
    ratios = {
        (row["protocol"], row["target"].split()[0]): row["ratio"]
        for row in presented("figure4").data["conv_over_sepconv_efficiency"]
        if "cold" not in row["target"]
    }
    ort, openvino = (ratios["alone", runtime] for runtime in ("onnxruntime", "openvino"))
    inside, openvino_inside = (ratios["inside a network", runtime] for runtime in ("onnxruntime", "openvino"))
    paper = published("figure4").set_index("block")["efficiency_mflops_per_ms"]
    curve = next(
        c
        for c in presented("figure5").data["sweet_spots"]
        if c["label"].startswith("Figure 5(b)") and "onnxruntime" in c["label"]
    )
    wasteful = [point for point in curve["change_points"] if point["kind"] == "cliff"]
    added = {row["interaction"]: row for row in presented("table3").data["added_latency"]}
    first, second = sorted(added.values(), key=lambda row: row["added_ms"]["estimate"])[:2]
    interaction = interaction_verdict()
    accuracy = read_accuracies(RESULTS, "lpsnet", ["s"])["s"]
    lines = [
        f"**Block.** Alone, the standard 3×3 convolution does {ort['estimate']:.2f} times as many multiply-accumulates "
        f"(MACs) per millisecond as the depthwise separable one (95% CI {ort['low']:.2f} to {ort['high']:.2f}), and "
        f"{openvino['estimate']:.2f} times in OpenVINO; on the paper's GPU {paper.iloc[0] / paper.iloc[1]:.0f} times. "
        f"As one more block inside a network: {inside['estimate']:.2f} times ({inside['low']:.2f} to "
        f"{inside['high']:.2f}), and {openvino_inside['estimate']:.2f} times in OpenVINO.",
        f"**Widths.** Use {_list(curve['sweet_spots'])} channels: latency comes in steps of "
        f"{curve['period']['channels']}. The first width of a step wastes most: "
        + ", ".join(f"{point['next_width']} costs {point['jump']:.0%}" for point in wasteful)
        + " more than its arithmetic explains.",
        f"**Interaction.** Of six, {first['interaction']} adds {_added(first)} to the two-path network of Table 3, and "
        f"{second['interaction']} {_added(second)}. That Bilateral-B is the one to use: {interaction.judgement}.",
        f"**Accuracy.** LPS-Net-S: {accuracy_sentence([accuracy])}. The networks that compare blocks and interactions "
        "were trained once each and briefly, so which of them is the most accurate is open.",
    ]
    return "".join(f"- {line}\n" for line in lines)


def _added(row: dict[str, Any]) -> str:
    ms = row["added_ms"]
    return f"{ms['estimate']:+.1f} ms (95% CI {ms['low']:+.1f} to {ms['high']:+.1f})"


def _list(values: list[int]) -> str:
    *first, last = map(str, values)
    return f"{', '.join(first)} or {last}" if first else last


def findings(experiment: str) -> Callable[[], str]:
    """What `microbench show` prints below an experiment's table."""
    return lambda: "".join(f"- {finding}\n" for finding in presented(experiment).findings)


def agreement() -> str:
    """Two complete runs on one machine, compared."""
    lines = []
    for name in ("figure4", "figure5"):
        paths = [f"results/{machine}/{name}.jsonl" for machine in (MACHINE, AGAIN)]
        summary = compare_records(read_selections([str(ROOT / path) for path in paths])).summary()
        lines += [f"$ microbench compare {' '.join(paths)}", summary.split(". ")[0].rstrip(".")]
    return "\n".join(["```console", *lines, "```", ""])


def accuracy() -> str:
    """The family on real images."""
    found = read_accuracies(RESULTS, "lpsnet", ["s", "m", "l"])
    return "".join(f"- LPS-Net-{name.upper()}: {accuracy_sentence([one])}.\n" for name, one in found.items())


def pipeline() -> str:
    """How fast a training loop is."""
    (benchmark,) = json.loads((RESULTS / GATE_MACHINE / "training_loop.json").read_text("utf-8"))["benchmarks"]
    info = benchmark["extra_info"]
    return (
        f"The training loop of recipe `camvid_cpu` takes {info['images_per_s']:.1f} images a second, with "
        f"{info['pipeline_share']:.0%} of its time in the input pipeline; a bare loop over tensors that are in memory "
        f"already takes {info['bare_images_per_s']:.1f}.\n"
    )


def gate_error_rates() -> str:
    """How often the gate errs."""
    calibration = json.loads((RESULTS / GATE_MACHINE / "gate" / "calibration" / "calibration.json").read_text("utf-8"))
    return "".join(f"- {finding}\n" for finding in calibration["findings"])


def pytest_benchmark_error_rates() -> str:
    """How often pytest-benchmark's comparison errs on the same models."""
    return (RESULTS / GATE_MACHINE / "gate" / "pytest-benchmark" / "pytest_benchmark.md").read_text("utf-8")


def runtimes() -> str:
    """Which runtime has been measured on what."""
    evidence: dict[tuple[str, str], set[str]] = {}
    for path in sorted(RESULTS.glob("*/*.jsonl")):
        for record in read_records(path):
            if record.measurement is not None:
                place = record.configuration.runtime, record.configuration.device
                evidence.setdefault(place, set()).add(record.configuration.precision)
    lines = ["| runtime | device | precisions | measured |", "| --- | --- | --- | --- |"]
    for name in inference.names():
        for device, precisions in inference.get(name).precisions.items():
            found = evidence.get((name, device))
            state = "yes: " + ", ".join(p for p in precisions if p in found) if found else _NOT_YET[device]
            lines.append(f"| `{name}` | {device} | {', '.join(precisions)} | {state} |")
    return "\n".join(lines) + "\n"


@cache
def presented(experiment: str) -> Presentation:
    """An experiment's records of the machine, as the command shows them."""
    found = read_recorded([experiment], RESULTS / MACHINE)
    (shown,) = found.experiments
    with TemporaryDirectory() as drawn:
        # Trained networks are looked for beside the machine's folder.
        (Path(drawn) / "accuracy").symlink_to(RESULTS / "accuracy")
        figures = Path(drawn) / MACHINE
        figures.mkdir()
        return shown.present(found.records[experiment], found.ceilings, figures)


QUOTES: dict[str, Callable[[], str]] = {
    "headline": headline,
    "agreement": agreement,
    "accuracy": accuracy,
    "pipeline": pipeline,
    "gate-error-rates": gate_error_rates,
    "pytest-benchmark-error-rates": pytest_benchmark_error_rates,
    "runtimes": runtimes,
    **{name: findings(name) for name in ("figure4", "figure5", "table2", "table3", "table4")},
}


def main() -> None:
    """Rewrite every document whose quotes have changed."""
    for path in documents():
        before = path.read_text("utf-8")
        after = rewritten(before)
        if after != before:
            path.write_text(after, "utf-8")
            sys.stdout.write(f"Written: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
