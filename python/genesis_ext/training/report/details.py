# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The later sections of the page: times, data, settings, versions and messages."""

import statistics
from collections import Counter
from collections.abc import Mapping
from typing import Any

from genesis_ext.training.finetuning.config import FinetuneConfig
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.report.chart import Line, panel
from genesis_ext.training.report.html import Html, bullets, folded, paragraph, percent, section, table
from genesis_ext.training.report.run_record import RunRecord, points

_MOST_VOLUMES = 200  # in the table
_MOST_MESSAGES = 200


def times(run: RunRecord) -> Html | None:
    """How long it took, on what, and how much memory."""
    rows: list[tuple[str, str]] = [("steps", f"{run.steps:,}")]
    elapsed = [value for _, value in points(run.training, "elapsed_s")]
    if elapsed:
        rows.append(("time of training, validations included", _spoken(max(elapsed))))
    for name, title, shown in (
        ("samples_per_s", "samples a second, median", _rate),
        ("steps_per_s", "steps a second, median", _rate),
        ("data_share", "share of the time in which the host made batches, median", percent),
    ):
        values = [value for _, value in points(run.training, name)]
        if values:
            rows.append((title, shown(statistics.median(values))))
    memory = [value for _, value in points(run.training, "memory_gib")]
    device: Mapping[str, Any] = run.environment.get("device", {})
    if memory:
        of_gpu = device.get("type") == "cuda"
        rows.append(("most device memory allocated" if of_gpu else "most resident memory", f"{max(memory):.2f} GiB"))
    if device:
        named = [("ranks", "ranks")] if device.get("type") == "cuda" else [("threads", "threads"), ("ranks", "ranks")]
        rows.append(("device", str(device.get("name"))))
        rows += [(title, str(device.get(name))) for name, title in named]
    if len(rows) == 1:
        return None
    chart = panel("Samples a second", [Line("samples/s", points(run.training, "samples_per_s"), "series-0")])
    return section("Time and memory", table("Over the whole run", ("what", "value"), rows), *filter(None, [chart]))


def data(run: RunRecord) -> Html | None:
    """What was trained and validated on."""
    parts = []
    stores = run.environment.get("data", [])
    for number, store in enumerate(stores):
        volumes = store["volumes"]
        role = "Training and validation" if len(stores) == 1 else ("Training", "Validation")[number]
        kinds = Counter(volume["modality"] for volume in volumes)
        counted = ", ".join(f"{count:,} {modality.upper()}" for modality, count in sorted(kinds.items()))
        parts.append(paragraph(f"{role}: {len(volumes):,} volumes ({counted})."))
        parts.append(paragraph(f"Checksum of the store: {store['checksum']}", "quiet"))
        rows = [
            (
                volume["name"],
                volume["modality"].upper(),
                " × ".join(map(str, volume["shape"])),
                " × ".join(f"{mm:.3g}" for mm in volume["spacing_mm"]),
                volume["checksum"][:12],
            )
            for volume in volumes[:_MOST_VOLUMES]
        ]
        caption = "Volumes" if len(volumes) <= _MOST_VOLUMES else f"The first {_MOST_VOLUMES} volumes"
        head = ("name", "modality", "voxels", "spacing, mm", "checksum")
        parts.append(folded(f"{caption} one by one", table(caption, head, rows)))
    return section("Data", *parts) if parts else None


def settings(run: RunRecord) -> Html | None:
    """The settings, beside the defaults where they differ."""
    if not run.config:
        return None
    usual = (FinetuneConfig if run.is_tuning else PretrainConfig)().flat()
    rows: list[tuple[str, str, str]] = []
    changed: list[int] = []
    for name, value in run.config.items():
        other = name in usual and plain(usual[name]) != plain(value)
        changed += [len(rows)] if other else []
        rows.append((name, plain(value), plain(usual[name]) if other else ""))
    caption = "Bold: other than the default"
    objects = run.environment.get("objects") or {}
    given = [paragraph(f"Handed in as an object: {kind} {what}.") for kind, what in objects.items()]
    return section("Settings", *given, table(caption, ("setting", "value", "default"), rows, changed))


def versions(run: RunRecord) -> Html | None:
    """Of libraries and sources."""
    rows: list[tuple[str, str]] = list(run.environment.get("versions", {}).items())
    device = run.environment.get("device", {})
    if device.get("cuda"):
        rows.append(("CUDA", device["cuda"]))
    if run.environment:
        rows.append(("commit of the sources", run.environment.get("commit") or "not a checkout"))
    return section("Versions", table("At the last start", ("what", "version"), rows)) if rows else None


def messages(run: RunRecord) -> Html | None:
    """What the run said."""
    if not run.messages:
        return None
    said = [f"step {entry['step']:,}: {entry['text']}" for entry in run.messages]
    warnings = [text for text, entry in zip(said, run.messages, strict=True) if entry["text"].startswith("warning")]
    parts = [bullets(warnings[-_MOST_MESSAGES:])] if warnings else [paragraph("No warnings.")]
    if len(warnings) < len(said):
        parts.append(folded(f"All {len(said)} messages", bullets(said[-_MOST_MESSAGES:])))
    return section("Warnings", *parts)


def plain(value: Any) -> str:
    """As a reader writes it; tuples and the lists of JSON alike."""
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {plain(inner)}" for name, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def _spoken(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours:,} h " if hours else "") + (f"{minutes} min " if hours or minutes else "") + f"{rest} s"


def _rate(value: float) -> str:
    return f"{value:,.4g}"
