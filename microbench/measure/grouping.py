"""In which order rows are sampled, and how many of them are loaded at the same time.

Rows that are loaded together are sampled in turns, which is the best protection from drift. Where all of them take more
memory than there is, they are loaded in groups, one after the other. Which row is in which group, and which group comes
first, is drawn anew:

- A *set* is what will be compared (the rows of one table). In every other generation the sets are put into a random
  order, and the rows within each. A group takes rows from the front of the queue until its memory is full, so that a
  set is split only where it does not fit, and never twice at the same rows but by chance.
- The generation after it takes the same order backwards. The two together give every row the same mean place, so that a
  linear drift over them adds the same to each row's mean. What is not linear is left to the next draw.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Optional, Sequence, TypeVar

import numpy as np

from microbench.measure.memory import resident_bytes

T = TypeVar("T")


class Orders:
    """The order of the rows in one generation after the other: drawn, reversed, drawn, reversed ..."""

    def __init__(self, rng: np.random.Generator) -> None:
        """`rng` is drawn from in every other generation."""
        self._rng = rng
        self._rank: dict[str, int] = {}
        self._reverses = False

    def next(self, rows: Sequence[T], key: Callable[[T], str], set_of: Callable[[T], str]) -> list[T]:
        """The rows in the order of this generation.

        Args:
            rows: those that are not finished.
            key: what identifies a row.
            set_of: the name of the set of rows that it is compared with.
        """
        if self._reverses:
            ordered = sorted(rows, key=lambda row: -self._rank[key(row)])
        else:
            sets: dict[str, list[T]] = {}
            for row in rows:
                sets.setdefault(set_of(row), []).append(row)
            groups = list(sets.values())
            ordered = [
                groups[chosen][place]
                for chosen in self._rng.permutation(len(groups))
                for place in self._rng.permutation(len(groups[chosen]))
            ]
            self._rank = {key(row): rank for rank, row in enumerate(ordered)}
        self._reverses = not self._reverses
        return ordered


@dataclass
class MemoryBudget:
    """Says whether one more session may be loaded beside those that are.

    What a session takes is estimated before its first load, and is then the growth of the process's resident memory in
    its loads. A single session that is larger than the limit is loaded by itself.
    """

    limit_bytes: int
    """For all sessions that are loaded at the same time."""
    read_resident_bytes: Callable[[], Optional[int]] = resident_bytes
    _base_bytes: Optional[int] = None
    _needs: dict[str, int] = field(default_factory=dict)
    _loaded: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What is resident now is not the sessions'."""
        self._base_bytes = self.read_resident_bytes()

    def has_room(self, key: str, estimated_bytes: int) -> bool:
        """True if one more session of the row fits beside those that are loaded, or none is."""
        return not self._loaded or self._used_bytes() + self._needs.get(key, estimated_bytes) <= self.limit_bytes

    def _used_bytes(self) -> int:
        declared = sum(self._loaded.values())
        resident = self.read_resident_bytes()
        if resident is None or self._base_bytes is None:
            return declared
        return max(declared, resident - self._base_bytes)

    def loading(self, key: str, estimated_bytes: int, load: Callable[[], None]) -> None:
        """Load a row's session by `load`, and note what it takes."""
        before = self.read_resident_bytes()
        load()
        after = self.read_resident_bytes()
        if key not in self._loaded:  # else it took the place of the row's own
            need = estimated_bytes if before is None or after is None else after - before
            # A session that finds memory which another one has freed, but the process still holds, seems to take less.
            self._needs[key] = max(need, self._needs.get(key, 0))
            self._loaded[key] = self._needs[key]

    def freed(self, key: str) -> None:
        """The row's session is no longer loaded."""
        self._loaded.pop(key, None)
