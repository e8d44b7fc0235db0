"""The report as one HTML file that needs nothing else: what it shows (`model`), and how it becomes HTML (`render`)."""

from microbench.report.html.model import MachineReport, Report, RowQuality, Section, TargetVerdicts
from microbench.report.html.render import render_html

__all__ = ["MachineReport", "Report", "RowQuality", "Section", "TargetVerdicts", "render_html"]
