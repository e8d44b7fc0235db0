"""What is said of a machine's quietness, and that nothing is said where the system does not tell."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from microbench.measure import noise
from microbench.measure.noise import (
    MAX_PREEMPTIONS_PER_S,
    MAX_PRESSURE_SHARE,
    MAX_SPREAD,
    MAX_STEAL_SHARE,
    MAX_WALL_OVER_CPU,
    Counters,
    Diagnostics,
    Shares,
)

QUIET = Diagnostics(
    preemptions_per_s=0.0, wall_over_cpu=1.0, spread_between_generations=0.0, pressure_share=0.0, steal_share=0.0
)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc: empty, as on a system without one."""
    monkeypatch.setattr(noise, "_PRESSURE", tmp_path / "pressure")
    monkeypatch.setattr(noise, "_STAT", tmp_path / "stat")
    return tmp_path


def test_counters_are_read_in_seconds(proc: Path) -> None:
    (proc / "pressure").write_text("some avg10=1.00 avg60=0.50 avg300=0.10 total=2500000\nfull avg10=0.00 total=7\n")
    (proc / "stat").write_text("cpu  10 20 30 40 50 60 70 300 9 9\ncpu0 1 2 3 4 5 6 7 8 9 9\n")
    counters = Counters.now()
    assert counters.pressure_s == 2.5
    ticks_a_second = os.sysconf("SC_CLK_TCK")
    assert counters.steal_s == 300 / ticks_a_second


def test_a_system_without_counters_is_unknown_and_not_quiet(proc: Path) -> None:
    start, end = Counters.now(), Counters.now()
    assert (start.pressure_s, start.steal_s) == (None, None)
    assert Shares.between(start, end) == Shares(None, None)
    assert not (proc / "pressure").exists()


@pytest.mark.parametrize("content", ["", "some avg10=0.00\n", "some avg10=0.00 total=many\n"])
def test_a_pressure_file_of_another_form_is_unknown(proc: Path, content: str) -> None:
    (proc / "pressure").write_text(content)
    assert Counters.now().pressure_s is None


@pytest.mark.parametrize("content", ["", "cpu 1 2 3\n", "cpu a b c d e f g h i\n"])
def test_a_stat_file_of_another_form_is_unknown(proc: Path, content: str) -> None:
    (proc / "stat").write_text(content)
    assert Counters.now().steal_s is None


def test_shares_are_of_the_time_between_two_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    start = Counters(at_s=100.0, pressure_s=7.0, steal_s=1.0)
    end = Counters(at_s=110.0, pressure_s=9.0, steal_s=5.0)
    # Pressure is of the wall clock; steal is summed over the cores.
    assert Shares.between(start, end) == Shares(pressure_share=0.2, steal_share=0.1)


def test_a_counter_that_only_one_reading_has_says_nothing() -> None:
    shares = Shares.between(Counters(0.0, None, 1.0), Counters(1.0, 5.0, None))
    assert shares == Shares(None, None)


def test_a_counter_that_was_reset_is_no_negative_share() -> None:
    shares = Shares.between(Counters(0.0, 9.0, 9.0), Counters(1.0, 1.0, 1.0))
    assert shares == Shares(0.0, 0.0)


def test_this_systems_counters_do_not_run_backwards() -> None:
    shares = Shares.between(Counters.now(), Counters.now())
    assert shares.pressure_share is None or shares.pressure_share >= 0
    assert shares.steal_share is None or shares.steal_share >= 0


LIMITS = [
    ("pressure_share", MAX_PRESSURE_SHARE, 0.37, "pressure 37%"),
    ("steal_share", MAX_STEAL_SHARE, 0.05, "steal 5%"),
    ("preemptions_per_s", MAX_PREEMPTIONS_PER_S, 167.3, "preempted 167/s"),
    ("wall_over_cpu", MAX_WALL_OVER_CPU, 1.25, "wall/CPU 1.25"),
    ("spread_between_generations", MAX_SPREAD, 0.12, "spread 12%"),
]


@pytest.mark.parametrize(("field", "limit", "beyond", "reason"), LIMITS)
def test_a_diagnostic_beyond_its_limit_is_told_in_words(field: str, limit: float, beyond: float, reason: str) -> None:
    within: dict[str, Any] = {field: limit}
    outside: dict[str, Any] = {field: beyond}
    assert dataclasses.replace(QUIET, **within).reasons(single_threaded=True) == ()
    assert dataclasses.replace(QUIET, **outside).reasons(single_threaded=True) == (reason,)


def test_all_reasons_are_told() -> None:
    loud = Diagnostics(167.3, 1.25, 0.12, 0.37, 0.05)
    assert set(loud.reasons(single_threaded=True)) == {reason for *_, reason in LIMITS}


def test_a_devices_clock_is_not_disturbed_by_the_host() -> None:
    loud = Diagnostics(167.3, 1.25, 0.12, 0.37, 0.05, throttled_windows=3, throttling="power cap")
    reasons = loud.reasons(single_threaded=False, by_device=True)
    assert reasons == ("spread 12%", "throttled in 3 windows (power cap)")


def test_what_is_unknown_is_no_reason() -> None:
    assert dataclasses.replace(QUIET, pressure_share=None, steal_share=None).reasons(single_threaded=True) == ()


def test_worker_threads_may_burn_more_or_less_than_the_wall_clock() -> None:
    assert dataclasses.replace(QUIET, wall_over_cpu=3.0).reasons(single_threaded=False) == ()


def test_involuntary_switches_only_count_up() -> None:
    first = noise.involuntary_switches()
    assert noise.involuntary_switches() >= first >= 0


def test_a_system_without_resource_usage_counts_no_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "resource", None)
    assert noise.involuntary_switches() == 0
