# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which patients test, validate and train: drawn once for all runs of a study."""

import hashlib
from collections.abc import Iterable

from genesis_ext.data.store.entry import SplitName


def sides_of(patients: Iterable[str], validation: int, test: int, seed: int = 0) -> dict[str, SplitName]:
    """The side of each patient; it depends on names and seed alone, not on their order.

    Raises:
        ValueError: nobody would train.
    """
    order = sorted(set(patients), key=lambda patient: hashlib.sha256(f"{seed} {patient}".encode()).hexdigest())
    if validation < 1 or test < 1 or validation + test >= len(order):
        raise ValueError(
            f"split must leave patients for training, validation and test, got {validation} and {test} of {len(order)}"
        )
    sides: dict[str, SplitName] = dict.fromkeys(order, "train")
    sides |= dict.fromkeys(order[: test + validation], "validation")
    return sides | dict.fromkeys(order[:test], "test")
