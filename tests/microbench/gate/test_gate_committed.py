"""The error rates that are committed follow from the windows that are committed."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from microbench.benchmarks.error_rates import read_runs, table
from microbench.gate.decision import GateVerdict
from microbench.gate.decision_rule import DecisionRule
from microbench.gate.drawn_gates import detection_rates
from microbench.gate.replicate import Replicate, replicate_from_triples
from microbench.gate.sampling_plan import SamplingPlan

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "results" / "xeon-2-cores" / "gate"
CALIBRATION = FOLDER / "calibration"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CALIBRATION / "calibration.json").read_text())
    return found


def lines_of(name: str) -> list[dict[str, Any]]:
    with gzip.open(CALIBRATION / f"{name}.jsonl.gz", "rt") as file:
        return [json.loads(line) for line in file]


@pytest.mark.heavy
def test_the_error_rates_follow_from_the_windows_of_sixty_processes(document: dict[str, Any]) -> None:
    lines = lines_of("pool")
    assert len(lines) == document["extent"]["pool"] == 60
    pool: dict[str, dict[float, list[Replicate]]] = {}
    for line in lines:
        for workload in line["workloads"]:
            name, _, injected = workload["workload"].partition(" ")
            slowdown = int(injected.strip("+%") or 0) / 100
            pool.setdefault(name, {}).setdefault(slowdown, []).append(replicate_from_triples(workload["arms"]))
    rates = detection_rates(pool, DecisionRule(), processes=SamplingPlan().processes, gates=400)
    found = {(rate.workload, rate.slowdown): (rate.slower, rate.inconclusive, rate.gates) for rate in rates}
    assert found == {
        (point["workload"], point["slowdown"]): (point["slower"], point["inconclusive"], point["gates"])
        for point in document["points"]
    }


def test_the_gate_keeps_its_promise_under_load(document: dict[str, Any]) -> None:
    """At most 1% false alarms, at least 95% of slowdowns of 5% found, while tasks wait for a core half of the time."""
    for point in document["points"]:
        if point["slowdown"] == 0:
            assert point["slower_share"] <= 0.01
        if point["slowdown"] >= 0.05:
            assert point["slower_share"] >= 0.95
    lines = [line for name in ("pool", "real") for line in lines_of(name)]
    assert sum(line["pressure_share"] for line in lines) / len(lines) > 0.4


def test_ten_whole_gates_were_run(document: dict[str, Any]) -> None:
    gates = document["real_gates"]
    assert len({line["gate"] for line in lines_of("real")}) == len(gates) == 10
    verdicts = {row["verdict"] for gate in gates for row in gate["workloads"]}
    assert verdicts == {GateVerdict.PASS.value}


def test_pytest_benchmarks_error_rates_follow_from_its_runs() -> None:
    rates = table(read_runs(FOLDER / "pytest-benchmark" / "runs.jsonl"))
    written = (FOLDER / "pytest-benchmark" / "pytest_benchmark.md").read_text().splitlines()
    assert written[2:] == [f"| {' | '.join(cells)} |" for cells in rates.to_numpy().tolist()]
