"""Read the sets of records that a user names: a file or a machine's folder, and optionally which of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microbench.errors import InputError
from microbench.measure.record import Record
from microbench.measure.store import latest, read_records

_CHOICE = "@"


@dataclass(frozen=True)
class RecordSelection:
    """The latest record of each row, under a name that differs from those of the other sets."""

    label: str
    records: tuple[Record, ...]


def read_selections(texts: Sequence[str]) -> tuple[RecordSelection, ...]:
    """The sets that a user names, each a .jsonl file or a folder of them.

    Args:
        texts: paths, each optionally followed by "@" and a runtime, a precision or both, as in
            "results/phone@openvino:bf16".

    Raises:
        InputError: no such file, no records in it, a file that is not one, or a choice of which it holds nothing.
    """
    named = [_split(text) for text in texts]
    labels = _labels([path for path, _ in named], [choice for _, choice in named])
    return tuple(
        RecordSelection(label, _chosen(_read(path), path, choice))
        for label, (path, choice) in zip(labels, named, strict=True)
    )


def _split(text: str) -> tuple[Path, tuple[str, ...]]:
    path, sign, choice = text.rpartition(_CHOICE)
    if not sign or Path(text).exists():
        return Path(text), ()
    return Path(path), tuple(choice.split(":"))


def _read(path: Path) -> list[Record]:
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    records = [record for file in files for record in latest(read_records(file))]
    if not records:
        raise InputError(f"records {str(path)!r} hold nothing; give a .jsonl file or a machine's results folder.")
    return records


def _chosen(records: Sequence[Record], path: Path, choice: Sequence[str]) -> tuple[Record, ...]:
    left = list(records)
    for word in choice:
        known = {value for record in left for value in _words(record)}
        left = [record for record in left if word in _words(record)]
        if not left:
            raise InputError(
                f"records {str(path)!r} hold no runtime or precision {word!r}; they hold: {', '.join(sorted(known))}."
            )
    return tuple(left)


def _words(record: Record) -> tuple[str, str]:
    return record.configuration.runtime, record.configuration.precision


def _labels(paths: Sequence[Path], choices: Sequence[Sequence[str]]) -> list[str]:
    """What the paths do not share, and what was chosen; two of the same set are numbered."""
    names = [str(path) for path in paths]
    if len({len(path.parts) for path in paths}) == 1:
        places = [values for values in zip(*(path.parts for path in paths), strict=True) if len(set(values)) > 1]
        names = ["/".join(values[index] for values in places) for index in range(len(paths))]
    names = [" ".join([name, *choice]).strip() for name, choice in zip(names, choices, strict=True)]
    labels = [label or str(path) for label, path in zip(names, paths, strict=True)]
    return [f"{label} ({index + 1})" if labels.count(label) > 1 else label for index, label in enumerate(labels)]
