"""Add records that were measured on other machines to the results."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Collection, Iterator, Optional, Sequence

from microbench.errors import InputError, one_of
from microbench.measure.environment import machine_name
from microbench.measure.record import Record
from microbench.measure.store import RecordStore, line_of, machine_folder, parse_records, read_records

_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class ImportedFile:
    """What was added to one records file."""

    machine: str
    experiment: str
    path: Path
    added: int
    known: int
    """Records that were there already, the same in every digit."""


def gather_records(sources: Sequence[Path]) -> list[Record]:
    """All records of files, of folders, and of archives (.tar in any compression, .zip), in the order of writing.

    A torn last line is dropped with a warning.

    Raises:
        InputError: a source that cannot be read, or has no records in it, or others than this program's.
    """
    return [record for source in sources for record in _records_of(source)]


def _records_of(source: Path) -> list[Record]:
    try:
        contents = dict(_contents(source))
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"file {str(source)!r} cannot be read: {reason}.") from error
    records = [record for origin, content in contents.items() for record in parse_records(content, origin)]
    if not records:
        raise InputError(
            f"file {str(source)!r} holds no records; give a {_SUFFIX} file, or a folder or archive of them."
        )
    return records


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """The records files in `source`, each with its name for messages."""
    if source.is_dir():
        for path in sorted(source.rglob(f"*{_SUFFIX}")):
            yield str(path), path.read_bytes()
    elif tarfile.is_tarfile(source):
        with tarfile.open(source) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(_SUFFIX) else None
                if file is not None:
                    yield f"{source}/{member.name}", file.read()
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in archive.namelist():
                if name.endswith(_SUFFIX):
                    yield f"{source}/{name}", archive.read(name)
    else:
        yield str(source), source.read_bytes()


def merge_records(
    records: Sequence[Record], results: Path, experiments: Collection[str], machine: Optional[str] = None
) -> list[ImportedFile]:
    """Append records to those of their machine; one that is there already is skipped.

    Args:
        records: those to add.
        results: the folder of all machines' results.
        experiments: the names that a record's experiment may have.
        machine: the folder's name in it; from each record's environment if None.

    Returns:
        What was added, by records file.

    Raises:
        InputError: an unknown experiment, one name for several machines, or a folder that cannot be written; nothing
            was added then.
    """
    names = dict.fromkeys(machine_name(record.environment) for record in records)
    if machine is not None and len(names) > 1:
        raise InputError(f"machine {machine!r} cannot stand for {len(names)} machines: {', '.join(names)}.")
    for record in records:
        if record.experiment not in experiments:
            raise one_of("experiment", record.experiment, experiments)
    by_file: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        by_file.setdefault((machine or machine_name(record.environment), record.experiment), []).append(record)
    folders = {name: machine_folder(results, name) for name, _ in by_file}
    return [
        _append(own, name, experiment, folders[name] / f"{experiment}{_SUFFIX}")
        for (name, experiment), own in by_file.items()
    ]


def _append(records: Sequence[Record], machine: str, experiment: str, path: Path) -> ImportedFile:
    with RecordStore(path) as store:
        before = {line_of(record) for record in read_records(path)}
        known = set(before)
        for record in records:
            line = line_of(record)
            if line not in known:
                store.append(record)
                known.add(line)
    added = len(known) - len(before)
    return ImportedFile(machine, experiment, path, added, len(records) - added)
