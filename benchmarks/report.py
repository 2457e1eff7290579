# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Result files as Markdown: tables, on what they were measured, and what the neighbours do otherwise."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from . import files
from .case import NUMPY, OURS
from .machine import ROOT
from .numerals import significant, time

BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"

Entry = Mapping[str, Any]

_TITLES = {
    "operators": "Operators",
    "pipelines": "Pipelines",
    "latency": "Small batches",
    "scaling": "Scaling",
    "startup": "Start-up",
}
_PAGE_HEAD = """\
# Benchmarks

Every result in full, written by `python -m benchmarks report --write` from the files in `benchmarks/results/`. The
README has the rows that matter most; [Performance](performance.md) tells how it is measured, and what limits it.

Times are medians ± half the interquartile range, of a sample unless a table says otherwise. "x" is how many times
longer the others took. "Of copy bandwidth" compares the least traffic (input read once, outputs written once) with what
a plain copy reaches in the same run. "Extra memory" is the peak of a call, outputs included."""


def markdown(result: Mapping[str, Any]) -> str:
    """The report of one result file: a table for each level that it holds, and what the others do otherwise."""
    return "\n\n".join([*_tables(result, "##"), *_notes(result["results"])])


def _tables(result: Mapping[str, Any], heading: str) -> Iterator[str]:
    yield _world(result)
    for level, title in _TITLES.items():
        entries = [entry for entry in result["results"] if entry["level"] == level]
        if entries:
            yield from (f"{heading} {title}", _TABLES[level](entries))


def essential(result: Mapping[str, Any]) -> str:
    """The report for the README: one row for each operator and pipeline, its first case on its first size."""
    chosen: dict[str, Entry] = {}
    for entry in result["results"]:
        if entry["level"] in ("operators", "pipelines"):
            chosen.setdefault(entry["name"], entry)
    columns = ("operator", "size", "time", "voxels/s", "of copy bandwidth", "fastest other, and NumPy")
    rows = [[*_speed(entry)[:5], _best_others(entry)] for entry in chosen.values()]
    return f"{_table(columns, rows)}\n\n{_world(result)}"


def page(results: Iterable[Mapping[str, Any]]) -> str:
    """The text of docs/benchmarks.md."""
    parts, entries = [_PAGE_HEAD], []
    for result in results:
        machine = result["machine"]
        what = machine.get("gpu") or f"CPU, {machine['threads']} thread{'s' * (machine['threads'] > 1)}"
        parts += [f"## {what}", *_tables(result, "###")]
        entries += result["results"]
    return "\n\n".join([*parts, *_notes(entries)]) + "\n"


def write_pages(root: Path = ROOT) -> list[Path]:
    """Bring README.md and docs/benchmarks.md of a checkout up to date with its result files.

    Raises:
        FileNotFoundError: this is no checkout, or it has no result of a CPU.
    """
    readme, whole = root / "README.md", root / "docs" / "benchmarks.md"
    newest = files.newest("cpu")
    if newest is None or not whole.parent.is_dir():
        raise FileNotFoundError(f"a README.md, docs and a result of one CPU thread are needed in {root}")
    readme.write_text(embed(readme.read_text(encoding="utf-8"), essential(newest)), encoding="utf-8")
    whole.write_text(page(latest()), encoding="utf-8")
    return [readme, whole]


def latest() -> list[dict[str, Any]]:
    """The newest full result of each device and number of threads, CPUs first."""
    results: dict[tuple[str, int], dict[str, Any]] = {}
    for result in files.full_results():
        machine = result["machine"]
        device = str(machine.get("gpu", ""))
        results.setdefault((device, 0 if device else machine["threads"]), result)
    return [results[key] for key in sorted(results)]


def embed(text: str, table: str) -> str:
    """A page with the report put between its two marks.

    Raises:
        ValueError: the page has not both marks, in order.
    """
    pattern = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the page must hold {BEGIN} and after it {END}")
    return pattern.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text, count=1)


def _speeds(entries: Sequence[Entry]) -> str:
    columns = ("operator", "size", "time", "voxels/s", "of copy bandwidth", "extra memory", "others")
    return _table(columns, map(_speed, entries))


def _speed(entry: Entry) -> tuple[str, ...]:
    ours, *others = entry["contenders"]
    in_voxels = entry["unit"] == "voxels"
    extra = ours.get("peak_extra_bytes")
    setting = entry["setting"]
    return (
        f"`{entry['name']}`" + (f" {setting}" if setting else ""),
        _size(entry),
        _spread(ours),
        _rate(entry, ours),
        f"{ours['share_of_copy_bandwidth']:.0%}" if in_voxels else "",
        f"{extra / ours['samples'] / entry['items']:.1f} B/voxel" if in_voxels and extra is not None else "",
        "<br>".join(map(_other, others)),
    )


def _latencies(entries: Sequence[Entry]) -> str:
    columns = ("call", "patches", "batch", "time a call", "launches", "others")
    rows = [
        (
            entry["setting"],
            _size(entry),
            f"{entry['batch']:,}",
            _spread(entry["contenders"][0]),
            str(entry["contenders"][0].get("launches", "")),
            "<br>".join(map(_other, entry["contenders"][1:])),
        )
        for entry in entries
    ]
    return _table(columns, rows)


def _scalings(entries: Sequence[Entry]) -> str:
    """A table for each series; a sample's time, and throughput as a multiple of that at the first point."""
    tables = []
    for name, members in groupby(entries, key=lambda entry: entry["name"]):
        series = [*members]
        first = series[0]["contenders"][0]["items_per_s"]
        rows = [
            (
                f"{entry['point']['value']:,}",
                _spread(entry["contenders"][0]),
                f"{1 / entry['contenders'][0]['median_s']:,.0f}",
                f"x {significant(entry['contenders'][0]['items_per_s'] / first, 3)}",
            )
            for entry in series
        ]
        unit = series[0]["unit"]
        columns = (series[0]["point"]["axis"], "time a sample", "samples/s", f"{unit}/s against the first")
        size = "" if name == "patch_size" else f", {' x '.join(map(str, series[0]['size']))}"
        setting = f", {series[0]['setting']}" if series[0]["setting"] else ""
        tables.append(f"`{name}`{size} {series[0]['dtype']}{setting}:\n\n{_table(columns, rows)}")
    return "\n\n".join(tables)


def _startups(entries: Sequence[Entry]) -> str:
    rows = [
        (
            entry["name"].replace("_", " "),
            f"`{entry['setting']}`" if entry["name"] == "first_call" else entry["setting"],
            _spread(entry["contenders"][0]),
            "<br>".join(map(_other, entry["contenders"][1:])),
        )
        for entry in entries
    ]
    return _table(("what", "of", "time", "beside it"), rows)


_TABLES: Mapping[str, Callable[[Sequence[Entry]], str]] = {
    "operators": _speeds,
    "pipelines": _speeds,
    "latency": _latencies,
    "scaling": _scalings,
    "startup": _startups,
}


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines: Iterator[Sequence[str]] = iter([columns, ["---"] * len(columns), *rows])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _size(entry: Entry) -> str:
    return " x ".join(map(str, entry["size"])) + (f" {entry['dtype']}" if entry["dtype"] != "float32" else "")


def _rate(entry: Entry, ours: Mapping[str, Any]) -> str:
    """Voxels a second; of a pipeline the samples too, for they are what a training step waits for."""
    samples = f"{1 / ours['median_s']:,.0f} samples"
    if entry["unit"] == "voxels":
        rate = f"{ours['items_per_s'] / 1e6:.0f} M"
        return f"{rate} ({samples})" if entry["level"] == "pipelines" else rate
    return f"({samples})" if entry["unit"] == "samples" and entry["level"] == "pipelines" else ""


def _best_others(entry: Entry) -> str:
    """The fastest of the other libraries, and NumPy where that is another one."""
    others = [other for other in entry["contenders"][1:] if not other["name"].startswith(OURS)]
    fastest = sorted(others, key=lambda other: float(other["median_s"]))[:1]
    return "<br>".join(map(_other, fastest + [o for o in others if o["name"] == NUMPY and o not in fastest]))


def _other(contender: Mapping[str, Any]) -> str:
    times = float(contender["times_ours"])
    return f"{contender['name']} {time(contender['median_s'])} (x {significant(times, 2)})"


def _spread(contender: Mapping[str, Any]) -> str:
    return f"{time(contender['median_s'])} ± {time(contender['iqr_s'] / 2)}"


def _world(result: Mapping[str, Any]) -> str:
    head = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in head["versions"].items())
    where = f"{head['gpu']}, CUDA {head['cuda']}" if "gpu" in head else f"{head['cpu']}, {head['instruction_set']}"
    return (
        f"{'Quick trial, no measurement: ' if result['quick'] else ''}{where}, {head['threads']} of {head['cores']} "
        f"cores, copy bandwidth {result['copy_bytes_per_s'] / 1e9:.1f} GB/s; {versions}; load before "
        f"{head['load']}; {head['date'][:10]}, commit {head['commit']}."
    )


def _notes(results: Iterable[Entry]) -> list[str]:
    """What each contender does otherwise, once an operator, below a heading."""
    notes = dict.fromkeys(
        f"- `{entry['name']}`, {contender['name']}: {contender['differs']}."
        for entry in results
        if entry["level"] != "startup"
        for contender in entry["contenders"]
        if contender["differs"]
    )
    return ["## What the others do otherwise", "\n".join(notes)] if notes else []
