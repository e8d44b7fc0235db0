"""Which images make up which batch. It follows from seed and step alone, so that a resumed run continues exactly."""

from collections.abc import Iterator

import torch
from torch.utils.data import Sampler


class StepBatches(Sampler[list[int]]):
    """The batches of one process, from a given step to the last.

    Every pass over the data is a new permutation of it; what is left of a pass after its last whole batch begins the
    next batch.

    Args:
        length: images in the data set.
        batch_size: images a step, over all processes; a multiple of `processes`.
        steps: the range of the steps.
        seed: of the permutations.
        process: number of this process.
        processes: how many share each batch.
    """

    def __init__(
        self, length: int, batch_size: int, steps: range, seed: int, *, process: int = 0, processes: int = 1
    ) -> None:
        self._length = length
        self._batch_size = batch_size
        self._steps = steps
        self._seed = seed
        self._process = process
        self._processes = processes

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[list[int]]:
        share = self._batch_size // self._processes
        permutations: dict[int, list[int]] = {}
        for step in self._steps:
            first = step * self._batch_size + self._process * share
            places = [divmod(place, self._length) for place in range(first, first + share)]
            needed = {turn for turn, _ in places}
            permutations = {turn: permutations.get(turn) or self._permutation(turn) for turn in needed}
            yield [permutations[turn][index] for turn, index in places]

    def _permutation(self, turn: int) -> list[int]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + turn)
        order: list[int] = torch.randperm(self._length, generator=generator).tolist()
        return order
