# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What only a look at the whole store shows, and who prepared it should know: labels among the scans, one scan twice,
scans of which much is cut, volumes of an earlier run that are no longer in it."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.store.entry import StoredVolume

_NOBODY = re.compile(
    r"(anon|de-?id)[a-z ^_-]*|unknown|none|null|nil|n/?a|no.?(id|name)|removed|redacted|patient|subject|test|x+|0+|-+",
    re.IGNORECASE,
)
_VALUES_OF_LABELS = 48  # at most; of real scans the poorest have some two hundred
_VOXELS_TO_TELL = 10_000  # smaller volumes have few values for being small


def remarks(entries: Sequence[StoredVolume], settings: PrepareSettings, earlier: Collection[str]) -> list[str]:
    """A sentence for each thing worth knowing of a store.

    earlier: names of sources that were prepared into it before and are not among those of `entries`.
    """
    found = []
    if labels := [entry for entry in entries if _looks_like_label(entry)]:
        found.append(
            f"{_many(labels)} at most {_VALUES_OF_LABELS} different values, as labels have: a label is no scan, leave "
            "it out, or name it beside its scan in a CSV with a column label"
        )
    window = settings.window.mri
    if window is not None and (cut := [entry for entry in entries if _much_is_cut(entry, window)]):
        found.append(
            f"{_many(cut)} more than 1 % of the voxels outside the MRI window, where all become one "
            "value: see their notes in report.csv, and prepare without a window, so that percentiles decide"
        )
    same: dict[str, list[StoredVolume]] = defaultdict(list)
    for entry in entries:
        same[entry.checksum].append(entry)
    for group in same.values():
        if len({entry.patient for entry in group}) > 1:
            found.append(
                f"{' and '.join(entry.name for entry in group)} hold the same voxels, but count as different patients: "
                "one may train while the other validates; leave one out"
            )
    found += _shared_patients(entries)
    if earlier:
        found.append(
            f"{len(earlier)} sources that were prepared here before are not among those of this run, the first "
            f"{min(earlier)}: their volumes are no longer in the store, though their files stay until --overwrite; "
            "to add to a store, give all sources together"
        )
    return found


def _shared_patients(entries: Sequence[StoredVolume]) -> list[str]:
    """Patient IDs that anonymised files share, as they look: a word for none, for scans of several folders."""
    folders: dict[str, set[Path]] = defaultdict(set)
    for entry in entries:
        folders[entry.patient].add(Path(entry.source))
    return [
        f"{len(places)} sources have the patient {patient!r}, which looks like no patient's name, the first "
        f"{min(places)}: they are taken as one, on one side of the split; a CSV with a column patient tells who is who"
        for patient, places in sorted(folders.items())
        if len(places) > 1 and _NOBODY.fullmatch(patient)
    ]


def _looks_like_label(entry: StoredVolume) -> bool:
    voxels = math.prod(entry.statistics["shape_before"])
    different = entry.statistics["before"].get("different", voxels)
    return entry.modality in ("ct", "mri") and voxels >= _VOXELS_TO_TELL and different <= _VALUES_OF_LABELS


def _much_is_cut(entry: StoredVolume, window: tuple[float, float]) -> bool:
    """By the voxels as they were read, see ``outside_mri_window``."""
    lo, hi = window
    before = entry.statistics["before"]
    return entry.modality == "mri" and (before["p1"] < lo or before["p99"] > hi)


def _many(entries: Sequence[StoredVolume]) -> str:
    """As in "3 volumes, the first a, have"."""
    return f"{len(entries)} volume{'s' if len(entries) > 1 else ''}, the first {entries[0].name}, " + (
        "have" if len(entries) > 1 else "has"
    )
