# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every scan of the shared folder against what is written of it in its manifest."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from genesis_ext.data.readers import describe, read_label, read_volume
from genesis_ext.data.volume import Volume
from tests.data_layer.real_scans import VOLUME_OF_LABEL, manifest_files

_MODALITY = {"ct": "ct", "dicom": "ct", "mri": "mri", "xray_us": "xray"}  # by folder


@pytest.fixture(scope="module")
def manifest(shared: Path) -> list[dict[str, Any]]:
    pytest.importorskip("SimpleITK")
    pytest.importorskip("PIL")
    return list(json.loads((shared / "data" / "manifest.json").read_text()))


_STORED = {  # of which the manifest tells the type of the rescaled numbers
    "dicom/chest_ricord1a_419639_48sl": "int16",
    "dicom/abdomen_ts_example_ct_dicom": "uint16",
}


@pytest.mark.parametrize("file", [file for file in manifest_files() if not file.startswith("labels/")])
def test_a_scan_is_what_its_manifest_says(shared: Path, manifest: list[dict[str, Any]], file: str) -> None:
    entry = next(entry for entry in manifest if entry["file"] == file)
    path = shared / "data" / file
    volume = read_volume(path)
    (header,) = describe(path)
    assert volume.modality == _MODALITY[file.partition("/")[0]]
    assert header.shape == tuple(volume.voxels.shape)
    if volume.modality != "xray":
        assert nibabel.aff2axcodes(volume.affine) == ("R", "A", "S")
    order = _order(entry, volume)
    assert tuple(volume.voxels.shape) == tuple(entry["shape"][axis] for axis in order)
    spacing = [*entry["spacing"], 1.0][:3]
    assert volume.spacing_mm == pytest.approx([spacing[axis] for axis in order], abs=1e-4)
    assert np.sqrt((volume.affine[:3, :3] ** 2).sum(axis=0)) == pytest.approx(volume.spacing_mm)
    padded = volume.modality == "ct" and entry["min"] < -1024
    assert float(volume.voxels.min()) == (-1024 if padded else np.float32(entry["min"]))
    assert float(volume.voxels.max()) == np.float32(entry["max"])
    assert any("were set to -1024" in note for note in volume.notes) == padded
    assert volume.voxels.dtype == {"float32": torch.float32, "uint8": torch.uint8}.get(entry["dtype"], torch.int16)
    assert header.dtype == _STORED.get(file, entry["dtype"])


@pytest.mark.parametrize("file", [file for file in manifest_files() if file.startswith("labels/")])
def test_a_label_is_what_its_manifest_says(shared: Path, manifest: list[dict[str, Any]], file: str) -> None:
    entry = next(entry for entry in manifest if entry["file"] == file)
    path = shared / "data" / file
    volume = read_volume(shared / "data" / VOLUME_OF_LABEL[path.name.partition(".")[0]])
    label = read_label(path, volume)
    assert label.shape == volume.voxels.shape
    assert label.unique().tolist() == entry["label_values"]
    assert int(label.count_nonzero()) == entry["label_voxels"]


def test_a_series_and_its_nrrd_twin_agree_in_voxels_and_places(shared: Path, manifest: list[dict[str, Any]]) -> None:
    series = read_volume(shared / "data/dicom/chest_cip_ct64_dicom")
    nrrd = read_volume(shared / "data/ct/chest_cip_ct64.nrrd")
    assert torch.equal(series.voxels, nrrd.voxels)
    assert np.allclose(series.affine, nrrd.affine, atol=2e-3)  # both are written in decimals


def test_slices_of_a_series_lie_in_the_whole_scan(shared: Path, manifest: list[dict[str, Any]]) -> None:
    """The MHD file holds the means of 2 x 2 pixels of the same scan, cut at -1024."""
    series = read_volume(shared / "data/dicom/chest_ricord1a_419639_48sl")
    whole = read_volume(shared / "data/ct/chest_ricord1a_419639.mhd")
    first = np.linalg.inv(whole.affine) @ series.affine @ (0.5, 0.5, 0, 1)  # centre of the first 2 x 2 pixels
    assert np.allclose(first, np.round(first), atol=1e-2)
    x, y, z = (int(n) for n in np.round(first[:3]))
    wide, high, deep = (n // d for n, d in zip(series.voxels.shape, (2, 2, 1), strict=True))
    means = torch.nn.functional.avg_pool3d(series.voxels[None].float(), (2, 2, 1))[0]
    assert (whole.voxels[x : x + wide, y : y + high, z : z + deep] - means).abs().max() <= 1  # rounded to whole HU


def _order(entry: dict[str, Any], volume: Volume) -> tuple[int, int, int]:
    """Axes of the file in the order of the volume: the manifest counts in the order of the file."""
    codes = entry["axcodes"]
    if not codes or volume.modality == "xray":
        return 0, 1, 2
    x, y, z = (next(i for i, code in enumerate(codes) if code in pair) for pair in ("LR", "PA", "SI"))
    return x, y, z
