"""Read what users write for resolutions, widths and numbers."""

from __future__ import annotations

from microbench.errors import InputError


def parse_resolution(text: str) -> tuple[int, int]:
    """Read "128" or "128x256" (height x width).

    Raises:
        InputError: anything else.
    """
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise InputError(f"resolution {text!r} is not one; give a side (128) or height x width (128x256) in pixels.")
    return int(parts[0]), int(parts[-1])


def parse_widths(text: str) -> tuple[int, ...]:
    """Read widths such as "16", "8,16,32", "1..17" or "8..72:8" (first..last:step).

    Raises:
        InputError: anything else.
    """
    try:
        return tuple(width for part in text.split(",") for width in _width_range(part))
    except ValueError as error:
        raise InputError(
            f"width {text!r} is not one; give numbers of at least 1 (8,16), or a range such as 1..17 or 8..72:8."
        ) from error


def _width_range(text: str) -> range:
    bounds, _, step = text.partition(":")
    first, dots, last = bounds.partition("..")
    widths = range(int(first), (int(last) if dots else int(first)) + 1, int(step) if step else 1)
    if not widths or widths[0] < 1:
        raise ValueError(text)
    return widths


def parse_milliseconds(text: str) -> float:
    """Read a number of milliseconds above 0.

    Raises:
        InputError: anything else.
    """
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"time {text!r} is not one; give a number of milliseconds above 0.")
    return value
