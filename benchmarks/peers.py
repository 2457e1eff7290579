# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What all contenders of other libraries have in common: they may be missing, and they may warn."""

import warnings
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

import torch

from .case import Contender

P = ParamSpec("P")
T = TypeVar("T")


def quiet(function: Callable[P, T]) -> Callable[P, T]:
    """The same without the warnings of the library that it calls."""

    @wraps(function)
    def silenced(*arguments: P.args, **options: P.kwargs) -> T:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arguments, **options)

    return silenced


@quiet
def library(name: str) -> Any:
    """A module by its full name, imported only now; None where its package is not installed."""
    return import_module(name) if find_spec(name.partition(".")[0]) else None


def simpleitk() -> Any:
    """SimpleITK, for all filters from now on with as many threads as torch has; None where it is not installed."""
    sitk = library("SimpleITK")
    if sitk is not None:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(torch.get_num_threads())
    return sitk


def peer(
    name: str, run: Callable[[int], object], samples: int, differs: str, check: Callable[[], None] | None = None
) -> Contender:
    """A contender of another library: silent."""
    return Contender(name, quiet(run), samples, differs, quiet(check) if check else None)
