"""Checks of what a block is constructed with: the part of the signature that all blocks share, and their options."""

from collections.abc import Collection

from microbench.errors import InputError, one_of, require_positive


def require_shape(in_channels: int, out_channels: int, stride: int) -> None:
    """Check the arguments that every block takes.

    Raises:
        InputError: a width is not an integer of at least 1, or the stride is neither 1 nor 2.
    """
    require_positive("in_channels", in_channels)
    require_positive("out_channels", out_channels)
    require_choice("stride", stride, (1, 2))


def require_choice(field: str, value: int, allowed: Collection[int]) -> None:
    """Raise InputError unless `value` is one of the `allowed` integers."""
    # 1.0 == True == 1: only the type tells them apart.
    if type(value) is not int or value not in allowed:
        raise one_of(field, value, allowed)


def require_at_least(field: str, value: int, least: int) -> None:
    """Raise InputError unless `value` is an integer of at least `least`."""
    if type(value) is not int or value < least:
        raise InputError(f"{field} must be an integer of at least {least}, not {value!r}.")


def require_flag(field: str, value: bool) -> None:
    """Raise InputError unless `value` is True or False (0, 1 and None are neither)."""
    if not isinstance(value, bool):
        raise InputError(f"{field} must be True or False, not {value!r}.")
