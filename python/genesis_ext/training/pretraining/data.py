# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a run trains and validates on: stores, and the regions of their volumes."""

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from genesis_ext.data.prepare.intensity import MOST_ABOVE, PAPER_MRI_WINDOW
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.split import Region, marks_of, split_regions, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from genesis_ext.data.store.writer import SETTINGS
from genesis_ext.training.engine.checkpoint import DataMark
from genesis_ext.training.pretraining.config import FOR_FILES, PretrainConfig


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
    config: PretrainConfig, store: VolumeStore, other: VolumeStore | None, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
    """What trains, of the store, and what validates, of the other one if there is one."""
    sampling = config.data.sampling()
    if other is None:
        train, validation = split_regions(store.entries, sampling.smallest, config.data.split, sampling.grid, report)
    else:
        train, validation = _whole_stores(sampling.smallest, store, other, report)
    train = _of_modalities(config, _with_contrast(train, store, report), store, "trains")
    other = other or store
    return train, _of_modalities(config, _with_contrast(validation, other, report), other, "validates")


def _whole_stores(
    smallest: tuple[int, int, int], store: VolumeStore, other: VolumeStore, report: Callable[[str], object]
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


def _of_modalities(config: PretrainConfig, regions: Sequence[Region], store: VolumeStore, does: str) -> list[Region]:
    """The regions whose modality has a part in the method."""
    method = config.method
    told_apart = method.method == "universal" and method.adversary != "off"
    wanted = {"ct", "mri"} if told_apart else {method.modalities}
    kept = [r for r in regions if "all" in wanted or store.entries[r.volume].modality in wanted]
    missing = wanted - {"all"} - {store.entries[r.volume].modality for r in kept}
    if missing:
        raise ValueError(
            f"method {method.method} with modalities {method.modalities} and adversary {method.adversary} needs "
            f"volumes of {' and '.join(sorted(wanted))}, and of {' and '.join(sorted(missing))} none {does} in "
            f"{store.path}"
        )
    return kept


def mark_of(store: VolumeStore, other: VolumeStore | None) -> DataMark:
    """What tells the data of one run from that of another."""
    stores = [store] if other is None else [store, other]
    lines = [
        f"{entry.name} {entry.modality} {'x'.join(map(str, entry.shape))} {entry.checksum[:12]}"
        for side in stores
        for entry in side.entries
    ]
    return DataMark("+".join(side.checksum for side in stores), tuple(lines))
