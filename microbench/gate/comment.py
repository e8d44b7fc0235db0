"""A gate's result as a comment for a pull request, in Markdown. Names and messages in it are shown literally."""

from __future__ import annotations

import re

from microbench.gate.decision import GateVerdict
from microbench.gate.report import cells_of, headline, summary
from microbench.gate.result import GateResult
from microbench.measure.environment import fingerprint
from microbench.report.markdown import markdown_table

_MARKS = {
    GateVerdict.PASS: "✅ pass",
    GateVerdict.SLOWER: "❌ **slower**",
    GateVerdict.INCONCLUSIVE: "❔ inconclusive",
    GateVerdict.NOT_COMPARED: "⚠️ not compared",
}
_LONGEST_NAME, _LONGEST_MESSAGE = 80, 300
_CLOCKS = {"cpu_ns": "CPU time", "device_ns": "the device's clock", "wall_ns": "the wall clock"}


def markdown(result: GateResult) -> str:
    """A comment for a pull request."""
    cells = [cells_of(workload) for workload in result.workloads]
    for workload, own in zip(result.workloads, cells, strict=True):
        own["workload"] = code_span(workload.name)
        own["verdict"] = _MARKS[workload.verdict]
        for column in ("reason", "what differs"):
            own[column] = plain_text(own[column])
    head, base = code_span(result.plan.head.label), code_span(result.plan.base.label)
    c = result.plan.configuration
    return (
        f"### Latency gate: {headline(result, code_span)}\n\n"
        f"{head} over {base}, {c.runtime} {c.precision} on {c.device}\n\n"
        f"{markdown_table(list(cells[0]), [list(own.values()) for own in cells])}\n"
        f"{summary(result)} {fingerprint().cpu_model}, {fingerprint().cpu_cores} cores. {_clocks(result)}\n"
    )


def _clocks(result: GateResult) -> str:
    replicates = [one for own in result.workloads for stage in own.stages.values() for one in stage]
    if not replicates:
        return ""
    return (
        f"Ratios by {_CLOCKS[replicates[0].clock]} with 95% intervals; p one-sided, adjusted for the number of "
        "workloads. The shortest windows by the wall clock are reported but do not decide."
    )


def code_span(name: str) -> str:
    """A name from a file or a user, as Markdown that shows it literally, and short enough for a table.

    >>> code_span("net"), code_span("`@all`")
    ('`net`', "`'@all'`")
    """
    return f"`{_shortened(name, _LONGEST_NAME).replace('`', chr(39))}`"


def plain_text(text: str) -> str:
    r"""A message that may quote files, as Markdown that shows it literally; "@name" notifies nobody.

    >>> plain_text("no <img> in *Conv*")
    'no \\<img\\> in \\*Conv\\*'
    """
    escaped = re.sub(r"([\\`*_{}\[\]<>#!~&])", r"\\\1", _shortened(text, _LONGEST_MESSAGE))
    return escaped.replace("@", "@\u200b")


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
