"""The optional parts of the installation ("extras"), and the sentence for one that is not installed."""

from __future__ import annotations

import importlib.util

from microbench.errors import InputError

_PACKAGES = {"train": ("kornia", "lightning", "tensorboard")}
"""The packages of each extra of pyproject.toml that commands import; a runtime looks for its own packages."""


def require_extra(extra: str, purpose: str) -> None:
    """Call it before what an optional part is needed for; nothing is imported.

    Args:
        extra: its name in pyproject.toml.
        purpose: what needs it, as the beginning of a sentence.

    Raises:
        InputError: a package of it is not installed.
    """
    missing = [package for package in _PACKAGES[extra] if not _is_installed(package)]
    if missing:
        raise InputError(f"{purpose} needs {' and '.join(missing)}: pip install 'lpsnet-microbench[{extra}]'.")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):  # an importer refuses to look for it, or it was taken out of sys.modules
        return False
