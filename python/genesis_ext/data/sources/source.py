# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A source, which is a file or folder to prepare, and the result of a search for them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from genesis_ext.data.store.entry import TOLD_LATER, LabelNames, SplitName
from genesis_ext.data.volume import Modality

PatientRule = Literal["auto", "name", "folder"]
ClassRule = Literal["folders"]


class SourceError(ValueError):
    """Sources that cannot be read or lead to nothing; the text names them and the rule."""


@dataclass(frozen=True)
class Source:
    """One file, or one folder of DICOM slices, that becomes a volume (or several: series, frames).

    Attributes:
        path: the file or folder.
        name: unique among the sources; letters, digits, ``.``, ``_`` and ``-`` only, for it names files of the store.
        patient: whose it is. Volumes of one patient never lie on both sides of a split.
        modality: None to take it from the file or its values.
        split: None if unknown.
        label: file of the label on the same grid, or None.
        patient_known: `patient` was told by a list or a recipe; else DICOM's Patient ID goes before it.
        label_names: what the values of the label mean, None where nothing tells.
        classes, fold, case, channel: as ``StoredVolume`` has them; None where nothing tells.
        frame_channels: of a 4D file, the channel that each of its frames is.
    """

    path: Path
    name: str
    patient: str
    modality: Modality | None = None
    split: SplitName | None = None
    label: Path | None = None
    patient_known: bool = False
    label_names: LabelNames | None = None
    classes: tuple[str, ...] | None = None
    fold: int | None = None
    case: str | None = None
    channel: str | None = None
    frame_channels: tuple[str, ...] = ()

    def told_of(self, volume: str) -> dict[str, Any]:
        """What it tells of one of its volumes, by the name in the store, beside the patient; no voxel hangs on it."""
        told = {name: getattr(self, name) for name in ("split", *TOLD_LATER)}
        frame = re.search(r"\+t(\d+)$", volume)
        if frame and int(frame[1]) < len(self.frame_channels):
            told["channel"] = self.frame_channels[int(frame[1])]
        return told


@dataclass
class Found:
    """Sources, and what was seen on the way to them.

    Attributes:
        sources: to be prepared, in a fixed order.
        skipped: (path, reason) of what cannot be used though it should: unreadable folders, loops of links, lost files.
        ignored: (path, reason) of files that are no scans by their name.
        notes: decisions worth telling, a sentence each.
    """

    sources: list[Source] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    ignored: list[tuple[Path, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def extend(self, other: "Found") -> None:
        """Add what was found elsewhere."""
        self.sources += other.sources
        self.skipped += other.skipped
        self.ignored += other.ignored
        self.notes += other.notes


def safe_name(text: str) -> str:
    """A text as part of a file name: letters, digits, ``.``, ``_`` and ``-``; anything else becomes ``_``."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.ASCII).strip("._")[:120] or "volume"
