"""The paper's published values; they are shown beside the measured ones, in columns and panels of their own.

The tables lie in results/paper/, with their source. `published_tables` beside this file is a link to that folder, so
that the wheel has the same files.
"""

from __future__ import annotations

from importlib import resources

import pandas as pd

PAPER_RESOLUTION = "1024x2048"
"""Of the images in Tables 2 to 4: at another size a network is another workload, of which the paper says nothing."""


def published(name: str) -> pd.DataFrame:
    """The table of that name, as in results/paper/<name>.csv.

    >>> float(published("table2").set_index("block")["latency_ms"]["conv3x3"])
    5.08
    """
    with (resources.files("microbench.report") / "published_tables" / f"{name}.csv").open() as file:
        return pd.read_csv(file)
