"""The files that a gate writes: `gate.json`, `gate.md` and its figure."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from microbench.errors import InputError
from microbench.gate.comment import markdown
from microbench.gate.figure import draw_slowdowns
from microbench.gate.report import as_json
from microbench.gate.result import GateResult

STEM = "gate"


def write(result: GateResult, code: int, folder: Path) -> Sequence[Path]:
    """Write `gate.json`, `gate.md`, and the figure if something was compared.

    Returns:
        Their paths.

    Raises:
        InputError: one of them cannot be written.
    """
    document, text = folder / f"{STEM}.json", folder / f"{STEM}.md"
    with reporting_refusals(folder):
        document.write_text(json.dumps(as_json(result, code), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        text.write_text(markdown(result), encoding="utf-8")
        return [document, text, *draw_slowdowns(result, folder / STEM)]


@contextlib.contextmanager
def reporting_refusals(folder: Path) -> Iterator[None]:
    """Turn the system's refusal to write a report into a sentence.

    Raises:
        InputError: a file in `folder` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"gate report in {str(folder)!r} cannot be written ({error.strerror or error}); what was measured is kept, "
            "and the same command writes the report from it."
        ) from error
