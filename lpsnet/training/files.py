"""The files in the folder of a training run."""

CHECKPOINT = "checkpoint.pt"

RECIPE = "recipe.yaml"

WEIGHTS = "network.safetensors"
"""Of the trained network's deploy form."""
