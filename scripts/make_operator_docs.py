# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Write docs/operators.md from the docstrings of genesis_ext.ops. Reads the sources; nothing is imported or built."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
OPS = ROOT / "python" / "genesis_ext" / "ops"
PAGE = ROOT / "docs" / "operators.md"

_INTRODUCTION = """\
<!-- Written by scripts/make_operator_docs.py from the docstrings of genesis_ext.ops: change those. -->
# Operators

`from genesis_ext import ops`. Batches are `(N, C, X, Y, Z)`, or `(N, C, X, Y)` with `spatial_dims=2`, in the axis
order of nibabel: a patch `(C, X, Y, Z)` becomes a batch by `patch[None]`. Any strides are taken; outputs are contiguous
and plain tensors, also of a subclass such as MONAI's `MetaTensor`, whose affine would not be theirs. A `TensorLike` of
whole numbers is a tensor of any integer dtype, a list or a NumPy array; floats are refused for it.

Shapes, dtypes and devices are always checked. Values are checked where a tensor is on the CPU; on CUDA a bad value is
made harmless instead, since a check would wait for the device.

Exactness classes: **A**, the same bits on every device and in the NumPy reference; **B**, the same bits on every
device, instruction set and thread count, the reference within 1e-5 of the range. What is drawn, and how, is specified
in [Determinism](determinism.md).
"""
_SECTIONS = ("Args", "Returns", "Raises", "Source")
_SECTION = re.compile(rf"^({'|'.join(_SECTIONS)}):[ ]*", re.MULTILINE)
_ENTRY = re.compile(r"^(?=\S)", re.MULTILINE)


def page() -> str:
    """The text of docs/operators.md."""
    definitions = dict(_definitions())
    operators = [definitions[folder.name] for folder in sorted((ROOT / "csrc" / "ops").iterdir(), key=_place_in_schema)]
    parts = [_INTRODUCTION, *(_function(node) for node in operators if isinstance(node, ast.FunctionDef))]
    parts += [_class(definitions[name]) for name in ("Plan", "PlanSpec")]
    return "\n".join(parts)


def _place_in_schema(folder: Path) -> int:
    return (ROOT / "csrc" / "schema.cpp").read_text(encoding="utf-8").index(f'"{folder.name}(')


def _definitions() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    for path in sorted(OPS.glob("[a-z]*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, node


def _docstring(node: ast.FunctionDef | ast.ClassDef) -> str:
    text = ast.get_docstring(node)
    if not text:
        raise ValueError(f"{node.name} has no docstring")
    return text


def _function(node: ast.FunctionDef) -> str:
    head, *rest = _SECTION.split(_docstring(node))
    summary, _, description = head.strip().partition("\n\n")
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    parts = [f"## {node.name}", summary, f"```python\n{_signature(node)}\n```", description]
    if "Args" in sections:
        parts.append("**Arguments**\n\n" + "\n".join(_entries(sections["Args"])))
    if "Returns" in sections:
        parts.append("**Returns** " + _flow(sections["Returns"]))
    if "Raises" in sections:
        parts.append("**Raises**\n\n" + "\n".join(_entries(sections["Raises"])))
    if "Source" in sections:
        parts.append("**Source** " + _flow(sections["Source"]))
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def _class(node: ast.FunctionDef | ast.ClassDef) -> str:
    """A class by its docstring, its fields and its public methods and properties."""
    rows = []
    for member, following in zip(node.body, [*node.body[1:], None], strict=True):
        if (
            isinstance(member, ast.AnnAssign)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            rows.append((ast.unparse(member.target), str(following.value.value)))
        elif isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
            decorators = {ast.unparse(decorator) for decorator in member.decorator_list}
            arguments = "" if "property" in decorators else f"({_arguments(member)})"
            rows.append((member.name + arguments, _docstring(member).partition("\n\n")[0]))
    table = "\n".join(f"- `{name}`: {_flow(meaning)}" for name, meaning in rows)
    return f"## {node.name}\n\n{_docstring(node).strip()}\n\n{table}\n"


def _arguments(node: ast.FunctionDef) -> str:
    return re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))


def _signature(node: ast.FunctionDef) -> str:
    """One line, or one argument a line."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    line = f"ops.{node.name}({ast.unparse(node.args)}){returns}"
    if len(line) <= 100:
        return line
    count = len(node.args.args) - len(node.args.defaults)
    defaults: list[str | None] = [None] * count + [ast.unparse(default) for default in node.args.defaults]
    arguments = [
        f"    {ast.unparse(argument)}{'' if default is None else f' = {default}'},"
        for argument, default in zip(node.args.args, defaults, strict=True)
    ]
    return "\n".join([f"ops.{node.name}(", *arguments, f"){returns}"])


def _entries(section: str) -> Iterator[str]:
    """`name: text` entries, each with indented further lines, as a list."""
    for entry in _ENTRY.split(textwrap.dedent(section.strip("\n"))):
        if entry.strip():
            names, _, meaning = _flow(entry).partition(": ")
            yield f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {meaning}"


def _flow(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
