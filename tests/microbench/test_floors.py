"""The house rules that a tool can check: who may import whom, and which Python the instrument reads on."""

import ast
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import output_of

import microbench
from microbench.bundle.writer import INSTRUMENT

PACKAGE = Path(microbench.__file__).parent
ROOT = PACKAGE.parent
OLDEST_PYTHON = "3.9"


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = Path(sysconfig.get_path("scripts")) / name
    if not program.exists():
        pytest.skip(f"{name} is not installed: pip install -e '.[dev]'")
    return subprocess.run([str(program), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def vermin(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Annotations are left out: they are never evaluated, as each file says by its first import."""
    return tool("vermin", f"--target={OLDEST_PYTHON}-", "--violations", "--no-tips", *map(str, paths))


def instrument_files() -> Iterator[Path]:
    for name in INSTRUMENT:
        path = PACKAGE / name
        yield from sorted(path.glob("**/*.py")) if path.is_dir() else [path]


def test_a_floor_imports_only_from_floors_below_it() -> None:
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("the contracts lie in pyproject.toml, which an installed package does not bring")
    done = tool("lint-imports", "--no-cache")
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_the_instrument_reads_on_python_3_9() -> None:
    done = vermin(*(PACKAGE / name for name in INSTRUMENT))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "match 1:\n    case 1:\n        pass\n",
        "import itertools\nitertools.pairwise([1, 2])\n",
        "zip([1], [2], strict=True)\n",
        "from dataclasses import dataclass\n@dataclass(slots=True)\nclass A:\n    x: int\n",
    ],
)
def test_what_python_3_9_does_not_know_would_be_found(code: str, tmp_path: Path) -> None:
    (tmp_path / "newer.py").write_text(code)
    assert vermin(tmp_path / "newer.py").returncode != 0


def evaluated_unions(tree: ast.AST) -> list[int]:
    """Lines that unite types by `|` where it is computed, as in an alias; vermin takes that for arithmetic."""
    annotations = {
        id(part)
        for node in ast.walk(tree)
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None))
        if isinstance(annotation, ast.AST)
        for part in ast.walk(annotation)
    }

    def is_type(node: ast.expr) -> bool:
        named = isinstance(node, ast.Name) and (node.id[:1].isupper() or node.id in {"int", "str", "float", "bool"})
        return named or (isinstance(node, ast.Constant) and node.value is None)

    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.BitOr)
        and id(node) not in annotations
        and (is_type(node.left) or is_type(node.right))
    ]


@pytest.mark.parametrize("path", list(instrument_files()), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_of_the_instrument_unites_types_in_annotations_alone(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert evaluated_unions(tree) == []
    if any(isinstance(node, ast.AnnAssign | ast.FunctionDef) for node in ast.walk(tree)):
        assert "from __future__ import annotations" in path.read_text()


def test_a_union_that_is_computed_would_be_found() -> None:
    assert evaluated_unions(ast.parse("Axis = str | int\ndef f(x: str | None) -> int | None: ...\n")) == [1]


@pytest.mark.subprocess
def test_the_package_itself_imports_nothing() -> None:
    """`import microbench.measure` runs `microbench/__init__.py` first."""
    code = "import sys; before = set(sys.modules); import microbench; print(*sorted(set(sys.modules) - before))"
    assert output_of(code).split() == ["microbench"]
