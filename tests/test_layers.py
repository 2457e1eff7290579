# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Imports point downwards only, and the core needs torch, NumPy and nibabel alone: read from the sources."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import genesis_ext
from genesis_ext import models
from genesis_ext.training.finetuning.tasks import TASKS
from genesis_ext.training.pretraining.methods import METHODS

# From the bottom up: a layer imports those before it. Modules of the package's own folder are below all layers.
LAYERS = (
    *("reference", "ops", "transforms", "data", "models", "figures"),
    *("evaluation", "training", "adapters", "benchmarks", "cli"),
)
CORE = {"torch", "numpy", "nibabel", "genesis_ext"}

PACKAGE = Path(genesis_ext.__file__).parent
CHECKOUT = Path(__file__).parents[1]
# The benchmarks lie beside the package in a checkout, and within it once it is installed.
SOURCES = {path.relative_to(CHECKOUT): path for path in CHECKOUT.glob("benchmarks/*.py") if "test_" not in path.name}
SOURCES |= {path.relative_to(PACKAGE): path for path in PACKAGE.rglob("*.py")}


def modules_of(node: ast.AST, source: Path) -> list[str]:
    """The modules that one statement imports, relative ones written out; names of a package count as its modules."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        parents = ("genesis_ext", *source.parent.parts)
        base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names] if base == "genesis_ext" else [base]


def top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import: not those of functions, nor those for type checkers only."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            continue
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "finalbody"):
                yield from top_level(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from top_level(handler.body)


def problems(source: Path, text: str) -> list[str]:
    tree = ast.parse(text)
    found = []
    own = source.parts[0] if len(source.parts) > 1 else None
    for node in ast.walk(tree):
        for module in modules_of(node, source):
            layer = module.split(".")[1] if module.startswith("genesis_ext.") else None
            if own == "reference" and module.startswith("genesis_ext") and layer != "reference":
                found.append(f"the reference imports {module}, and must import nothing of the package")
            elif own in LAYERS and layer in LAYERS and LAYERS.index(layer) > LAYERS.index(own):
                found.append(f"{own} imports {module}, which lies above it")
    allowed = {"numpy", "genesis_ext"} if own == "reference" else CORE
    if own == "adapters":  # each stands for one library, and is named after it
        allowed = allowed | {source.stem}
    for node in top_level(tree.body):
        for module in modules_of(node, source):
            root = module.partition(".")[0]
            if root not in allowed and root not in sys.stdlib_module_names:
                found.append(f"{module} is imported on import: it comes with an extra, import it where it is used")
    return found


def test_the_engine_knows_no_kind_of_run():
    package = "genesis_ext.training"  # it has the names of pre-training
    above = tuple(f"{package}.{room}." for room in ("pretraining", "finetuning", "report"))
    engine = [source for source in SOURCES if source.parts[:2] == ("training", "engine")]
    assert len(engine) > 10
    for source in engine:
        text = SOURCES[source].read_text(encoding="utf-8")
        assert "PretrainConfig" not in text, source
        assert "FinetuneConfig" not in text, source
        for node in ast.walk(ast.parse(text)):
            found = [
                name for name in modules_of(node, source) if name == "genesis_ext.training" or name.startswith(above)
            ]
            assert found == [], f"{source} imports {found}: what the engine needs is handed in"


def test_only_its_own_module_and_the_presets_name_a_method():
    for source, path in SOURCES.items():
        if source.parts[0] == "benchmarks" or source.name == "presets.py":
            continue
        own = {source.stem} if source.parent.name == "methods" else set()
        own |= set() if source.parts[0] == "training" else {"genesis"}  # the name of the command, too
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            assert text not in METHODS.keys() - own, f"{source}:{node.lineno} names the method {text}"
            if isinstance(node, ast.Compare):
                assert not ast.unparse(node.left).endswith(".method"), f"{source}:{node.lineno} switches on a method"


def names_of(tree: ast.AST) -> set[str]:
    """What the code names, by import or use: not what strings and docstrings say."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return found | {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_only_models_name_a_class_of_network():
    classes = {name for name, kind in vars(models).items() if isinstance(kind, type) and issubclass(kind, models.UNet)}
    assert classes == {"ResNetUNet", "UNet", "UNet2D", "UNet3D"}
    for source, path in SOURCES.items():
        if source.parts[0] != "models":
            named = names_of(ast.parse(path.read_text(encoding="utf-8"))) & classes
            assert named == set(), f"{source} names {named}: networks are built by name"


def test_only_its_own_module_and_the_presets_name_a_task_where_runs_train():
    for source, path in SOURCES.items():
        rooms = ("engine", "finetuning", "pretraining", "report")
        if source.parts[0] != "training" or source.parts[1] not in rooms or source.name == "presets.py":
            continue
        own = {source.stem} if source.parent.name == "tasks" else set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            assert text not in TASKS.keys() - own, f"{source}:{node.lineno} names the task {text}"


def test_every_layer_is_known():
    folders = {path.parts[0] for path in SOURCES if len(path.parts) > 1}
    assert folders <= set(LAYERS)
    assert {"reference", "ops", "transforms", "benchmarks", "cli"} <= folders


@pytest.mark.parametrize("source", sorted(SOURCES), ids=str)
def test_a_module_imports_downwards_and_only_the_core_libraries(source):
    assert problems(source, SOURCES[source].read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "text", "complaint"),
    [
        ("ops/x.py", "def f():\n    from genesis_ext.training import loop", "lies above"),
        ("ops/x.py", "from genesis_ext import data", "lies above"),
        ("figures/x.py", "from genesis_ext import evaluation", "lies above"),
        ("evaluation/x.py", "from genesis_ext.training import loop", "lies above"),
        ("evaluation/x.py", "from genesis_ext.benchmarks import runner", "lies above"),
        ("benchmarks/x.py", "from scipy import ndimage", "comes with an extra"),
        ("ops/x.py", "from ..transforms.genesis import GenesisTransform", "lies above"),
        ("reference/x.py", "from genesis_ext.ops import plan", "nothing of the package"),
        ("reference/x.py", "import torch", "comes with an extra"),
        ("data/x.py", "import SimpleITK as sitk", "comes with an extra"),
        ("data/x.py", "try:\n    import monai.data\nexcept ImportError:\n    pass", "comes with an extra"),
        ("adapters/monai.py", "with needed():\n    import monai\n    import torchio", "comes with an extra"),
        ("training/x.py", "from genesis_ext.adapters import monai", "lies above"),
    ],
)
def test_a_wrong_import_is_found(source, text, complaint):
    assert [complaint in problem for problem in problems(Path(source), text)] == [True]


def test_imports_within_functions_and_for_type_checkers_are_left_alone():
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import monai\ndef f():\n    import SimpleITK"
    assert problems(Path("data/x.py"), text) == []
