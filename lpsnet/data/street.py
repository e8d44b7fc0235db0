"""Drawn street scenes: a pinhole camera looks along a street, and every shape enters image and label map alike."""

import itertools
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from lpsnet.data.dataset import IGNORED

Point = tuple[float, float, float]
"""Metres to the right of the camera's axis, above the ground, and ahead."""
Pixels = npt.NDArray[np.uint8]

_NEAREST_M, _FARTHEST_M = 1.5, 130.0


class Label(IntEnum):
    """What a pixel shows: CamVid's classes, by their indices there."""

    SKY, BUILDING, POLE, ROAD, PAVEMENT, TREE, SIGN, FENCE, CAR, PEDESTRIAN, BICYCLIST = range(11)
    UNLABELLED = IGNORED


# A colour lies between two ends, drawn anew for each thing; those of different classes overlap.
_COLOURS: dict[str, tuple[Sequence[int], Sequence[int]]] = {
    "sky": ((120, 160, 210), (225, 228, 230)),
    "grass": ((60, 75, 35), (115, 120, 70)),
    "paving": ((95, 92, 90), (185, 175, 165)),
    "asphalt": ((70, 70, 72), (140, 138, 135)),
    "wall": ((85, 65, 55), (190, 180, 165)),
    "glass": ((35, 40, 50), (120, 135, 150)),
    "leaf": ((35, 55, 25), (105, 125, 60)),
    "bark": ((50, 40, 30), (95, 80, 65)),
    "metal": ((50, 55, 55), (160, 160, 155)),
    "tyre": ((20, 20, 20), (40, 40, 40)),
    "skin": ((85, 60, 45), (225, 180, 155)),
    "cloth": ((20, 20, 20), (235, 225, 220)),
    "white": ((200, 200, 190), (230, 230, 225)),
    "red": ((190, 30, 30), (230, 190, 60)),
    "blue": ((30, 60, 140), (60, 90, 180)),
}

# Standard deviation of each class's texture in grey levels: leaves are rough, the sky is not.
_ROUGHNESS = np.full(256, 6, dtype=np.float32)
_ROUGHNESS[[Label.TREE, Label.BUILDING, Label.SKY]] = (16, 9, 2)


class _Part(NamedTuple):
    """A shape that stands on the middle of its lower edge; in metres from the thing's foot.

    A "wall" lies along the street, as `across` and `width` then do; every other shape faces the camera. A part without
    a label is paint: it leaves the label of what it is drawn on.
    """

    label: Label | None
    shape: str
    colour: str
    across: float
    up: float
    width: float
    height: float


def _house(side: int, length: float, height: float) -> tuple[_Part, ...]:
    places = itertools.product(np.arange(1.5, length - 1, 3.2).tolist(), np.arange(1, height - 2, 3).tolist())
    windows = (_Part(None, "wall", "glass", along, up, 1.5, 1.5) for along, up in places)
    gable = _Part(Label.BUILDING, "rectangle", "wall", side * 7, 0, 14, height)
    return (gable, _Part(Label.BUILDING, "wall", "wall", length / 2, 0, length, height), *windows)


def _person(label: Label, *below: _Part) -> tuple[_Part, ...]:
    torso, head = (0, 0.8, 0.46, 0.7), (0, 1.48, 0.26, 0.3)
    return (*below, _Part(label, "rectangle", "cloth", *torso), _Part(label, "ellipse", "skin", *head))


_POST = _Part(Label.POLE, "rectangle", "metal", 0, 0, 0.07, 2.2)

_CAR = (
    _Part(None, "ellipse", "tyre", 0, -0.15, 2.2, 0.4),
    *(_Part(Label.CAR, "rectangle", "tyre", across, 0, 0.3, 0.5) for across in (-0.7, 0.7)),
    _Part(Label.CAR, "rectangle", "cloth", 0, 0.9, 1.5, 0.6),
    _Part(None, "rectangle", "glass", 0, 0.95, 1.25, 0.45),
    _Part(Label.CAR, "rectangle", "cloth", 0, 0.3, 1.8, 0.7),
    *(_Part(None, "rectangle", "red", across, 0.65, 0.3, 0.15) for across in (-0.7, 0.7)),
)
_PEDESTRIAN = _person(
    Label.PEDESTRIAN, *(_Part(Label.PEDESTRIAN, "rectangle", "bark", across, 0, 0.18, 0.85) for across in (-0.13, 0.13))
)
_BICYCLIST = _person(
    Label.BICYCLIST,
    *(_Part(Label.BICYCLIST, "ellipse", "tyre", across, 0, 0.7, 0.7) for across in (-0.5, 0.5)),
    _Part(Label.BICYCLIST, "rectangle", "bark", 0, 0.3, 0.35, 0.65),
)
_TREE = (
    _Part(Label.TREE, "rectangle", "bark", 0, 0, 0.35, 3),
    *(_Part(Label.TREE, "ellipse", "leaf", x, y, 2.6, 2.6) for x, y in ((-0.9, 1.8), (0.9, 2.0), (0, 2.8), (0.2, 1.4))),
)
_LAMP = (_POST._replace(width=0.12, height=6), _Part(Label.POLE, "rectangle", "metal", 0.5, 6, 1.2, 0.14))
_SIGNS = (
    (_POST, _Part(Label.SIGN, "ellipse", "red", 0, 2.1, 0.9, 0.9), _Part(None, "ellipse", "white", 0, 2.3, 0.5, 0.5)),
    (_POST, _Part(Label.SIGN, "rectangle", "blue", 0, 2.1, 0.9, 0.8)),
    (_POST, _Part(Label.SIGN, "rectangle", "tyre", 0, 2.1, 0.4, 1.1), _Part(None, "ellipse", "red", 0, 2.8, 0.3, 0.3)),
)
_BIN = (_Part(Label.UNLABELLED, "rectangle", "cloth", 0, 0, 0.9, 1.1),)


def draw_street(height: int, width: int, rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """Draw a street at random.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        rng: what all of it is drawn from.

    Returns:
        The image (3, height, width), RGB, and the label map (height, width) of `Label`s.
    """
    view = _View(height, width, rng)
    road = rng.uniform(2.6, 4.8)
    kerb = road + rng.uniform(1.8, 5)
    view.ground(Label.TREE, "grass", -400, 400)
    view.ground(Label.PAVEMENT, "paving", -kerb, kerb)
    view.ground(Label.ROAD, "asphalt", -road, road)
    for z in range(3, 45, 6):
        view.ground(None, "white", -0.07, 0.07, z, z + 2.5)
    # What is far ahead is drawn first.
    for foot, parts in sorted(_things(road, kerb, rng), key=lambda thing: thing[0][2], reverse=True):
        view.stand(foot, parts)
    return view.photograph(), np.array(view.label)


def _things(road: float, kerb: float, rng: np.random.Generator) -> Iterator[tuple[Point, Sequence[_Part]]]:
    """What stands in the street, and where its foot is."""
    built_up = rng.uniform(0.3, 0.95)
    for side in (-1, 1):
        edge, z = side * (kerb + rng.exponential(1)), rng.uniform(2, 8)
        while z < 90:
            length = rng.uniform(6, 22)
            if rng.random() < built_up:
                yield (edge, 0, z), _house(side, length, rng.uniform(6, 20))
            if rng.random() < 0.35:
                fence = _Part(Label.FENCE, "wall", "metal", length / 2, 0, length, rng.uniform(0.9, 1.8))
                yield (side * (kerb - 0.1), 0, z), (fence,)
            yield (edge + side * rng.uniform(1, 8), 0, z + rng.uniform(0, length)), _TREE
            z += length
        # Each with its nearest and farthest place from the street's middle, and its mean spacing.
        along: tuple[tuple[Sequence[_Part], float, float, float], ...] = (
            (_LAMP, road + 0.4, road + 0.6, 18),
            (_SIGNS[rng.integers(len(_SIGNS))], road + 0.3, road + 0.9, 22),
            (_TREE, road + 0.8, kerb, rng.uniform(12, 80)),
            (_BIN, road + 0.6, kerb, 18),
            (_CAR, road * 0.4, road * 0.5, rng.uniform(12, 90)),
            (_CAR, road - 0.8, road - 0.4, rng.uniform(6, 90)),
            (_BICYCLIST, road * 0.5, road, 16),
            (_PEDESTRIAN, road + 0.2, kerb, rng.uniform(4, 20)),
            (_PEDESTRIAN, 0, road, 70),
        )
        for parts, nearest, farthest, spacing in along:
            z = 3 + rng.exponential(spacing) / 2
            while z < 80:
                yield (side * rng.uniform(nearest, farthest), 0, z), parts
                z += 0.3 * spacing + 0.7 * rng.exponential(spacing)


class _View:
    """The picture of a street: at first the sky, then what is drawn on it."""

    def __init__(self, height: int, width: int, rng: np.random.Generator) -> None:
        self.rng = rng
        # By the longer side, so that the ground reaches the lower edge of an upright image too.
        self.focal_px = max(height, width) * rng.uniform(0.8, 1.1)
        self.eye_m = rng.uniform(1.2, 1.7)
        self.horizon, self.centre = height * rng.uniform(0.4, 0.56), width * rng.uniform(0.38, 0.62)
        self.air, self.visibility_m = np.zeros(3), rng.uniform(90, 350)
        self.air = np.array(self.colour("sky", 0))
        self.image = Image.new("RGB", (width, height), self.colour("sky", 0))
        self.label = Image.new("L", (width, height), Label.SKY)

    def colour(self, name: str, z: float) -> tuple[int, ...]:
        """A colour of that name as it looks from `z` metres: far things fade to the colour of the air."""
        low, high = np.array(_COLOURS[name])
        own = low + self.rng.random() * (high - low) + self.rng.normal(0, 7, 3)
        seen = self.air + np.exp(-z / self.visibility_m) * (own - self.air)
        return tuple(int(value) for value in seen.clip(0, 255))

    def project(self, point: Point) -> tuple[float, float]:
        """The point's column and row in the image."""
        x, y, z = point
        scale = self.focal_px / max(z, _NEAREST_M)
        return self.centre + scale * x, self.horizon + scale * (self.eye_m - y)

    def draw(self, shape: str, label: Label | None, colour: tuple[int, ...], corners: Sequence[Point]) -> None:
        """A polygon, or a rectangle or an ellipse by two opposite corners."""
        outline = [self.project(corner) for corner in corners]
        getattr(ImageDraw.Draw(self.image), shape)(outline, fill=colour)
        if label is not None:
            getattr(ImageDraw.Draw(self.label), shape)(outline, fill=label)

    def ground(
        self, label: Label | None, colour: str, left: float, right: float, near: float = 0, far: float = _FARTHEST_M
    ) -> None:
        """A strip of ground."""
        corners: list[Point] = [(left, 0, near), (right, 0, near), (right, 0, far), (left, 0, far)]
        self.draw("polygon", label, self.colour(colour, near), corners)

    def stand(self, foot: Point, parts: Sequence[_Part]) -> None:
        """A thing, larger or smaller by chance."""
        x, _, z = foot
        size = self.rng.uniform(0.75, 1.25)
        colours = {part.colour: self.colour(part.colour, z) for part in parts}
        for part in parts:
            low, high = size * part.up, size * (part.up + part.height)
            start, end = (size * (part.across + side * part.width / 2) for side in (-1, 1))
            if part.shape == "wall":
                edges = [(x, low, z + start), (x, high, z + start), (x, high, z + end), (x, low, z + end)]
                self.draw("polygon", part.label, colours[part.colour], edges)
            else:
                self.draw(part.shape, part.label, colours[part.colour], [(x + start, high, z), (x + end, low, z)])

    def photograph(self) -> Pixels:
        """The picture as uint8, (3, height, width), RGB, with texture, the light's strength and tint, and noise."""
        label = np.asarray(self.label)
        light = self.rng.uniform(0.7, 1.15) * self.rng.normal(1, 0.04, (3, 1, 1))
        texture = self.rng.standard_normal(label.shape, dtype=np.float32) * _ROUGHNESS[label]
        noise = self.rng.standard_normal((3, *label.shape), dtype=np.float32) * self.rng.uniform(2, 6)
        lit = np.asarray(self.image).transpose(2, 0, 1) * light + texture + noise
        photo: Pixels = lit.clip(0, 255).astype(np.uint8)
        return photo
