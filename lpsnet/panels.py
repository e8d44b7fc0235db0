"""Image, truth, prediction and errors side by side, as in Figure 8 of LPS-Net (arXiv 2207.13600)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from lpsnet.classes import IGNORED, ClassSet
from lpsnet.colours import IGNORED_COLOUR, as_picture, coloured

RIGHT_COLOUR = (235, 235, 235)
WRONG_COLOUR = (213, 94, 0)
"""Pixels in the map of errors; ignored ones have the colour of ignored ones in the truth."""

_TITLES = ("image", "truth", "prediction", "errors")
_TILE_WIDTH = 480
_GAP = 8
_FONT_SIZE = 16
_LINE_HEIGHT = 24
_SWATCH = 14
_PAPER, _INK = (255, 255, 255), (0, 0, 0)


class PanelRow(NamedTuple):
    """What one row of a panel shows.

    Attributes:
        image: uint8, (3, H, W), RGB.
        truth: uint8, (H, W), class indices or 255 for ignored pixels.
        prediction: uint8, (H, W), class indices.
    """

    image: Tensor
    truth: Tensor
    prediction: Tensor


def draw_panel(rows: Sequence[PanelRow], classes: ClassSet) -> Image.Image:
    """Draw one row of four tiles for each image, and a legend of the classes below.

    Args:
        rows: at least one.
        classes: the meaning of the indices, and their colours.

    Returns:
        A picture, to be saved as PNG: 1960 pixels wide, every tile 480.
    """
    lines = [_tiles(row, classes) for row in rows]
    width = len(_TITLES) * (_TILE_WIDTH + _GAP) + _GAP
    tiles_height = sum(line[0].height + _GAP for line in lines)
    entries = _legend_entries(classes, width)
    legend_height = (1 + max(entry.line for entry in entries)) * _LINE_HEIGHT
    panel = Image.new("RGB", (width, _LINE_HEIGHT + tiles_height + legend_height + _GAP), _PAPER)
    draw = ImageDraw.Draw(panel)
    for column, title in enumerate(_TITLES):
        draw.text((_left(column), _GAP // 2), title, fill=_INK, font=_font())
    top = _LINE_HEIGHT
    for line in lines:
        for column, tile in enumerate(line):
            panel.paste(tile, (_left(column), top))
        top += line[0].height + _GAP
    for entry in entries:
        _draw_entry(draw, entry, top + entry.line * _LINE_HEIGHT)
    return panel


def error_map(truth: Tensor, prediction: Tensor) -> Tensor:
    """Where a prediction (H, W) is right, wrong or not judged: uint8, (3, H, W), RGB."""
    colours = torch.tensor([RIGHT_COLOUR, WRONG_COLOUR, IGNORED_COLOUR], dtype=torch.uint8)
    states = (truth != prediction).long()
    states[truth == IGNORED] = 2
    return colours[states].permute(2, 0, 1)


class _LegendEntry(NamedTuple):
    name: str
    colour: tuple[int, int, int]
    left: int
    line: int


def _left(column: int) -> int:
    return _GAP + column * (_TILE_WIDTH + _GAP)


def _tiles(row: PanelRow, classes: ClassSet) -> list[Image.Image]:
    maps = (coloured(row.truth, classes), coloured(row.prediction, classes), error_map(row.truth, row.prediction))
    size = (_TILE_WIDTH, max(1, round(_TILE_WIDTH * row.image.shape[1] / row.image.shape[2])))
    return [
        as_picture(row.image).resize(size, Image.Resampling.BILINEAR),
        # Between two classes' colours there is none that means anything.
        *(as_picture(colours).resize(size, Image.Resampling.NEAREST) for colours in maps),
    ]


def _legend_entries(classes: ClassSet, width: int) -> list[_LegendEntry]:
    named = [
        *zip(classes.names, classes.palette, strict=True),
        ("ignored", IGNORED_COLOUR),
        ("right", RIGHT_COLOUR),
        ("wrong", WRONG_COLOUR),
    ]
    entries = []
    left, line = _GAP, 0
    for name, colour in named:
        needed = _SWATCH + _GAP // 2 + int(_font().getlength(name)) + 2 * _GAP
        if left + needed > width and left > _GAP:
            left, line = _GAP, line + 1
        entries.append(_LegendEntry(name, colour, left, line))
        left += needed
    return entries


def _draw_entry(draw: ImageDraw.ImageDraw, entry: _LegendEntry, top: int) -> None:
    middle = top + _LINE_HEIGHT // 2
    corners = (entry.left, middle - _SWATCH // 2, entry.left + _SWATCH, middle + _SWATCH // 2)
    draw.rectangle(corners, fill=entry.colour, outline=_INK)
    draw.text((entry.left + _SWATCH + _GAP // 2, middle), entry.name, fill=_INK, font=_font(), anchor="lm")


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_FONT_SIZE)
