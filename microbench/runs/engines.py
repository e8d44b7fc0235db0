"""Build the engines of a plan before anything is timed: building takes minutes, and needs no quiet machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Callable, Optional, Sequence

from microbench.measure.sampler import one_line
from microbench.runs.runner import Plan
from microbench.runs.time_limit import TimeLimit, expected_build_s


@dataclass
class EngineReport:
    """What became of the engines of a plan."""

    built: int = 0
    cached: int = 0
    """Were there already."""
    left: int = 0
    """Were not begun, as time was up."""
    errors: dict[str, str] = field(default_factory=dict)
    """By workload, precision and build."""


def build_engines(
    plans: Sequence[Plan],
    builds: Optional[Sequence[int]] = None,
    limit: Optional[TimeLimit] = None,
    on_progress: Callable[[str, float], None] = lambda *_: None,
) -> EngineReport:
    """Build the engines that the plans' rows need and the cache lacks, in the plans' order.

    Args:
        plans: of rows; those of a runtime that builds no engines are passed over.
        builds: which builds of each; all if None. Processes that divide them among each other share no timing cache.
        limit: when to stop, if ever.
        on_progress: called with what is being done and its share done, 0 to 1.
    """
    report = EngineReport()
    jobs = [
        (plan, spec, target, build)
        for plan in plans
        for spec in plan.specs
        for target in plan.targets
        if type(target.runtime).min_builds > 1  # of this row perhaps one alone
        for build in (range(target.runtime.min_builds) if builds is None else builds)
    ]
    seen = set()
    for done, (plan, spec, target, build) in enumerate(jobs):
        on_progress("building engines", done / len(jobs))
        precision = target.configuration.precision
        # The timings of a row share its engines.
        name = f"{spec.experiment}/{spec.name} {precision} build {build}"
        if name in seen:
            continue
        seen.add(name)
        expected_s = expected_build_s(whole_network=plan.whole_networks)
        if limit is not None and not limit.fitting([expected_s]):
            report.left += 1
            continue
        start = time.monotonic()
        try:
            was_built = target.runtime.build_ahead(spec.build(), target.configuration, build)
        except Exception as error:  # the row will fail with it, and say so
            report.errors[name] = one_line(error)
        else:
            report.built += was_built
            report.cached += not was_built
            if limit is not None and was_built:
                limit.spent(expected_s, time.monotonic() - start)
    on_progress("building engines", 1.0)
    return report
