from itertools import chain

import pytest

from lpsnet.training.batches import StepBatches


def test_every_pass_holds_each_image_once() -> None:
    drawn = list(chain.from_iterable(StepBatches(10, 4, range(10), seed=0)))
    passes = [drawn[start : start + 10] for start in range(0, 40, 10)]
    assert all(sorted(images) == list(range(10)) for images in passes)
    assert len({tuple(images) for images in passes}) == 4


def test_a_resumed_run_draws_what_it_would_have_drawn() -> None:
    unbroken = list(StepBatches(7, 3, range(12), seed=5))
    assert list(StepBatches(7, 3, range(8, 12), seed=5)) == unbroken[8:]


def test_seeds_differ() -> None:
    assert list(StepBatches(50, 5, range(3), seed=0)) != list(StepBatches(50, 5, range(3), seed=1))


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_each_batch(processes: int) -> None:
    whole = list(StepBatches(11, 6, range(5), seed=1))
    shares = [StepBatches(11, 6, range(5), seed=1, process=p, processes=processes) for p in range(processes)]
    assert [list(chain.from_iterable(parts)) for parts in zip(*shares, strict=True)] == whole


def test_a_batch_may_be_larger_than_the_data_set() -> None:
    (batch,) = StepBatches(3, 8, range(1), seed=0)
    assert len(batch) == 8
    assert set(batch) == {0, 1, 2}
