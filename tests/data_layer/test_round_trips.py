# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Scans on another grid and back, and where their voxels lie in the body.

The way there is that of ``genesis prepare``: order 3, stored as int16. The way back is ``ops.resample`` of the stored
numbers times slope plus intercept, so the bounds hold for what a store keeps. Large scans are cut to their middle.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from genesis_ext import ops
from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW, IntensityWindow
from genesis_ext.data.prepare.preprocess import Prepared, PrepareSettings, prepare_volume
from genesis_ext.data.readers import read_label, read_volume
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.data.volume import Volume
from tests.data_layer.images import write_nifti
from tests.data_layer.preparing import run
from tests.data_layer.real_scans import VOLUME_OF_LABEL, manifest_files
from tests.data_layer.test_readers_orientation import SIGNED_PERMUTATIONS

_MOST = (96, 96, 64)  # voxels of a scan that are looked at
_SCANS = [file for file in manifest_files() if not file.startswith(("labels/", "xray_us/"))]


@lru_cache(maxsize=1)
def whole(path: Path) -> Volume:
    pytest.importorskip("SimpleITK")
    return read_volume(path)


def cut(volume: Volume, most: tuple[int, int, int] = _MOST, middle: Any = None) -> tuple[Volume, tuple[slice, ...]]:
    """The part of a scan around its middle, or around another voxel; and which voxels these are."""
    shape = volume.voxels.shape
    middle = [n // 2 for n in shape] if middle is None else middle
    first = [max(0, min(int(at) - side // 2, n - side)) for at, side, n in zip(middle, most, shape, strict=True)]
    part = tuple(slice(at, at + side) for at, side in zip(first, most, strict=True))
    affine = volume.affine.copy()
    affine[:3, 3] = (volume.affine @ (*first, 1))[:3]
    voxels = volume.voxels[part].contiguous()
    return Volume(voxels, volume.spacing_mm, affine, volume.modality, volume.path, volume.name), part


def resampled(voxels: Tensor, shape: Any, order: int) -> Tensor:
    return ops.resample(voxels[None, None], tuple(shape), order=order, boundary="nearest", grid_mode=True)[0, 0]


def there(volume: Volume, label: Tensor | None = None, times: float = 1.0, mm: float | None = None) -> Prepared:
    """As stored on a grid of `times` the spacing of the scan, or of `mm`."""
    x, y, z = (times * side if mm is None else mm for side in volume.spacing_mm)
    window = IntensityWindow(mri=PAPER_MRI_WINDOW)  # all of these scans: cutting is no matter of grids
    return prepare_volume(volume, label, PrepareSettings(spacing_mm=(x, y, z), window=window))


def in_units(prepared: Prepared) -> Tensor:
    return torch.from_numpy(prepared.voxels).float() * prepared.scale.slope + prepared.scale.intercept


def trip(volume: Volume, **grid: float) -> tuple[Tensor, Tensor, float]:
    """What comes back and what set out, both inside the window, and the size of a stored step."""
    prepared = there(volume, **grid)
    lo, hi = prepared.scale.lo, prepared.scale.hi
    back = resampled(in_units(prepared), volume.voxels.shape, 3).clamp(lo, hi)
    return back, volume.voxels.float().clamp(lo, hi), prepared.scale.slope


def rms(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().mean().sqrt())


def correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(np.ravel(a), np.ravel(b))[0, 1])


@pytest.mark.parametrize("file", _SCANS)
def test_a_scan_comes_back_from_another_grid(shared: Path, file: str) -> None:
    volume, _ = cut(whole(shared / "data" / file))

    # Three voxels for one: the old centres are among the new ones, and a spline through stored values passes through
    # them. What is left is the rounding to a step, which for whole HU is nothing.
    back, start, step = trip(cut(volume, (64, 64, 40))[0], times=1 / 3)
    assert float((back - start).abs().max()) <= (1e-3 if volume.modality == "ct" else 0.52 * step)

    # Five for three: finer than the scan, so its detail fits, but old centres lie between new ones. A cubic spline
    # loses a hundredth of the spread of the values (2.5 % in the worst scan, abdominal MRI); linear interpolation,
    # which smooths both ways, at least five times as much.
    back, start, _ = trip(volume, times=0.6)
    assert correlation(back, start) > 0.9995
    assert rms(back, start) < 0.03 * float(start.std())
    linear = resampled(resampled(start, there(volume, times=0.6).voxels.shape, 1), start.shape, 1)
    assert rms(back, start) < 0.2 * rms(linear, start)

    # To 1 mm, as stored by default: along axes finer than that (.66 mm in the finest scan) detail is lost for good.
    back, start, _ = trip(volume, mm=1.0)
    assert correlation(back, start) > 0.99

    # Two for three: detail of two to three voxels is gone, or folded. The scans with sharp pixels and thick slices lose
    # most (.926), and linear interpolation always more.
    back, start, _ = trip(volume, times=1.5)
    assert correlation(back, start) > 0.92
    linear = resampled(resampled(start, there(volume, times=1.5).voxels.shape, 1), start.shape, 1)
    assert rms(back, start) < rms(linear, start)


def dice(a: Tensor, b: Tensor) -> float:
    return 2 * float((a & b).sum()) / float(a.sum() + b.sum())


@pytest.mark.parametrize("name", VOLUME_OF_LABEL)
def test_a_label_comes_back_from_another_grid(shared: Path, name: str) -> None:
    volume = whole(shared / "data" / VOLUME_OF_LABEL[name])
    (path,) = (shared / "data" / "labels").glob(f"{name}.*")
    label = read_label(path, volume)

    def back(prepared: Prepared, like: Tensor) -> Tensor:
        assert prepared.label is not None
        return resampled(torch.from_numpy(prepared.label), like.shape, 0)

    # 1 mm is finer than these grids or theirs already, but for the DICOM series, of whose 512 columns 12 are lost.
    at_1_mm = there(volume, label, mm=1.0)
    again = back(at_1_mm, label)
    assert dice(label > 0, again > 0) > 0.98
    finer = all(new >= old for new, old in zip(at_1_mm.voxels.shape, label.shape, strict=True))
    assert finer == (name != "abdomen_ts_example_ct_dicom_organs")
    if finer:
        assert torch.equal(again, label)

    middle = label.nonzero().double().mean(dim=0).tolist()
    volume, part = cut(volume, middle=middle)
    label = label[part].contiguous()

    # On a finer grid every old voxel holds a new centre that is the nearest to its own: nothing is lost, in no organ.
    assert torch.equal(back(there(volume, label, times=0.7), label), label)

    # On a coarser grid a voxel may get the value of its neighbour, no further away. So all loss lies at borders, and
    # Dice > .98 cannot hold for structures of few voxels: aorta .95, lesions .67 and .86 at one and a half times.
    changed = back(there(volume, label, times=1.5), label) != label
    values = label.float()[None]
    greatest, least = (s * torch.nn.functional.max_pool3d(s * values, 3, 1, 1)[0] for s in (1, -1))
    assert bool(changed.any())
    assert not bool((changed & (greatest == least)).any())


def file_and_places(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Voxels in the order of the file and the affine to RAS mm as SimpleITK, which is none of our readers' ways to
    orientation, has them."""
    sitk = pytest.importorskip("SimpleITK")
    if path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(path)))
        image = reader.Execute()
    else:
        image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, np.diag((-1.0, -1.0, 1.0, 1.0)) @ affine  # ITK's x and y run to LP


@pytest.mark.parametrize("file", _SCANS)
def test_stored_voxels_lie_where_the_file_says(shared: Path, file: str) -> None:
    """Voxels of the file against the stored volume at their millimetres: no other place fits better.

    The correlation over a shift along an axis is highest within a tenth of a voxel of no shift: half a voxel is what
    a wrong edge or centre would make.
    """
    path = shared / "data" / file
    volume, part = cut(whole(path))
    prepared = there(volume, mm=1.5)
    stored = in_units(prepared).numpy()
    voxels, affine = file_and_places(path)
    corners = np.array(
        np.meshgrid(*([s.start, s.start + n - 1] for s, n in zip(part, volume.voxels.shape, strict=True)))
    )
    box = np.linalg.inv(affine) @ whole(path).affine @ np.vstack([corners.reshape(3, -1), np.ones(8)])
    lo, hi = box[:3].min(axis=1).round().astype(int), box[:3].max(axis=1).round().astype(int)
    # Drawn, not thinned: a regular choice could lie at one and the same part of all stored voxels.
    index = np.random.default_rng(0).integers(lo[:, None] + 3, hi[:, None] - 2, (3, 20_000))
    mm = affine @ np.vstack([index, np.ones(index.shape[1])])
    at = (np.linalg.inv(prepared.grid.affine) @ mm)[:3]
    wanted = voxels[tuple(index)].astype(np.float64).clip(prepared.scale.lo, prepared.scale.hi)

    def fit(axis: int, shift: float) -> float:
        moved = at + shift * np.eye(3)[axis][:, None]
        return correlation(ndimage.map_coordinates(stored, moved, order=1, mode="nearest"), wanted)

    for axis in range(3):
        before, here, after = (fit(axis, shift) for shift in (-0.5, 0.0, 0.5))
        assert here > max(before, after)
        vertex = 0.25 * (before - after) / (before - 2 * here + after)  # of the parabola through the three
        assert abs(vertex) < 0.1


_LANDMARKS = np.array([(5.0, 4.0, 6.0), (14.0, 5.0, 3.0), (8.0, 15.0, 9.0), (16.0, 13.0, 5.0)])  # voxels


def landmarks_on(shape: tuple[int, ...], places: NDArray[np.float64]) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Air with a bright blob at every place, and a label with its number around it."""
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
    hu, label = np.full(shape, -1000.0), np.zeros(shape, np.uint8)
    for number, place in enumerate(places, start=1):
        distance = ((grid - place) ** 2).sum(axis=-1)
        hu += 1500 * np.exp(-distance / 2 / 1.2**2)
        label[distance <= 2.5] = number
    return hu.round().astype(np.int16), label


@pytest.mark.parametrize("to", [(1.0, 1.0, 1.0), (0.7, 1.3, 2.0)])
def test_landmarks_keep_their_millimetres_from_files_of_all_48_orientations_to_the_store(
    tmp_path: Path, to: tuple[float, float, float]
) -> None:
    shape, spacing = np.array((22, 20, 14)), np.array((0.8, 1.2, 2.0))
    oblique = nibabel.eulerangles.euler2mat(0.1, -0.2, 0.15)  # 6 to 11 degrees: no axis comes near to another
    rows, wanted = ["path,label,name"], {}
    for number, matrix in enumerate(SIGNED_PERMUTATIONS):
        affine = np.eye(4)
        affine[:3, :3] = oblique @ matrix * spacing
        affine[:3, 3] = (10, -20, 30 + number)
        hu, label = landmarks_on(tuple(shape), _LANDMARKS)
        name = f"o{number:02d}"
        write_nifti(tmp_path / "scans" / f"{name}.nii", hu, affine)
        write_nifti(tmp_path / "labels" / f"{name}.nii", label, affine)
        rows.append(f"scans/{name}.nii,labels/{name}.nii,{name}")
        wanted[name] = (affine @ np.c_[_LANDMARKS, np.ones(len(_LANDMARKS))].T)[:3].T
    (tmp_path / "list.csv").write_text("\n".join(rows))
    run(tmp_path / "list.csv", tmp_path / "store", PrepareSettings(spacing_mm=to))
    store = VolumeStore(tmp_path / "store")
    assert sorted(entry.name for entry in store.entries) == sorted(wanted)
    for i, entry in enumerate(store.entries):
        affine = np.array(entry.affine)
        assert nibabel.aff2axcodes(affine) == ("R", "A", "S")
        voxels, label = store[i].voxels, store[i].label
        assert label is not None
        for number, mm in enumerate(wanted[entry.name], start=1):
            blob = label == number
            weights = np.where(ndimage.binary_dilation(blob, iterations=3), voxels + 1000.0, 0.0)
            bright = affine @ (*ndimage.center_of_mass(weights), 1)
            middle = affine @ (*ndimage.center_of_mass(blob), 1)
            apart = np.linalg.inv(affine[:3, :3]) @ np.stack([bright[:3] - mm, middle[:3] - mm], axis=1)  # in voxels
            assert np.abs(apart[:, 0]).max() < 0.2, entry.name  # a blob of a voxel across has a centre no sharper
            assert np.abs(apart[:, 1]).max() < 0.5, entry.name  # the nearest voxel is up to half a voxel away


@pytest.mark.parametrize("file", ["ct/heart_aorta_ts_cropped.nii.gz", "mri/abdomen_ts_example_mr_sm.nii.gz"])
def test_a_scan_is_stored_alike_whatever_orientation_its_file_has(shared: Path, tmp_path: Path, file: str) -> None:
    volume, _ = cut(whole(shared / "data" / file), (26, 22, 18))
    image = nibabel.Nifti1Image(volume.voxels.numpy(), volume.affine)
    for number, matrix in enumerate(SIGNED_PERMUTATIONS):
        codes = nibabel.aff2axcodes(np.block([[matrix, np.zeros((3, 1))], [np.zeros(3), 1]]))
        turn = nibabel.orientations.ornt_transform(
            nibabel.io_orientation(volume.affine), nibabel.orientations.axcodes2ornt(codes)
        )
        nibabel.save(image.as_reoriented(turn), tmp_path / f"o{number:02d}.nii")
    settings = PrepareSettings(spacing_mm=tuple(0.7 * mm for mm in volume.spacing_mm))  # type: ignore[arg-type]
    run(tmp_path, tmp_path / "store", settings, modality=volume.modality)
    store = VolumeStore(tmp_path / "store")
    assert len(store) == 48
    for i in range(48):
        # Turned axes change the order in which the filter runs along a line, and so the last bit before rounding.
        assert np.abs(store[i].voxels.astype(np.int32) - store[0].voxels).max() <= 1
        assert np.mean(store[i].voxels == store[0].voxels) > 0.98
        assert np.allclose(store.entries[i].affine, store.entries[0].affine, atol=1e-4)
