"""How rows are timed where nothing else is asked for, in the suite and on a device alike."""

from pathlib import Path

import pytest

from microbench.errors import InputError
from microbench.measure.environment import fingerprint
from microbench.measure.workload import Workload, WorkloadSpec
from microbench.runs.runner import Plan
from microbench.runs.settings import Settings, plan_of


def settings(**changes: object) -> Settings:
    return Settings(**{"folder": Path("machine"), "runtimes": ("onnxruntime",), "device": "cpu", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("whole_networks", "ci_target", "row_budget_s", "threads"),
    [(False, 0.01, 6.0, 1), (True, 0.02, 5.0, fingerprint().cpu_cores)],
)
def test_networks_are_timed_on_all_cores_to_2_percent_and_blocks_on_one_to_1_percent(
    whole_networks: bool, ci_target: float, row_budget_s: float, threads: int
) -> None:
    plan = plan_of([], settings(), whole_networks=whole_networks)
    assert (plan.policy.ci_target, plan.policy.row_budget_s) == (ci_target, row_budget_s)
    assert [target.configuration.threads for target in plan.targets] == [threads]


@pytest.mark.parametrize("whole_networks", [False, True])
def test_a_quick_run_is_content_with_intervals_three_times_as_wide(whole_networks: bool) -> None:
    usual = plan_of([], settings(), whole_networks=whole_networks).policy
    quick = plan_of([], settings(quick=True), whole_networks=whole_networks).policy
    assert quick.ci_target == pytest.approx(3 * usual.ci_target)
    assert quick.row_budget_s == pytest.approx(usual.row_budget_s / 3)


def test_what_is_asked_for_overrides_quick(tmp_path: Path) -> None:
    asked = settings(folder=tmp_path, quick=True, ci_target=0.2, row_budget_s=0.5, threads=3)
    plan = plan_of([], asked, whole_networks=True)
    assert (plan.policy.ci_target, plan.policy.row_budget_s, plan.folder) == (0.2, 0.5, tmp_path)
    assert plan.targets[0].configuration.threads == 3


def test_every_precision_is_timed_in_every_runtime_once() -> None:
    plan = plan_of(
        [], settings(runtimes=("onnxruntime", "openvino"), precisions=("fp32", "int8", "fp32")), whole_networks=False
    )
    assert [(t.configuration.runtime, t.configuration.precision) for t in plan.targets] == [
        ("onnxruntime", "fp32"), ("onnxruntime", "int8"), ("openvino", "fp32"), ("openvino", "int8"),
    ]  # fmt: skip


def test_no_thread_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="threads"):
        plan_of([], settings(threads=0), whole_networks=False)


def make_nothing() -> Workload:
    raise AssertionError("a plan builds nothing")


def caches_of(plan: Plan) -> list[tuple[str, str]]:
    return [(row.spec.name, row.target.configuration.cache) for row in plan.rows]


SPECS = [
    WorkloadSpec("figure4", "both", make_nothing, caches=("hot", "cold")),
    WorkloadSpec("figure5", "usual", make_nothing),
]


def test_a_spec_that_wants_cold_caches_too_has_both_on_one_thread_and_the_others_are_hot() -> None:
    assert caches_of(plan_of(SPECS, settings(), whole_networks=False)) == [
        ("both", "hot"), ("both", "cold"), ("usual", "hot"),
    ]  # fmt: skip
    assert caches_of(plan_of(SPECS, settings(threads=2), whole_networks=False)) == [("both", "hot"), ("usual", "hot")]


def test_the_states_that_the_user_asks_for_go_for_all_rows() -> None:
    asked = settings(cache_states=("cold",), threads=2)
    assert caches_of(plan_of(SPECS, asked, whole_networks=False)) == [("both", "cold"), ("usual", "cold")]


def test_an_unknown_state_of_the_caches_is_refused() -> None:
    with pytest.raises(InputError, match="cache 'warm'"):
        plan_of(SPECS, settings(cache_states=("warm",)), whole_networks=False)


@pytest.mark.parametrize(("rows", "row_budget_s"), [(1, 6.0), (30, 6.0), (60, 3.0), (500, 2.0)])
def test_many_blocks_share_three_minutes(rows: int, row_budget_s: float) -> None:
    specs = [WorkloadSpec("figure5", str(number), make_nothing) for number in range(rows)]
    assert plan_of(specs, settings(), whole_networks=False).policy.row_budget_s == row_budget_s
    assert plan_of(specs, settings(), whole_networks=True).policy.row_budget_s == 5.0
