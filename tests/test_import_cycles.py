# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""No module of the package leads back to itself by imports, those within functions included: read from the sources."""

import ast
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

from tests.test_layers import SOURCES


def module_of(source: Path) -> str:
    return ".".join(("genesis_ext", *source.with_suffix("").parts)).removesuffix(".__init__")


def check(texts: Mapping[Path, str]) -> None:
    """Raise CycleError where modules import each other in a circle. That a package is imported first does not count."""
    modules = {module_of(source) for source in texts}
    graph: dict[str, set[str]] = {}
    for source, text in texts.items():
        module = module_of(source)
        package = module if source.name == "__init__.py" else module.rpartition(".")[0]
        imported = graph.setdefault(module, set())
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = resolve_name("." * node.level + (node.module or ""), package)
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    imported.add(whole if whole in modules else base)
        imported &= modules - {module}
    TopologicalSorter(graph).prepare()


def test_no_imports_lead_back() -> None:
    check({source: path.read_text(encoding="utf-8") for source, path in SOURCES.items()})


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from genesis_ext.data.a import g",
        "import genesis_ext.data.a",
        "from genesis_ext.data import a",
        "from . import a",
        "from .a import g",
    ],
)
def test_a_circle_is_found(text: str) -> None:
    texts = {Path("data/a.py"): "from genesis_ext.data import b", Path("data/b.py"): text}
    with pytest.raises(CycleError, match=r"genesis_ext\.data\.a"):
        check(texts)


def test_what_leads_to_one_module_twice_and_the_package_around_it_are_no_circle() -> None:
    texts = {"a": "from genesis_ext.data import b, c", "b": "from . import c", "c": "import torch"}
    check({Path(f"data/{name}.py"): text for name, text in (texts | {"__init__": "from .a import f"}).items()})
