"""The networks that have a name: the expansion steps of Table 4, and with them LPS-Net-S, -M and -L."""

from lpsnet.architecture import Architecture
from microbench.errors import one_of, require_positive

# Table 4 of arXiv 2207.13600. Each step expands one dimension of the step before by a multiple of a row of Table 1.
STEPS: tuple[Architecture, ...] = (
    Architecture((1, 1, 1, 1, 1), (4, 8, 16, 32, 32), (1 / 2, 0, 0)),
    Architecture((1, 1, 1, 8, 8), (4, 8, 16, 32, 32), (1 / 2, 0, 0)),
    Architecture((1, 1, 1, 8, 8), (4, 16, 32, 64, 64), (1 / 2, 0, 0)),
    Architecture((1, 1, 1, 8, 8), (8, 24, 48, 96, 96), (1 / 2, 0, 0)),
    Architecture((1, 1, 1, 8, 8), (8, 24, 48, 96, 96), (5 / 8, 0, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 48, 96, 96), (5 / 8, 0, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 48, 96, 96), (5 / 8, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 48, 96, 96), (3 / 4, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 48, 96, 96), (1, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 64, 128, 128), (1, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 64, 160, 160), (1, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 64, 160, 160), (9 / 8, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 24, 64, 160, 160), (11 / 8, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 32, 80, 192, 192), (11 / 8, 1 / 4, 0)),
    Architecture((1, 3, 3, 10, 10), (8, 32, 96, 224, 224), (11 / 8, 1 / 4, 0)),
)

_FAMILY: dict[str, Architecture] = {
    "lpsnet-s": STEPS[7],
    "lpsnet-m": STEPS[8],
    "lpsnet-l": STEPS[10],
    **{f"lpsnet-step-{step}": architecture for step, architecture in enumerate(STEPS)},
}

NAMES: tuple[str, ...] = tuple(_FAMILY)


def architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises:
        InputError: `name` is not one of `NAMES`.
    """
    if name not in _FAMILY:
        raise one_of("network", name, NAMES)
    return _FAMILY[name]


def table2_architecture(c: int) -> Architecture:
    """The pre-fixed structure in which Tables 2 and 3 compare blocks and interactions.

    Source: LPS-Net, arXiv 2207.13600, section 4.3: B = {1, 2, 4, 7, 7}, C = {c, 2c, 4c, 8c, 8c}, R = {1, 1/4, 0}.

    Args:
        c: the channel base, at least 1. The paper does not print it; its FLOPs point to 14 for the 3×3 Conv of Table 2
            and to 16 for Table 3.

    Raises:
        InputError: `c` is below 1.
    """
    require_positive("c", c)
    return Architecture((1, 2, 4, 7, 7), (c, 2 * c, 4 * c, 8 * c, 8 * c), (1, 1 / 4, 0))
