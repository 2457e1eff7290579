# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The classes of volumes as numbers: what a classifier learns to answer."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from genesis_ext.data.store.entry import StoredVolume


def class_targets(
    entries: Sequence[StoredVolume],
    classes: Sequence[str],
    exclusive: bool = True,
    volumes: Iterable[int] | None = None,
) -> Tensor:
    """What holds for each volume of a store.

    classes: their names; others that a volume tells do not count.
    exclusive: exactly one of them holds.
    volumes: numbers of those that must tell (default: all).

    Returns (V,) int64, the place in `classes`, or -1 for volumes that need not tell; or if not exclusive (V, K)
    float32, 1 where a class holds, else 0, and NaN for volumes that need not tell.

    Raises:
        ValueError: names that repeat, or a volume that does not tell; the text names it and the rule.
    """
    check_classes(classes, exclusive)
    targets = torch.full((len(entries),), -1) if exclusive else torch.full((len(entries), len(classes)), torch.nan)
    for volume in range(len(entries)) if volumes is None else volumes:
        entry = entries[volume]
        if entry.classes is None:
            raise ValueError(
                f"volume {entry.name!r}: its classes must be told, by the column class of a CSV or by folders, and are "
                "not: leave it out, in a loader by weight 0"
            )
        held = [number for number, name in enumerate(classes) if name in entry.classes]
        if exclusive:
            if len(held) != 1:
                raise ValueError(
                    f"volume {entry.name!r}: exactly one of the classes {', '.join(classes)} must hold, got "
                    f"{', '.join(entry.classes) or 'none'}"
                )
            targets[volume] = held[0]
        else:
            targets[volume] = 0
            targets[volume, held] = 1
    return targets


def check_classes(classes: Sequence[str], exclusive: bool) -> None:
    """Raise ValueError unless these can be told apart."""
    least = 2 if exclusive else 1
    if isinstance(classes, str) or len(classes) < least or len(set(classes)) < len(classes):
        raise ValueError(f"classes must be at least {least} different names, got {classes!r}")
