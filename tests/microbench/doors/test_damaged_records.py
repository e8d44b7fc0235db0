"""Records whose values were damaged: the rows beside them are shown, the line and the field are named."""

import copy
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from commands import call_microbench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import DROPPED, ODD, damaged, places

from microbench.measure.record import SCHEMA, to_json
from microbench.measure.store import read_records

RESULTS = Path(__file__).parents[3] / "results"
FIGURE4 = RESULTS / "xeon-2-cores-again" / "figure4.jsonl"
LINES = [json.loads(json.dumps(to_json(record))) for record in read_records(FIGURE4)]
"""As this version writes them."""


def write(folder: Path, *documents: Any) -> Path:
    machine = folder / "results" / "here"
    machine.mkdir(parents=True, exist_ok=True)
    path = machine / "figure4.jsonl"
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def with_latency(value: Any) -> dict[str, Any]:
    """The first row with another latency."""
    line: dict[str, Any] = copy.deepcopy(LINES[0])
    line["measurement"]["undisturbed"]["estimate"] = value
    return line


@pytest.mark.parametrize("value", ["fast", None, 0, -1.0, float("inf"), [1]])
def test_a_row_with_no_latency_is_left_out_and_named_and_the_next_row_is_shown(value: Any, tmp_path: Path) -> None:
    write(tmp_path, with_latency(value), LINES[1])
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        done = call_microbench("show", "figure4", "--results", tmp_path / "results", "--machine", "here", "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["records"]) == 1
    said = done.err + "".join(str(one.message) for one in heard)
    assert "line 1: measurement.undisturbed" in said


def test_a_later_version_is_called_later(tmp_path: Path) -> None:
    write(tmp_path, {**LINES[0], "schema": SCHEMA + 1})
    done = call_microbench("show", "figure4", "--results", tmp_path / "results", "--machine", "here")
    assert done.code == 2
    assert f"schema {SCHEMA + 1} is newer than this version's {SCHEMA}; update this program" in done.err


def test_what_comes_from_elsewhere_is_checked_as_well(tmp_path: Path) -> None:
    source = shutil.copy(write(tmp_path / "elsewhere", with_latency("fast"), LINES[1]), tmp_path / "brought.jsonl")
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        done = call_microbench("import", source, "--results", tmp_path / "results", "--machine", "here")
    assert done.code == 0, done.err
    assert "line 1: measurement.undisturbed" in done.err + "".join(str(one.message) for one in heard)
    assert len((tmp_path / "results" / "here" / "figure4.jsonl").read_text().splitlines()) == 1


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_value_in_a_record_crashes_what_shows_it(tmp_path: Path, data: st.DataObject) -> None:
    which = data.draw(st.integers(0, len(LINES) - 1))
    place = data.draw(st.sampled_from(list(places(LINES[which]))))
    line = damaged(LINES[which], place, data.draw(st.sampled_from([DROPPED, *ODD])))
    write(tmp_path, *LINES[:which], line, *LINES[which + 1 :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        done = call_microbench("show", "figure4", "--results", tmp_path / "results", "--machine", "here")
    assert done.code in (0, 2), done.err
    assert len(done.err.splitlines()) <= 2
