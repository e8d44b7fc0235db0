"""Maps among the sets that are compared: by the sign of their cells, as thousands of rows say little one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from microbench.measure.record import Record
from microbench.report.break_even.agreement import SignAgreement, sign_agreement_of_records
from microbench.report.comparison.selection import RecordSelection

MAP = "map"
"""The experiment's name in the records."""


def without_maps(sets: Sequence[RecordSelection]) -> tuple[RecordSelection, ...]:
    """The sets without the map's rows."""
    return tuple(dataclasses.replace(one, records=tuple(r for r in one.records if r.experiment != MAP)) for one in sets)


def map_agreements(sets: Sequence[RecordSelection], *, allow: frozenset[str]) -> dict[str, SignAgreement]:
    """How far each set's map agrees with the first one's, by the set's name; without sets that share no cell with it.

    Args:
        sets: two or more.
        allow: what may differ; of maps, "host".

    Raises:
        InputError: the maps are of different hosts, and "host" is not allowed to differ.
    """
    first, *others = ((one.label, _map_of(one)) for one in sets)
    found = {
        label: sign_agreement_of_records(first[1], records, allow_host="host" in allow)
        for label, records in others
        if first[1] and records
    }
    return {label: agreement for label, agreement in found.items() if agreement.shared}


def _map_of(one: RecordSelection) -> list[Record]:
    return [record for record in one.records if record.experiment == MAP]
