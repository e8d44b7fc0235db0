"""Experiments that run in processes of their own: their environment reaches the libraries, their records come back."""

from pathlib import Path

import pytest

from microbench.errors import InputError
from microbench.experiments import isa
from microbench.experiments.base import Isolated
from microbench.experiments.isa import Isa, environment_of, levels
from microbench.measure.store import read_records
from microbench.report.controlled.kernels import convolutions, instruction_sets
from microbench.runs.settings import Settings
from microbench.runs.time_limit import TimeLimit
from microbench.studies.isolated import run_isolated
from microbench.studies.run import run_experiments

ONE_ROW = Isa(level="avx2", widths=(20,))
"""Of one convolution; its process is not restricted unless its environment says so."""


def hasty(folder: Path, *runtimes: str) -> Settings:
    return Settings(folder, runtimes=runtimes, row_budget_s=0.05, ci_target=0.5)


@pytest.mark.subprocess
@pytest.mark.heavy
@pytest.mark.skipif(len(levels()) < 2, reason="the processor has one instruction set of these alone")
def test_each_instruction_set_has_kernels_of_its_own_in_its_records(tmp_path: Path) -> None:
    for level in levels()[:2]:
        part = Isolated(ONE_ROW, environment_of(level))
        records = run_isolated(part, hasty(tmp_path / level, "torch-eager", "openvino"))
        assert [record.error for record in records] == [None, None]
        by_runtime = {r.configuration.runtime: instruction_sets(convolutions([r])) for r in records}
        assert by_runtime == {"torch-eager": (level,), "openvino": (level,)}
        own = read_records(tmp_path / level / "isa.jsonl")
        assert {record.key for record in own} == {record.key for record in records}


@pytest.mark.subprocess
def test_bad_input_of_the_process_is_the_callers(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^runtime 'no-such' is unknown; allowed: auto, "):
        run_isolated(Isolated(ONE_ROW, {}), hasty(tmp_path, "no-such"))


@pytest.mark.subprocess
def test_a_process_that_fails_is_an_error_that_names_the_experiment(tmp_path: Path) -> None:
    broken = Isolated(ONE_ROW, {"PYTHONHOME": str(tmp_path / "no-python-here")})
    with pytest.raises(RuntimeError, match=r"^the process of experiment 'isa' ended with exit code 1: ."):
        run_isolated(broken, hasty(tmp_path, "onnxruntime"))


@pytest.mark.subprocess
def test_rows_that_a_limit_leaves_over_are_counted(tmp_path: Path) -> None:
    limit = TimeLimit(0.02)  # the process has what is left of it: its first row is begun, and the second is not
    settings = Settings(tmp_path, runtimes=("onnxruntime",), row_budget_s=5.0)
    records = run_isolated(Isolated(Isa("avx2", widths=(4, 8)), {}), settings, limit)
    assert limit.rows_left >= 1
    assert len(records) + limit.rows_left == 2


def test_a_processor_without_any_of_the_levels_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isa, "levels", tuple)
    with pytest.raises(InputError, match="isa needs an x86 processor with AVX2"):
        run_experiments([Isa()], hasty(tmp_path, "torch-eager"))


def test_the_rows_of_two_levels_are_different_rows() -> None:
    names = [spec.name for level in ("avx2", "avx512") for spec in Isa(level).specs()]
    assert len(names) == len(set(names)) == 32
