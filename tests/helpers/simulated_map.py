"""Records of a map whose break-even is known."""

from collections.abc import Callable, Sequence

import numpy as np

from microbench.measure.environment import Environment
from microbench.measure.measurement import Generation, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.workload import Cost
from microbench.report.break_even.cell import CONV, Shape

ENVIRONMENT = Environment("1a2b3c", "A processor", 2, (), {}, None, None, None, "Linux", "3.11", {}, None)
WINDOWS = 4
ENDS_MS = 0.2
MACS = {CONV: 9_000_000}
"""Of one block; of any other, a million."""

Ratio = Callable[[str, Shape], float]
"""How many of a block one convolution costs in a shape."""


def simulate_map(
    ratio: Ratio,
    shapes: Sequence[Shape],
    blocks: Sequence[str] = ("sepconv3x3",),
    *,
    configuration: Configuration | None = None,
    scatter: float = 0.002,
    disturbed: float = 0.0,
    generations: int = 6,
    number: int = 1,
    seed: int = 0,
) -> list[Record]:
    """A pass over the shapes: chains of one and three blocks, a convolution of 1 ms and others of 1 ms / ratio.

    Args:
        ratio: the truth.
        shapes: each is sampled in a run of its own.
        blocks: those beside the convolution.
        configuration: of all rows.
        scatter: standard deviation of a load's, and of a window's, latency, as a share of it.
        disturbed: share of the windows that take half as long again.
        generations: loads of each row.
        number: of the pass.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    records = []
    for shape in shapes:
        for block in (CONV, *blocks):
            marginal_ms = 1.0 if block == CONV else 1 / ratio(block, shape)
            for depth in (1, 3):
                loads = (ENDS_MS + depth * marginal_ms) * np.exp(rng.normal(0, scatter, generations))
                windows = loads[:, np.newaxis] * np.exp(np.abs(rng.normal(0, scatter, (generations, WINDOWS))))
                windows = windows * np.where(rng.random(windows.shape) < disturbed, 1.5, 1.0)
                records.append(_record(block, shape, depth, windows, configuration, number))
    return records


def _record(
    block: str,
    shape: Shape,
    depth: int,
    windows_ms: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    configuration: Configuration | None,
    number: int,
) -> Record:
    size = f"{shape.height}x{shape.width}"
    taken = tuple(
        Generation(index, index, tuple(Reading(1, round(ms * 1e6), round(ms * 1e6), 0) for ms in load))
        for index, load in enumerate(windows_ms)
    )
    return Record(
        experiment="map",
        name=f"{block}/{shape.channels}-{shape.channels}/{size}/stride1/batch1/depth{depth}/pass{number}",
        axes={
            "block": block, "width": shape.channels, "in_width": shape.channels, "resolution": size, "stride": 1,
            "batch": 1, "depth": depth, "pass": number,
        },
        configuration=configuration or Configuration("onnxruntime"),
        runtime_version="1",
        run=f"{shape.channels}/{size}/{number}",
        environment=ENVIRONMENT,
        cost=Cost(macs=depth * MACS.get(block, 1_000_000), parameters=1, moved_bytes=1),
        measurement=summarize(taken, Diagnostics(0.0, 1.0, 0.0, None, None), ci_target=0.01, single_threaded=True),
    )  # fmt: skip
