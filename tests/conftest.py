"""What holds for all tests."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

# More threads than cores only get in each other's way, most of all where two workers of pytest-xdist run tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_RUNNING = pytest.StashKey["list[pytest.Item]"]()
"""The test that runs now, if any."""


def pytest_configure(config: pytest.Config) -> None:
    """A test that starts a Python without the marker `subprocess` fails: `make test-fast` is made of the others."""
    running = config.stash[_RUNNING] = []

    def refuse_python(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen" and running and Path(str(arguments[0])).name.startswith("python"):
            assert running[0].get_closest_marker("subprocess"), "it starts Python: mark it with pytest.mark.subprocess"

    sys.addaudithook(refuse_python)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Notes which test runs, from the setting up of its fixtures on."""
    running = item.config.stash[_RUNNING]
    running.append(item)
    try:
        return (yield)
    finally:
        running.clear()
