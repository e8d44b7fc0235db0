"""How long a plan will take, in words: said before a visit to a device whose time is short."""

from __future__ import annotations

from typing import Sequence

from microbench.runs.runner import Plan, missing_targets
from microbench.runs.time_limit import expected_build_s, expected_row_s


def estimate_text(plans: Sequence[Plan]) -> str:
    """One sentence on the rows that are missing and their time, and one on the engines that they may need first.

    These are first estimates, rather too long than too short; a run corrects them as it goes.
    """
    rows, row_s, engines, build_s = 0, 0.0, 0, 0.0
    for plan in plans:
        for target in missing_targets(plan):
            rows += 1
            row_s += expected_row_s(plan.policy, target.runtime)
        for target in plan.targets:
            if type(target.runtime).min_builds > 1:
                engines += len(plan.specs) * target.runtime.min_builds
                build_s += (
                    len(plan.specs) * target.runtime.min_builds * expected_build_s(whole_network=plan.whole_networks)
                )
    text = f"{rows} rows are missing: about {row_s / 60:.0f} minutes, engines not included."
    if engines:
        text += f" At most {engines} engines: about {build_s / 60:.0f} minutes one after the other."
    return text
