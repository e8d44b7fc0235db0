"""Which estimator of the undisturbed latency: a study of seven, `python -m microbench.benchmarks.latency_estimators`.

Each is an estimate of the lower edge of a row's windows, loads being the unit. Simulated disturbances show bias,
spread and how often the 95% interval holds the truth, which is the estimator's own value where nothing disturbs;
records of a noisy virtual machine and of a quiet one show how well halves of the loads agree, and how far half of the
windows of each load move the estimate. Tables are written to `results/studies/latency_estimators/`.
"""

from __future__ import annotations

import math
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from microbench.measure.interval import Interval
from microbench.measure.statistics import Samples, median_interval, student_t_975
from microbench.measure.store import read_records
from microbench.measure.undisturbed import undisturbed, undisturbed_interval
from microbench.report.markdown import markdown_table

RESULTS = Path(__file__).parents[2] / "results"
FOLDER = RESULTS / "studies" / "latency_estimators"
RECORDS = {"noisy": FOLDER / "noisy-vm", "quiet": RESULTS / "xeon-2-cores"}
_REPEATS = 120
_RESAMPLES = 60
_FEWEST_LOADS = 8

Loads = Sequence[Samples]
Disturbance = Callable[[np.random.Generator, tuple[int, int]], Samples]


@dataclass(frozen=True)
class Candidate:
    """An estimator: what it gives for loads of windows, and its interval."""

    name: str
    estimate: Callable[[Loads], float]
    own_interval: Callable[[Loads], Interval] | None = None

    def interval(self, loads: Loads) -> Interval:
        """Its own, or a bootstrap over loads with Student's t."""
        if self.own_interval is not None:
            return self.own_interval(loads)
        rng, count = np.random.default_rng(0), len(loads)
        drawn = [self.estimate([loads[i] for i in rng.integers(0, count, count)]) for _ in range(_RESAMPLES)]
        reach = student_t_975(count - 1) * float(np.std(np.log(drawn), ddof=1)) * math.sqrt(count / (count - 1))
        estimate = self.estimate(loads)
        return Interval(estimate, estimate * math.exp(-reach), estimate * math.exp(reach))


def _fastest(loads: Loads) -> Samples:
    return np.array([load.min() for load in loads])


def half_sample_mode(values: Samples) -> float:
    """The mode by halving the sample to its densest half until three are left (Bickel and Fruehwirth 2006)."""
    ordered = np.sort(values)
    while len(ordered) > 3:
        half = (len(ordered) + 1) // 2
        start = int(np.argmin(ordered[half - 1 :] - ordered[: len(ordered) - half + 1]))
        ordered = ordered[start : start + half]
    return float(ordered.mean())


def two_level(loads: Loads) -> float:
    """The median over loads of the mean of each load's windows below the split that parts all windows best (Otsu)."""
    ordered = np.sort(np.log(np.concatenate(list(loads))))
    below = np.arange(1, len(ordered))
    sums = np.cumsum(ordered)
    gap = sums[:-1] / below - (sums[-1] - sums[:-1]) / (len(ordered) - below)
    split = math.exp(ordered[int(np.argmax(below * (len(ordered) - below) * gap**2))])
    levels = [load[load <= split].mean() for load in loads if (load <= split).any()]
    return float(np.median(levels))


def lower_trimmed_mean(loads: Loads) -> float:
    """The mean of the loads' fastest windows between their 10% and 50% rank."""
    ordered = np.sort(_fastest(loads))
    first = len(ordered) // 10
    return float(ordered[first : max(len(ordered) // 2, first + 1)].mean())


CANDIDATES = (
    Candidate("median of all windows", lambda loads: float(np.median(np.concatenate(list(loads)))), median_interval),
    Candidate("10% quantile of all windows", lambda loads: float(np.quantile(np.concatenate(list(loads)), 0.1))),
    Candidate("median over loads of the fastest", lambda loads: float(np.median(_fastest(loads)))),
    Candidate("lower quartile over loads of the fastest", lambda loads: float(np.quantile(_fastest(loads), 0.25))),
    Candidate("lower trimmed mean over loads of the fastest", lower_trimmed_mean),
    Candidate("half-sample mode over loads of the fastest", lambda loads: half_sample_mode(_fastest(loads))),
    Candidate("two levels, median over loads of the lower", two_level),
    Candidate("lower quartile of the fastest of four (chosen)", undisturbed, undisturbed_interval),
)


def _random(share: float) -> Disturbance:
    return lambda rng, shape: (rng.random(shape) < share) * rng.gamma(6, 0.25 / 6, shape)


def _small(share: float) -> Disturbance:
    return lambda rng, shape: (rng.random(shape) < share) * rng.exponential(0.1, shape)


def _bursts(share: float, length: float = 6.0) -> Disturbance:
    """A Markov chain over the windows in their order, with bursts of six windows on average."""

    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Samples:
        begins = min(1.0, share / (1 - share) / length)
        chances, state, states = rng.random(shape[0] * shape[1]), rng.random() < share, []
        for chance in chances:
            state = chance < 1 - 1 / length if state else chance < begins
            states.append(state)
        return np.array(states).reshape(shape) * rng.gamma(6, 0.25 / 6, shape)

    return draw


def _drift(share: float) -> Disturbance:
    """Over the last share of the run, everything gets slower, by 10% in the end."""

    def draw(_: np.random.Generator, shape: tuple[int, int]) -> Samples:
        moment = np.arange(shape[0]) / shape[0]
        return np.clip((moment - (1 - share)) / share, 0, 1)[:, None] * 0.1 * np.ones(shape)

    return draw


def _slow_start(share: float) -> Disturbance:
    """The first share of each load's windows is slower: by 30%, halved from each window to the next."""

    def draw(_: np.random.Generator, shape: tuple[int, int]) -> Samples:
        place = np.arange(shape[1])
        return np.where(place < share * shape[1], 0.3 * 0.5**place, 0.0) * np.ones(shape)

    return draw


DISTURBANCES: Mapping[str, Disturbance] = {
    "none": lambda _, shape: np.zeros(shape),
    "two levels, 25%": _random(0.25),
    "two levels, 50%": _random(0.5),
    "two levels, 80%": _random(0.8),
    "small, 50%": _small(0.5),
    "small, 80%": _small(0.8),
    "bursts, 50%": _bursts(0.5),
    "bursts, 80%": _bursts(0.8),
    "drift, 50%": _drift(0.5),
    "slow start, 40%": _slow_start(0.4),
}


@dataclass(frozen=True)
class Sampling:
    """How a simulated row is sampled, and how much its loads and windows differ (relative standard deviations)."""

    loads: int
    windows: int
    load_effect: float
    noise: float

    @property
    def title(self) -> str:
        """In words."""
        return (
            f"{self.loads} loads of {self.windows} windows; loads differ by {self.load_effect:.1%}, "
            f"windows by {self.noise:.1%}"
        )

    def simulate(self, rng: np.random.Generator, disturbance: Disturbance) -> list[Samples]:
        """One row whose undisturbed windows have the median 1."""
        shape = (self.loads, self.windows)
        logs = rng.standard_normal((self.loads, 1)) * self.load_effect + rng.standard_normal(shape) * self.noise
        return list(np.exp(logs + disturbance(rng, shape)))


SAMPLINGS = (Sampling(6, 8, 0.005, 0.005), Sampling(12, 8, 0.005, 0.015), Sampling(12, 8, 0.02, 0.005))


def simulated(sampling: Sampling) -> pd.DataFrame:
    """Bias, spread and coverage of each candidate under each disturbance, in percent."""
    rows = []
    for candidate in CANDIDATES:
        quiet = (sampling.simulate(np.random.default_rng([1, i]), DISTURBANCES["none"]) for i in range(8 * _REPEATS))
        truth = math.exp(float(np.mean([math.log(candidate.estimate(loads)) for loads in quiet])))
        row: dict[str, str] = {"estimator": candidate.name}
        for name, disturbance in DISTURBANCES.items():
            seed = zlib.crc32(name.encode())
            drawn = (sampling.simulate(np.random.default_rng([seed, i]), disturbance) for i in range(_REPEATS))
            found = [candidate.interval(loads) for loads in drawn]
            errors = 100 * np.log([interval.estimate / truth for interval in found])
            held = np.mean([not interval.excludes(truth) for interval in found])
            row[name] = f"{errors.mean():+.2f} ±{errors.std():.2f}, {held:.0%}"
        rows.append(row)
    return pd.DataFrame(rows)


def recorded(folder: Path) -> Iterator[list[Samples]]:
    """The loads of each row of Figures 4 and 5 that has enough of them for halves."""
    for name in ("figure4", "figure5"):
        for record in read_records(folder / f"{name}.jsonl"):
            generations = record.measurement.generations if record.measurement else ()
            if len(generations) >= _FEWEST_LOADS:
                yield [generation.latencies_ms() for generation in generations]


def agreement(rows: Sequence[list[Samples]]) -> pd.DataFrame:
    """How well each candidate agrees with itself on real rows, in percent."""
    table = []
    for candidate in CANDIDATES:
        whole = [candidate.interval(loads) for loads in rows]
        halves = [abs(math.log(candidate.estimate(x[::2]) / candidate.estimate(x[1::2]))) for x in rows]
        fewer = [candidate.estimate([load[::2] for load in loads]) for loads in rows]
        moved = [math.log(half / full.estimate) for half, full in zip(fewer, whole, strict=True)]
        inside = [not full.excludes(half) for half, full in zip(fewer, whole, strict=True)]
        widths = [full.half_width_share for full in whole]
        median = [float(np.median(np.concatenate(loads))) for loads in rows]
        below = [math.log(full.estimate / middle) for full, middle in zip(whole, median, strict=True)]
        table.append(
            {
                "estimator": candidate.name,
                "halves of the loads differ: median row": f"{np.median(halves):.2%}",
                "worst row": f"{max(halves):.2%}",
                "rows over 2%": f"{sum(half > 0.02 for half in halves)} of {len(rows)}",
                "half of the windows move it: median row": f"{np.median(moved):+.2%}",
                "within its interval": f"{np.mean(inside):.0%}",
                "interval's half width: median row": f"{np.median(widths):.2%}",
                "below the median of all windows: median row": f"{np.median(below):+.2%}",
            }
        )
    return pd.DataFrame(table)


def main() -> None:
    """Run the study, and write its tables."""
    parts = []
    for name, folder in RECORDS.items():
        rows = list(recorded(folder))
        parts.append(f"## Figures 4 and 5 on the {name} machine ({len(rows)} rows)\n\n{_table(agreement(rows))}")
    for sampling in SAMPLINGS:
        sys.stderr.write(f"{sampling.title}\n")
        parts.append(
            f"## Simulated: {sampling.title}\n\nMean error ± its standard deviation in percent, and how often the 95% "
            f"interval holds the undisturbed value, in {_REPEATS} rows.\n\n{_table(simulated(sampling))}"
        )
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "tables.md").write_text("# Estimators of the undisturbed latency\n\n" + "\n".join(parts))


def _table(data: pd.DataFrame) -> str:
    return markdown_table(list(data.columns), data.to_numpy().tolist())


if __name__ == "__main__":
    main()
