# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import read_label, read_volume
from genesis_ext.data.volume import VolumeError
from tests.data_layer.images import patched, random_voxels, write_nifti

AFFINE = np.array([[0, -2.0, 0, 10], [0, 0, 3.0, 0], [-1.0, 0, 0, 0], [0, 0, 0, 1]])  # axes: down, left, front
VOXELS = random_voxels((5, 6, 7), 0, 900)
LABEL = (VOXELS > 450).astype(np.uint8)


@pytest.mark.parametrize(
    ("dtype", "greatest", "kept"),
    [("u1", 1, "uint8"), ("i2", 255, "uint8"), ("u2", 779, "int16"), ("f4", 3, "uint8"), ("f8", 300, "int16")],
)
def test_a_label_is_turned_with_its_volume(tmp_path: Path, dtype: str, greatest: int, kept: str) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE))
    path = write_nifti(tmp_path / "label.nii.gz", LABEL.astype(dtype) * np.array(greatest, dtype), AFFINE)
    label = read_label(path, volume)
    assert label.dtype == getattr(torch, kept)
    assert torch.equal(label, (volume.voxels > 450) * greatest)


def test_a_label_stored_in_other_axes_is_brought_to_the_same(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii.gz", VOXELS, AFFINE))
    turned = AFFINE.copy()
    turned[:3, 0], turned[:3, 3] = -AFFINE[:3, 0], AFFINE[:3, 3] + 4 * AFFINE[:3, 0]
    label = read_label(write_nifti(tmp_path / "label.nii", LABEL[::-1], turned), volume)
    assert torch.equal(label, volume.voxels > 450)


def test_numbers_that_rounding_moved_are_labels(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii", VOXELS))
    noisy = write_nifti(tmp_path / "noise.nii", LABEL * 2 - np.float32(1e-6))
    assert torch.equal(read_label(noisy, volume), (volume.voxels > 450) * 2)
    whole = write_nifti(tmp_path / "whole.nii", LABEL * np.uint8(254))
    scaled = patched(tmp_path / "scaled.nii", whole, (112, struct.pack("<f", 2 / 254)))
    assert torch.equal(read_label(scaled, volume), (volume.voxels > 450) * 2)


def test_labels_of_nothing_and_negative_ones_are_taken(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii", VOXELS))
    assert not read_label(write_nifti(tmp_path / "b.nii", LABEL * 0), volume).any()
    label = read_label(write_nifti(tmp_path / "c.nii", LABEL.astype(np.int16) - 1), volume)
    assert (label.dtype, int(label.min())) == (torch.int16, -1)


def test_another_grid_and_fractions_are_refused(tmp_path: Path) -> None:
    volume = read_volume(write_nifti(tmp_path / "a.nii", VOXELS))
    near, far, wide = np.eye(4), np.eye(4), np.diag((1.0, 1.0, 1.1, 1.0))
    near[0, 3], far[0, 3] = 0.05, 0.5
    assert torch.equal(read_label(write_nifti(tmp_path / "near.nii", LABEL, near), volume), volume.voxels > 450)
    for name, label, affine, text in (
        ("far", LABEL, far, r"must lie where its volume lies, its corners at most 0\.1 mm apart .*, got 0\.5 mm"),
        ("wide", LABEL, wide, r"must lie where its volume lies, .* got 0\.6 mm"),
        ("small", LABEL[1:], None, r"must have the shape of its volume \(5, 6, 7\), got \(4, 6, 7\)"),
        ("many", np.stack((LABEL, LABEL), 3), None, "a label must be 3D, got 2 frames"),
        ("near half", LABEL + np.float32(0.002), None, "label values must be whole numbers, got fractions"),
        ("half", LABEL * np.float32(0.5), None, "label values must be whole numbers, got fractions"),
        ("none", LABEL * np.float32(np.nan), None, "label values must lie in int16, got nan"),
        ("great", LABEL.astype(np.int32) * 40_000, None, "label values must lie in int16, got 0 to 40000"),
    ):
        path = write_nifti(tmp_path / f"{name}.nii", label, affine)
        with pytest.raises(VolumeError, match=text) as caught:
            read_label(path, volume)
        assert str(caught.value).startswith(str(path))


def test_the_indices_of_a_palette_are_labels(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = random_voxels((5, 7), 0, 255).astype(np.uint8)
    image.fromarray(pixels).save(tmp_path / "a.png")
    volume = read_volume(tmp_path / "a.png")
    label = image.fromarray(pixels % 3)
    label.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    label.save(tmp_path / "label.png")
    assert torch.equal(read_label(tmp_path / "label.png", volume), volume.voxels % 3)
