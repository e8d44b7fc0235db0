import dataclasses

import torch

from lpsnet.data import IGNORED
from lpsnet.normalisation import DEVIATION, MEAN, normalise
from lpsnet.training import load_recipe
from lpsnet.training.augmentation import Augmentation

PLAIN = dataclasses.replace(
    load_recipe("generated"),
    crop_height=24, crop_width=32, input_scale=1.0, scale_low=1.0, scale_high=1.0, flip=False, colour_jitter=0.0,
)  # fmt: skip


def frames(count: int = 6, height: int = 24, width: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels of smooth columns and rows, and images whose grey is the label's."""
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None]
    labels = (rows // 8 + 3 * (columns // 8)).to(torch.uint8).expand(count, -1, -1)
    return (labels * 10 + 50)[:, None].expand(-1, 3, -1, -1).contiguous(), labels.contiguous()


def grey(images: torch.Tensor) -> torch.Tensor:
    """The red channel as it was before it was normalised, 0 to 255."""
    return (images[:, 0] * DEVIATION[0] + MEAN[0]) * 255


def test_without_any_change_a_frame_is_only_normalised() -> None:
    images, labels = frames()
    changed, kept = Augmentation(PLAIN)(images, labels)
    torch.testing.assert_close(changed, normalise(images), atol=1e-4, rtol=0)
    assert torch.equal(kept, labels.long())


def test_half_of_the_frames_are_mirrored_with_their_labels() -> None:
    images, labels = frames(64)
    torch.manual_seed(0)
    changed, kept = Augmentation(dataclasses.replace(PLAIN, flip=True))(images, labels)
    mirrored = [torch.equal(label, labels[0].long().flip(-1)) for label in kept]
    assert all(
        torch.equal(label, labels[0].long().flip(-1) if flipped else labels[0].long())
        for label, flipped in zip(kept, mirrored, strict=True)
    )
    assert 20 < sum(mirrored) < 44  # 32 expected, deviation 4
    torch.testing.assert_close(grey(changed), kept * 10.0 + 50, atol=0.1, rtol=0)


def test_image_and_label_stay_together_through_scale_and_crop() -> None:
    images, labels = frames(32)
    torch.manual_seed(1)
    recipe = dataclasses.replace(PLAIN, scale_low=0.5, scale_high=2.0, flip=True)
    changed, kept = Augmentation(recipe)(images, labels)
    seen = kept != IGNORED
    # Between two labels the image is blended; elsewhere its grey is the label's.
    agrees = (grey(changed) - (kept * 10 + 50)).abs() < 1
    assert agrees[seen].float().mean() > 0.7
    assert 0.02 < (~seen).float().mean() < 0.5


def test_beyond_the_frame_the_label_is_ignored_and_the_image_black() -> None:
    images, labels = frames()
    recipe = dataclasses.replace(PLAIN, crop_height=48, crop_width=64)
    changed, kept = Augmentation(recipe)(images, labels)
    seen = kept != IGNORED
    assert torch.equal(seen.sum((1, 2)), torch.full((6,), 24 * 32))
    # Frames lie at fractions of a pixel: at their edges black and image are blended.
    black = grey(changed).abs() < 0.1
    assert (black & ~seen).sum() > 0.9 * (~seen).sum()


def test_input_scale_enlarges_the_frame() -> None:
    images, labels = frames()
    recipe = dataclasses.replace(PLAIN, input_scale=2.0, crop_height=48, crop_width=64)
    _, kept = Augmentation(recipe)(images, labels)
    expected = labels.long().repeat_interleave(2, 1).repeat_interleave(2, 2)
    assert (kept[:, 2:-2, 2:-2] == expected[:, 2:-2, 2:-2]).float().mean() > 0.9


def test_colours_change_by_no_more_than_asked_for() -> None:
    images, labels = frames(16)
    torch.manual_seed(2)
    changed, kept = Augmentation(dataclasses.replace(PLAIN, colour_jitter=0.3))(images, labels)
    assert torch.equal(kept, labels.long())
    assert not torch.allclose(changed, normalise(images), atol=0.05)
    assert grey(changed).min() >= -0.1
    assert grey(changed).max() <= 255.1


def test_the_same_seed_gives_the_same_changes() -> None:
    images, labels = frames()
    recipe = dataclasses.replace(PLAIN, scale_low=0.5, scale_high=2.0, flip=True, colour_jitter=0.4)
    first, second = (_seeded(recipe, images, labels) for _ in range(2))
    assert torch.equal(first, second)


def _seeded(recipe: object, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(7)
    changed: torch.Tensor = Augmentation(recipe)(images, labels)[0]  # type: ignore[arg-type]
    return changed
