"""Records on disk: what is read is what was written, whatever ends the writing, and nothing foreign is taken for it."""

import dataclasses
import errno
import json
import os
import signal
import string
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import output_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import DROPPED, ODD, damaged, places

from microbench.errors import InputError
from microbench.measure.environment import Environment
from microbench.measure.interval import Interval
from microbench.measure.measurement import Generation, Measurement, summarize
from microbench.measure.noise import Diagnostics
from microbench.measure.record import SCHEMA, Configuration, Record, from_json, to_json
from microbench.measure.session import Reading
from microbench.measure.store import RecordStore, latest, parse_records, read_records
from microbench.measure.workload import Cost

ENVIRONMENT = Environment(
    host="1a2b3c",
    cpu_model="A processor",
    cpu_cores=2,
    cpu_flags=("avx2", "fma"),
    cache_bytes={"L1d": 49152},
    memory_bytes=None,
    virtual_machine=None,
    frequency_governor=None,
    system="Linux 6.1 x86_64",
    python="3.11.7",
    libraries={"numpy": "2.4.6"},
    commit=None,
)


def measurement(latency_ms: float = 1.0) -> Measurement:
    generations = tuple(
        Generation(index, index, tuple(Reading(2, round(latency_ms * 2e6) + index, 2_000_000, 0) for _ in range(3)))
        for index in range(4)
    )
    return summarize(generations, Diagnostics(0.0, 1.0, 0.001, 0.02, None), ci_target=0.01, single_threaded=True)


def record(name: str = "row", latency_ms: float = 1.0, **changes: Any) -> Record:
    whole = Record(
        experiment="sweep",
        name=name,
        axes={"block": "conv3x3", "width": 8},
        configuration=Configuration("onnxruntime"),
        runtime_version="1.23",
        run="2025-01-01T00:00:00Z-0000",
        environment=ENVIRONMENT,
        cost=Cost(macs=1000, parameters=10, moved_bytes=4000),
        measurement=measurement(latency_ms),
    )
    return dataclasses.replace(whole, **changes)


def line_of(whole: Record) -> bytes:
    return json.dumps(to_json(whole), separators=(",", ":")).encode() + b"\n"


def write(path: Path, *records: Record) -> None:
    with RecordStore(path) as store:
        for whole in records:
            store.append(whole)


def names_in(path: Path) -> list[str]:
    return [whole.name for whole in read_records(path)]


def assert_one_sentence(refusal: pytest.ExceptionInfo[InputError], *words: str) -> None:
    text = str(refusal.value)
    assert text.endswith(".")
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "machine" / "sweep.jsonl"


# What is written is read again

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-9, max_value=1e9)
counts = st.integers(min_value=0, max_value=2**60)
ones = st.integers(min_value=1, max_value=2**60)
shares = st.floats(min_value=0, max_value=1e9)
latencies = st.tuples(positive, positive, positive).map(sorted).map(lambda own: Interval(own[1], own[0], own[2]))
words = st.text(max_size=20)
generations = st.builds(
    Generation,
    index=counts,
    load=counts,
    readings=st.lists(st.builds(Reading, ones, ones, counts, counts, st.none() | ones), min_size=1, max_size=4).map(
        tuple
    ),
)
measurements = st.builds(
    Measurement,
    undisturbed=latencies,
    typical=latencies,
    cpu_ms=positive,
    latency_p99_ms=st.none() | positive,
    samples=ones,
    loads=ones,
    converged=st.booleans(),
    ci_target=positive,
    clock=st.sampled_from(["wall", "device"]),
    diagnostics=st.builds(Diagnostics, shares, shares, shares, st.none() | shares, st.none() | shares),
    noise_reasons=st.lists(words, max_size=3).map(tuple),
    generations=st.lists(generations, min_size=1, max_size=3).map(tuple),
)
environments = st.builds(
    Environment,
    host=words,
    cpu_model=words,
    cpu_cores=ones,
    cpu_flags=st.lists(words, max_size=3).map(tuple),
    cache_bytes=st.dictionaries(words, counts, max_size=3),
    memory_bytes=st.none() | counts,
    virtual_machine=st.none() | st.booleans(),
    frequency_governor=st.none() | words,
    system=words,
    python=words,
    libraries=st.dictionaries(words, words, max_size=3),
    commit=st.none() | words,
)
records = st.builds(
    Record,
    experiment=words,
    name=words,
    axes=st.dictionaries(words, words | counts | finite | st.booleans(), max_size=4),
    configuration=st.builds(Configuration, words, words, words, ones),
    runtime_version=words,
    run=words,
    environment=environments,
    cost=st.none() | st.builds(Cost, counts, counts, counts),
    measurement=st.none() | measurements,
    error=st.none() | words,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records)
def test_a_record_read_is_the_record_written(whole: Record) -> None:
    text = json.dumps(to_json(whole), allow_nan=False)
    assert "\n" not in text
    assert from_json(json.loads(text)) == whole


def test_records_are_read_in_the_order_of_writing(path: Path) -> None:
    written = [record("b"), record("a"), record("failed", measurement=None, cost=None, error="RuntimeError: no")]
    write(path, *written)
    assert read_records(path) == written


def test_every_window_is_kept_exactly(path: Path) -> None:
    reading = Reading(runs=3, wall_ns=2**60 + 1, cpu_ns=7, preemptions=2, device_ns=None)
    odd = dataclasses.replace(measurement(), generations=(Generation(0, 0, (reading,)),))
    write(path, record(measurement=odd))
    (found,) = read_records(path)
    assert found.measurement is not None
    assert found.measurement.generations[0].readings == (reading,)


def test_a_file_says_of_each_line_that_it_is_a_record_of_this_schema(path: Path) -> None:
    write(path, record("a"), record("b"))
    assert all(line.startswith(b'{"schema":2,') for line in path.read_bytes().splitlines())


def test_a_record_of_schema_1_has_both_latencies_computed_from_its_windows(path: Path) -> None:
    written = record(measurement=measurement())
    document = json.loads(line_of(written))
    latencies = {"latency_ms": 1.0, "latency_ci_low_ms": 0.9, "latency_ci_high_ms": 1.1}
    kept = {name: value for name, value in document["measurement"].items() if name not in ("undisturbed", "typical")}
    path.parent.mkdir()
    path.write_text(json.dumps({**document, "schema": 1, "measurement": {**kept, **latencies}}) + "\n")
    (found,) = read_records(path)
    assert found.measurement is not None
    assert written.measurement is not None
    assert (found.measurement.undisturbed, found.measurement.typical) == (
        written.measurement.undisturbed,
        written.measurement.typical,
    )


# Latest


def test_a_row_measured_again_replaces_the_older_record(path: Path) -> None:
    write(path, record("a", 1.0), record("b", 2.0), record("a", 3.0))
    shown = latest(read_records(path))
    assert shown == [record("a", 3.0), record("b", 2.0)]
    with RecordStore(path) as store:
        assert store.get(record("a").key) == shown[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"experiment": "figure5"},
        {"name": "other"},
        {"runtime_version": "1.24"},
        {"configuration": Configuration("openvino")},
        {"configuration": Configuration("onnxruntime", precision="int8")},
        {"configuration": Configuration("onnxruntime", device="cuda")},
        {"configuration": Configuration("onnxruntime", threads=2)},
        {"configuration": Configuration("onnxruntime", timing="isolated")},
        {"configuration": Configuration("onnxruntime", l2="cold")},
        {"configuration": Configuration("onnxruntime", cache="cold")},
        {"environment": dataclasses.replace(ENVIRONMENT, host="ffffff")},
    ],
)
def test_a_row_that_differs_in_anything_that_matters_is_another_row(changes: dict[str, Any]) -> None:
    assert len(latest([record(), record(**changes)])) == 2


@pytest.mark.parametrize(
    "changes",
    [{"run": "later"}, {"environment": dataclasses.replace(ENVIRONMENT, commit="abc", python="3.12.0")}],
)
def test_a_later_run_or_commit_measures_the_same_row(changes: dict[str, Any]) -> None:
    assert len(latest([record(), record(**changes)])) == 1


def test_what_was_never_measured_is_none(path: Path) -> None:
    with RecordStore(path) as store:
        assert store.get(record().key) is None


# Torn lines

CUTS: list[Callable[[int], int]] = [
    lambda _: 1,
    lambda _: len('{"schema":'),
    lambda _: len('{"schema":1'),
    lambda size: size // 2,
    lambda size: size - 2,
    lambda size: size - 1,
]
"""How much of the last line's bytes were written; the last cut lacks the line break alone."""


@pytest.mark.parametrize("cut", CUTS)
def test_a_torn_last_line_is_dropped_with_a_warning(path: Path, cut: Callable[[int], int]) -> None:
    write(path, record("a"), record("b"))
    line = line_of(record("torn"))
    with path.open("ab") as file:
        file.write(line[: cut(len(line))])
    with pytest.warns(UserWarning, match="dropped its torn last line"):
        assert names_in(path) == ["a", "b"]


@pytest.mark.parametrize("cut", CUTS)
def test_a_torn_file_is_mended_when_it_is_opened_for_appending(path: Path, cut: Callable[[int], int]) -> None:
    write(path, record("a"))
    line = line_of(record("torn"))
    with path.open("ab") as file:
        file.write(line[: cut(len(line))])
    with pytest.warns(UserWarning, match="the row is measured again"):
        store = RecordStore(path)
    with store:
        assert store.get(record("torn").key) is None
        store.append(record("b"))
    assert names_in(path) == ["a", "b"]
    assert path.read_bytes() == line_of(record("a")) + line_of(record("b"))


def test_a_file_of_nothing_but_a_torn_line_holds_nothing(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(line_of(record())[:40])
    with pytest.warns(UserWarning, match="torn"):
        assert read_records(path) == []


def test_an_empty_file_holds_nothing_and_is_no_cause_for_warning(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert read_records(path) == []


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork to kill a copy of this process")


@needs_fork
@pytest.mark.parametrize("written", [0, 1, 100, 700])
def test_a_process_killed_in_the_middle_of_a_write_loses_no_other_record(path: Path, written: int) -> None:
    write(path, record("a"), record("b"))
    before = path.read_bytes()
    child = os.fork()
    if child == 0:
        whole_write = os.write

        def killed_write(descriptor: int, data: bytes) -> int:
            whole_write(descriptor, data[:written])
            os.kill(os.getpid(), signal.SIGKILL)
            return 0

        try:
            os.write = killed_write  # type: ignore[assignment]
            RecordStore(path).append(record("c"))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert path.read_bytes()[: len(before)] == before
    assert len(path.read_bytes()) == len(before) + written
    if written:
        with pytest.warns(UserWarning, match="torn"):
            write(path, record("c"))
    else:
        write(path, record("c"))
    assert names_in(path) == ["a", "b", "c"]


# Disks that refuse


@pytest.mark.parametrize("written", [0, 1, 200])
def test_a_short_write_leaves_the_earlier_records(path: Path, written: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole_write = os.write
    with RecordStore(path) as store:
        store.append(record("a"))
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda descriptor, data: whole_write(descriptor, data[:written]))
            with pytest.raises(InputError) as refusal:
                store.append(record("b"))
        assert_one_sentence(refusal, str(path), "cannot be written", "No space left")
        assert names_in(path) == ["a"]
        assert store.get(record("b").key) is None
        store.append(record("c"))
    assert names_in(path) == ["a", "c"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failing_write_leaves_the_earlier_records(path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with RecordStore(path) as store:
        store.append(record("a"))
        with monkeypatch.context() as full:
            full.setattr(os, "write", refuse)
            with pytest.raises(InputError) as refusal:
                store.append(record("b"))
        assert_one_sentence(refusal, "cannot be written", os.strerror(code))
    assert names_in(path) == ["a"]


@pytest.mark.subprocess
def test_a_disk_that_is_really_full_leaves_the_earlier_records(path: Path) -> None:
    """The system's limit on a file's size stands for the disk's: it cuts the write short, as a full disk does."""
    pytest.importorskip("resource")
    write(path, record("a"))
    limit = path.stat().st_size + 300
    code = f"""
import resource, signal
from pathlib import Path
from microbench.measure.store import RecordStore, read_records
from microbench.errors import InputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
(whole,) = read_records(Path({str(path)!r}))
try:
    RecordStore(Path({str(path)!r})).append(whole)
except InputError as error:
    print(error)
"""
    assert "cannot be written" in output_of(code)
    assert read_records(path) == [record("a")]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "machine").write_text("a file")
    with pytest.raises(InputError) as refusal:
        RecordStore(tmp_path / "machine" / "sweep.jsonl")
    assert_one_sentence(refusal, str(tmp_path / "machine"), "cannot be written")


def test_a_folder_in_the_place_of_the_file_is_told(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(InputError) as refusal:
        RecordStore(path)
    assert_one_sentence(refusal, "cannot be written")
    with pytest.raises(InputError) as refusal:
        read_records(path)
    assert_one_sentence(refusal, "cannot be read")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError) as refusal:
            RecordStore(tmp_path / "machine" / "sweep.jsonl")
    finally:
        tmp_path.chmod(0o700)
    assert_one_sentence(refusal, "Permission denied")


def test_a_missing_file_is_told(path: Path) -> None:
    with pytest.raises(InputError) as refusal:
        read_records(path)
    assert_one_sentence(refusal, str(path), "cannot be read", "No such file")


# Two writers


def test_a_second_run_on_the_same_file_is_refused_until_the_first_ends(path: Path) -> None:
    with RecordStore(path) as store:
        store.append(record("a"))
        with pytest.raises(InputError) as refusal:
            RecordStore(path)
        assert_one_sentence(refusal, str(path), "is being written by another run")
        assert names_in(path) == ["a"]
        store.append(record("b"))
    write(path, record("c"))
    assert names_in(path) == ["a", "b", "c"]


@needs_fork
def test_a_killed_run_does_not_keep_the_file(path: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            RecordStore(path).append(record("a"))
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    write(path, record("b"))
    assert names_in(path) == ["a", "b"]


# Foreign files


def foreign_contents() -> list[Any]:
    return [
        pytest.param(b"width,latency\n8,0.5\n", 1, id="csv"),
        pytest.param(b"dear diary", 1, id="text_without_a_line_break"),
        pytest.param(b'{"name": "row", "latency_ms": 1.0}\n', 1, id="other_json"),
        pytest.param(b'{"name": "row"', 1, id="other_json_torn"),
        pytest.param(b"[1, 2]\n", 1, id="json_list"),
        pytest.param(b"7\n", 1, id="json_number"),
        pytest.param(b"null\n", 1, id="json_null"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", 1, id="picture"),
        pytest.param("schéma\n".encode("utf-16"), 1, id="utf_16"),
        pytest.param(b"\n", 1, id="blank_line"),
        pytest.param(b'{"schema":1}\n', 1, id="schema_and_nothing_else"),
        pytest.param(line_of(record()) + b"oops\n" + line_of(record("b")), 2, id="line_in_the_middle"),
        pytest.param(line_of(record()) + line_of(record())[:50] + b"\n", 2, id="torn_line_that_was_written_behind"),
    ]


@pytest.mark.parametrize(("content", "line"), foreign_contents())
def test_a_foreign_file_is_refused_and_left_as_it_was(path: Path, content: bytes, line: int) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    for use in (read_records, RecordStore):
        with pytest.raises(InputError) as refusal:
            use(path)
        assert_one_sentence(refusal, str(path), f"line {line}", "is not a record of this program")
    assert path.read_bytes() == content


@settings(max_examples=80, deadline=None)
@given(st.text(alphabet=string.printable, min_size=1).filter(lambda text: text[0] not in '{"'))
def test_no_text_is_ever_taken_for_records(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.jsonl"
    path.write_text(text, newline="")
    with pytest.raises(InputError):
        read_records(path)


def test_a_refused_file_may_be_opened_once_it_is_moved_away(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("foreign\n")
    with pytest.raises(InputError):
        RecordStore(path)
    path.unlink()
    write(path, record("a"))
    assert names_in(path) == ["a"]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_record_with_a_wrong_value_is_left_out_or_whole(data: st.DataObject) -> None:
    document = json.loads(json.dumps(to_json(record())))
    place = data.draw(st.sampled_from(list(places(document))))
    line = damaged(document, place, data.draw(st.sampled_from([DROPPED, *ODD])))
    if place[:1] in ((), ("schema",), ("experiment",)):
        return  # no line of this version: a test of its own
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        found = parse_records(json.dumps(line).encode() + b"\n", "there.jsonl")
    assert len(found) + len(heard) == 1
    for own in found:
        assert from_json(to_json(own)) == own
        json.dumps(own.as_row(), allow_nan=False)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour is no field"),
        ({"environment": None}, "environment must be an object, not null"),
        ({"measurement": {"latency_ms": 1}}, "measurement.generations must be a list"),
        (
            {"configuration": {"runtime": "onnxruntime", "threads": 0}},
            "configuration.threads must be at least 1, not 0",
        ),
    ],
)
def test_a_damaged_line_is_left_out_and_stays_in_the_file(path: Path, change: dict[str, Any], named: str) -> None:
    path.parent.mkdir()
    line = json.dumps({**to_json(record()), **change}).encode() + b"\n"
    path.write_bytes(line + line_of(record("b")))
    with pytest.warns(UserWarning, match=f"left out a damaged line; line 1: {named}"):
        assert names_in(path) == ["b"]
    with pytest.warns(UserWarning, match=f"left out a damaged line; line 1: {named}"):
        write(path, record("c"))
    assert path.read_bytes() == line + line_of(record("b")) + line_of(record("c"))


def test_a_line_of_a_later_version_is_called_so(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(json.dumps({**to_json(record()), "schema": SCHEMA + 1}).encode() + b"\n")
    with pytest.raises(InputError) as refusal:
        read_records(path)
    assert_one_sentence(
        refusal, str(path), f"line 1: schema {SCHEMA + 1} is newer than this version's {SCHEMA}; update"
    )
