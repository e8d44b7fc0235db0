"""The training loop, by Lightning Fabric: one process on a CPU or a GPU, or several by torchrun."""

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from lpsnet.building import build_design, to_deploy
from lpsnet.data import InMemory
from lpsnet.data.dataset import Sample, SegmentationDataset
from lpsnet.design import Design
from lpsnet.evaluation import ScaledPredictor, TorchPredictor, evaluate
from lpsnet.files import write_file
from lpsnet.peers.peer import Peer
from lpsnet.training.augmentation import Augmentation
from lpsnet.training.batches import StepBatches
from lpsnet.training.checkpoint import identity_of, load_checkpoint, save_checkpoint
from lpsnet.training.files import CHECKPOINT, RECIPE, WEIGHTS
from lpsnet.training.logs import Logs, Progress
from lpsnet.training.loss import SegmentationLoss, class_frequencies
from lpsnet.training.optimisation import learning_rate, make_optimizer
from lpsnet.training.recipe import Recipe
from lpsnet.weights import save_weights
from microbench.errors import InputError

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed"]] = {"fp32": "32-true", "bf16": "bf16-mixed"}
_LOG_EVERY = 20
_SEED_STRIDE = 1_000_003


def train(
    design: Design,
    recipe: Recipe,
    training_set: SegmentationDataset,
    validation_set: SegmentationDataset | None,
    folder: Path,
    *,
    seed: int = 0,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Train a network, or continue where an earlier call with the same arguments was stopped.

    A step's batch and its augmentation follow from the seed and the step's number alone, so that a run that was killed
    and resumed ends at the weights of one that was not, on the same machine.

    Args:
        design: the network.
        recipe: how it is trained.
        training_set: what is learnt from.
        validation_set: what progress is measured on; None for no measurement.
        folder: of the run; made if need be. It gets the recipe, a log (CSV and TensorBoard), a checkpoint, and at the
            end the network in its deploy form.
        seed: of the first weights, the batches and the augmentation.
        on_progress: called every few steps, in the first process.

    Returns:
        The file of weights.

    Raises:
        InputError: the classes or the batch size do not fit, the folder cannot be written or holds another run.
    """
    if design.num_classes != len(training_set.classes.names):
        raise InputError(
            f"num_classes must be {len(training_set.classes.names)} for {training_set.name}, not {design.num_classes}."
        )
    run = _Run(design, recipe, training_set, validation_set, folder, seed)
    run.resume()
    if run.step < recipe.iterations or not (folder / WEIGHTS).exists():
        run.train(on_progress)
    return folder / WEIGHTS


class _Run:
    """The parts of a run and its state between two steps."""

    def __init__(
        self,
        design: Design,
        recipe: Recipe,
        training_set: SegmentationDataset,
        validation_set: SegmentationDataset | None,
        folder: Path,
        seed: int,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"folder {str(folder)!r} cannot be made: {error.strerror}.") from error
        self.recipe, self.folder, self.seed, self.step = recipe, folder, seed, 0
        self.fabric = Fabric(
            devices=int(os.environ.get("WORLD_SIZE", "1")),
            strategy="ddp" if "WORLD_SIZE" in os.environ else "auto",
            precision=_PRECISIONS[recipe.precision],
        )
        self.fabric.launch()
        if recipe.batch_size % self.fabric.world_size:
            raise InputError(f"batch_size must be a multiple of the {self.fabric.world_size} processes.")
        self.training_set = InMemory(training_set) if recipe.in_memory else training_set
        self.validation_set = validation_set
        self.identity = identity_of(design, recipe, seed, len(training_set))
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            network = build_design(design, reparameterised=recipe.reparameterised)
        if recipe.channels_last:
            for parameter in network.parameters():
                if parameter.dim() == 4:
                    parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.average = _average(network, recipe.ema_decay) if recipe.ema_decay else None
        self.network, self.optimizer = self.fabric.setup(network, make_optimizer(network, recipe))
        if isinstance(network, Peer):
            self.network.mark_forward_method("training_scores")
        self.augmentation = Augmentation(recipe)
        frequencies = class_frequencies(self.training_set) if recipe.class_weights == "log" else torch.tensor([1.0])
        self.loss = SegmentationLoss(recipe, frequencies).to(self.fabric.device)
        if self.average is not None:
            self.average.to(self.fabric.device)

    def resume(self) -> None:
        """Go back to the latest checkpoint, if there is one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        state = load_checkpoint(path, self.identity)
        self.step = state["step"]
        self._trained().load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def train(self, on_progress: Callable[[Progress], None]) -> None:
        """All steps that are left."""
        recipe, fabric = self.recipe, self.fabric
        if fabric.is_global_zero:
            write_file(self.folder / RECIPE, recipe.as_yaml().encode())
        logs = Logs(self.folder, self.step) if fabric.is_global_zero else None
        first, started, measured_s = self.step, time.monotonic(), 0.0
        losses: list[Tensor] = []
        mean_iou: float | None = None
        for images, labels in self._batches():
            losses.append(self._take_step(images, labels))
            is_due = self.step % recipe.validate_every == 0 or self.step == recipe.iterations
            if not is_due and self.step % _LOG_EVERY:
                continue
            loss = self._mean_loss(losses)
            losses.clear()
            if is_due:
                before = time.monotonic()
                mean_iou = self._measure()
                self._save()
                measured_s += time.monotonic() - before
            rate = (self.step - first) * recipe.batch_size / (time.monotonic() - started - measured_s)
            progress = Progress(self.step, recipe.iterations, loss, mean_iou, rate)
            if logs is not None:
                logs.write(progress, measured=is_due)
                on_progress(progress)
        if fabric.is_global_zero:
            save_weights(to_deploy(self._deployable()), self.folder / WEIGHTS)
        fabric.barrier()

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        fabric = self.fabric
        sampler = StepBatches(
            len(self.training_set),
            self.recipe.batch_size,
            range(self.step, self.recipe.iterations),
            self.seed,
            process=fabric.global_rank,
            processes=fabric.world_size,
        )
        loader: DataLoader[Any] = DataLoader(
            self.training_set,
            batch_sampler=sampler,
            num_workers=self.recipe.workers,
            collate_fn=_collate,
            persistent_workers=self.recipe.workers > 0,
        )
        for images, labels in loader:
            yield fabric.to_device(images), fabric.to_device(labels)

    def _take_step(self, images: Tensor, labels: Tensor) -> Tensor:
        self.network.train()
        rate = learning_rate(self.recipe, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._seeded():
            inputs, targets = self.augmentation(images, labels)
        if self.recipe.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        loss = self._loss_of(inputs, targets)
        self.optimizer.zero_grad()
        self.fabric.backward(loss)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self._trained())
        self.step += 1
        return loss.detach()

    def _loss_of(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of the score maps and, weighted, of the auxiliary heads that a peer is trained with."""
        network = self._trained()
        if not isinstance(network, Peer):
            plain: Tensor = self.loss(self.network(inputs), targets)
            return plain
        losses = torch.stack([self.loss(scores, targets) for scores in self.network.training_scores(inputs)])
        return losses[0] + network.auxiliary_weight * losses[1:].sum()

    def _mean_loss(self, losses: list[Tensor]) -> float:
        mean = float(torch.stack(losses).mean())
        if not math.isfinite(mean):
            rate = self.recipe.learning_rate
            raise InputError(f"learning_rate {rate} is too high: the loss is not finite at step {self.step}.")
        return mean

    @contextlib.contextmanager
    def _seeded(self) -> Iterator[None]:
        """Randomness that follows from the seed, the step and the process."""
        place = self.step * self.fabric.world_size + self.fabric.global_rank
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed((self.seed + 1) * _SEED_STRIDE + place)
            yield

    def _measure(self) -> float | None:
        """Mean IoU on the validation split; None without one. The first process alone computes it."""
        if self.validation_set is None or not self.fabric.is_global_zero:
            return None
        network = to_deploy(self._deployable()).to(self.fabric.device)
        predictor = ScaledPredictor(TorchPredictor(network), self.recipe.input_scale)
        return evaluate(predictor, self.validation_set).confusion.mean_iou

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            state = {
                "identity": self.identity,
                "step": self.step,
                "network": self._trained().state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average.state_dict() if self.average is not None else None,
            }
            save_checkpoint(self.folder / CHECKPOINT, state)

    def _trained(self) -> nn.Module:
        """The network without what Fabric wraps it in."""
        module: nn.Module = self.network.module
        return module

    def _deployable(self) -> nn.Module:
        return self.average.module if self.average is not None else self._trained()


def _average(network: nn.Module, decay: float) -> AveragedModel:
    averaging: Any = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(network, multi_avg_fn=averaging, use_buffers=True)


def _collate(samples: list[Sample]) -> tuple[Tensor, Tensor]:
    shapes = {tuple(sample.label.shape) for sample in samples}
    if len(shapes) > 1:
        first, other = sorted(shapes)[:2]
        raise InputError(f"images of a data set must all have one size to be trained on, not {first} and {other}.")
    return torch.stack([sample.image for sample in samples]), torch.stack([sample.label for sample in samples])
