# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Histograms of the modalities of a store beside each other, before and after preparation (Universal Model, Fig. 1)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from genesis_ext.data.prepare.statistics import HISTOGRAM_BINS, Distribution
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.figures.page import SERIES, Row, Sheet, describe
from genesis_ext.figures.volume_sheets import MODALITY_NAMES, plain_axes

_WIDTH, _HEIGHT = 4.2, 2.6  # inches of a panel
_BINS = 200  # of the common axis before preparation
_FLOOR = 1e-5  # share of the voxels at which the axis begins

_Share = NDArray[np.float64]


def histograms_sheet(store: VolumeStore, indices: Sequence[int], title: str, about: str) -> Sheet:
    """Two panels: the values of the scans as they were read, and those that training gets, by modality.

    Volumes without a record of their values before are in the second panel alone.
    """
    before: defaultdict[str, list[tuple[float, float, list[int]]]] = defaultdict(list)
    after: defaultdict[str, list[_Share]] = defaultdict(list)
    for i in indices:
        entry = store.entries[i]
        voxels = store.packed([i]).voxels
        after[entry.modality].append(_shares(Distribution(voxels).histogram(*entry.window)))
        if (told := entry.statistics.get("histogram_before")) is not None:
            before[entry.modality].append((told["lo"], told["hi"], told["counts"]))
    sheet = Sheet(
        title,
        f"{about} Each line is the mean of the volumes of a modality, which all count the same; nine of ten of them "
        "lie in its band. Shares are logarithmic, from a hundred thousandth of the voxels to all. Before: values up to "
        "half a window beyond the window's ends, what lies further out in the outermost bars of its volume. After: 0 "
        "is black and 1 white, as training gets it.",
        [_WIDTH] * 2,
        [Row(_HEIGHT, notes=1)],
    )
    first, second = sheet.panels[0]
    several = [histogram for histograms in before.values() for histogram in histograms]
    edges = np.linspace(
        min((lo for lo, _, _ in several), default=0), max((hi for _, hi, _ in several), default=1), _BINS + 1
    )
    lines = {
        modality: [_on(edges, lo, hi, counts) for lo, hi, counts in histograms]
        for modality, histograms in before.items()
    }
    for ax, shown, across, text in (
        (first, lines, edges, "before: as read, CT in HU"),
        (second, after, np.linspace(0, 1, HISTOGRAM_BINS + 1), "after: 0 .. 1"),
    ):
        for colour, modality in zip(SERIES, sorted(after), strict=False):
            if rows := shown.get(modality):
                middle, values = (across[1:] + across[:-1]) / 2, np.stack(rows)
                name = f"{MODALITY_NAMES[modality]} ({len(rows)})"
                ax.plot(middle, _raised(values.mean(0)), color=colour, linewidth=1.3, label=name)
                low, high = np.percentile(values, (5, 95), axis=0)
                ax.fill_between(middle, _raised(low), _raised(high), color=colour, alpha=0.18, linewidth=0)
        plain_axes(ax)
        ax.set(ylim=(0.0, -np.log10(_FLOOR)), yticks=())
        ax.spines["left"].set_visible(False)
        if shown:
            ax.legend(fontsize=6, frameon=False, loc="upper right")
        describe(ax, text, "")
    return sheet


def _shares(counts: Sequence[int]) -> _Share:
    values = np.asarray(counts, np.float64)
    return values / max(float(values.sum()), 1.0)


def _on(edges: _Share, lo: float, hi: float, counts: Sequence[int]) -> _Share:
    """A histogram over other bins, as if values lay evenly within each of its own."""
    cumulated = np.concatenate([[0.0], _shares(counts).cumsum()])
    shares: _Share = np.diff(np.interp(edges, np.linspace(lo, hi, len(counts) + 1), cumulated))
    return shares


def _raised(shares: _Share) -> _Share:
    """Powers of ten above the least share that is shown."""
    powers: _Share = np.log10(np.maximum(shares, _FLOOR) / _FLOOR)
    return powers
