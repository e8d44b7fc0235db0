import torch
from torch.nn.functional import interpolate

import lpsnet
from lpsnet import Architecture, FullResolutionArgmax


def test_the_class_map_is_the_argmax_of_the_upsampled_scores(small: Architecture) -> None:
    network = lpsnet.build(small, deploy=True)
    image = torch.randn(2, 3, 61, 97)
    scores = interpolate(network(image), size=(61, 97), mode="bilinear", align_corners=True)
    classes = FullResolutionArgmax(network)(image)
    assert classes.dtype == torch.uint8
    assert torch.equal(classes, scores.argmax(dim=1).to(torch.uint8))
