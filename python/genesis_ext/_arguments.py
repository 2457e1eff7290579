# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments, whose errors name the function or class, the argument, the rule and what was got."""

from collections.abc import Iterable


def check_choice(owner: str, name: str, value: object, choices: Iterable[object]) -> None:
    """Raise a ValueError unless ``value`` is one of ``choices``."""
    if value not in (choices := tuple(choices)):
        raise ValueError(f"{owner}: {name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_positive(owner: str, **values: int) -> None:
    """Raise a ValueError for the first value below 1."""
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{owner}: {name} must be at least 1, got {value}")
