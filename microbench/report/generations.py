"""The generations that two rows share: those in which they were sampled side by side."""

from __future__ import annotations

from microbench.measure.record import Record
from microbench.measure.statistics import Samples


def paired(first: Record, second: Record) -> list[tuple[Samples, Samples]]:
    """Latencies in milliseconds of both rows, for each generation that both have.

    Rows end when they are known well enough, so one may have generations that the other lacks. The rows are taken to
    be of one run; where they are not, the pairs are no pairs, and drift between the runs is in their difference.
    """
    of_first, of_second = _by_index(first), _by_index(second)
    return [(of_first[index], of_second[index]) for index in sorted(set(of_first) & set(of_second))]


def _by_index(record: Record) -> dict[int, Samples]:
    generations = record.measurement.generations if record.measurement else ()
    return {generation.index: generation.latencies_ms() for generation in generations}
