"""What one more 3x3 convolution costs in each shape and setting of the map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microbench.measure.record import Record
from microbench.report.bootstrap import bootstrap_latencies_ms, can_bootstrap
from microbench.report.break_even.cell import CONV, Setting, Shape, setting_of, shape_of
from microbench.report.marginal import fit_line


@dataclass(frozen=True)
class ConvCost:
    """MACs per millisecond of one more convolution, as a logarithm."""

    setting: Setting
    shape: Shape
    log_efficiency: float
    log_reach: float
    """Half the width of its 95% interval."""


def conv_costs(records: Sequence[Record]) -> list[ConvCost]:
    """Of each setting and shape, from the run with the most loads.

    Convolutions of which a slope is not above 0 in every resample, or the MACs are unknown, are left out.

    Args:
        records: of the map.
    """
    chains: dict[tuple[Setting, Shape], dict[str, list[Record]]] = {}
    for record in records:
        if record.axes["block"] == CONV and can_bootstrap(record) and record.cost:
            chains.setdefault((setting_of(record), shape_of(record)), {}).setdefault(record.run, []).append(record)
    found = [_cost(setting, shape, max(runs.values(), key=_loads)) for (setting, shape), runs in chains.items()]
    return [cost for cost in found if cost is not None]


def _loads(chain: Sequence[Record]) -> tuple[int, int]:
    return len(chain), min(record.measurement.loads for record in chain if record.measurement)


def _cost(setting: Setting, shape: Shape, chain: Sequence[Record]) -> ConvCost | None:
    depths = np.array([float(record.axes["depth"]) for record in chain])
    if len(set(depths)) < 2:
        return None
    latencies = np.array([record.measurement.latency_ms for record in chain if record.measurement])
    _, marginal_ms = fit_line(depths, latencies)
    _, resampled_ms = fit_line(depths, bootstrap_latencies_ms(chain))
    if marginal_ms <= 0 or resampled_ms.min() <= 0:
        return None
    low, high = np.quantile(resampled_ms, [0.025, 0.975])
    macs = [record.cost.macs for record in chain if record.cost]
    macs_of_one = (max(macs) - min(macs)) / (depths.max() - depths.min())
    return ConvCost(setting, shape, math.log(macs_of_one / marginal_ms), math.log(high / low) / 2)
