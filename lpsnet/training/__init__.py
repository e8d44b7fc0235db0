"""Training of multi-path networks: recipes, augmentation, and a loop that resumes exactly."""

from lpsnet.training.logs import Progress, TrainingLog, training_log
from lpsnet.training.loop import train
from lpsnet.training.recipe import RECIPES, Recipe, load_recipe

__all__ = ["RECIPES", "Progress", "Recipe", "TrainingLog", "load_recipe", "train", "training_log"]
