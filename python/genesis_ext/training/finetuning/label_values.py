# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The classes of label maps: which values belong to each, and that all values belong to some."""

from collections.abc import Iterable, Sequence

import numpy as np

from genesis_ext.data.store.entry import LabelNames
from genesis_ext.data.store.volume_store import VolumeStore

BACKGROUND = "background"
"""Name of the value 0, and of all that no class has."""

_IGNORE = "ignore"
_OFFSET = 2**15  # of labels, which are uint8 or int16


def class_values(
    asked: Sequence[str], exclusive: bool, sides: Sequence[tuple[VolumeStore, Sequence[int]]]
) -> dict[str, tuple[int, ...]]:
    """Classes -> values of the labels, in order, without the background.

    asked: names that the labels have, or NAME=VALUE or NAME=VALUE,VALUE; empty for all that they name, or where they
        name none, for each value that they hold.
    exclusive: no value may belong to two classes.
    sides: stores, and the volumes of them that train, then those that validate. All their labels are read.

    Raises:
        ValueError: names that the labels do not have or that differ between them, values without a class, or a class
            without a voxel on a side.
    """
    told = _names(sides)
    held = [_held(store, volumes) for store, volumes in sides]
    if asked:
        classes = dict(_asked(text, told) for text in asked)
        if len(classes) < len(asked):
            raise ValueError(f"classes must be different names, got {', '.join(asked)}")
    elif told:
        classes = dict(told)
    else:
        classes = {str(value): (value,) for value in sorted(set().union(*(values.keys() for values in held)) - {0})}
    if not classes:
        raise ValueError("the labels hold nothing but background: there is no class to learn")
    for name, values in classes.items():
        if any(value < 1 for value in values):
            raise ValueError(f"classes must have values above 0, which is the background, got {name}={values}")
    if exclusive:
        _check_exclusive(classes)
    known = {0, *_flat(classes.values()), *_flat(told.values())}
    for side, does in zip(held, ("trains", "validates"), strict=True):
        for value, volume in side.items():
            if value not in known:
                raise ValueError(
                    f"{volume}: its label holds the value {value}, which no class has: classes are {_text(classes)}; "
                    "give --classes NAME=VALUE"
                )
        for name, values in classes.items():
            if side.keys().isdisjoint(values):
                raise ValueError(f"no volume that {does} has a voxel of {_text({name: values})}")
    return classes


def _names(sides: Sequence[tuple[VolumeStore, Sequence[int]]]) -> dict[str, tuple[int, ...]]:
    """What the labels say of their values, all alike; empty where nothing tells."""
    first: tuple[str, LabelNames] | None = None
    for store, volumes in sides:
        for entry in (store.entries[volume] for volume in volumes):
            names = entry.label_names or {}
            if first is None:
                first = (entry.name, names)
            elif names != first[1]:
                raise ValueError(
                    f"labels must all have the same classes, and {first[0]} has {first[1] or 'no names'}, {entry.name} "
                    f"{names or 'no names'}: prepare them with one list of names"
                )
    assert first is not None, "there are volumes"
    given = {name: tuple(value) if isinstance(value, list) else (value,) for name, value in first[1].items()}
    return {name: values for name, values in given.items() if values != (0,) and name != _IGNORE}


def _asked(text: str, told: dict[str, tuple[int, ...]]) -> tuple[str, tuple[int, ...]]:
    """A class by NAME, NAME=VALUE or NAME=VALUE,VALUE."""
    name, given, values = text.rpartition("=")
    if not given:
        if text not in told:
            known = f"the labels name {', '.join(told)}" if told else "the labels have no names: give NAME=VALUE"
            raise ValueError(f"classes: there is no {text}, {known}")
        return text, told[text]
    try:
        return name, tuple(int(value) for value in values.split(","))
    except ValueError:
        raise ValueError(f"classes must be NAME, NAME=VALUE or NAME=VALUE,VALUE, got {text}") from None


def _check_exclusive(classes: dict[str, tuple[int, ...]]) -> None:
    owner: dict[int, str] = {}
    for name, values in classes.items():
        for value in values:
            if owner.setdefault(value, name) != name:
                raise ValueError(
                    f"classes must not share values where exactly one holds, and {owner[value]} and {name} have the "
                    f"value {value}: --no-exclusive lets each hold or not"
                )


def _held(store: VolumeStore, volumes: Sequence[int]) -> dict[int, str]:
    """Values of some labels, each with the name of the first volume that holds it; without those to be ignored."""
    held: dict[int, str] = {}
    for volume in volumes:
        entry = store.entries[volume]
        seen = np.zeros(2**16, bool)
        for part in store.array(volume, label=True):  # an index takes 8 bytes a voxel
            seen[part.astype(np.int64) + _OFFSET] = True
        for value in (np.flatnonzero(seen) - _OFFSET).tolist():
            if value != entry.ignore_label:
                held.setdefault(value, entry.name)
    return held


def _flat(groups: Iterable[tuple[int, ...]]) -> list[int]:
    return [value for values in groups for value in values]


def _text(classes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name}={','.join(map(str, values))}" for name, values in classes.items())
