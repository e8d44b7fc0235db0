"""The optimiser and its learning rate."""

import torch
from torch import nn

from lpsnet.training.recipe import Recipe

_ADAM_SECOND_BETA = 0.999


def make_optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimiser. Weights of convolutions decay; BN and biases do not, as in RepVGG (arXiv 2101.03697)."""
    parameters = list(network.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, recipe.learning_rate, momentum=recipe.momentum)
    # Fused: networks of many small layers spend a tenth of a step in the optimiser otherwise.
    return torch.optim.AdamW(groups, recipe.learning_rate, betas=(recipe.momentum, _ADAM_SECOND_BETA), fused=True)


def learning_rate(recipe: Recipe, step: int) -> float:
    """The "poly" policy of LPS-Net (arXiv 2207.13600), section 4.2, after a linear rise if the recipe asks for one.

    Args:
        recipe: its `learning_rate`, `poly_power`, `warmup_iterations` and `iterations`.
        step: from 0.
    """
    rise = min(1.0, (step + 1) / recipe.warmup_iterations) if recipe.warmup_iterations else 1.0
    rate: float = recipe.learning_rate * rise * (1 - step / recipe.iterations) ** recipe.poly_power
    return rate
