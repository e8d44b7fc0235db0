"""How often verdicts err, by simulation: a few draws here, and the committed study."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from microbench.benchmarks.verdict_errors import NOISES, judged, report, right_verdicts
from microbench.report.verdicts.rivals import MIN_LOADS

STUDY = Path(__file__).parents[3] / "results" / "studies" / "verdicts"
QUIET, _, BUSY, _ = NOISES


def share(verdict: str, **cell: float) -> float:
    rng = np.random.default_rng(3)
    noise = BUSY if cell.get("busy") else QUIET
    found = [judged(int(cell["loads"]), noise, int(cell["rivals"]), cell["advantage"], rng) for _ in range(25)]
    return found.count(verdict) / len(found)  # type: ignore[arg-type]


def test_equal_rows_are_tied_and_never_fail() -> None:
    """By a share of resamples "first of six equals" lost most of the time."""
    assert share("tied", loads=16, rivals=5, advantage=0.0) > 0.9
    assert share("fails", loads=16, rivals=5, advantage=0.0) == 0


def test_a_small_lead_holds_on_a_quiet_machine_and_is_decided_less_often_on_a_busy_one() -> None:
    assert share("holds", loads=10, rivals=5, advantage=0.02) > 0.9
    assert share("undecided", loads=10, rivals=5, advantage=0.02, busy=True) > 0.5
    assert share("fails", loads=10, rivals=5, advantage=0.02, busy=True) == 0


@pytest.mark.parametrize("loads", [2, MIN_LOADS - 1])
@pytest.mark.parametrize("advantage", [-0.05, 0.0, 0.05])
def test_below_six_loads_nothing_is_decided(loads: int, advantage: float) -> None:
    assert share("undecided", loads=loads, rivals=1, advantage=advantage) == 1


def test_a_difference_within_the_margin_of_equality_may_be_called_tied() -> None:
    assert right_verdicts(0.005) == {"tied", "holds"}
    assert right_verdicts(-0.02) == {"fails"}


# The committed study


@pytest.fixture(scope="module")
def cells() -> pd.DataFrame:
    return pd.read_csv(STUDY / "verdicts.csv")


def test_firm_verdicts_are_wrong_in_less_than_one_in_twenty_draws(cells: pd.DataFrame) -> None:
    assert ((cells["wrong"] / cells["draws"]) < 0.05).all()


def test_certainty_grows_with_the_number_of_loads(cells: pd.DataFrame) -> None:
    """By no more than chance, three standard errors of two shares, is it ever lower with more loads."""
    for _, cell in cells.groupby(["noise", "rivals", "advantage"]):
        firm = (1 - cell.sort_values("loads")["undecided"] / cell["draws"]).to_numpy()
        chance = 3 * np.sqrt(2 * 0.25 / cell["draws"].iloc[0])
        assert (np.diff(firm) > -chance).all()


def test_below_six_loads_the_study_decides_nothing(cells: pd.DataFrame) -> None:
    few = cells[cells["loads"] < MIN_LOADS]
    assert len(few) > 0
    assert (few["undecided"] == few["draws"]).all()


def test_the_text_of_the_study_follows_from_its_counts(cells: pd.DataFrame) -> None:
    assert (STUDY / "README.md").read_text("utf-8") == report(cells)
