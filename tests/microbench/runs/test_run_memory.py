"""How much memory the sessions of a run get beside the models that wait for their turn."""

import numpy as np
import pytest

from microbench.measure.memory import GIB
from microbench.measure.sampler import Failure
from microbench.measure.workload import Cost, Workload
from microbench.runs import runner


class OfSize(bytes):
    """Claims a length without taking it."""

    length = 0

    def __len__(self) -> int:
        return self.length


def model(gib: float) -> Workload:
    content = OfSize()
    content.length = int(gib * GIB)
    return Workload("a model", content, {"image": np.zeros(1)}, (), Cost(0, 0, 0))


@pytest.mark.parametrize(
    ("waiting_gib", "limit_gib"), [((0.1, 0.1), 1.25), ((0.5,), 1.0), ((0.5, 0.25), 0.75), ((2.0,), 0.5)]
)
def test_large_models_that_wait_leave_less_to_those_that_are_loaded(
    waiting_gib: tuple[float, ...], limit_gib: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "default_limit_bytes", lambda: 5 * GIB // 4)
    workloads: list[Workload | Failure] = [*map(model, waiting_gib), Failure("cannot be built")]
    assert runner._limit_bytes(workloads) == limit_gib * GIB
