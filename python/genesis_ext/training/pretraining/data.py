# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which regions of the volumes pre-train, and which validate."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from genesis_ext.data.sampling.split import Region, split_regions
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.run_data import whole_stores, with_contrast
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.method import Needs


def choose_regions(
    config: PretrainConfig, needs: Needs, store: VolumeStore, other: VolumeStore | None, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
    """What trains, of the store, and what validates, of the other one if there is one.

    needs: of the method.

    Raises:
        ValueError: a side lacks what the method needs, or a pattern of ``share`` fits no volume.
    """
    for side in (store, other):
        if side and (note := note_on_spacing(config, side.path, side.settings.get("spacing_mm"))):
            report(note)
    sampling = config.data.sampling()
    for pattern in config.data.share:
        if not any(fnmatchcase(entry.name, pattern) for entry in store.entries):
            raise ValueError(f"share must hold patterns of names, and {pattern!r} fits no volume of {store.path}")
    if other is None:
        train, validation = split_regions(store.entries, sampling.smallest, config.data.split, sampling.grid, report)
    else:
        train, validation = whole_stores(sampling.smallest, store, other, report)
    train = _of_modalities(needs, with_contrast(train, store, report), store, "trains")
    other = other or store
    return train, _of_modalities(needs, with_contrast(validation, other, report), other, "validates")


def note_on_spacing(config: PretrainConfig, store: Path, spacing_mm: Sequence[float] | None) -> str:
    """A sentence if a store's volumes were not resampled as the method has them; empty if they were.

    spacing_mm: to which they were; None if each has its own.
    """
    if config.data.lung_content and spacing_mm is not None:
        mm = "x".join(f"{side:g}" for side in spacing_mm)
        sides = "x".join(f"{side * n:g}" for side, n in zip(spacing_mm, config.data.patch, strict=True))
        return (
            f"{store} was resampled to {mm} mm, so that a patch spans {sides} mm; the released code, whose rule "
            "lung_content is, does not resample: genesis prepare --spacing native"
        )
    wanted = METHODS[config.method.method].spacing_mm
    if wanted is not None and list(spacing_mm or ()) != [wanted] * 3:
        return (
            f"{store} was not resampled to {wanted:g} mm, as the volumes of method {config.method.method} are: give "
            f"scans --spacing-mm {wanted:g}, or genesis prepare them so"
        )
    return ""


def weights_of(config: PretrainConfig, store: VolumeStore) -> list[int] | None:
    """How often each volume is drawn beside others of its modality, by ``share``; None if all are alike."""
    share = config.data.share
    if not share:
        return None
    return [next((w for pattern, w in share.items() if fnmatchcase(entry.name, pattern)), 1) for entry in store.entries]


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
