"""Figures, made of records alone: one file a figure."""
