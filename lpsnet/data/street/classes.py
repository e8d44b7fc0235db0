"""The classes of a drawn street: CamVid's, by their indices there."""

from enum import IntEnum

from lpsnet.data.dataset import IGNORED


class Label(IntEnum):
    """What a pixel shows."""

    SKY = 0
    BUILDING = 1
    POLE = 2
    ROAD = 3
    PAVEMENT = 4
    TREE = 5
    SIGN = 6
    FENCE = 7
    CAR = 8
    PEDESTRIAN = 9
    BICYCLIST = 10
    UNLABELLED = IGNORED
