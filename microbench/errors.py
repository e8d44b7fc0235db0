"""The one exception that a user's own mistake may end in, and how commands end."""

from __future__ import annotations

from typing import Iterable

EXIT_ROWS_FAILED = 1
"""All was done but for some rows, each of which says why."""
EXIT_BAD_INPUT = 2
EXIT_CRASHED = 70
"""A fault of the program, never a result; BSD's sysexits.h has this code for it."""
EXIT_TIME_UP = 75
"""A limit on the time is reached; the same command continues."""
EXIT_STOPPED = 130
"""As a shell says of a command that Ctrl-C ended."""


class InputError(ValueError):
    """Bad input, told in one sentence that names the field and what is allowed.

    The command line prints the sentence and exits with code 2; anything else that is raised is a bug.
    """


def one_of(field: str, value: object, allowed: Iterable[object]) -> InputError:
    """The error for a `value` of `field` that is not among the `allowed` ones."""
    choices = ", ".join(str(choice) for choice in allowed)
    return InputError(f"{field} {value!r} is unknown; allowed: {choices}.")


def require_positive(field: str, value: object) -> None:
    """Raise InputError unless `value` is an integer of at least 1 (a bool is not one)."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{field} must be an integer of at least 1, not {value!r}.")
