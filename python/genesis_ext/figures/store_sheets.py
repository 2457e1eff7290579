# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of a volume store: its volumes with their histograms, and boxes as training crops them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path

from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.figures.box_sheets import boxes_sheet
from genesis_ext.figures.histogram_sheet import histograms_sheet
from genesis_ext.figures.label_sheets import labels_sheet
from genesis_ext.figures.subject import evenly
from genesis_ext.figures.volume_sheets import MODALITY_NAMES, volumes_sheet

_VOLUMES_A_PAGE, _BOXES_A_PAGE, _LABELS_A_PAGE = 5, 4, 4


def write_store_preview(
    store: VolumeStore,
    folder: str | PathLike[str],
    most: int = 24,
    names: Sequence[str] = (),
    sampling: Sampling | None = None,
    seed: int = 0,
) -> Iterator[Path]:
    """Write the pages one by one, and yield the path of each once it is written.

    volumes_01.png, ...: for each volume slices in three planes, and histograms before and after normalisation.
    histograms.png: those of the modalities beside each other.
    boxes_01.png, ...: for each volume an outlined box of every scale, with the crop that training gets.
    labels_01.png, ...: for each volume with a label its outline, and patches as fine-tuning gets them.

    most: volumes shown, evenly spread over the store; the sheets say so where there are more.
    names: show these volumes instead.
    sampling: which boxes (default: ``Sampling()``).   seed: of their draws.

    Raises:
        ValueError: the store holds no volumes, or none of a name, or ``most`` is less than 1.
        StoreError: a file is missing or damaged.
        ImportError: matplotlib is not installed; the text says how to install it.
        OSError: the folder cannot be made or written to.
    """
    if most < 1:
        raise ValueError(f"preview: most must be at least 1, got {most}")
    chosen = _chosen(store, most, names)
    about = _about(store, len(chosen), by_name=bool(names))
    sampling = sampling or Sampling()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    title = store.path.resolve().name
    for page, of, indices in _pages(chosen, _VOLUMES_A_PAGE):
        sheet = volumes_sheet(store, indices, f"{title}: volumes, page {page} of {of}", about)
        yield sheet.save(folder / f"volumes_{page:02d}.png")
    yield histograms_sheet(store, chosen, f"{title}: histograms", about).save(folder / "histograms.png")
    for page, of, indices in _pages(chosen, _BOXES_A_PAGE):
        sheet = boxes_sheet(store, indices, f"{title}: boxes, page {page} of {of}", about, sampling, seed)
        yield sheet.save(folder / f"boxes_{page:02d}.png")
    labelled = [i for i in chosen if store.entries[i].label is not None]
    for page, of, indices in _pages(labelled, _LABELS_A_PAGE):
        sheet = labels_sheet(store, indices, f"{title}: labels, page {page} of {of}", about, sampling.resized, seed)
        yield sheet.save(folder / f"labels_{page:02d}.png")


def _chosen(store: VolumeStore, most: int, names: Sequence[str]) -> list[int]:
    if len(store) == 0:
        raise ValueError(f"{store.path}: the store holds no volumes")
    if not names:
        return evenly(len(store), most)
    places = {entry.name: i for i, entry in enumerate(store.entries)}
    if missing := [name for name in names if name not in places]:
        raise ValueError(
            f"{store.path}: holds no volume called {missing[0]!r}, but {store.entries[0].name!r} and so on"
        )
    return [places[name] for name in names]


def _pages(chosen: list[int], size: int) -> Iterator[tuple[int, int, list[int]]]:
    """For every page its number, the number of pages, and its volumes."""
    count = -(-len(chosen) // size)
    for page in range(count):
        yield page + 1, count, chosen[page * size : (page + 1) * size]


def _about(store: VolumeStore, shown: int, by_name: bool) -> str:
    """The store in a sentence or two, for captions."""
    modalities = Counter(entry.modality for entry in store.entries)
    kinds = ", ".join(f"{number} {MODALITY_NAMES[name]}" for name, number in modalities.items())
    patients = len({entry.patient for entry in store.entries})
    dtype = store.entries[0].dtype
    text = (
        f"The store holds {len(store)} volumes ({kinds}) of {patients} patients in {store.bytes() / 1e9:.3g} GB of "
        f"{dtype}, checksum {store.checksum[:12]}."
    )
    if shown == len(store):
        return text
    return f"{text} {shown} of them are shown, {'chosen by name' if by_name else 'evenly spread'}."
