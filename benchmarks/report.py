# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Result files as Markdown: a table, on what it was measured, and what the neighbours do otherwise."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"
RESULTS = Path(__file__).parent / "results"

_COLUMNS = (
    "operator",
    "size",
    "time",
    "voxels/s",
    "of copy bandwidth",
    "extra memory",
    "others",
)
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def markdown(result: Mapping[str, Any]) -> str:
    """The report of one result file."""
    rows = [_row(entry) for entry in result["results"]]
    lines = [" | ".join(cells) for cells in (_COLUMNS, ("---",) * len(_COLUMNS), *rows)]
    table = "\n".join(f"| {line} |" for line in lines)
    return f"{table}\n\n{_world(result)}\n\n{_notes(result['results'])}"


def newest(device: str, folder: Path = RESULTS) -> dict[str, Any] | None:
    """The latest result of full length on a kind of device ("cpu", "cuda"), if there is one."""
    results = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    fitting = [result for result in results if result["machine"]["device"] == device and not result["quick"]]
    return max(fitting, key=lambda result: str(result["machine"]["date"]), default=None)


def embed(text: str, table: str) -> str:
    """A page with the report put between its two marks.

    Raises:
        ValueError: the page has not both marks, in order.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the page must hold {BEGIN} and after it {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text, count=1)


def _row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    ours, *others = entry["contenders"]
    in_voxels = entry["unit"] == "voxels"
    extra = ours["peak_extra_bytes"]
    setting = entry.get("setting")
    return (
        f"`{entry['operator']}`" + (f" {setting}" if setting else ""),
        " x ".join(map(str, entry["size"])) + (f" {entry['dtype']}" if entry["dtype"] != "float32" else ""),
        f"{_time(ours['median_s'])} ± {_time(ours['iqr_s'] / 2)}",
        _rate(entry, ours) if in_voxels else "",
        f"{ours['share_of_copy_bandwidth']:.0%}" if in_voxels else "",
        f"{extra / ours['samples'] / entry['items']:.1f} B/voxel" if in_voxels and extra is not None else "",
        "<br>".join(map(_other, others)),
    )


def _rate(entry: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """Voxels a second; of a pipeline the samples too, for they are what a training step waits for."""
    samples = f" ({1 / ours['median_s']:,.0f} samples)" if entry.get("pipeline") else ""
    return f"{ours['items_per_s'] / 1e6:.0f} M{samples}"


def _other(contender: Mapping[str, Any]) -> str:
    return f"{contender['name']} {_time(contender['median_s'])} (x {_significant(contender['times_ours'], 2)})"


def _time(seconds: float) -> str:
    """Three digits with a unit."""
    scale, unit = next(((s, u) for s, u in _UNITS if seconds >= s), _UNITS[-1])
    return f"{_significant(seconds / scale, 3)} {unit}"


def _significant(value: float, digits: int) -> str:
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - int(f"{rounded:e}".partition("e")[2]))
    return f"{rounded:.{decimals}f}"


def _world(result: Mapping[str, Any]) -> str:
    head = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    where = f"{head['gpu']}, CUDA {head['cuda']}" if "gpu" in head else f"{head['cpu']}, {head['instruction_set']}"
    return (
        f"{'Quick trial, no measurement: ' if result['quick'] else ''}{where}, {head['threads']} of {head['cores']} "
        f"cores, copy bandwidth {result['copy_bytes_per_s'] / 1e9:.1f} GB/s; {versions}; load before "
        f"{head['load']}; {head['date'][:10]}, commit {head['commit']}."
    )


def _notes(results: Iterable[Mapping[str, Any]]) -> str:
    """What each contender does otherwise, once an operator."""
    notes = dict.fromkeys(
        f"- `{entry['operator']}`, {contender['name']}: {contender['differs']}."
        for entry in results
        for contender in entry["contenders"]
        if contender["differs"]
    )
    return "\n".join(notes)
