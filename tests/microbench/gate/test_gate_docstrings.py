"""The examples in the gate's docstrings are true."""

import doctest
import importlib
import pkgutil
from types import ModuleType

import pytest

import microbench.gate


def modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"microbench.gate.{module.name}")
        for module in pkgutil.iter_modules(microbench.gate.__path__)
    ]


@pytest.mark.parametrize("module", modules(), ids=lambda module: str(module.__name__))
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_pure_functions_are_shown_by_example() -> None:
    finder = doctest.DocTestFinder()
    shown = {test.name.split(".", 2)[2] for module in modules() for test in finder.find(module) if test.examples}
    assert {"decision.percent", "statistics.signed_rank_p", "inputs.parse_input", "process_group.last_line"} <= shown
