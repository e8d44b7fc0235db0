"""A table as files: Markdown for people, CSV with every value in full."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from microbench.report.markdown import markdown_table


def write_table(table: pd.DataFrame, values: pd.DataFrame, stem: Path) -> tuple[Path, Path]:
    """Write `stem`.md for people and `stem`.csv with every value in full.

    Returns:
        The two paths.
    """
    markdown, full = stem.with_suffix(".md"), stem.with_suffix(".csv")
    markdown.write_text(markdown_table(list(table.columns), table.astype(str).to_numpy().tolist()), "utf-8")
    values.to_csv(full, index=False)
    return markdown, full
