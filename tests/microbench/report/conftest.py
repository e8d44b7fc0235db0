from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from microbench.measure.environment import Environment
from microbench.measure.measurement import Generation, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import Configuration, Record
from microbench.measure.session import Reading
from microbench.measure.workload import Axis, Cost

MakeRecord = Callable[..., Record]

ENVIRONMENT = Environment("1a2b3c", "A processor", 2, (), {}, None, None, None, "Linux", "3.11", {}, None)


def _record(
    experiment: str,
    name: str,
    axes: dict[str, Axis],
    medians_ms: Sequence[float] | NDArray[np.float64],
    *,
    macs: int = 1_000_000,
    runtime: str = "onnxruntime",
    run: str = "2026-01-01T00:00:00Z-aaaa",
    builds: bool = False,
    cache: str = "hot",
) -> Record:
    """A row whose generations have these medians: three windows each, a tenth of a percent apart."""
    generations = tuple(
        Generation(
            index,
            index,
            tuple(Reading(1, int(median * 1e6 * factor), int(median * 1e6), 0) for factor in (0.999, 1.0, 1.001)),
            index if builds else None,
        )
        for index, median in enumerate(medians_ms)
    )
    return Record(
        experiment=experiment,
        name=name,
        axes=axes,
        configuration=Configuration(runtime, cache=cache),
        runtime_version="1",
        run=run,
        environment=ENVIRONMENT,
        cost=Cost(macs=macs, parameters=1, moved_bytes=1),
        measurement=summarize(
            generations, Diagnostics(0.0, 1.0, 0.0, None, None), ci_target=0.01, single_threaded=True
        ),
    )


@pytest.fixture
def make_record() -> MakeRecord:
    return _record
