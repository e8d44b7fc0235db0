"""Where the principles hold: of the map's shapes in each setting, how many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from microbench.measure.record import Record
from microbench.report.break_even.cell import Cell, Setting, Shape
from microbench.report.break_even.conv_cost import ConvCost, conv_costs
from microbench.report.latency_ratio import BETWEEN_RUNS

Outcome = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Standing:
    """In how many shapes of a setting a claim holds, fails or is undecided, each by 95% intervals of its own."""

    principle: str
    """Block, widths, or break-even: the last is no principle of the paper, but what the map's colours show."""
    claim: str
    setting: Setting
    holds: int
    fails: int
    undecided: int

    @property
    def shapes(self) -> int:
        """That the claim was judged in."""
        return self.holds + self.fails + self.undecided

    @property
    def verdict(self) -> str:
        """What is the case in more than half of the shapes, or that it depends on the shape."""
        counts: dict[str, int] = {"holds": self.holds, "fails": self.fails, "undecided": self.undecided}
        most = max(counts, key=counts.__getitem__)
        return most if 2 * counts[most] > self.shapes else "depends on the shape"

    def as_json(self) -> dict[str, Any]:
        """As JSON values."""
        setting = {"configuration": asdict(self.setting.configuration), "batch": self.setting.batch}
        return {**asdict(self), "setting": setting, "verdict": self.verdict}


def standings(cells: Sequence[Cell], records: Sequence[Record]) -> list[Standing]:
    """The claims of each setting that was measured, setting by setting.

    - *Block*: the 3x3 convolution does more MACs per millisecond than every other block, inside a network. Judged in
      shapes in which all of the setting's blocks were measured: it holds where it does more than each of them, and
      fails where one of them does more.
    - *Widths*: 3x3 convolutions of a width that is divisible by a lower power of two than both its neighbours on the
      grid do fewer MACs per millisecond than lies between these (interpolated on logarithmic axes). These were not
      sampled side by side, and `BETWEEN_RUNS` is allowed for.
    - *Break-even*: one 3x3 convolution costs no more than one of the other block.

    Args:
        cells: of the map.
        records: of the map, from which the convolution's own costs are taken.
    """
    costs = conv_costs(records)
    found = []
    for setting in dict.fromkeys(cell.setting for cell in cells):
        own = [cell for cell in cells if cell.setting == setting]
        found.append(_count("block", "conv3x3 does the most MACs/ms of all blocks", setting, _block_outcomes(own)))
        widths = _width_outcomes({cost.shape: cost for cost in costs if cost.setting == setting})
        if widths:
            text = "conv3x3 does fewer MACs/ms at less divisible widths"
            found.append(_count("widths", text, setting, widths))
        for block in dict.fromkeys(cell.block for cell in own):
            outcomes = [_outcome(-cell.decided) for cell in own if cell.block == block]
            found.append(_count("break-even", f"one conv3x3 costs less than one {block}", setting, outcomes))
    return found


def principle_table(found: Sequence[Standing]) -> pd.DataFrame:
    """For people: one line for each claim and setting."""
    return pd.DataFrame(
        [
            {
                "principle": one.principle,
                "claim": one.claim,
                "setting": one.setting.label,
                "verdict": one.verdict,
                "shapes": one.shapes,
                "holds": _share(one.holds, one.shapes),
                "fails": _share(one.fails, one.shapes),
                "undecided": _share(one.undecided, one.shapes),
            }
            for one in sorted(found, key=lambda one: ("block", "widths", "break-even").index(one.principle))
        ]
    )


def _share(count: int, of: int) -> str:
    return f"{count / of:.0%}" if of else ""


def _count(principle: str, claim: str, setting: Setting, outcomes: Iterable[Outcome]) -> Standing:
    counts = {"holds": 0, "fails": 0, "undecided": 0}
    for outcome in outcomes:
        counts[outcome] += 1
    return Standing(principle, claim, setting, **counts)


def _outcome(sign: int) -> Outcome:
    return {1: "holds", -1: "fails"}.get(sign, "undecided")  # type: ignore[return-value]


def _block_outcomes(cells: Sequence[Cell]) -> list[Outcome]:
    blocks = {cell.block for cell in cells}
    by_shape: dict[Shape, list[Cell]] = {}
    for cell in cells:
        by_shape.setdefault(cell.shape, []).append(cell)
    outcomes: list[Outcome] = []
    for own in by_shape.values():
        ratios = [cell.efficiency_ratio for cell in own]
        if len(own) < len(blocks) or None in ratios:
            continue
        known = [ratio for ratio in ratios if ratio is not None]
        if all(ratio.low > 1 for ratio in known):
            outcomes.append("holds")
        else:
            outcomes.append("fails" if any(ratio.high < 1 for ratio in known) else "undecided")
    return outcomes


def _width_outcomes(costs: dict[Shape, ConvCost]) -> list[Outcome]:
    outcomes = []
    for size in dict.fromkeys((shape.height, shape.width) for shape in costs):
        row = sorted((c for s, c in costs.items() if (s.height, s.width) == size), key=lambda cost: cost.shape.channels)
        for before, cost, behind in zip(row, row[1:], row[2:], strict=False):
            a, b, c = (one.shape.channels for one in (before, cost, behind))
            if b & -b < min(a & -a, c & -c):
                outcomes.append(_outcome(_sign_between(before, cost, behind)))
    return outcomes


def _sign_between(before: ConvCost, cost: ConvCost, behind: ConvCost) -> int:
    """1 where the middle width surely does fewer MACs a millisecond than lies between its neighbours, -1 where more."""
    a, b, c = (math.log(one.shape.channels) for one in (before, cost, behind))
    share = (b - a) / (c - a)
    distance = (1 - share) * before.log_efficiency + share * behind.log_efficiency - cost.log_efficiency
    reach = math.hypot((1 - share) * before.log_reach, share * behind.log_reach, cost.log_reach)
    if abs(distance) <= reach + math.log1p(BETWEEN_RUNS):
        return 0
    return 1 if distance > 0 else -1
