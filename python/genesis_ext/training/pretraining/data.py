# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run trains and validates on: stores, and the regions of their volumes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from genesis_ext._types import Shape3
from genesis_ext.data.prepare.intensity import MOST_ABOVE, PAPER_MRI_WINDOW
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.split import Region, marks_of, split_regions, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from genesis_ext.data.store.writer import SETTINGS
from genesis_ext.training.engine.checkpoint import DataMark
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.groups import FOR_FILES
from genesis_ext.training.pretraining.methods.method import Needs

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

    def chosen(self, config: PretrainConfig, needs: Needs, report: Callable[[str], object]) -> "RunData":
        """The same with its regions."""
        trains, validates = choose_regions(config, needs, self.store, self.other, report)
        return replace(self, trains=trains, validates=validates)


def open_data(
    fabric: "Fabric",
    config: PretrainConfig,
    data: str | PathLike[str],
    validation_data: str | PathLike[str] | None,
    cache: str | PathLike[str] | None,
    report: Callable[[str], object],
) -> RunData:
    """Open the stores, and prepare those of scans; regions are not chosen yet."""
    with fabric.rank_zero_first(local=True):  # prepares scans; the others find the store that it made
        store = open_store(config, data, cache, report)
        other = None if validation_data is None else open_store(config, validation_data, cache, report)
    return RunData(store, other)


def open_store(
    config: PretrainConfig,
    data: str | PathLike[str],
    cache: str | PathLike[str] | None,
    report: Callable[[str], object],
) -> VolumeStore:
    """The store in a folder, or that of the scans."""
    begun = (Path(data) / SETTINGS).exists()  # a store that is not finished says so when it is opened
    if not is_store(data) and not begun:
        settings = config.files.preparation()
        return prepare_cached(
            data, cache, report, modality=config.files.modality, spacing_mm=settings.spacing_mm, window=settings.window
        )
    usual = PretrainConfig().files
    given = [name for name in FOR_FILES if getattr(config.files, name) != getattr(usual, name)]
    by_preset = config.files.mri_window == PAPER_MRI_WINDOW
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


def choose_regions(
    config: PretrainConfig, needs: Needs, store: VolumeStore, other: VolumeStore | None, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
    """What trains, of the store, and what validates, of the other one if there is one.

    needs: of the method.
    """
    sampling = config.data.sampling()
    if other is None:
        train, validation = split_regions(store.entries, sampling.smallest, config.data.split, sampling.grid, report)
    else:
        train, validation = _whole_stores(sampling.smallest, store, other, report)
    train = _of_modalities(needs, _with_contrast(train, store, report), store, "trains")
    other = other or store
    return train, _of_modalities(needs, _with_contrast(validation, other, report), other, "validates")


def _whole_stores(
    smallest: Shape3, store: VolumeStore, other: VolumeStore, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
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


def _with_contrast(regions: Sequence[Region], store: VolumeStore, report: Callable[[str], object]) -> list[Region]:
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


def _of_modalities(needs: Needs, regions: Sequence[Region], store: VolumeStore, does: str) -> list[Region]:
    """The regions whose modality has a part in the method."""
    wanted = needs.modalities
    kept = [r for r in regions if "all" in wanted or store.entries[r.volume].modality in wanted]
    missing = wanted - {"all"} - {store.entries[r.volume].modality for r in kept}
    if missing:
        raise ValueError(
            f"{needs.because} needs volumes of {' and '.join(sorted(wanted))}, and of {' and '.join(sorted(missing))} "
            f"none {does} in {store.path}"
        )
    return kept
