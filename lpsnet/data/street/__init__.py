"""Drawn street scenes: what the generated data set shows."""
