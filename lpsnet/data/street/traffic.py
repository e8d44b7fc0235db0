"""What moves in a street, each drawn from the foot up at its place; sizes in metres."""

import numpy as np

from lpsnet.data.street.classes import Label
from lpsnet.data.street.paint import any_colour, mixed, shaded
from lpsnet.data.street.thing import Thing
from lpsnet.data.street.view import NEAREST_M, Point, Rgb, View


def car(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A car, van or lorry seen from behind or from ahead, and from the side that is turned to the camera."""
    paint = any_colour(rng)
    kind = rng.random()
    if kind < 0.75:
        width, length, body, cabin = rng.uniform(1.6, 1.9), rng.uniform(3.6, 4.7), 0.65, 0.55
    elif kind < 0.9:
        width, length, body, cabin = rng.uniform(1.8, 2.1), rng.uniform(4.8, 6.0), 1.1, 0.9
    else:
        width, length, body, cabin = 2.4, rng.uniform(7.0, 11.0), 2.2, 0.8
    light: Rgb = (210, 40, 35) if rng.random() < 0.5 else (240, 240, 215)
    clearance = 0.3
    roof = clearance + body + cabin

    def draw(view: View) -> None:
        end = z + length
        flank = x - np.sign(x) * width / 2
        shadow: list[Point] = [(x - width * 0.6, 0, z), (x + width * 0.6, 0, z), (x + width / 2, 0, end)]
        view.face(None, (25, 25, 28), [*shadow, (x - width / 2, 0, end)])
        view.upright(Label.CAR, shaded(paint, 0.8), (x, clearance, end), width, body)
        side = [(flank, clearance, z), (flank, clearance + body, z), (flank, clearance + body, end)]
        view.face(Label.CAR, shaded(paint, 0.9), [*side, (flank, clearance, end)])
        near, far = z + 0.1 * length, z + 0.75 * length
        top: list[Point] = [(flank, clearance + body, near), (flank, roof, near), (flank, roof, far)]
        view.face(Label.CAR, (55, 62, 70), [*top, (flank, clearance + body, far)])
        for wheel in (z + 0.15 * length, z + 0.8 * length):
            rim: list[Point] = [(flank, 0, wheel), (flank, 0.6, wheel), (flank, 0.6, wheel + 0.6)]
            view.face(Label.CAR, (30, 30, 30), [*rim, (flank, 0, wheel + 0.6)])
        for tyre in (-0.38, 0.38):
            view.upright(Label.CAR, (25, 25, 25), (x + tyre * width, 0, z), 0.2 * width, clearance + 0.1)
        view.upright(Label.CAR, shaded(paint, 0.95), (x, clearance + body, z), 0.86 * width, cabin)
        view.upright(Label.CAR, paint, (x, clearance, z), width, body)
        view.upright(None, (60, 68, 78), (x, clearance + body + 0.08, z), 0.72 * width, cabin * 0.75)
        for lamp in (-0.4, 0.4):
            view.upright(None, light, (x + lamp * width, clearance + 0.6 * body, z), 0.16 * width, 0.14)

    return Thing(z, draw)


def pedestrian(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A person on foot."""
    scale = rng.uniform(0.65, 1.08)
    coat, trousers = any_colour(rng), shaded(any_colour(rng), 0.6)
    skin = mixed(rng, (85, 60, 45), (225, 180, 155))
    stride = rng.uniform(0.06, 0.22)

    def draw(view: View) -> None:
        for leg in (-stride, stride):
            view.upright(Label.PEDESTRIAN, trousers, (x + leg * scale, 0, z), 0.17 * scale, 0.85 * scale)
        _torso_and_head(view, Label.PEDESTRIAN, (x, 0.8 * scale, z), scale, coat, skin)

    return Thing(z, draw)


def bicyclist(rng: np.random.Generator, x: float, z: float) -> Thing:
    """A person on a bicycle, seen along the street or, as one who crosses it, from the side."""
    scale = rng.uniform(0.9, 1.05)
    coat, frame = any_colour(rng), any_colour(rng)
    skin = mixed(rng, (85, 60, 45), (225, 180, 155))
    crosses = rng.random() < 0.4

    def draw(view: View) -> None:
        tyre: Rgb = (28, 28, 28)
        if crosses:
            for wheel in (-0.5, 0.5):
                view.oval(Label.BICYCLIST, tyre, (x + wheel, 0, z), 0.68, 0.68)
                view.oval(None, (115, 115, 115), (x + wheel, 0.09, z), 0.5, 0.5)
            frame_corners: list[Point] = [(x, 0.3, z), (x - 0.3, 0.9, z), (x + 0.4, 0.95, z)]
            view.face(Label.BICYCLIST, frame, frame_corners)
        else:
            view.upright(Label.BICYCLIST, frame, (x, 0.95, z), 0.55, 0.08)
            for leg in (-0.13, 0.13):
                view.upright(Label.BICYCLIST, shaded(coat, 0.5), (x + leg, 0.25, z), 0.14, 0.7)
            view.upright(Label.BICYCLIST, tyre, (x, 0, z), 0.09, 0.75)
        _torso_and_head(view, Label.BICYCLIST, (x, 0.85 * scale, z), scale, coat, skin)

    return Thing(z, draw)


def bonnet(rng: np.random.Generator) -> Thing:
    """The bonnet of the car that carries the camera; it belongs to no class."""
    paint = any_colour(rng)
    share = rng.uniform(0.55, 0.7)

    def draw(view: View) -> None:
        view.oval(Label.UNLABELLED, paint, (0, 0, NEAREST_M), 2.5, share * view.camera.height_m)

    return Thing(NEAREST_M, draw)


def _torso_and_head(view: View, label: Label, hip: Point, scale: float, coat: Rgb, skin: Rgb) -> None:
    x, y, z = hip
    view.upright(label, coat, hip, 0.46 * scale, 0.68 * scale)
    view.oval(label, skin, (x, y + 0.68 * scale, z), 0.24 * scale, 0.28 * scale)
