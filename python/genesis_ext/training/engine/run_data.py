# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run trains and validates on: stores, and the regions of their volumes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genesis_ext._types import Shape3
from genesis_ext.data.prepare.intensity import MOST_ABOVE, PAPER_MRI_WINDOW
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.split import Region, marks_of, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from genesis_ext.data.store.writer import SETTINGS
from genesis_ext.training.engine.checkpoint import DataMark
from genesis_ext.training.engine.environment import library_versions
from genesis_ext.training.engine.groups import FOR_FILES, FilesConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class RunData:
    """What a run trains and validates on.

    Attributes:
        store: what trains.   other: what validates, if that is another one.
        trains, validates: regions of their volumes; empty until they are chosen.
    """

    store: VolumeStore
    other: VolumeStore | None = None
    trains: Sequence[Region] = ()
    validates: Sequence[Region] = ()

    @property
    def validation_store(self) -> VolumeStore:
        """The store that holds what validates."""
        return self.other or self.store

    @property
    def stores(self) -> list[VolumeStore]:
        """One or two."""
        return [self.store] if self.other is None else [self.store, self.other]

    @property
    def mark(self) -> DataMark:
        """What tells the data of one run from that of another."""
        lines = [
            f"{entry.name} {entry.modality} {'x'.join(map(str, entry.shape))} {entry.checksum[:12]}"
            for side in self.stores
            for entry in side.entries
        ]
        return DataMark("+".join(side.checksum for side in self.stores), tuple(lines))

    @property
    def patients(self) -> tuple[str, ...]:
        """Those whose volumes train."""
        return _patients(self.store, self.trains)

    @property
    def validation_patients(self) -> tuple[str, ...]:
        """Those whose volumes validate."""
        return _patients(self.validation_store, self.validates)

    def facts(self, patch: tuple[int, ...]) -> dict[str, Any]:
        """What a ``ModelRecord`` says of data and versions; patch: the sides of what the network gets."""
        settings = self.store.settings
        return {
            "patch": patch,
            "axes": "RAS"[: len(patch)],
            "normalization": settings.get("window", {}),
            "modalities": tuple(sorted({self.store.entries[region.volume].modality for region in self.trains})),
            "spacing_mm": settings.get("spacing_mm"),
            "antialias": settings.get("antialias", False),
            "patients": self.patients,
            "validation_patients": self.validation_patients,
            "versions": library_versions(),
        }


def open_data(
    fabric: "Fabric",
    files: FilesConfig,
    data: str | PathLike[str],
    validation_data: str | PathLike[str] | None,
    cache: str | PathLike[str] | None,
    report: Callable[[str], object],
) -> RunData:
    """Open the stores, and prepare those of scans; regions are not chosen yet."""
    with fabric.rank_zero_first(local=True):  # prepares scans; the others find the store that it made
        store = open_store(files, data, cache, report)
        other = None if validation_data is None else open_store(files, validation_data, cache, report)
    return RunData(store, other)


def open_store(
    files: FilesConfig,
    data: str | PathLike[str],
    cache: str | PathLike[str] | None,
    report: Callable[[str], object],
) -> VolumeStore:
    """The store in a folder, or that of the scans."""
    begun = (Path(data) / SETTINGS).exists()  # a store that is not finished says so when it is opened
    if not is_store(data) and not begun:
        settings = files.preparation()
        return prepare_cached(
            data, cache, report, modality=files.modality, spacing_mm=settings.spacing_mm, window=settings.window
        )
    usual = FilesConfig()
    given = [name for name in FOR_FILES if getattr(files, name) != getattr(usual, name)]
    by_preset = files.mri_window == PAPER_MRI_WINDOW
    if by_preset:
        given.remove("mri_window")
    if given:
        raise ValueError(f"{data} is a store, which is as it was prepared: {', '.join(given)} must not be given")
    store = VolumeStore(data)
    if by_preset and any(entry.modality == "mri" for entry in store.entries):
        window = store.settings.get("window", {})
        if tuple(window.get("mri") or ()) != PAPER_MRI_WINDOW:
            report(
                f"{data} is a store, which is as it was prepared: MRI was not cut at mri_window {PAPER_MRI_WINDOW}, "
                "as the Universal Model does; genesis prepare --mri-window does that"
            )
    return store


def whole_stores(
    smallest: Shape3, store: VolumeStore, other: VolumeStore, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
    """All that trains of a store, and all that validates of another one; volumes marked "test" do neither.

    Raises:
        ValueError: a volume is in both, or nothing is left.
    """
    shared = {entry.checksum for entry in store.entries} & {entry.checksum for entry in other.entries}
    if shared:
        name = next(entry.name for entry in other.entries if entry.checksum in shared)
        raise ValueError(f"{name} must not both train and validate")
    patients = {entry.patient for entry in store.entries} & {entry.patient for entry in other.entries}
    if patients:
        report(f"warning: {len(patients)} patients are in both stores by name, the first is {min(patients)}")
    train, validation = (
        [r for r in whole_regions(side.entries, smallest) if marks[r.volume] != "test"]
        for side, marks in ((side, marks_of(side.entries)) for side in (store, other))
    )
    if not train or not validation:
        raise ValueError(f"no volume for {'validation' if train else 'training'} holds a box of {smallest} voxels")
    return train, validation


def with_contrast(regions: Sequence[Region], store: VolumeStore, report: Callable[[str], object]) -> list[Region]:
    """Leave out MRI that a window made white, which `genesis prepare` did not refuse in older stores.

    Raises:
        ValueError: nothing is left.
    """
    if not store.settings.get("window", {}).get("mri") or store.settings.get("percentiles"):
        return list(regions)
    white = {
        volume
        for volume in sorted({region.volume for region in regions})
        if store.entries[volume].modality == "mri" and store.entries[volume].statistics["clipped_above"] > MOST_ABOVE
    }
    for volume in sorted(white):
        entry = store.entries[volume]
        report(
            f"left out {entry.name}: {entry.statistics['clipped_above']:.1%} of its voxels lie above the MRI window's "
            f"end {store.settings['window']['mri'][1]:g}, where all are one value: prepare it without a window"
        )
    kept = [region for region in regions if region.volume not in white]
    if not kept:
        raise ValueError(f"{store.path}: its MRI window made all volumes white: prepare them without a window")
    return kept


def _patients(store: VolumeStore, regions: Sequence[Region]) -> tuple[str, ...]:
    return tuple(sorted({store.entries[region.volume].patient for region in regions}))
