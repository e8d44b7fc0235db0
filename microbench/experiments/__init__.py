"""The experiments, one file for each figure or table. They declare what to time and how to show it; they never time."""

from microbench.experiments.base import EXPERIMENTS, Experiment, Presentation

EXPERIMENTS.discover(__name__, __path__)

__all__ = ["EXPERIMENTS", "Experiment", "Presentation"]
