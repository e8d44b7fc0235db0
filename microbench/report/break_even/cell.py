"""The cells of the map: how many blocks of another kind one 3x3 convolution costs inside a network.

A cell compares the 3x3 convolution with one other block in one shape and one setting. Both were timed as chains of two
depths, in the same run, so that each of the four rows was loaded anew in every generation and all were timed side by
side. Inside a network a block costs

    marginal = (latency(deep) - latency(shallow)) / (deep - shallow)

and the break-even is the convolution's marginal cost over the other block's. Two depths give no test of the line's fit,
which Figure 4's four depths do; they cost a third of the time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microbench.measure.interval import Interval
from microbench.measure.record import Configuration, Record
from microbench.measure.statistics import hodges_lehmann, student_t_975
from microbench.measure.undisturbed import undisturbed
from microbench.report.labels import configuration_label

CONV = "conv3x3"
"""The block that the others are compared with."""

FEWEST_GENERATIONS = 2
"""Of fewer nothing is known of how one differs from the next."""

_RESAMPLES = 400

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Setting:
    """What a panel of the map has in common: how the blocks were run, and on how many images."""

    configuration: Configuration
    batch: int

    @property
    def label(self) -> str:
        """In words, e.g. "onnxruntime fp32, 1 thread, batch 1"."""
        return f"{configuration_label(self.configuration)}, batch {self.batch}"


@dataclass(frozen=True)
class Shape:
    """A block's place in a network: as many channels in as out, on maps of this size."""

    channels: int
    height: int
    width: int

    @property
    def side(self) -> float:
        """Of the square map with as many pixels."""
        return math.sqrt(self.height * self.width)

    @property
    def label(self) -> str:
        """E.g. "32 at 64x64"."""
        return f"{self.channels} at {self.height}x{self.width}"


@dataclass(frozen=True)
class Cell:
    """The 3x3 convolution compared with one other block in one shape and setting."""

    setting: Setting
    block: str
    shape: Shape
    ratio: Interval
    """How many of the other block one convolution costs: its marginal cost over the other's."""
    macs_ratio: float | None
    """The same of the MACs of one more block; None where they are unknown."""
    generations: int
    passes: int
    """How often the cell was sampled: each pass is a run."""

    @property
    def is_open(self) -> bool:
        """Whether the interval spans 1: such a cell is hatched."""
        return not self.ratio.excludes(1.0)

    @property
    def sign(self) -> int:
        """1 where the estimate says that the convolution costs more than the other block, else -1."""
        return 1 if self.ratio.estimate > 1 else -1

    @property
    def decided(self) -> int:
        """The sign where the interval excludes 1, else 0."""
        return 0 if self.is_open else self.sign

    @property
    def efficiency_ratio(self) -> Interval | None:
        """The convolution's MACs per millisecond over the other block's; None where the MACs are unknown."""
        if self.macs_ratio is None:
            return None
        factor, r = self.macs_ratio, self.ratio
        low = factor / r.high if math.isfinite(r.high) else 0.0
        return Interval(factor / r.estimate, low, factor / r.low if r.low > 0 else math.inf)

    def as_json(self) -> dict[str, Any]:
        """As JSON values; a bound that is not known is None."""
        bounds = (self.ratio.low, self.ratio.high if math.isfinite(self.ratio.high) else None)
        return {
            "configuration": vars(self.setting.configuration),
            "batch": self.setting.batch,
            "block": self.block,
            "channels": self.shape.channels,
            "resolution": f"{self.shape.height}x{self.shape.width}",
            "ratio": self.ratio.estimate,
            "ratio_ci_low": bounds[0],
            "ratio_ci_high": bounds[1],
            "macs_ratio": self.macs_ratio,
            "is_open": self.is_open,
            "generations": self.generations,
            "passes": self.passes,
        }


_Place = tuple[Setting, Shape]
_Chain = dict[int, Record]
"""Rows of one block in one run by their depth."""


def map_cells(records: Sequence[Record]) -> list[Cell]:
    """The cells that records of the map give, in the order of the records.

    Rows that failed, blocks without the convolution beside them in the same run, and cells with fewer than two
    generations of all four rows are left out. A cell that was sampled in several runs has the generations of all.

    Args:
        records: with the axes of a sweep: block, width, resolution, batch, depth.
    """
    runs: dict[tuple[_Place, str], dict[str, _Chain]] = {}
    for record in records:
        if record.measurement is not None:
            chains = runs.setdefault((_place(record), record.run), {})
            chains.setdefault(str(record.axes["block"]), {})[int(record.axes["depth"])] = record
    found: dict[tuple[_Place, str], list[tuple[_Chain, _Chain]]] = {}
    for (place, _), chains in runs.items():
        conv = chains.get(CONV, {})
        for block, chain in chains.items():
            if block != CONV and len(conv.keys() & chain.keys()) > 1:
                found.setdefault((place, block), []).append((conv, chain))
    cells = [_cell(place, block, pairs) for (place, block), pairs in found.items()]
    return [cell for cell in cells if cell is not None]


def setting_of(record: Record) -> Setting:
    """The panel in which a record of the map is shown."""
    return Setting(record.configuration, int(record.axes["batch"]))


def shape_of(record: Record) -> Shape:
    """The place in a panel at which a record of the map is shown."""
    height, width = (int(side) for side in str(record.axes["resolution"]).split("x"))
    return Shape(int(record.axes["width"]), height, width)


def _place(record: Record) -> _Place:
    return setting_of(record), shape_of(record)


def _cell(place: _Place, block: str, pairs: Sequence[tuple[_Chain, _Chain]]) -> Cell | None:
    levels = np.concatenate([_levels(conv, other) for conv, other in pairs])
    if len(levels) < FEWEST_GENERATIONS:
        return None
    return Cell(
        setting=place[0],
        block=block,
        shape=place[1],
        ratio=marginal_ratio(levels),
        macs_ratio=_macs_ratio(*pairs[-1]),
        generations=len(levels),
        passes=len(pairs),
    )


def _levels(conv: _Chain, other: _Chain) -> Values:
    """The undisturbed latency of each load, (generations, 4): convolution shallow and deep, the other block alike."""
    depths = sorted(conv.keys() & other.keys())
    rows = [_by_index(chain[depth]) for chain in (conv, other) for depth in (depths[0], depths[-1])]
    shared = sorted(set.intersection(*(set(row) for row in rows)))
    return np.array([[row[index] for row in rows] for index in shared], dtype=np.float64).reshape(-1, 4)


def _by_index(record: Record) -> Mapping[int, float]:
    generations = record.measurement.generations if record.measurement else ()
    return {generation.index: undisturbed([generation.latencies_ms()]) for generation in generations}


def _macs_ratio(conv: _Chain, other: _Chain) -> float | None:
    depths = sorted(conv.keys() & other.keys())
    macs = [
        deep.cost.macs - shallow.cost.macs
        for shallow, deep in ((chain[depths[0]], chain[depths[-1]]) for chain in (conv, other))
        if shallow.cost and deep.cost
    ]
    return macs[0] / macs[1] if len(macs) == 2 and macs[1] > 0 else None


def marginal_ratio(levels: Values) -> Interval:
    """The ratio of two marginal costs with its 95% interval.

    Each generation's four latencies are divided by their geometric mean, so that what slowed all of them down is in no
    ratio. A block's slope is the Hodges-Lehmann estimate over the generations, so that one in which a row was held up
    moves it little; the ratio is that of the slopes. The interval is a bootstrap's over generations on the ratio's
    logarithm, with Student's t, as in `microbench.measure.undisturbed.ratio_interval`.

    >>> quiet = np.array([[1.0, 3.0, 0.5, 1.5], [2.0, 6.0, 1.0, 3.0]])  # twice as slow in the second generation
    >>> marginal_ratio(quiet).estimate
    2.0

    Args:
        levels: (G, 4) latencies above 0: the first block's shallow and deep chain, and the second's, of the same two
            depths; at least two generations.

    Returns:
        The ratio. Where a slope is not surely above 0 (a bootstrap's resample in twenty or more has it at 0 or below),
        nothing is known of the bounds, 0 and infinity; where it is estimated at 0 or below, the estimate is the ratio
        of the deep chains.
    """
    scaled = levels / np.exp(np.log(levels).mean(axis=1, keepdims=True))
    slopes = np.stack([scaled[:, 1] - scaled[:, 0], scaled[:, 3] - scaled[:, 2]])
    first, second = (hodges_lehmann(slope) for slope in slopes)
    if min(first, second) <= 0:
        return Interval(float(hodges_lehmann(scaled[:, 1]) / hodges_lehmann(scaled[:, 3])), 0.0, math.inf)
    count = len(levels)
    drawn = slopes[:, _draws(count)]
    one, other = np.triu_indices(count)
    resampled = np.median((drawn[..., one] + drawn[..., other]) / 2, axis=2)
    is_rising = (resampled > 0).all(axis=0)
    if is_rising.mean() <= 0.95:
        return Interval(first / second, 0.0, math.inf)
    logs = np.log(resampled[0, is_rising] / resampled[1, is_rising])
    reach = student_t_975(count - 1) * float(np.std(logs, ddof=1)) * math.sqrt(count / (count - 1))
    ratio = first / second
    return Interval(ratio, ratio * math.exp(-reach), ratio * math.exp(reach))


@functools.lru_cache(maxsize=64)
def _draws(count: int) -> NDArray[np.int64]:
    """The generations that each resample draws, (resamples, count): the same for all cells."""
    return np.random.default_rng(0).integers(0, count, size=(_RESAMPLES, count))
