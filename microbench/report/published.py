"""The paper's published values; they are shown beside the measured ones, in columns and panels of their own."""

from __future__ import annotations

from importlib import resources

import pandas as pd

PAPER_RESOLUTION = "1024x2048"
"""Of the images in Tables 2 to 4: at another size a network is another workload, of which the paper says nothing."""


def published(name: str) -> pd.DataFrame:
    """The values of `results/paper/<name>.csv`, which the package carries along."""
    with (resources.files("microbench.report") / "paper" / f"{name}.csv").open() as file:
        return pd.read_csv(file)
