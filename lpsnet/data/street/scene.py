"""One drawn street scene: what is in it, and where."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from lpsnet.data.street import roadside, traffic
from lpsnet.data.street.classes import Label
from lpsnet.data.street.light import photograph
from lpsnet.data.street.paint import mixed, shaded
from lpsnet.data.street.thing import Thing
from lpsnet.data.street.view import NEAREST_M, Air, Camera, Point, Rgb, View

_FARTHEST_M = 130.0
_LANE_M = 3.2


def draw_scene(
    height: int, width: int, rng: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Draw a street at random.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        rng: what all of it is drawn from.

    Returns:
        The image (3, height, width), RGB, and the label map (height, width) of `Label`s.
    """
    camera = Camera(
        # By the longer side, so that the ground reaches the lower edge of an upright image too.
        focal_px=max(height, width) * rng.uniform(0.8, 1.1),
        height_m=rng.uniform(1.2, 1.7),
        horizon_row=height * rng.uniform(0.4, 0.56),
        centre_column=width * rng.uniform(0.38, 0.62),
        bend_per_m=rng.normal(0, 0.0008),
    )
    sky = mixed(rng, (120, 160, 210), (225, 228, 230), 8)
    view = View(height, width, camera, Air(sky, visibility_m=rng.uniform(90, 350)))
    half_road = _LANE_M * rng.uniform(0.8, 1.5)
    pavement = rng.uniform(1.8, 5.0)
    _draw_distance(view, rng)
    _draw_ground(view, half_road, half_road + pavement, rng)
    everything = [
        *_sides(half_road, half_road + pavement, rng),
        *_traffic(half_road, rng),
        *_people(half_road, pavement, rng),
    ]
    for thing in sorted(everything, key=lambda thing: thing.z, reverse=True):
        thing.draw(view)
    return photograph(view, rng), np.array(view.label)


def _draw_distance(view: View, rng: np.random.Generator) -> None:
    """Clouds, and the roofs and treetops that close the street."""
    z = _FARTHEST_M
    extent = view.width / view.camera.pixels(1, z)
    for _ in range(rng.integers(0, 7)):
        place = (rng.uniform(-1, 1) * extent, rng.uniform(0.1, 0.6) * extent, z)
        view.oval(None, mixed(rng, (200, 205, 210), (255, 255, 255), 5), place, rng.uniform(20, 70), rng.uniform(3, 14))
    for x in np.arange(-extent, extent, 9).tolist():
        if rng.random() < 0.5:
            leaf = mixed(rng, (50, 70, 40), (100, 115, 70))
            view.oval(Label.TREE, leaf, (x, -3, z), rng.uniform(10, 20), rng.uniform(8, 18))
        else:
            wall = mixed(rng, (90, 75, 70), (170, 160, 150))
            view.upright(Label.BUILDING, wall, (x, -3, z), rng.uniform(9, 16), rng.uniform(7, 18))


def _draw_ground(view: View, half_road: float, half_street: float, rng: np.random.Generator) -> None:
    """Grass, pavements and the road, from the kerbs' stones to the shadows."""
    paving = mixed(rng, (95, 92, 90), (185, 175, 165), 6)
    _draw_strip(view, Label.TREE, mixed(rng, (60, 75, 35), (115, 120, 70)), -400, 400)
    _draw_strip(view, Label.PAVEMENT, paving, -half_street, half_street)
    _draw_strip(view, Label.ROAD, mixed(rng, (70, 70, 72), (140, 138, 135), 4), -half_road, half_road)
    for kerb in (-half_road, half_road):
        _draw_strip(view, None, shaded(paving, 1.15), kerb - 0.08, kerb + 0.08)
    _draw_markings(view, half_road, rng)
    for _ in range(rng.integers(0, 4)):
        z, depth, lean = rng.uniform(3, 30), rng.uniform(1, 8), rng.uniform(-6, 6)
        across = 2 * half_street
        near, far = [(-across, 0.0, z), (across, 0.0, z + lean)], [(across, 0.0, z + lean + depth)]
        view.shadow(rng.uniform(0.2, 0.6), [*near, *far, (-across, 0.0, z + depth)])


def _draw_markings(view: View, half_road: float, rng: np.random.Generator) -> None:
    """What is painted on the road: lines along the kerbs, a dashed line in its middle, a crossing."""
    white: Rgb = (215, 215, 205)
    if rng.random() < 0.4:
        for line in (0.3 - half_road, half_road - 0.3):
            _draw_strip(view, None, (200, 180, 70), line - 0.06, line + 0.06)
    if rng.random() < 0.8:
        for z in np.arange(rng.uniform(2, 5), 45, 6).tolist():
            view.face(None, white, _on_ground(-0.07, 0.07, z, z + 2.5))
    if rng.random() < 0.25:
        z = rng.uniform(6, 25)
        for x in np.arange(-half_road + 0.3, half_road, 1.1).tolist():
            view.face(None, white, _on_ground(x, x + 0.55, z, z + 2.5))


def _draw_strip(view: View, label: Label | None, colour: Rgb, left: float, right: float) -> None:
    """A strip of ground along the whole street, which follows its bend."""
    ahead = np.geomspace(NEAREST_M, _FARTHEST_M, 20).tolist()
    view.face(label, colour, [*((left, 0.0, z) for z in ahead), *((right, 0.0, z) for z in reversed(ahead))])


def _on_ground(left: float, right: float, near: float, far: float) -> list[Point]:
    return [(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)]


def _sides(half_road: float, half_street: float, rng: np.random.Generator) -> Iterator[Thing]:
    """Houses, gardens and fences along both sides, and what stands on the pavements before them."""
    built_up, leafy = rng.uniform(0.3, 0.95), rng.uniform(0, 0.6)
    for side in (-1, 1):
        frontage = half_street + rng.exponential(1.0)
        z = rng.uniform(2, 8)
        while z < 90:
            end = z + rng.uniform(6, 22)
            if rng.random() < built_up:
                yield roadside.building(rng, side, frontage, z, end)
            else:
                yield from (
                    roadside.tree(rng, side * (frontage + rng.uniform(0.5, 8)), rng.uniform(z, end)) for _ in range(3)
                )
            if rng.random() < 0.3:
                yield roadside.fence(rng, side * (half_street - 0.1), z, end)
            z = end
        kerb = side * (half_road + 0.5)
        for at in _places(rng, 3, 60, spacing=rng.uniform(10, 25)):
            yield roadside.lamp_post(rng, kerb, at)
        for at in _places(rng, 5, 70, spacing=rng.uniform(12, 50)):
            kind = roadside.traffic_light if rng.random() < 0.3 else roadside.traffic_sign
            yield kind(rng, kerb + side * rng.uniform(0, 0.5), at)
        for at in _places(rng, 4, 70, spacing=8 / (leafy + 0.1)):
            yield roadside.tree(rng, side * rng.uniform(half_road + 0.8, half_street), at)
        for at in _places(rng, 4, 40, spacing=20):
            yield roadside.unlabelled_box(rng, side * rng.uniform(half_road + 0.6, half_street), at)


def _traffic(half_road: float, rng: np.random.Generator) -> Iterator[Thing]:
    """Cars in both lanes and at the kerbs, people on bicycles, and now and then the camera's own bonnet."""
    for side in (-1, 1):
        for at in _places(rng, 6, 90, spacing=rng.uniform(12, 45)):
            yield traffic.car(rng, side * half_road * 0.4, at)
        if rng.random() < 0.6:
            for at in _places(rng, 4, 80, spacing=rng.uniform(6, 16)):
                yield traffic.car(rng, side * (half_road - 0.6), at)
        for at in _places(rng, 3, 50, spacing=16):
            yield traffic.bicyclist(rng, side * rng.uniform(half_road * 0.5, half_road), at)
    if rng.random() < 0.3:
        yield traffic.bonnet(rng)


def _people(half_road: float, pavement: float, rng: np.random.Generator) -> Iterator[Thing]:
    """People on the pavements, and some who cross the road."""
    for side in (-1, 1):
        for at in _places(rng, 3, 60, spacing=rng.uniform(4, 20)):
            yield traffic.pedestrian(rng, side * (half_road + rng.uniform(0.2, pavement)), at)
    for at in _places(rng, 6, 50, spacing=40):
        yield traffic.pedestrian(rng, rng.uniform(-half_road, half_road), at)


def _places(rng: np.random.Generator, near: float, far: float, spacing: float) -> Iterator[float]:
    """Distances ahead between `near` and `far`, `spacing` apart on average, as chance has it."""
    at = near + rng.exponential(spacing) / 2
    while at < far:
        yield at
        at += 0.3 * spacing + 0.7 * rng.exponential(spacing)
