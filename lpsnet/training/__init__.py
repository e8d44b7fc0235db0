"""Training of multi-path networks: recipes, augmentation, and a loop that resumes exactly.

Recipes need no more than the core installation; the loop and its log need the extra `train`, and load with their first
use.
"""

from typing import TYPE_CHECKING

from lpsnet.training.recipe import RECIPES, Recipe, load_recipe
from microbench.lazy import lazy_attributes

__all__ = ["RECIPES", "Progress", "Recipe", "TrainingLog", "load_recipe", "train", "training_log"]

if TYPE_CHECKING:
    from lpsnet.training.logs import Progress, TrainingLog, training_log
    from lpsnet.training.loop import train
else:
    __getattr__ = lazy_attributes(
        __name__, {"Progress": "logs", "TrainingLog": "logs", "training_log": "logs", "train": "loop"}
    )
