"""The map in sentences and as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from microbench.report.break_even.cell import Cell
from microbench.report.break_even.principles import Standing
from microbench.report.break_even.rank_correlation import rank_correlations
from microbench.report.break_even.variance import variance_shares

_NAMED_TERMS = 6


def map_findings(cells: Sequence[Cell]) -> list[str]:
    """What the map shows, most important first; nothing without cells.

    Args:
        cells: of the map.
    """
    if not cells:
        return []
    settings = dict.fromkeys(cell.setting for cell in cells)
    hatched = sum(cell.is_open for cell in cells)
    findings = [f"{len(cells)} cells in {len(settings)} settings, {hatched} of them hatched: their interval spans 1"]
    for block in dict.fromkeys(cell.block for cell in cells):
        own = [cell for cell in cells if cell.block == block]
        ratios = np.array([cell.ratio.estimate for cell in own])
        dearer = sum(cell.decided == 1 for cell in own)
        cheaper = sum(cell.decided == -1 for cell in own)
        findings.append(
            f"one conv3x3 costs {np.median(ratios):.2f} {block} in the median cell ({ratios.min():.2f} to "
            f"{ratios.max():.2f}): more than one in {dearer} cells, less in {cheaper}, open in "
            f"{len(own) - dearer - cheaper}"
        )
    shares = sorted(variance_shares(cells).items(), key=lambda one: -one[1])
    if shares:
        text = ", ".join(f"{term} {share:.0%}" for term, share in shares[:_NAMED_TERMS])
        findings.append(f"of the variance of the ratio's logarithm over the shapes of all panels: {text}")
    correlations = sorted(rank_correlations(cells).items(), key=lambda one: one[1])
    if correlations:
        (pair, least), (likest, most) = correlations[0], correlations[-1]
        findings.append(
            f"blocks rank least alike in {pair[0].label} and {pair[1].label} (Spearman {least:.2f})"
            + (f", most in {likest[0].label} and {likest[1].label} ({most:.2f})" if len(correlations) > 1 else "")
        )
    return findings


def map_json(cells: Sequence[Cell], found: Sequence[Standing]) -> dict[str, Any]:
    """Cells, standings, variance shares and rank correlations as JSON values.

    Args:
        cells: of the map.
        found: the principles' standings.
    """
    return {
        "cells": [cell.as_json() for cell in cells],
        "principles": [standing.as_json() for standing in found],
        "variance_shares": variance_shares(cells),
        "rank_correlations": [
            {"first": first.label, "second": second.label, "spearman": value}
            for (first, second), value in rank_correlations(cells).items()
        ],
    }
