"""The optional parts of the installation ("extras"), and the sentence for one that is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from microbench.errors import InputError


@contextmanager
def requires_extra(extra: str) -> Iterator[None]:
    """Around the imports of an optional part: a missing package becomes one sentence that names the extra.

    Args:
        extra: its name in pyproject.toml, such as "train".

    Raises:
        InputError: a package that is imported inside is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(
            f"package {error.name!r} is missing: install it with pip install 'lpsnet-microbench[{extra}]'."
        ) from error
