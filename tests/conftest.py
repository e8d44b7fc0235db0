"""What holds for all tests."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# More threads than cores only get in each other's way, most of all where two workers of pytest-xdist run tests.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# pytest-benchmark would be disabled by it, here and in each pytest that a test starts.
os.environ.pop("PYTEST_XDIST_WORKER", None)

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


@pytest.fixture(autouse=True)
def collections_see_the_tests_own_objects() -> Iterator[None]:
    """The sampler collects garbage between loads, and torch alone brings half a million objects to look at."""
    gc.freeze()
    yield
    gc.unfreeze()
