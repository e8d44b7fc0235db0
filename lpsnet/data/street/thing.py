"""What a street is filled with."""

from collections.abc import Callable
from dataclasses import dataclass

from lpsnet.data.street.view import View


@dataclass(frozen=True)
class Thing:
    """Something to draw, and how far ahead its nearest part is: the far ones are drawn first."""

    z: float
    draw: Callable[[View], None]
