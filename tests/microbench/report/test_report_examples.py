"""What the docstrings show is what comes out."""

import doctest
import importlib
import pkgutil

import pytest

import lpsnet
import microbench.models
import microbench.report

MODULES = [
    module.name
    for package in (microbench.report, microbench.models, lpsnet)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.startswith("lpsnet.training")  # which needs the extra "train"
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
