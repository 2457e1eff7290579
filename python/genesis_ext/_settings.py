# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Settings are of the kind that the type hints of their dataclass say, wherever they come from."""

import math
from collections.abc import Mapping
from dataclasses import fields
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Settings = TypeVar("_Settings", bound="DataclassInstance")

_COUNTS = {1: "one", 2: "two", 3: "three", 4: "four"}
_KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "text",
    NoneType: "none",
}
_PLURALS: dict[Any, str] = {int: "integers", float: "finite numbers"}


class SettingError(TypeError, ValueError):
    """A setting is not of its kind; the text names the setting, the kind and the value."""


def check_kinds(settings: Any, where: str = "") -> None:
    """Check every field of a dataclass by its type hint; the first thing that its ``__post_init__`` does.

    Where a tuple is meant, a list becomes one; where a float is meant, an integer does: YAML and JSON write them so.
    True and false are no numbers, a number with a point is no integer, and numbers must be finite.

    where: begins the text of an error.

    Raises:
        SettingError: a field is of another kind.
    """
    hints = get_type_hints(type(settings))
    for name in (field.name for field in fields(settings)):
        value = getattr(settings, name)
        try:
            fitting = _fit(value, hints[name])
        except _Misfit:
            raise SettingError(f"{where}{name} must be {_kind(hints[name])}, got {value!r}") from None
        object.__setattr__(settings, name, fitting)  # past the guard of a frozen dataclass, which is still being made


def from_mapping(kind: type[_Settings], given: Mapping[Any, Any], where: str) -> _Settings:
    """A dataclass of settings from a mapping, as a file has it.

    Raises:
        ValueError: a name that it does not have; and what its own checks raise.
    """
    known = [field.name for field in fields(kind)]
    if unknown := sorted(str(name) for name in given if name not in known):
        raise ValueError(f"unknown settings in {where}: {', '.join(unknown)}")
    return kind(**given)


class _Misfit(Exception):
    """A value is not of a kind."""


def _fit(value: Any, hint: Any) -> Any:
    """The value as its kind has it, or ``_Misfit``."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        own = [part for part in parts if type(value) is (get_origin(part) or part)]  # 1 stays an integer, if it may
        for part in own or parts:
            try:
                return _fit(value, part)
            except _Misfit:
                continue
    elif origin is Literal:
        if isinstance(value, str) and value in parts:
            return value
    elif origin is tuple:
        kinds = parts[:1] * len(value) if parts[-1] is ... and isinstance(value, tuple | list) else parts
        if isinstance(value, tuple | list) and len(value) == len(kinds):
            return tuple(map(_fit, value, kinds))
    elif origin is Mapping:
        if isinstance(value, Mapping):
            return {_fit(key, parts[0]): _fit(inner, parts[1]) for key, inner in value.items()}
    elif hint is Any:
        return value
    elif hint in (int, float):
        if isinstance(value, Integral if hint is int else Real) and not isinstance(value, bool):
            number = _converted(value, hint)
            if math.isfinite(number):
                return number
    elif isinstance(value, hint):
        return value
    raise _Misfit


def _converted(value: Any, kind: type) -> Any:
    try:
        return kind(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf


def _kind(hint: Any) -> str:
    """A hint in words."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        *first, last = map(_kind, parts)
        return f"{', '.join(first)} or {last}"
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    if origin is tuple:
        plural = _PLURALS.get(parts[0], f"values, each {_kind(parts[0])}")
        return plural if parts[-1] is ... else f"{_COUNTS[len(parts)]} {plural}"
    if origin is Mapping:
        return f"a mapping from {_kind(parts[0])} to {_kind(parts[1])}"
    if hint is Any:
        return "anything"
    name = hint.__name__
    return _KINDS.get(hint, f"{'an' if name[0] in 'AEIOU' else 'a'} {name}")
