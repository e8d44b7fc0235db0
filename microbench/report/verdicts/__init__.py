"""Whether the three design principles of LPS-Net hold here: functions of records, one file a principle."""

from microbench.report.verdicts.block import judge_block
from microbench.report.verdicts.interaction import judge_interaction
from microbench.report.verdicts.verdict import Claim, Missing, Verdict
from microbench.report.verdicts.widths import judge_widths

__all__ = ["Claim", "Missing", "Verdict", "judge_block", "judge_interaction", "judge_widths"]
