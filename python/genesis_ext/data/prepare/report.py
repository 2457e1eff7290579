# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The report of a run: every file taken, kept, skipped or failed, why, and the statistics of its volumes."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genesis_ext._files import write_aside
from genesis_ext.data.prepare.outcome import Outcome
from genesis_ext.data.sources.source import Found
from genesis_ext.data.store.entry import TOLD_LATER, StoredVolume
from genesis_ext.data.store.writer import write_json

_COLUMNS = (
    "status", "source", "name", "patient", "split", *TOLD_LATER, "modality", "shape", "spacing_mm", "shape_before",
    "spacing_before_mm", "min", "max", "mean", "p1", "p50", "p99", "becomes_0", "becomes_1", "clipped_below",
    "clipped_above", "label", "text",
)  # fmt: skip


class Report:
    """What became of every source of a run.

    Attributes:
        outcomes: in the order of the sources.
        found: the sources, and what was seen on the way to them.
        seconds: that the run took.
        entries: all volumes of the store.
    """

    def __init__(self, outcomes: Sequence[Outcome], found: Found, seconds: float) -> None:
        self.outcomes = list(outcomes)
        self.found = found
        self.seconds = seconds
        self.entries: tuple[StoredVolume, ...] = tuple(entry for outcome in outcomes for entry in outcome.volumes)

    @property
    def counts(self) -> Mapping[str, int]:
        """Files by status; what was skipped on the way to the sources is counted with the rest."""
        return Counter(row["status"] for row in self.rows() if row["first"])

    @property
    def failed(self) -> bool:
        """Whether another run may do what this one could not."""
        return any(outcome.status == "failed" for outcome in self.outcomes)

    def why_nothing(self) -> str:
        """Why no volume could be taken, in a sentence."""
        reason = next((row["text"] for row in self.rows() if row["status"] in ("skipped", "failed")), "no file is left")
        return f"nothing could be taken of {len(self.outcomes)} files: {reason}"

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row for each volume stored, and for each file that is not used."""
        for outcome in self.outcomes:
            common = {"status": outcome.status, "source": str(outcome.source.path), "split": outcome.source.split}
            for number, entry in enumerate(outcome.volumes):
                yield {**common, **_of_entry(entry), "text": "; ".join(entry.notes), "first": number == 0}
            if not outcome.volumes:
                named = {"name": outcome.source.name, "patient": outcome.source.patient}
                yield {**common, **named, "text": outcome.reason, "first": True}
            for path, reason in outcome.problems:
                yield {"status": "skipped", "source": path, "text": reason, "first": True}
        for status, pairs in (("skipped", self.found.skipped), ("ignored", self.found.ignored)):
            for file, reason in pairs:
                yield {"status": status, "source": str(file), "text": f"{file}: {reason}", "first": True}

    @property
    def volumes_by_class(self) -> dict[str, int]:
        """How many volumes each class holds for, the most first; empty where none is told."""
        return dict(Counter(name for entry in self.entries for name in entry.classes or ()).most_common())

    def lines(self) -> Iterator[str]:
        """What a reader must know: decisions, then every file that is not used and why."""
        for note in self.found.notes:
            yield f"note: {note}"
        for row in self.rows():
            if row["status"] in ("skipped", "failed"):
                yield f"{row['status']} {row['text']}"

    def time_by_part(self) -> dict[str, float]:
        """Seconds of work by part, over all workers."""
        parts: dict[str, float] = defaultdict(float)
        for outcome in self.outcomes:
            for part, seconds in outcome.seconds.items():
                parts[part] += seconds
        return dict(parts)

    def write(self, store: Path) -> None:
        """Write ``report.json`` and ``report.csv`` into the store.

        Raises:
            OSError: the disk is full, or forbids it.
        """
        rows = [{name: value for name, value in row.items() if name != "first"} for row in self.rows()]
        patients = Counter(entry.patient for entry in self.entries)
        content = {
            "counts": self.counts,
            "seconds": self.seconds,
            "seconds_by_part": self.time_by_part(),
            "patients": len(patients),
            "volumes_by_split": Counter(entry.split or "none" for entry in self.entries),
            "volumes_by_modality": Counter(entry.modality for entry in self.entries),
            "volumes_by_class": self.volumes_by_class,
            "notes": self.found.notes,
            "files": rows,
        }
        write_json(store / "report.json", content)
        text = io.StringIO()
        table = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows({**row, **_flat(row)} for row in rows)
        write_aside(
            store / "report.csv", lambda stream: stream.write(text.getvalue().encode("utf-8", "backslashreplace"))
        )


def _of_entry(entry: StoredVolume) -> dict[str, Any]:
    kept = ("name", "patient", "split", *TOLD_LATER, "modality", "shape", "spacing_mm", "statistics", "label", "notes")
    return {name: getattr(entry, name) for name in kept}


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of a table: lists as texts, statistics (those before preparation) in columns of their own."""
    statistics = row.get("statistics", {})
    cells = {**statistics, **statistics.get("before", {}), **{n: row[n] for n in ("shape", "spacing_mm") if n in row}}
    if scaled := statistics.get("scaled"):  # a record of an earlier version has none
        cells |= {"becomes_0": scaled["lo"], "becomes_1": scaled["hi"]}
    texts = {name: _text(value) for name, value in cells.items() if name in _COLUMNS}
    if (classes := row.get("classes")) is not None:
        texts["classes"] = "|".join(classes) or "-"  # as a table of sources has them
    return texts


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "x".join(f"{part:.6g}" for part in value)
    return f"{value:.6g}"
