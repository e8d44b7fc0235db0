"""Whether the three design principles of LPS-Net hold here: functions of records, one file a principle.

`rivals` has the rule by which claims are decided; `block`, `widths` and `interaction` say what each principle claims.
"""

from microbench.report.verdicts.block import judge_block
from microbench.report.verdicts.claim import Claim
from microbench.report.verdicts.interaction import judge_interaction
from microbench.report.verdicts.reason import Reason, ReasonCode
from microbench.report.verdicts.verdict import Advice, Candidate, Missing, Verdict
from microbench.report.verdicts.widths import judge_widths

__all__ = [
    "Advice",
    "Candidate",
    "Claim",
    "Missing",
    "Reason",
    "ReasonCode",
    "Verdict",
    "judge_block",
    "judge_interaction",
    "judge_widths",
]
