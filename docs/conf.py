"""How Sphinx builds these pages: `make docs`."""

import re
import sys
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

project = "lpsnet-microbench"
author = "The lpsnet-microbench authors"
copyright = author  # noqa: A001 - the name that Sphinx reads
release = installed("lpsnet-microbench")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Docstrings write `name`: a link where the name is documented here, else plain code.
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True


def setup(app: Any) -> None:
    """Two corrections of what extensions make of our texts."""
    # Before napoleon, whose own handler has priority 500.
    app.connect("autodoc-process-docstring", _keep_sentence_of_attribute, priority=400)
    for part in ("description", "options", "arguments", "epilog"):
        app.connect(f"sphinx-click-process-{part}", _escape_help)


def _keep_sentence_of_attribute(_app: Any, what: str, _name: str, _obj: Any, _options: Any, lines: list[str]) -> None:
    """Napoleon takes what precedes a colon in an attribute's first line for its type."""
    if what in ("attribute", "data", "property"):
        lines.insert(0, "\\")  # an escaped line end: nothing, but no colon either


def _escape_help(_app: Any, _context: Any, lines: list[str]) -> None:
    """Help is plain text: `encoder/*` begins no emphasis, PATH@RUNTIME is no mailbox, --json starts with no dash."""
    lines[:] = [line if line.startswith("..") else _escaped(line) for line in lines]


def _escaped(line: str) -> str:
    if line.startswith("Example: "):
        return re.sub(r": (.*)", r": ``\1``", line)
    texts_and_codes = line.split("`")
    for i in range(0, len(texts_and_codes), 2):
        text = re.sub(r"(?<!\*)\*(?!\*)|[@|]", r"\\\g<0>", texts_and_codes[i])
        texts_and_codes[i] = re.sub(r"(?<![\w-])--[a-z][a-z-]*", r"``\g<0>``", text)
    return "`".join(texts_and_codes)
