"""Empty the processor's caches of what a model needs, by overwriting more memory than they hold."""

from __future__ import annotations

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Mapping, Optional

import numpy as np

from microbench.measure.environment import fingerprint

_CPU = Path("/sys/devices/system/cpu/cpu0/cache")
_PASSES_OVER = 2
"""So many times what a cache holds is overwritten, as none of them replaces exactly what was used longest ago."""
_UNKNOWN_BYTES = 64 * 2**20
"""Taken for the caches' size where the system does not tell it."""


class ColdCaches:
    """Overwrites the caches when it is called.

    With one thread, the calling one reads, changes and writes twice the bytes of its second-level and last-level caches
    together: the model then runs on that same core. With several, workers of the runtime may be on any core, each with
    caches of its own. So a thread on each core that this process may use (pinned to it where the system allows that)
    overwrites twice that core's second-level cache and its share of the last level, all of them at the same time.
    """

    def __init__(self, threads: int, cache_bytes: Mapping[str, int], cores: int, sharing: int) -> None:
        """Allocates what is written.

        Args:
            threads: worker threads of the sessions.
            cache_bytes: by level, as in `Environment.cache_bytes`.
            cores: that this process may use.
            sharing: cores that share one last-level cache.
        """
        writers = 1 if threads == 1 else max(cores, threads)
        each = bytes_to_overwrite(cache_bytes, min(cores, sharing) if writers > 1 else 1)
        self.overwritten_bytes = writers * each
        """By each call, over all threads."""
        self._buffers = [np.ones(each // 8, np.int64) for _ in range(writers)]
        self._pool = ThreadPoolExecutor(writers) if writers > 1 else None
        # Else a thread that is done early takes the work of one that is late, and a core is left out.
        self._together = threading.Barrier(writers)

    def __call__(self) -> None:
        """Overwrite them; back when all is written."""
        if self._pool is None:
            self._overwrite(0)
        else:
            list(self._pool.map(self._overwrite_on_core, range(len(self._buffers))))

    def _overwrite(self, place: int) -> None:
        # Integers in place: each line is read before it is written, so that it does pass through the caches.
        self._buffers[place] += 1

    def _overwrite_on_core(self, place: int) -> None:
        self._together.wait()
        if hasattr(os, "sched_setaffinity"):
            usable = sorted(os.sched_getaffinity(os.getpid()))
            os.sched_setaffinity(0, {usable[place % len(usable)]})
        self._overwrite(place)


def bytes_to_overwrite(cache_bytes: Mapping[str, int], sharing: int) -> int:
    """What a thread has to overwrite: twice its second-level cache and its share of the last level.

    >>> bytes_to_overwrite({"L1d": 32768, "L2": 1048576, "L3": 33554432}, sharing=1) // 2**20
    66
    >>> bytes_to_overwrite({"L1d": 32768, "L2": 1048576, "L3": 33554432}, sharing=2) // 2**20
    34

    Args:
        cache_bytes: by level; 64 MiB are taken for them where there are none.
        sharing: threads that overwrite the last level together.
    """
    by_level = {int(level[1]): size for level, size in cache_bytes.items() if not level.endswith("i")}
    if not by_level:
        return _PASSES_OVER * _UNKNOWN_BYTES
    last = max(by_level)
    own = sum(size for level, size in by_level.items() if 1 < level < last)
    return _PASSES_OVER * (own + -(-by_level[last] // sharing)) // 8 * 8


@functools.lru_cache(maxsize=2)
def cold_caches(threads: int) -> ColdCaches:
    """The one of this machine for sessions of so many threads; all of these share its memory."""
    environment = fingerprint()
    return ColdCaches(threads, environment.cache_bytes, environment.cpu_cores, _cores_sharing_last_level())


def _cores_sharing_last_level() -> int:
    """How many cores share core 0's last-level cache; one where the system does not tell."""
    counts: dict[int, int] = {}
    for index in _CPU.glob("index*"):
        level, cores = _read(index / "level"), _read(index / "shared_cpu_list")
        if level and cores:
            counts[int(level)] = _count(cores)
    return counts[max(counts)] if counts else 1


def _count(cores: str) -> int:
    """The number of cores in the kernel's notation, e.g. 6 in "0-3,8-9"."""
    ranges = [part.partition("-") for part in cores.split(",")]
    return sum(int(last or first) - int(first) + 1 for first, _, last in ranges)


def _read(path: Path) -> Optional[str]:
    try:
        return path.read_text().strip()
    except OSError:
        return None
