# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The build backend: scikit-build-core's, after a look at what it needs, so that a lack is named in one sentence."""

import importlib.util
import os
import shutil
import sys
from typing import Any

from find_torch import BUILD, TorchNotFoundError, find_torch

_NEEDED = {"scikit_build_core": "scikit-build-core", "pybind11": "pybind11"}
_COMPILERS = ("c++", "g++", "clang++")

if missing := [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]:
    sys.exit(
        f"genesis_ext needs {' and '.join(missing)} to build: "
        f"run `pip install {' '.join(_NEEDED.values())} cmake ninja`, then `{BUILD}`."
    )

from scikit_build_core import build as _scikit_build  # noqa: E402  (its lack is reported above)

build_sdist = _scikit_build.build_sdist
get_requires_for_build_sdist = _scikit_build.get_requires_for_build_sdist
get_requires_for_build_wheel = _scikit_build.get_requires_for_build_wheel
get_requires_for_build_editable = _scikit_build.get_requires_for_build_editable


def _check_tools() -> None:
    """End the build in one sentence where torch or a C++ compiler is missing."""
    try:
        find_torch()
    except TorchNotFoundError as error:
        sys.exit(str(error))
    compiler = os.environ.get("CXX", "").split()
    if not any(shutil.which(name) for name in compiler[:1] or _COMPILERS):
        wanted = f"CXX={compiler[0]} is not a program" if compiler else "none of " + ", ".join(_COMPILERS) + " is here"
        sys.exit(
            f"genesis_ext needs a C++20 compiler to build, and {wanted}: install one (on Debian and Ubuntu "
            f"`apt-get install g++`), then run `{BUILD}`."
        )


def prepare_metadata_for_build_wheel(*args: Any, **kwargs: Any) -> str:
    """Check, then do as scikit-build-core does."""
    _check_tools()
    return _scikit_build.prepare_metadata_for_build_wheel(*args, **kwargs)


def prepare_metadata_for_build_editable(*args: Any, **kwargs: Any) -> str:
    """Check, then do as scikit-build-core does."""
    _check_tools()
    return _scikit_build.prepare_metadata_for_build_editable(*args, **kwargs)


def build_wheel(*args: Any, **kwargs: Any) -> str:
    """Check, then do as scikit-build-core does."""
    _check_tools()
    return _scikit_build.build_wheel(*args, **kwargs)


def build_editable(*args: Any, **kwargs: Any) -> str:
    """Check, then do as scikit-build-core does."""
    _check_tools()
    return _scikit_build.build_editable(*args, **kwargs)
