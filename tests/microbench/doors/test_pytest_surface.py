"""What a user of `pytest --benchmark-only` sees."""

import json
from pathlib import Path

import pytest
from commands import Ended, run_python

ROOT = Path(__file__).parents[3]


pytestmark = pytest.mark.subprocess


def run_pytest(*arguments: str) -> Ended:
    return run_python("-m", "pytest", "microbench/benchmarks", "-p", "no:cacheprovider", *arguments, cwd=ROOT)


def test_benchmarks_have_their_costs_and_efficiency_in_the_json(tmp_path: Path) -> None:
    report = tmp_path / "benchmark.json"
    done = run_pytest(
        "--benchmark-only", "-k", "figure4 and depth1", "--runtime", "onnxruntime", "--runtime", "openvino",
        "--benchmark-max-time=0.05", "--benchmark-min-rounds=3", f"--benchmark-json={report}",
    )  # fmt: skip
    assert done.code == 0, done.out
    timed = {
        (b["extra_info"]["runtime"], b["extra_info"]["block"]): b for b in json.loads(report.read_text())["benchmarks"]
    }
    assert set(timed) == {
        (runtime, block) for runtime in ("onnxruntime", "openvino") for block in ("conv3x3:bare", "sepconv3x3:bare")
    }
    for (_, block), benchmark in timed.items():
        info = benchmark["extra_info"]
        # Figure 4: 32 channels to 32 on 128 x 128 maps.
        weights = 32 * 32 * 9 if block == "conv3x3:bare" else 32 * 9 + 32 * 32
        assert info["parameters"] == weights
        assert info["macs"] == weights * 128 * 128
        assert info["efficiency_mmacs_per_ms"] == pytest.approx(info["macs"] / 1e9 / benchmark["stats"]["median"])


def test_plain_pytest_times_nothing() -> None:
    done = run_pytest("--collect-only", "-q")
    assert "bench_" not in done.out.replace("microbench", "")
    assert "deselected" in done.out


@pytest.mark.parametrize(("option", "value"), [("--runtime", "caffe"), ("--precision", "fp8"), ("--device", "tpu")])
def test_an_unknown_choice_is_refused_before_anything_runs(option: str, value: str) -> None:
    done = run_pytest("--benchmark-only", option, value)
    assert done.code == pytest.ExitCode.USAGE_ERROR
    assert value in done.err
    assert "Traceback" not in done.err
