"""The colours of things in a street."""

import numpy as np

from lpsnet.data.street.view import Rgb


def mixed(rng: np.random.Generator, low: Rgb, high: Rgb, spread: float = 10.0) -> Rgb:
    """A random colour between two, each channel off by `spread` at random."""
    share = rng.random()
    red, green, blue = (a + share * (b - a) + rng.normal(0, spread) for a, b in zip(low, high, strict=True))
    return _displayable(red, green, blue)


def any_colour(rng: np.random.Generator) -> Rgb:
    """A random colour, grey more often than not, as paint and cloth are."""
    grey = rng.uniform(20, 230)
    vividness = rng.uniform(0, 90) * rng.random()
    red, green, blue = (grey + vividness * rng.uniform(-1, 1) for _ in range(3))
    return _displayable(red, green, blue)


def shaded(colour: Rgb, factor: float) -> Rgb:
    """The colour with `factor` of its light."""
    red, green, blue = colour
    return _displayable(red * factor, green * factor, blue * factor)


def _displayable(red: float, green: float, blue: float) -> Rgb:
    return min(255.0, max(0.0, red)), min(255.0, max(0.0, green)), min(255.0, max(0.0, blue))
