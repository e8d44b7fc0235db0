"""How often pytest-benchmark's comparison errs: `python -m microbench.benchmarks.error_rates FOLDER --runs 30`.

Each run is a fresh `pytest --benchmark-only -k injected`, by its default settings. Every ordered pair of runs is what
`--benchmark-compare-fail=STATISTIC:PERCENT` might judge: a baseline from one moment against a run of another. Of an
unchanged model, a pair that fails is a false alarm; of one that was made slower, a pair that passes is a miss. The
gate's rates for the same models come from `microbench gate --calibrate`.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from microbench.benchmarks.bench_injected import BURST
from microbench.errors import InputError
from microbench.report.markdown import markdown_table

STATISTICS = ("min", "median", "mean")
LIMITS_PERCENT = (2.5, 5.0, 10.0)
RUNS = "runs.jsonl"
STEM = "pytest_benchmark"

Run = dict[str, dict[str, dict[str, float]]]
"""By model and by "as-it-is" or "slower": pytest-benchmark's statistics, in seconds."""


@dataclass(frozen=True)
class ErrorRate:
    """How one setting of `--benchmark-compare-fail` judges pairs of runs; of the worst model each."""

    statistic: str
    limit_percent: float
    false_alarms: float
    """The share of pairs of an unchanged model that fail."""
    found: float
    """The share of pairs of a model that was made slower that fail."""


def error_rates(runs: Sequence[Run]) -> list[ErrorRate]:
    """Judge every ordered pair of runs as pytest-benchmark would.

    Raises:
        InputError: fewer than two runs.
    """
    if len(runs) < 2:
        raise InputError(f"runs must be at least 2, not {len(runs)}.")
    pairs = list(itertools.permutations(runs, 2))

    def share(statistic: str, limit: float, model: str, head: str) -> float:
        fails = [after[model][head][statistic] / before[model]["as-it-is"][statistic] * 100 - 100 > limit
                 for before, after in pairs]  # fmt: skip
        return sum(fails) / len(fails)

    return [
        ErrorRate(
            statistic,
            limit,
            max(share(statistic, limit, model, "as-it-is") for model in runs[0]),
            min(share(statistic, limit, model, "slower") for model in runs[0]),
        )
        for statistic in STATISTICS
        for limit in LIMITS_PERCENT
    ]


def table(runs: Sequence[Run]) -> pd.DataFrame:
    """One line for each setting."""
    return pd.DataFrame(
        [
            {
                "--benchmark-compare-fail": f"{rate.statistic}:{rate.limit_percent:g}%",
                "false alarms": f"{rate.false_alarms:.1%}",
                f"slowdown of {1 / BURST:.0%} found": f"{rate.found:.1%}",
            }
            for rate in error_rates(runs)
        ]
    )


def read_runs(path: Path) -> list[Run]:
    """What earlier calls measured; nothing where there is no such file."""
    return [json.loads(line)["models"] for line in path.read_text().splitlines()] if path.exists() else []


def _measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "run.json"
        # By its path and with all settings, so that it runs in any folder.
        bench = Path(__file__).with_name("bench_injected.py")
        options = ["-p", "microbench.pytest_plugin", "-p", "no:cacheprovider", "--import-mode=importlib"]
        for setting in ("python_files=bench_*.py", "python_functions=bench_*"):
            options += ["-o", setting]
        command = [sys.executable, "-m", "pytest", *options, "--benchmark-only", f"--benchmark-json={out}", str(bench)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise InputError(f"pytest-benchmark failed: {done.stdout.strip().splitlines()[-1]}")
        document = json.loads(out.read_text())
    models: Run = {}
    for benchmark in document["benchmarks"]:
        given = benchmark["params"]
        side = "slower" if given["more"] else "as-it-is"
        kept = (*STATISTICS, "max", "stddev", "rounds")
        models.setdefault(given["name"], {})[side] = {key: benchmark["stats"][key] for key in kept}
    return {"datetime": document["datetime"], "machine": document["machine_info"]["cpu"]["brand_raw"], "models": models}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--runs", type=click.IntRange(2), default=30, show_default=True, help="Fresh runs of pytest.")
def main(folder: Path, runs: int) -> None:
    """Measure what FOLDER lacks of so many runs, and write the error rates there."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / RUNS
    while len(read_runs(path)) < runs:
        line = json.dumps(_measure())
        with path.open("a") as file:
            file.write(line + "\n")
    rates = table(read_runs(path))
    text = markdown_table(list(rates.columns), rates.to_numpy().tolist())
    (folder / f"{STEM}.md").write_text(text)
    click.echo(text)


if __name__ == "__main__":
    main()
