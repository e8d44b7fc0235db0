"""The pytest surface: `pytest --benchmark-only` times blocks and width sweeps through pytest-benchmark.

Adds the options `--runtime`, `--precision`, `--device`, `--threads` and `--microbench-import`, the fixture
`time_workload`, and keeps benchmarks that need time (marked `timing`) out of a plain `pytest`. Loaded by
`-p microbench.pytest_plugin`, and not by being installed: another project's pytest should not get options that it has
not asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from microbench.measure.session import Session
    from microbench.measure.workload import Workload, WorkloadSpec
    from microbench.runs.runner import Target

_TARGETS = pytest.StashKey["list[Target]"]()

_DEVICE_ROUNDS = 50
_DEVICE_WARMUP_ROUNDS = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("microbench", "inference runtimes to time (lpsnet-microbench)")
    group.addoption("--runtime", action="append", metavar="NAME", help="inference runtime; repeatable (default: auto)")
    group.addoption(
        "--precision",
        action="append",
        metavar="NAME",
        help="fp32, tf32, fp16, bf16 or int8; repeatable (default: fp32)",
    )
    group.addoption(
        "--microbench-import",
        action="append",
        default=[],
        metavar="FILE.py|MODULE[:NAME]",
        help="code of your own to import first, such as a block; repeatable",
    )
    group.addoption("--device", default="auto", metavar="NAME", help="cpu, cuda or auto (default)")
    group.addoption("--threads", type=int, default=1, metavar="N", help="worker threads on a CPU (default: 1)")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and refuse runtimes that cannot be timed before anything is collected."""
    config.addinivalue_line("markers", "timing: takes its time to measure; runs with --benchmark-only alone")
    _import(config)
    if config.getoption("benchmark_only", default=False):
        config.stash[_TARGETS] = _targets(config)


def _import(config: pytest.Config) -> None:
    """Import what the user asks for, here and in the processes that this one starts (of pytest-xdist, say)."""
    texts = config.getoption("microbench_import")
    if not texts:
        return
    from microbench import plugins
    from microbench.errors import InputError
    from microbench.registries import import_code

    before = os.environ.get(plugins.VARIABLE, "")
    config.add_cleanup(lambda: os.environ.update({plugins.VARIABLE: before}))
    try:
        for text in texts:
            import_code(text)
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise benchmarks that ask for a `target` by the runtimes and precisions of the command line."""
    if {"target", "time_workload"} <= set(metafunc.fixturenames):
        targets = metafunc.config.stash.get(_TARGETS, [])
        names = [f"{t.configuration.runtime}-{t.configuration.precision}" for t in targets]
        metafunc.parametrize("target", targets, ids=names, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs time, unless timing is what was asked for."""
    if config.getoption("benchmark_only", default=False):
        return
    timing = [item for item in items if item.get_closest_marker("timing")]
    if timing:
        config.hook.pytest_deselected(items=timing)
        items[:] = [item for item in items if item not in timing]


def _targets(config: pytest.Config) -> list[Target]:
    from microbench import runtimes
    from microbench.errors import InputError
    from microbench.runs.runner import Target

    try:
        return [
            Target(*runtimes.configure(name, precision, config.getoption("device"), config.getoption("threads")))
            for name in config.getoption("runtime") or [runtimes.AUTO]
            for precision in config.getoption("precision") or ["fp32"]
        ]
    except InputError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def time_workload(benchmark: Any) -> Iterator[Callable[[WorkloadSpec, Target], None]]:
    """A function that builds a spec's workload, loads it in a target, checks its output, and times it.

    Time is the device's where the session has a device clock, else the wall clock. The workload's axes, its cost and
    its efficiency go into pytest-benchmark's `extra_info`, and so into its JSON.
    """
    sessions: list[Session] = []

    def run(spec: WorkloadSpec, target: Target) -> None:
        workload = spec.build()
        session = target.runtime.load_checked(workload, target.configuration, layout_seed=0)
        sessions.append(session)
        _time(benchmark, session)
        _note(benchmark, spec, workload, target)

    yield run
    for session in sessions:
        session.close()


def _time(benchmark: Any, session: Session) -> None:
    def once() -> None:
        session.enqueue(1)
        session.synchronize()

    timer = session.device_seconds
    if timer is None:
        benchmark(once)
    else:
        # pytest-benchmark takes a timer by a mark at collection time only, when no session has a clock yet; and a clock
        # that stands still between runs is none that it could calibrate its rounds by.
        benchmark._timer = timer
        benchmark.pedantic(session.read, args=(1,), rounds=_DEVICE_ROUNDS, warmup_rounds=_DEVICE_WARMUP_ROUNDS)


def _note(benchmark: Any, spec: WorkloadSpec, workload: Workload, target: Target) -> None:
    cost, c = workload.cost, target.configuration
    benchmark.group = f"{spec.experiment} {c.runtime} {c.precision}"
    benchmark.extra_info.update(
        spec.axes,
        runtime=c.runtime,
        runtime_version=target.runtime.version(),
        precision=c.precision,
        device=c.device,
        threads=c.threads,
        timing=c.timing,
        l2=c.l2,
        cache=c.cache,
        macs=cost.macs,
        parameters=cost.parameters,
        moved_bytes=cost.moved_bytes,
    )
    # With --benchmark-disable nothing is timed.
    if benchmark.stats is not None:
        median_ms = benchmark.stats.stats.median * 1e3
        benchmark.extra_info["efficiency_mmacs_per_ms"] = cost.macs / 1e6 / median_ms
