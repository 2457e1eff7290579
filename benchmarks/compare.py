# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Two results side by side: what became slower, what faster, and what only one of them holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .numerals import significant, time

Key: TypeAlias = tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """The table as text, and the labels of what is slower than the threshold allows."""

    text: str
    slower: tuple[str, ...]


def compare(before: Mapping[str, Any], after: Mapping[str, Any], threshold: float = 0.1) -> Comparison:
    """Compare our own times in two results, where device, threads, size, dtype and setting are the same.

    A case is slower if the lower end of its spread after (median less half the interquartile range) lies above the
    upper end before by more than the threshold, a share; faster the other way round.
    """
    old, new = _ours(before), _ours(after)
    rows, slower = [], []
    for key in old:
        if key not in new:
            continue
        was, now = old[key], new[key]
        verdict = ""
        if _low(now) > (1 + threshold) * _high(was):
            verdict = "slower"
            slower.append(_label(key))
        elif (1 + threshold) * _high(now) < _low(was):
            verdict = "faster"
        ratio = significant(now["median_s"] / was["median_s"], 3)
        rows.append(f"| {_label(key)} | {_spread(was)} | {_spread(now)} | {ratio} | {verdict} |")
    lines = [_worlds(before, after)]
    if rows:
        lines += ["", "| case | before | after | ratio | |", "| --- | --- | --- | --- | --- |", *rows]
    lines += ["", f"{len(rows)} cases in both; slower by more than {threshold:.0%} beyond the spreads: {len(slower)}."]
    for name, one, other in (("before", old, new), ("after", new, old)):
        if only := [_label(key) for key in one if key not in other]:
            lines.append(f"Only {name}: {'; '.join(only)}.")
    return Comparison("\n".join(lines), tuple(slower))


def _ours(result: Mapping[str, Any]) -> dict[Key, Mapping[str, Any]]:
    device = result["machine"]["device"]
    found = {}
    for entry in result["results"]:
        point = entry.get("point")
        key = (
            device,
            entry["name"],
            entry["setting"],
            f"{point['axis']} {point['value']}" if point else "",
            "x".join(map(str, entry["size"])),
            entry["dtype"],
            f"{entry['threads']} threads" if device == "cpu" and entry["threads"] > 1 else "",
        )
        found[key] = entry["contenders"][0]
    return found


def _low(times: Mapping[str, Any]) -> float:
    return float(times["median_s"] - times["iqr_s"] / 2)


def _high(times: Mapping[str, Any]) -> float:
    return float(times["median_s"] + times["iqr_s"] / 2)


def _label(key: Key) -> str:
    return ", ".join(filter(None, key[1:]))


def _spread(times: Mapping[str, Any]) -> str:
    return f"{time(times['median_s'])} ± {time(times['iqr_s'] / 2)}"


def _worlds(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    heads = [result["machine"] for result in (before, after)]
    texts = [f"{head.get('gpu', head['cpu'])}, commit {head['commit']}, {head['date'][:10]}" for head in heads]
    text = f"before: {texts[0]}; after: {texts[1]}."
    if heads[0].get("gpu", heads[0]["cpu"]) != heads[1].get("gpu", heads[1]["cpu"]):
        text += " Different machines: ratios tell nothing about the code."
    if before["quick"] or after["quick"]:
        text += " A quick trial is among them: its numbers mean little."
    return text
