"""What the input pipeline costs: the training loop beside a bare one over tensors that lie ready."""

from __future__ import annotations

import dataclasses
import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import lpsnet
from lpsnet.data import IGNORED, InMemory
from lpsnet.data.generated import Generated

pytest.importorskip("lightning", reason="training needs the extra 'train'")

from lpsnet.training import Progress, Recipe, load_recipe, train
from lpsnet.training.loss import SegmentationLoss
from lpsnet.training.optimisation import make_optimizer

STEPS = 8
ROUNDS = 5
FRAME = (360, 480)
"""CamVid's."""


@pytest.mark.timing
def bench_training_loop(benchmark: Any, tmp_path: Path) -> None:
    """Both loops in turn; `extra_info` has their images a second and what the pipeline takes of the time."""
    recipe = dataclasses.replace(
        load_recipe("camvid_cpu"), iterations=STEPS, validate_every=STEPS, warmup_iterations=0, ema_decay=0.0
    )
    frames = InMemory(Generated("train", size=FRAME, count=32))
    design = lpsnet.NetworkDesign(architecture=lpsnet.architecture("lpsnet-s"), num_classes=len(frames.classes.names))
    pairs: list[tuple[float, float]] = []

    def run_both() -> None:
        told: list[Progress] = []
        train(design, recipe, frames, None, tmp_path / str(len(pairs)), on_progress=told.append)
        pairs.append((told[-1].images_per_s, _bare_images_per_s(design, recipe)))

    benchmark.pedantic(run_both, rounds=ROUNDS, warmup_rounds=1)
    ours, bare = (statistics.median(rates) for rates in zip(*pairs[1:], strict=True))
    share = statistics.median(1 - a / b for a, b in pairs[1:])
    benchmark.extra_info.update(images_per_s=ours, bare_images_per_s=bare, pipeline_share=share)


def _bare_images_per_s(design: lpsnet.NetworkDesign, recipe: Recipe) -> float:
    """A loop of forward, loss, backward and step on one batch; the same network, loss and precision."""
    network = lpsnet.MultiPathNetwork(design, reparameterised=recipe.reparameterised).train()
    optimizer = make_optimizer(network, recipe)
    loss = SegmentationLoss(recipe, torch.full((design.num_classes,), 1 / design.num_classes))
    images = torch.randn(recipe.batch_size, 3, recipe.crop_height, recipe.crop_width)
    labels = torch.randint(design.num_classes, (recipe.batch_size, recipe.crop_height, recipe.crop_width))
    labels[:, :8] = IGNORED
    start = time.perf_counter()
    for _ in range(STEPS):
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            scores = network(images)
        optimizer.zero_grad()
        loss(scores, labels).backward()
        optimizer.step()
    return STEPS * recipe.batch_size / (time.perf_counter() - start)
