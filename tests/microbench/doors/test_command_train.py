import json
from pathlib import Path

import pytest
from commands import call_microbench, run_microbench

from lpsnet.training import load_recipe

pytestmark = pytest.mark.heavy

SMALL = ("crop_height=32", "crop_width=48", "batch_size=2", "iterations=2", "validate_every=2", "precision=fp32")


def small() -> list[str]:
    return [part for setting in SMALL for part in ("--set", setting)]


@pytest.mark.subprocess
def test_a_run_is_trained_and_then_evaluated_without_an_argument(tmp_path: Path) -> None:
    trained = run_microbench("train", "lpsnet-step-0", *small(), "--json", cwd=tmp_path)
    assert trained.code == 0, trained.err
    weights = Path(json.loads(trained.out)["weights"])
    assert weights == Path("runs", "generated-lpsnet-step-0-seed0", "network.safetensors")
    evaluated = run_microbench("evaluate", "--json", cwd=tmp_path)
    assert evaluated.code == 0, evaluated.err
    assert json.loads(evaluated.out)["data_set"] == "generated"


def test_a_recorded_run_lands_in_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    changes = dict(setting.split("=") for setting in SMALL)
    (tmp_path / "mine.yaml").write_text(load_recipe("generated").changed(changes).as_yaml())
    done = call_microbench("train", "lpsnet-step-0", "--recipe", "mine.yaml", "--record")
    assert done.code == 0, done.err
    folder = tmp_path / "results" / "accuracy" / "mine" / "lpsnet-step-0" / "seed0"
    names = {path.name for path in folder.iterdir()}
    assert names >= {
        "confusion.json",
        "confusions.npz",
        "training.json",
        "recipe.yaml",
        "log.csv",
        "network.safetensors",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--recipe", "nothing"], "recipe 'nothing' must be one of"),
        (["--set", "iterations"], "set must have the form FIELD=VALUE, not 'iterations'."),
        (["--set", "lr=1"], "field of a recipe 'lr' is unknown"),
        (["--record", "--set", "iterations=1"], "set must not be given with --record"),
        (["lpsnet-xl"], "network 'lpsnet-xl' is unknown"),
        (["--recipe", "camvid", "--data", "nowhere"], "nowhere"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call_microbench("train", *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.strip().splitlines()) == 1
