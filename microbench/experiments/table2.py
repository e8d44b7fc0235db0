"""Table 2: seven blocks in one multi-path structure, at equal latency on this device and at the paper's widths."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from microbench.experiments.base import EXPERIMENTS, Presentation
from microbench.experiments.network import PAPER_RESOLUTION, NetworkChoice, NetworkTable, network_spec
from microbench.experiments.parsing import parse_milliseconds
from microbench.experiments.width_search import Choice, best_unaligned, choose, next_width
from microbench.measure.interval import Interval
from microbench.measure.record import Record
from microbench.measure.workload import Axis, WorkloadSpec

PAPER_WIDTHS = {
    "conv3x3": 14,
    "sepconv3x3": 9,
    "ghost": 20,
    "inverted_residual": 3,
    "shufflenet": 8,
    "residual": 9,
    "bottleneck": 12,
}
"""The channel base c of each block. The paper does not print it: it is inferred from the printed FLOPs, with which the
MACs of the convolutions plus what fvcore counts for BN agree."""

NORM_OPERATIONS = {
    "conv3x3": 74_088_448,
    "sepconv3x3": 84_185_088,
    "ghost": 105_840_640,
    "inverted_residual": 275_324_928,
    "shufflenet": 104_169_472,
    "residual": 114_057_216,
    "bottleneck": 139_124_736,
}
"""What fvcore counts for BN in these networks at 1024 x 2048, before it is folded: two operations for each value that a
BN yields. The printed FLOPs contain them. Kept here so that the table is shown without building the networks."""

REFERENCE_BLOCK = "conv3x3"
"""Its network at the paper's width sets the target latency."""

_FIRST_WIDTH = 12
"""Where the search begins for a block that the paper does not have."""

_ALIGNED_TO = "aligned_to"
"""The axis that says how well a row's channels fill vectors; see `microbench.experiments.alignment`."""

_TOO_SLOW = Interval(math.inf, math.inf, math.inf)
"""For a width that cannot be run here."""


@EXPERIMENTS.register("table2")
@dataclass(frozen=True)
class Table2(NetworkTable):
    """B = {1, 2, 4, 7, 7}, C = {c, 2c, 4c, 8c, 8c}, R = {1, 1/4}, no interaction; only the block and c differ."""

    name = "table2"
    title = "Table 2: multi-path networks of seven blocks, at equal latency and at the paper's widths"
    has_accuracy = True

    target_ms: float | None = field(
        default=None,
        metadata={
            "help": "Latency within which to search the widest network, in ms [default: that of 3x3 Conv at c=14].",
            "parse": parse_milliseconds,
        },
    )

    def specs(self) -> list[WorkloadSpec]:
        """Each block at the paper's width; one that the paper lacks, at a first guess."""
        import blocks

        return [self._spec(block, PAPER_WIDTHS.get(block, _FIRST_WIDTH)) for block in blocks.NAMES]

    def refine(self, records: Sequence[Record]) -> list[WorkloadSpec]:
        """The next width of each block whose search is not over."""
        import blocks
        from microbench.experiments.alignment import block_alignment

        target_ms = self._target_ms(records)
        if target_ms is None:
            return []
        latencies = _latencies(records)
        following = {
            block: next_width(
                latencies.get(block, {}),
                target_ms,
                PAPER_WIDTHS.get(block, _FIRST_WIDTH),
                functools.partial(block_alignment, block),
            )
            for block in blocks.NAMES
        }
        return [self._spec(block, width) for block, width in following.items() if width is not None]

    def in_order(self, records: Sequence[Record]) -> list[Record]:
        """See the base class: first the blocks that the paper has at its widths, then all others as recorded."""
        places = {item: place for place, item in enumerate(PAPER_WIDTHS.items())}
        return sorted(records, key=lambda record: places.get(_block_and_width(record), len(places)))

    def trained_networks(self) -> dict[str, NetworkChoice]:
        """Each block at the paper's width: trained once, the network serves all devices."""
        return {block: self._choice(block, c) for block, c in PAPER_WIDTHS.items()}

    def accuracy_rows(self, records: Sequence[Record]) -> tuple[str, ...]:  # noqa: ARG002
        """See the base class: the blocks that the paper has."""
        return tuple(PAPER_WIDTHS)

    def present(self, records: Sequence[Record], ceilings: Sequence[Record], folder: Path) -> Presentation:  # noqa: ARG002
        """Both modes, ours and the published columns side by side."""
        from microbench.report.accuracy import read_accuracies
        from microbench.report.accuracy_notes import accuracy_notes
        from microbench.report.tables.table2 import EQUAL_LATENCY_MODE, PAPER_WIDTHS_MODE, ModeRow, table2

        accuracies = read_accuracies(folder.parent, self.name, self.accuracy_rows(records))
        rows = []
        findings = []
        for configuration in dict.fromkeys(record.configuration for record in records):
            own = [record for record in records if record.configuration == configuration]
            for mode, by_block in self.by_mode(own).items():
                for block, record in by_block.items():
                    is_paper = mode == PAPER_WIDTHS_MODE and self.resolution == PAPER_RESOLUTION
                    norms = NORM_OPERATIONS[block] if is_paper else None
                    unaligned = self._best_unaligned(own, block) if mode == EQUAL_LATENCY_MODE else None
                    rows.append(ModeRow(mode, block, record, norms, unaligned))
            choices = _choices(own, self._target_ms(own))
            findings += [
                f"{configuration.runtime} {configuration.precision}, {block}: {choice.sentence}."
                for block, choice in choices.items()
            ]
        table, notes = table2(rows, accuracies)
        return Presentation(
            table=table,
            findings=(*findings, *notes, *accuracy_notes(accuracies, REFERENCE_BLOCK)),
            data={"equal_latency": {row.block: row.record.axes["c"] for row in rows if row.mode == EQUAL_LATENCY_MODE}},
        )

    def by_mode(self, records: Sequence[Record]) -> dict[str, dict[str, Record]]:
        """The table's rows by mode and block, in the order of the table.

        Args:
            records: of this experiment, all in one configuration.
        """
        from microbench.report.published import published
        from microbench.report.tables.table2 import EQUAL_LATENCY_MODE, PAPER_WIDTHS_MODE

        by_place = {_block_and_width(record): record for record in records}
        choices = _choices(records, self._target_ms(records))
        return {
            PAPER_WIDTHS_MODE: {
                block: by_place[block, PAPER_WIDTHS[block]]
                for block in published("table2")["block"]
                if (block, PAPER_WIDTHS[block]) in by_place
            },
            EQUAL_LATENCY_MODE: {block: by_place[block, choice.width] for block, choice in choices.items()},
        }

    def _best_unaligned(self, records: Sequence[Record], block: str) -> Record | None:
        """Of a block's rows within the target whose channels are not aligned, the widest; None if there is none.

        Args:
            records: of this experiment, all in one configuration; only those that say how they are aligned count.
            block: its name.
        """
        target_ms = self._target_ms(records)
        own = {
            int(record.axes["c"]): record
            for record in records
            if record.axes["block"] == block and _ALIGNED_TO in record.axes and record.measurement is not None
        }
        if target_ms is None:
            return None
        timed = {c: latency for c, latency in _latencies(records).get(block, {}).items() if c in own}
        width = best_unaligned(timed, target_ms, lambda c: int(own[c].axes[_ALIGNED_TO]))
        return None if width is None else own[width]

    def _spec(self, block: str, c: int) -> WorkloadSpec:
        from microbench.experiments.alignment import block_alignment

        axes: dict[str, Axis] = {"block": block, "c": c, _ALIGNED_TO: block_alignment(block, c)}
        return network_spec(self.name, f"{block}/c{c}", self._choice(block, c), self.resolution, axes)

    @staticmethod
    def _choice(block: str, c: int) -> NetworkChoice:
        import lpsnet

        return NetworkChoice(lpsnet.table2_architecture(c), block=block, interaction="none")

    def _target_ms(self, records: Sequence[Record]) -> float | None:
        if self.target_ms is not None:
            return self.target_ms
        reference = _latencies(records).get(REFERENCE_BLOCK, {}).get(PAPER_WIDTHS[REFERENCE_BLOCK], _TOO_SLOW)
        return reference.estimate if math.isfinite(reference.estimate) else None


def _block_and_width(record: Record) -> tuple[str, int]:
    return str(record.axes["block"]), int(record.axes["c"])


def _latencies(records: Sequence[Record]) -> dict[str, dict[int, Interval]]:
    """Latency in milliseconds by block and width; infinite for a row that failed."""
    latencies: dict[str, dict[int, Interval]] = {}
    for record in records:
        block, width = _block_and_width(record)
        measured = record.measurement
        latencies.setdefault(block, {})[width] = _TOO_SLOW if measured is None else measured.undisturbed
    return latencies


def _choices(records: Sequence[Record], target_ms: float | None) -> dict[str, Choice]:
    """By block, where any of its widths could be run."""
    if target_ms is None:
        return {}
    return {
        block: choose(timed, target_ms)
        for block, timed in _latencies(records).items()
        if any(math.isfinite(latency.estimate) for latency in timed.values())
    }
