"""The two arms of a switch that is a runtime of its own with the switch off."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from microbench.measure.record import Record
from microbench.report.labels import configuration_label


@dataclass(frozen=True)
class SwitchedRows:
    """The rows of one configuration with a switch on and off."""

    target: str
    """What they were run in but for the switch, in words."""
    on: tuple[Record, ...]
    off: tuple[Record, ...]


def switched_rows(records: Sequence[Record], on: str, off: str) -> list[SwitchedRows]:
    """The rows of both arms, for each configuration in which both were run.

    Args:
        records: of any runtimes.
        on: the runtime with the switch on.
        off: the runtime with it off.
    """
    found = []
    for configuration in dict.fromkeys(
        record.configuration for record in records if record.configuration.runtime == on
    ):
        other = dataclasses.replace(configuration, runtime=off)
        arms = [
            tuple(record for record in records if record.configuration == one and record.measurement is not None)
            for one in (configuration, other)
        ]
        if all(arms):
            found.append(SwitchedRows(configuration_label(configuration), *arms))
    return found
