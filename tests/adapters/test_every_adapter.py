# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every adapter is complete: an extra, a page and a subclass of the common suite."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from tests.adapters.conformance import AdapterTests

ROOT = Path(__file__).parents[2]
LIBRARIES = sorted(path.stem for path in ROOT.glob("python/genesis_ext/adapters/[!_]*.py"))


@pytest.mark.parametrize("library", LIBRARIES)
def test_it_has_an_extra_a_page_and_the_common_tests(library):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert library in project["optional-dependencies"]
    page = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
    assert f"`genesis_ext.adapters.{library}`" in page
    assert re.search(rf"^from genesis_ext\.adapters\.{library} import", page, re.MULTILINE)
    names = vars(importlib.import_module(f"tests.adapters.test_{library}"))
    suites = [item for name, item in names.items() if name.startswith("Test") and issubclass(item, AdapterTests)]
    assert suites
    assert {suite.library for suite in suites} == {library}
