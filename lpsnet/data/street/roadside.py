"""What stands along a street, each drawn from the foot up at its place; sizes in metres."""

import numpy as np

from lpsnet.data.street.classes import Label
from lpsnet.data.street.paint import any_colour, mixed, shaded
from lpsnet.data.street.thing import Thing
from lpsnet.data.street.view import Point, Rgb, View

# Smaller windows than this many pixels are left out: they would only cost time.
_SMALLEST_DETAIL_PX = 2.0

_SIGN_COLOURS: tuple[tuple[Rgb, Rgb], ...] = (
    ((190, 30, 35), (235, 235, 235)),
    ((30, 60, 160), (210, 220, 240)),
    ((230, 230, 225), (30, 90, 60)),
    ((225, 185, 30), (60, 60, 60)),
)


def building(rng: np.random.Generator, side: int, frontage: float, start: float, end: float) -> Thing:
    """A house along the street, `frontage` metres from its middle on one side (-1 left, 1 right)."""
    wall = mixed(rng, (95, 70, 60), (190, 180, 165), 12)
    glass = mixed(rng, (35, 40, 50), (120, 135, 150), 10)
    storeys = int(rng.integers(2, 7))
    storey = rng.uniform(2.8, 3.6)
    columns = max(1, int((end - start) / rng.uniform(2.5, 4.5)))
    edge, height = side * frontage, storeys * storey

    def draw(view: View) -> None:
        outer = edge + side * 14
        gable = [(edge, 0.0, start), (outer, 0.0, start), (outer, height, start), (edge, height, start)]
        view.face(Label.BUILDING, shaded(wall, 0.8), gable)
        front = [(edge, 0.0, start), (edge, height, start), (edge, height, end), (edge, 0.0, end)]
        view.face(Label.BUILDING, wall, front)
        pitch = (end - start) / columns
        if view.camera.pixels(storey / 2, end) < _SMALLEST_DETAIL_PX:
            return
        for floor in range(storeys):
            low, high = (floor + 0.3) * storey, (floor + 0.75) * storey
            for column in range(columns):
                near, far = start + (column + 0.25) * pitch, start + (column + 0.7) * pitch
                view.face(None, glass, [(edge, low, near), (edge, high, near), (edge, high, far), (edge, low, far)])

    return Thing(start, draw)


def tree(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A tree, or where it is low a bush."""
    leaf = mixed(rng, (35, 55, 25), (105, 125, 60), 12)
    bark = mixed(rng, (50, 40, 30), (95, 80, 65))
    trunk, crown = rng.uniform(0.2, 3.0), rng.uniform(1.2, 5.0)
    # Of each clump of leaves: how far aside, how far up, how wide, and how much in the light.
    clumps = rng.uniform((-0.35, 0, 0.4, 0.6), (0.35, 0.6, 0.75, 1.25), (7, 4)).tolist()

    def draw(view: View) -> None:
        view.upright(Label.TREE, bark, (x, 0, z), 0.1 * crown, trunk + 0.3 * crown)
        for across, up, size, light in clumps:
            view.oval(
                Label.TREE, shaded(leaf, light), (x + across * crown, trunk + up * crown, z), size * crown, size * crown
            )

    return Thing(z, draw)


def fence(rng: np.random.Generator, x: float, start: float, end: float) -> Thing:
    """A fence along the street, or a hoarding where it has no bars."""
    paint = mixed(rng, (50, 50, 50), (170, 160, 150), 15)
    height = rng.uniform(0.9, 1.8)
    barred = rng.random() < 0.7

    def draw(view: View) -> None:
        view.face(Label.FENCE, paint, [(x, 0, start), (x, height, start), (x, height, end), (x, 0, end)])
        if barred:
            for z in np.arange(start + 0.3, min(end, start + 15), 0.6).tolist():
                view.face(None, shaded(paint, 0.5), [(x, 0, z), (x, height, z), (x, height, z + 0.3), (x, 0, z + 0.3)])

    return Thing(start, draw)


def lamp_post(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A thin post with an arm towards the street."""
    metal = mixed(rng, (50, 55, 55), (150, 150, 145))
    height, thickness = rng.uniform(4.5, 9), rng.uniform(0.08, 0.2)
    arm = -np.sign(x) * rng.uniform(0, 1.6)

    def draw(view: View) -> None:
        view.upright(Label.POLE, metal, (x, 0, z), thickness, height)
        view.upright(Label.POLE, metal, (x + arm / 2, height, z), abs(arm), 0.12)

    return Thing(z, draw)


def traffic_sign(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A round, triangular or square sign on its post."""
    metal = mixed(rng, (90, 90, 90), (160, 160, 160))
    edge, middle = _SIGN_COLOURS[rng.integers(len(_SIGN_COLOURS))]
    shape = int(rng.integers(3))
    foot, size = rng.uniform(1.9, 2.6), rng.uniform(0.6, 1.1)

    def draw(view: View) -> None:
        view.upright(Label.POLE, metal, (x, 0, z), 0.09, foot)
        if shape == 0:
            view.oval(Label.SIGN, edge, (x, foot, z), size, size)
            view.oval(None, middle, (x, foot + 0.2 * size, z), 0.6 * size, 0.6 * size)
        elif shape == 1:
            corners: list[Point] = [(x - size / 2, foot, z), (x + size / 2, foot, z), (x, foot + size, z)]
            view.face(Label.SIGN, edge, corners)
        else:
            view.upright(Label.SIGN, middle, (x, foot, z), size, 0.8 * size)
            view.upright(None, edge, (x, foot + 0.3 * size, z), 0.7 * size, 0.15 * size)

    return Thing(z, draw)


def traffic_light(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A box of three lamps on a post, one of them lit."""
    lit = int(rng.integers(3))

    def draw(view: View) -> None:
        view.upright(Label.POLE, (75, 75, 75), (x, 0, z), 0.12, 2.3)
        view.upright(Label.SIGN, (25, 25, 25), (x, 2.3, z), 0.36, 1.0)
        for lamp, colour in enumerate(((60.0, 220.0, 130.0), (250.0, 180.0, 40.0), (240.0, 50.0, 40.0))):
            view.oval(None, colour if lamp == lit else shaded(colour, 0.25), (x, 2.4 + 0.3 * lamp, z), 0.22, 0.22)

    return Thing(z, draw)


def unlabelled_box(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A bin or a cabinet: things that CamVid too leaves without a class."""
    paint = any_colour(rng)
    width, height = rng.uniform(0.4, 1.4), rng.uniform(0.7, 1.6)
    return Thing(z, lambda view: view.upright(Label.UNLABELLED, paint, (x, 0, z), width, height))
