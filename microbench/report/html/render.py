"""From the report's contents to HTML: one template, one style sheet and one script, all inlined."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from microbench.measure.wording import interval_text, remarks, significant
from microbench.report.html.model import Report
from microbench.report.verdicts.claim import share_text


def render_html(report: Report) -> str:
    """The report as one HTML document, which loads nothing from anywhere."""
    environment = Environment(
        loader=PackageLoader("microbench.report", "html"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters.update(
        svg_uri=_svg_uri,
        cells=_cells,
        interval=interval_text,
        remarks=remarks,
        significant=significant,
        share_text=share_text,
    )
    return environment.get_template("page.html").render(
        page=report, css=_resource("page.css"), script=_resource("page.js"), data=_json(report)
    )


def _resource(name: str) -> Markup:
    return Markup((resources.files("microbench.report.html") / name).read_text("utf-8"))


def _json(report: Report) -> Markup:
    """The numbers for machines; "<" is escaped, so that no text in them ends the element that holds them."""
    return Markup(json.dumps(report.as_json(), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def _svg_uri(path: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()


def _cells(table: pd.DataFrame) -> list[list[Any]]:
    return list(table.astype(str).to_numpy().tolist())
