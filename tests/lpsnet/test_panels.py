"""What a panel and an overlay show, pixel by pixel."""

import numpy as np
import torch
from PIL import Image

from lpsnet.colours import as_indexed_picture, as_picture, coloured, overlaid
from lpsnet.data import ClassSet
from lpsnet.panels import RIGHT_COLOUR, WRONG_COLOUR, PanelRow, draw_panel, error_map

CLASSES = ClassSet(("road", "car"), ((128, 64, 128), (64, 0, 128)))
ROAD, CAR = CLASSES.palette
MAP = torch.tensor([[0, 1], [255, 1]], dtype=torch.uint8)


def test_classes_have_the_data_sets_colours_and_ignored_pixels_none() -> None:
    assert coloured(MAP, CLASSES).permute(1, 2, 0).tolist() == [[[*ROAD], [*CAR]], [[0, 0, 0], [*CAR]]]


def test_an_overlay_is_half_the_image() -> None:
    image = torch.full((3, 2, 2), 200, dtype=torch.uint8)
    assert overlaid(image, MAP, CLASSES)[:, 0, 0].tolist() == [164, 132, 164]


def test_a_mask_holds_indices_and_shows_colours() -> None:
    picture = as_indexed_picture(MAP, CLASSES)
    assert np.asarray(picture).tolist() == MAP.tolist()
    assert np.asarray(picture.convert("RGB"))[0].tolist() == [[*ROAD], [*CAR]]


def test_errors_tell_right_wrong_and_ignored_apart() -> None:
    prediction = torch.tensor([[0, 0], [1, 1]], dtype=torch.uint8)
    shown = error_map(MAP, prediction).permute(1, 2, 0).tolist()
    assert shown == [[[*RIGHT_COLOUR], [*WRONG_COLOUR]], [[0, 0, 0], [*RIGHT_COLOUR]]]


def test_a_panel_shows_image_truth_prediction_and_errors_in_a_row_and_the_classes_below() -> None:
    truth = torch.zeros(24, 48, dtype=torch.uint8)
    prediction = torch.ones_like(truth)
    image = torch.full((3, 24, 48), 77, dtype=torch.uint8)
    panel = draw_panel([PanelRow(image, truth, prediction), PanelRow(image, prediction, prediction)], CLASSES)
    # Tiles are 480 wide, 8 apart and 240 high here; titles take 24 pixels, as does the one line of the legend.
    assert panel.size == (4 * 488 + 8, 24 + 2 * 248 + 24 + 8)
    centres = [8 + 488 * column + 240 for column in range(4)]
    first, second = ([panel.getpixel((x, top + 120)) for x in centres] for top in (24, 272))
    assert first == [(77, 77, 77), ROAD, CAR, WRONG_COLOUR]
    assert second == [(77, 77, 77), CAR, CAR, RIGHT_COLOUR]
    legend = panel.crop((0, 24 + 2 * 248, *panel.size)).getcolors(maxcolors=10_000)
    assert legend is not None
    assert {ROAD, CAR, RIGHT_COLOUR, WRONG_COLOUR} <= {colour for _, colour in legend}


def test_a_legend_of_many_classes_takes_several_lines() -> None:
    many = ClassSet(tuple(f"a long name of class {i}" for i in range(30)), ((10, 20, 30),) * 30)
    blank = PanelRow(torch.zeros(3, 4, 8, dtype=torch.uint8), *(torch.zeros(4, 8, dtype=torch.uint8),) * 2)
    few, several = (draw_panel([blank], classes) for classes in (CLASSES, many))
    assert several.width == few.width
    assert several.height >= few.height + 2 * 24


def test_a_picture_has_the_images_pixels() -> None:
    image = torch.arange(3 * 4 * 5, dtype=torch.uint8).view(3, 4, 5)
    picture = as_picture(image)
    assert isinstance(picture, Image.Image)
    assert picture.size == (5, 4)
    assert picture.getpixel((1, 2)) == tuple(image[:, 2, 1].tolist())
