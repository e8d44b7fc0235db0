"""What a line of the gate's ledger must be before anything is computed from it."""

from __future__ import annotations

import math
from typing import Any

from microbench.gate.replicate import AGAIN, BASE, HEAD

SCHEMA = 1
"""Raised when a line changes its meaning."""

ProcessLine = dict[str, Any]
"""Who measured (gate, stage, replicate, position, side), how, where, and each workload's windows or error."""

_BOTH, _SIDES = "both", ("both", BASE, HEAD)
_CLOCKS = ("cpu_ns", "device_ns", "wall_ns")
_LARGEST = 2**62


def process_line(document: Any) -> ProcessLine:
    """The line itself, once it is known to be a process of this version.

    Raises:
        KeyError: a field is missing.
        TypeError: the line is not an object.
        ValueError: a field is of a wrong type or has an impossible value; the message names it.
    """
    if not isinstance(document, dict):
        raise TypeError("not an object")
    line: ProcessLine = document
    _require(line["schema"] == SCHEMA, "schema")
    for field in ("gate", "key", "stage", "runtime_version"):
        _require(isinstance(line[field], str), field)
    for field in ("replicate", "position"):
        _require(_is_count(line[field]), field)
    _require(line["side"] in _SIDES, "side")
    _require(_is_number(line["took_s"]) and line["took_s"] >= 0, "took_s")
    _require(line["pressure_share"] is None or _is_number(line["pressure_share"]), "pressure_share")
    _require(isinstance(line["configuration"], dict), "configuration")
    _require(isinstance(line["configuration"]["runtime"], str), "configuration.runtime")
    _require(isinstance(line["workloads"], list), "workloads")
    for entry in line["workloads"]:
        _check_workload(entry, line["side"])
    return line


def _check_workload(entry: Any, side: str) -> None:
    _require(isinstance(entry, dict) and isinstance(entry["workload"], str), "workload")
    if "error" in entry:
        _require(isinstance(entry["error"], str), "error")
        return
    arms = entry["arms"]
    _require(isinstance(arms, dict) and bool(arms), "arms")
    _require(side != _BOTH or set(arms) == {BASE, AGAIN, HEAD}, "arms")
    for arm in arms.values():
        _check_arm(arm)
    _require(side != _BOTH or len({len(arm["runs"]) for arm in arms.values()}) == 1, "runs")
    _require(len({arm["clock"] for arm in arms.values()}) == 1, "clock")


def _check_arm(arm: Any) -> None:
    _require(isinstance(arm, dict) and arm["clock"] in _CLOCKS, "clock")
    for field in ("nominal", "asked"):
        _require(_is_count(arm[field]) and arm[field] > 0, field)
    _require(arm["output_difference"] is None or _is_number(arm["output_difference"]), "output_difference")
    windows = arm["runs"]
    _require(isinstance(windows, list) and bool(windows), "runs")
    _require(all(_is_count(runs) and runs > 0 for runs in windows), "runs")
    for column in dict.fromkeys((arm["clock"], "wall_ns")):
        times = arm[column]
        _require(isinstance(times, list) and len(times) == len(windows), column)
        _require(all(_is_number(time) and time >= 0 for time in times), column)


def _require(condition: bool, field: str) -> None:
    if not condition:
        raise ValueError(field)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and abs(value) < _LARGEST and math.isfinite(value)
