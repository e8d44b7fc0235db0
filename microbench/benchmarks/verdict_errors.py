"""How often the verdicts err: `python -m microbench.benchmarks.verdict_errors results/studies/verdicts`.

Rows whose true latencies are known are drawn as a sampler would have measured them, and judged by the rule of
`microbench.report.verdicts.rivals`. A firm verdict (holds, fails, tied) is wrong if the truth is another one. The study
varies the number of loads, the noise, the number of rivals and the true difference.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pandas as pd

from microbench.measure.statistics import Samples
from microbench.report.figures.style import GREY, SERIES, new_figure, save
from microbench.report.latency_ratio import paired_latency_ratio
from microbench.report.markdown import markdown_table
from microbench.report.verdicts.rivals import (
    MIN_LOADS,
    TIED_WITHIN,
    Judgement,
    compare_with_rivals,
    judge_first,
    ratio_evidence,
)

STEM = "verdicts"
LOADS = (2, 4, 6, 8, 10, 20)
RIVALS = (1, 5, 8)
ADVANTAGES = (-0.05, -0.02, 0.0, 0.02, 0.05)
WINDOWS = 9
"""Of each load: as many as a sampler takes of a row that takes long."""

_MOMENT_SD = 0.05
"""How much the machine's speed differs between loads, for all rows alike."""
_HIGHEST_WRONG = 0.05


@dataclass(frozen=True)
class Noise:
    """What disturbs the windows of a row."""

    name: str
    load_sd: float
    """Between loads of a model: memory layout. A share of the latency, as the others."""
    window_sd: float
    disturbed_windows: float
    """The share of windows that another program holds up."""
    disturbance: float
    """By how much, on average."""
    slow_loads: float = 0.0
    """The share of loads that draw a slow layout."""
    slowdown: float = 0.0
    """By how much these are slower."""


NOISES = (
    Noise("quiet machine", load_sd=0.003, window_sd=0.005, disturbed_windows=0.01, disturbance=0.3),
    Noise("shared machine", load_sd=0.005, window_sd=0.01, disturbed_windows=0.2, disturbance=0.3),
    Noise("busy machine", load_sd=0.01, window_sd=0.02, disturbed_windows=0.6, disturbance=0.5),
    Noise("two kinds of load", 0.003, 0.005, 0.05, 0.3, slow_loads=0.3, slowdown=0.04),
)


def judged(loads: int, noise: Noise, rivals: int, advantage: float, rng: np.random.Generator) -> Judgement:
    """The verdict on one draw.

    Args:
        loads: of each model.
        noise: of the machine.
        rivals: how many the favourite is compared with.
        advantage: how much longer the rivals truly take; if negative, one of them takes less time by as much, and the
            others take as long as the favourite.
        rng: draws.
    """
    truth = np.ones(rivals + 1)
    truth[1:] += advantage if advantage > 0 else 0.0
    truth[1] = 1 + advantage
    moments = np.exp(rng.normal(0, _MOMENT_SD, loads))
    rows = [_row(latency * moments, noise, rng) for latency in truth]
    evidence = {
        str(index): ratio_evidence(paired_latency_ratio(list(zip(row, rows[0], strict=True)), loads))
        for index, row in enumerate(rows[1:])
    }
    return judge_first(compare_with_rivals(evidence))


def _row(latencies: Samples, noise: Noise, rng: np.random.Generator) -> list[Samples]:
    """The windows of each load."""
    loads = len(latencies)
    slow = 1 + noise.slowdown * (rng.random(loads) < noise.slow_loads)
    by_load = latencies * slow * np.exp(rng.normal(0, noise.load_sd, loads))
    windows = by_load[:, None] * np.exp(rng.normal(0, noise.window_sd, (loads, WINDOWS)))
    is_disturbed = rng.random(windows.shape) < noise.disturbed_windows
    return list(windows * (1 + is_disturbed * rng.exponential(noise.disturbance, windows.shape)))


def right_verdicts(advantage: float) -> set[Judgement]:
    """The firm verdicts that are true; of differences within the margin of equality, "tied" is too.

    >>> sorted(right_verdicts(0.0)), sorted(right_verdicts(0.05))
    (['tied'], ['holds'])
    """
    right: set[Judgement] = set()
    if abs(advantage) <= TIED_WITHIN:
        right.add("tied")
    if advantage:
        right.add("holds" if advantage > 0 else "fails")
    return right


def simulate(counts: Path, draws: int, seed: int = 0) -> None:
    """Write counts of verdicts, one line for each combination of loads, noise, rivals and advantage.

    Args:
        counts: the CSV file; combinations that are in it already are left as they are.
        draws: of each combination.
        seed: of the draws.
    """
    done = 0 if not counts.exists() else len(pd.read_csv(counts))
    cells = list(itertools.product(NOISES, RIVALS, ADVANTAGES, LOADS))
    with click.progressbar(range(done, len(cells)), label="Simulating") as bar:
        for index in bar:
            noise, rivals, advantage, loads = cells[index]
            rng = np.random.default_rng([seed, index])
            found = [judged(loads, noise, rivals, advantage, rng) for _ in range(draws)]
            right = right_verdicts(advantage)
            line = {
                "noise": noise.name,
                "rivals": rivals,
                "advantage": advantage,
                "loads": loads,
                "draws": draws,
                **{one: found.count(one) for one in ("holds", "fails", "tied", "undecided")},
                "right": sum(one in right for one in found),
                "wrong": sum(one not in right and one != "undecided" for one in found),
            }
            pd.DataFrame([line]).to_csv(counts, mode="a", header=index == 0, index=False)


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """By noise and loads: the largest share of wrong firm verdicts, and the share of right ones by the difference."""
    lines = []
    for (noise, loads), group in cells.groupby(["noise", "loads"], sort=False):
        line = {"noise": noise, "loads": loads, "wrong, worst case": f"{(group['wrong'] / group['draws']).max():.1%}"}
        for advantage, own in group.groupby("advantage"):
            line[_name(advantage)] = f"{own['right'].sum() / own['draws'].sum():.0%}"
        lines.append(line)
    return pd.DataFrame(lines)


def _name(advantage: object) -> str:
    """E.g. "5% ahead"."""
    value = float(str(advantage))
    return f"{abs(value):.0%} {'ahead' if value > 0 else 'behind'}" if value else "equal"


def draw(cells: pd.DataFrame, stem: Path) -> Sequence[Path]:
    """The share of right and of wrong firm verdicts against the number of loads, one panel a noise."""
    with new_figure(9.6, 3.4) as figure:
        panels = figure.subplots(1, len(NOISES), sharey=True)
        for panel, noise in zip(panels, NOISES, strict=True):
            own = cells[cells["noise"] == noise.name]
            for colour, (advantage, group) in zip(SERIES, own.groupby("advantage"), strict=False):
                by_loads = group.groupby("loads")[["right", "wrong", "draws"]].sum()
                share = by_loads["right"] / by_loads["draws"]
                panel.plot(share.index, share, color=colour, marker="o", markersize=3, label=_name(advantage))
            worst = (own["wrong"] / own["draws"]).groupby(own["loads"]).max()
            panel.plot(
                worst.index, worst, color="black", linestyle="--", marker="x", markersize=4, label="wrong, worst case"
            )
            panel.axhline(_HIGHEST_WRONG, color=GREY, linewidth=0.8)
            panel.set_title(noise.name, fontsize=9)
            panel.set_xlabel("loads of each model")
            panel.set_ylim(-0.02, 1.02)
        panels[0].set_ylabel("share of firm verdicts")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=7)
        figure.suptitle("Firm verdicts that are right, by the true difference, and wrong ones (simulated)", fontsize=10)
        return save(figure, stem)


def report(cells: pd.DataFrame) -> str:
    """The study in words."""
    table = summary(cells)
    worst = cells.assign(share=cells["wrong"] / cells["draws"]).sort_values("share").iloc[-1]
    return f"""# How often verdicts err

Simulated by `python -m microbench.benchmarks.verdict_errors results/studies/verdicts`: {len(cells)} combinations of
loads, noise, rivals ({", ".join(map(str, RIVALS))}) and true differences, {cells["draws"].iloc[0]} draws each.

- The most wrong firm verdicts: {worst["share"]:.1%} of draws ({worst["noise"]}, {worst["rivals"]} rivals, true
  difference {worst["advantage"]:+.0%}, {worst["loads"]} loads). The rule's promise is under {_HIGHEST_WRONG:.0%}.
- Below {MIN_LOADS} loads nothing is decided.
- The columns after "wrong" are the shares of draws whose verdict is firm and right, by the true difference. "Behind"
  means that one rival is truly faster and the others are equal to the favourite; of equal rows "tied" is right.

{markdown_table(list(table.columns), table.astype(str).to_numpy().tolist())}
![Right and wrong firm verdicts against the number of loads]({STEM}.svg)
"""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--draws", type=click.IntRange(10), default=400, show_default=True, help="Of each combination.")
def main(folder: Path, draws: int) -> None:
    """Simulate what FOLDER lacks, and write the counts, their table and their figure there."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = folder / f"{STEM}.csv"
    simulate(counts, draws)
    cells = pd.read_csv(counts)
    draw(cells, folder / STEM)
    (folder / "README.md").write_text(report(cells), "utf-8")
    click.echo(summary(cells).to_string(index=False))


if __name__ == "__main__":
    main()
