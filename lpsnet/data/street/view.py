"""A street seen through a pinhole camera, drawn as an image and its label map at once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from lpsnet.data.street.classes import Label

Point = tuple[float, float, float]
"""Metres to the right of the camera's axis, above the ground, and ahead."""

Rgb = tuple[float, float, float]

NEAREST_M = 1.5
"""Nothing is drawn nearer than this: it would lie behind the image's lower edge, or fill it."""


@dataclass(frozen=True)
class Camera:
    """A camera that looks along a street.

    Attributes:
        focal_px: its focal length.
        height_m: above the ground.
        horizon_row: the row of points infinitely far ahead.
        centre_column: the column of points straight ahead.
        bend_per_m: how the street curves: a point z ahead lies bend_per_m * z^2 further to the right.
    """

    focal_px: float
    height_m: float
    horizon_row: float
    centre_column: float
    bend_per_m: float

    def project(self, point: Point) -> tuple[float, float]:
        """The point's column and row in the image."""
        x, y, z = point
        ahead = max(z, NEAREST_M)
        scale = self.focal_px / ahead
        column = self.centre_column + scale * (x + self.bend_per_m * ahead * ahead)
        return column, self.horizon_row + scale * (self.height_m - y)

    def pixels(self, length_m: float, z: float) -> float:
        """How long something of `length_m` looks from `z` metres."""
        return self.focal_px * length_m / max(z, NEAREST_M)


@dataclass(frozen=True)
class Air:
    """What the distance does to colours.

    Attributes:
        colour: of the air, which far things fade to.
        visibility_m: the distance at which 63% of a thing's own colour is gone.
    """

    colour: Rgb
    visibility_m: float

    def through(self, colour: Rgb, z: float) -> tuple[int, int, int]:
        """How `colour` looks from `z` metres."""
        own = math.exp(-z / self.visibility_m)
        (red, green, blue), (air_red, air_green, air_blue) = colour, self.colour
        return (
            round(air_red + own * (red - air_red)),
            round(air_green + own * (green - air_green)),
            round(air_blue + own * (blue - air_blue)),
        )


class View:
    """The picture of a street: at first the sky, then what is drawn on it from far to near.

    Every shape enters the image and the label map alike.
    A shape drawn with the label None is paint: it colours the image and leaves the label of what it is painted on.
    What is thinner than a pixel is drawn a pixel wide.
    """

    def __init__(self, height: int, width: int, camera: Camera, air: Air) -> None:
        self.camera = camera
        self.height = height
        self.width = width
        self.image = Image.new("RGB", (width, height), air.through(air.colour, 0))
        self.label = Image.new("L", (width, height), Label.SKY)
        self.shade = Image.new("L", (width, height))
        """Where shadows fall on the ground: 255 is in full shadow."""
        self._air = air
        self._image_pen = ImageDraw.Draw(self.image)
        self._label_pen = ImageDraw.Draw(self.label)
        self._shade_pen = ImageDraw.Draw(self.shade)

    def face(self, label: Label | None, colour: Rgb, corners: Sequence[Point]) -> None:
        """A flat polygon."""
        outline = [self.camera.project(corner) for corner in corners]
        middle = sum(z for _, _, z in corners) / len(corners)
        self._image_pen.polygon(outline, fill=self._air.through(colour, middle))
        if label is not None:
            self._label_pen.polygon(outline, fill=label)

    def upright(self, label: Label | None, colour: Rgb, foot: Point, width_m: float, height_m: float) -> None:
        """A rectangle that faces the camera and stands on the middle of its lower edge, `foot`."""
        box = self._box(foot, width_m, height_m)
        self._image_pen.rectangle(box, fill=self._air.through(colour, foot[2]))
        if label is not None:
            self._label_pen.rectangle(box, fill=label)

    def oval(self, label: Label | None, colour: Rgb, foot: Point, width_m: float, height_m: float) -> None:
        """An ellipse that faces the camera, in the place of an `upright` of its size."""
        box = self._box(foot, width_m, height_m)
        self._image_pen.ellipse(box, fill=self._air.through(colour, foot[2]))
        if label is not None:
            self._label_pen.ellipse(box, fill=label)

    def shadow(self, darkness: float, corners: Sequence[Point]) -> None:
        """A shadow on the ground between these corners; darkness 0 to 1."""
        self._shade_pen.polygon([self.camera.project(corner) for corner in corners], fill=round(255 * darkness))

    def _box(self, foot: Point, width_m: float, height_m: float) -> tuple[float, float, float, float]:
        column, row = self.camera.project(foot)
        half = self.camera.pixels(width_m, foot[2]) / 2
        return column - half, row - self.camera.pixels(height_m, foot[2]), column + half, row
