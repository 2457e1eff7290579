# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What is predicted on prepared volumes lies on the voxels of the file again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.data.prepare.inverse import to_original_grid
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoredItem, VolumeStore
from genesis_ext.data.volume import OriginalGrid
from tests.data_layer.images import random_voxels, write_nifti
from tests.data_layer.preparing import run, table
from tests.data_layer.stores import entry_of

OBLIQUE = nibabel.eulerangles.euler2mat(0.1, -0.2, 0.15)
AFFINES = {
    "plain": np.diag((1.0, 1.0, 1.0, 1.0)),
    "thick, left, down": np.diag((-0.9, 1.2, -2.5, 1.0)),
    "permuted": np.array([[0, 0, 1.4, -80], [-0.8, 0, 0, 60], [0, 2.0, 0, 7], [0, 0, 0, 1.0]]),
    "oblique": np.block([[OBLIQUE @ np.diag((1.1, -0.7, 1.6)), np.array([[30.0], [-4], [9]])], [np.zeros(3), 1]]),
}
SHAPE = (14, 11, 9)
NEAREST = {"kept": None, "finer": (0.6, 0.5, 0.7)}


def dice(a: NDArray[Any], b: NDArray[Any]) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


def store_of(folder: Path, affine: NDArray[Any], settings: PrepareSettings) -> VolumeStore:
    """One CT with a label of random values, both of that affine."""
    write_nifti(folder / "a.nii", random_voxels(SHAPE, -900, 900).astype(np.int16), affine)
    write_nifti(folder / "b.nii", random_voxels(SHAPE, -2, 300, seed=1).astype(np.int16), affine)
    run(table(folder, "path,label\na.nii,b.nii"), folder / "store", settings)
    return VolumeStore(folder / "store")


def of_file(path: str | None) -> NDArray[Any]:
    image: Any = nibabel.load(path or "")
    return np.asarray(image.dataobj)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("pad_to", [None, (40, 4, 37)])
def test_labels_come_back_exactly_where_the_grid_is_nowhere_coarser(
    tmp_path: Path, affine: NDArray[Any], pad_to: Any
) -> None:
    for name, spacing in NEAREST.items():
        store = store_of(tmp_path / name, affine, PrepareSettings(spacing_mm=spacing, pad_to=pad_to))
        entry, _, label = store[0]
        assert label is not None
        assert entry.original is not None
        image: Any = nibabel.load(tmp_path / name / "b.nii")
        assert entry.original.shape == SHAPE
        assert np.array_equal(entry.original.affine, image.affine)
        assert entry.original.orientation == "".join(nibabel.aff2axcodes(image.affine))
        assert np.allclose(entry.original.spacing_mm, image.header.get_zooms())
        for dtype in (torch.int16, torch.int64, torch.float64):
            back = to_original_grid(torch.from_numpy(np.array(label)).to(dtype), entry)
            assert (back.dtype, back.is_contiguous()) == (dtype, True)
            if dtype != torch.float64 or spacing is None:
                assert np.array_equal(back.numpy(), of_file(entry.label_source))
        masks = torch.from_numpy(np.stack((label > 9, label < 100)))
        back = to_original_grid(masks, entry)
        assert back.dtype == torch.bool
        assert np.array_equal(back[1].numpy(), of_file(entry.label_source) < 100)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_probabilities_come_back_to_their_millimetres_and_add_up_to_1(tmp_path: Path, affine: NDArray[Any]) -> None:
    """A field that is linear in millimetres is interpolated without error, between the outermost centres."""

    def field(at: NDArray[Any], shape: tuple[int, ...]) -> torch.Tensor:
        index = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
        mm = index @ at[:3, :3].T + at[:3, 3]
        return torch.from_numpy(mm @ (0.002, -0.003, 0.005) + 0.5).float()

    store = store_of(tmp_path, affine, PrepareSettings(spacing_mm=(0.8, 1.5, 1.1), pad_to=(1, 40, 30)))
    entry = store.entries[0]
    p = field(np.array(entry.affine), entry.shape)
    back = to_original_grid(torch.stack((p, 1 - p)), entry)
    assert back.shape == (2, *SHAPE)
    assert (back.sum(0) - 1).abs().max() < 1e-6
    inner = (slice(1, -1),) * 3  # beyond the outermost stored centres of the scan its values go on
    assert (back[0] - field(affine, SHAPE))[inner].abs().max() < 1e-5  # float32 affines of NIfTI


def test_a_picture_comes_back_as_it_is(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = random_voxels((5, 7), 0, 255).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "a.png")
    run(tmp_path / "a.png", tmp_path / "store", PrepareSettings(pad_to=(10, 10, 1)))
    entry, voxels, _ = VolumeStore(tmp_path / "store")[0]
    back = to_original_grid(torch.from_numpy(np.array(voxels)), entry)
    assert np.array_equal(np.rint(back[..., 0].numpy() * entry.slope + entry.intercept), pixels.T)


@pytest.mark.parametrize(
    ("spacing", "pad_to", "least"),
    [
        (None, None, 1.0),
        (None, (64, 40, 64), 1.0),
        ((0.8, 0.9, 0.7), None, 1.0),
        ((1.0, 1.0, 1.1), (64, 40, 64), 0.97),  # every eleventh slice is lost
    ],
)
def test_the_hippocampus_comes_back_to_its_file(
    shared: Path, tmp_path: Path, spacing: Any, pad_to: Any, least: float
) -> None:
    found = find_sources(shared / "data" / "hippocampus")
    for number, source in enumerate(found.sources[::25]):  # of each a version with other axes, cut to a part
        turned = ("RAS", "LPS", "PIR", "SLA")[number % 4]
        codes = nibabel.orientations.axcodes2ornt(turned)
        for folder, path in (("imagesTr", source.path), ("labelsTr", source.label)):
            whole: Any = nibabel.load(path or "")
            change = nibabel.orientations.ornt_transform(nibabel.io_orientation(whole.affine), codes)
            part = whole.as_reoriented(change).slicer[2:, 1:-3, 3:]
            (tmp_path / folder).mkdir(exist_ok=True)
            nibabel.save(part, tmp_path / folder / f"{source.name}.nii.gz")
    settings = PrepareSettings(spacing_mm=spacing, pad_to=pad_to)
    report = run(tmp_path / "imagesTr", tmp_path / "store", settings, labels=tmp_path / "labelsTr")
    assert dict(report.counts) == {"taken": 8}
    for item in VolumeStore(tmp_path / "store"):  # type: ignore[attr-defined]
        _compare(item, least)


def _compare(item: StoredItem, least: float) -> None:
    truth = of_file(item.entry.label_source)
    back = to_original_grid(torch.from_numpy(np.array(item.label)), item.entry).numpy()
    assert np.array_equal(back, truth) or least < 1
    assert dice(back > 0, truth > 0) >= least


def test_what_cannot_be_brought_back_is_refused() -> None:
    original = OriginalGrid((4, 5, 12), tuple(map(tuple, np.diag((1.0, 1.0, 0.5, 1.0)).tolist())))
    entry = entry_of("a", (4, 5, 6), original=original)
    affine = np.diag((1.0, 1.0, 1.0, 1.0))
    affine[2, 3] = 0.25
    good: StoredVolume = replace(entry, affine=tuple(map(tuple, affine.tolist())))
    labels = torch.zeros(4, 5, 6, dtype=torch.int64)
    assert to_original_grid(labels, good).shape == (4, 5, 12)
    for prediction, which, complaint in (
        (labels[None, None], good, r"prediction must be \(4, 5, 6\), with or without channels before, got \(1, 1, 4"),
        (labels[:3], good, r"got \(3, 5, 6\)"),
        (labels + 40_000, good, "labels must lie in int16, got 40000 to 40000"),
        (labels, replace(good, original=None), "of a store of format 1, .* prepare it anew"),
        (labels, entry, "the affine of volume 'a' must follow from that of its file"),
    ):
        with pytest.raises(ValueError, match=complaint):
            to_original_grid(prediction, which)
