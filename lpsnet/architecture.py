"""What one network of the LPS-Net family is: its depth, its widths and its paths' resolutions."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from microbench.errors import InputError

STAGES = 5

FIRST_STRIDES = (2, 2, 2, 2, 1)
"""Of each stage's first block: those of stages 1 to 4 halve the resolution (Figure 3)."""

# Any ratio that a person writes down survives the detour over a float with this: 1/3, 0.3, 11/8.
_LARGEST_DENOMINATOR = 1000
_SMALLEST_RATIO = Fraction(1, _LARGEST_DENOMINATOR)


@dataclass(frozen=True, init=False)
class Architecture:
    """N = {B, C, R} of LPS-Net: arXiv 2207.13600, sections 3.1 and 3.4.

    Args:
        depth: B, blocks in each of the five stages, at least 1.
        width: C, channels of each of the five stages, at least 1.
        resolution: R, each path's share of the image's height and width; 0 means a path that is absent, as in
            Table 4. More than 1 upsamples. Fractions, numbers or strings such as "3/4"; a float means the nearest
            fraction with a denominator of at most 1000.

    Raises:
        InputError: not five stages, a depth or width below 1, a negative resolution, or no path at all.
    """

    depth: tuple[int, ...]
    width: tuple[int, ...]
    resolution: tuple[Fraction, ...]

    def __init__(
        self, depth: Sequence[int], width: Sequence[int], resolution: Sequence[Fraction | float | str]
    ) -> None:
        object.__setattr__(self, "depth", _stages("depth", depth))
        object.__setattr__(self, "width", _stages("width", width))
        object.__setattr__(self, "resolution", _resolution(resolution))

    @property
    def ratios(self) -> tuple[Fraction, ...]:
        """R of the paths that are there, from the highest resolution to the lowest."""
        return tuple(sorted((ratio for ratio in self.resolution if ratio), reverse=True))


def _stages(field: str, values: Sequence[int]) -> tuple[int, ...]:
    if not _is_list(values) or len(values) != STAGES or any(type(value) is not int or value < 1 for value in values):
        raise InputError(f"{field} must be {STAGES} integers of at least 1, one for each stage, not {values!r}.")
    return tuple(values)


def _resolution(values: Sequence[Fraction | float | str]) -> tuple[Fraction, ...]:
    ratios = tuple(map(_ratio, values)) if _is_list(values) else ()
    if not any(ratios):
        raise InputError(f"resolution must list a number for each path, at least one of them above 0, not {values!r}.")
    return ratios


def _ratio(value: Fraction | float | str) -> Fraction:
    try:
        ratio = Fraction(value)
    except (ValueError, TypeError, OverflowError, ZeroDivisionError):
        ratio = Fraction(-1)
    if isinstance(value, bool) or ratio < 0 or 0 < ratio < _SMALLEST_RATIO:
        raise InputError(f"resolution must be 0 or at least {_SMALLEST_RATIO} for each path, not {value!r}.")
    return ratio.limit_denominator(_LARGEST_DENOMINATOR) if isinstance(value, float) else ratio


def _is_list(values: object) -> bool:
    # A string is a sequence too: of its letters.
    return isinstance(values, Sequence) and not isinstance(values, str)
