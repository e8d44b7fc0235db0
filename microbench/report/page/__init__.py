"""The report: one HTML file that needs nothing else, of what records say of one or several machines."""

from microbench.report.page.contents import Machine, Page, Section, TargetVerdicts, Trust
from microbench.report.page.render import render

__all__ = ["Machine", "Page", "Section", "TargetVerdicts", "Trust", "render"]
