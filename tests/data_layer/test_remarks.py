# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from tests.data_layer.images import random_voxels, write_nifti, write_series
from tests.data_layer.preparing import run

SIDES = (30, 30, 30)


def notes(folder: Path, settings: PrepareSettings | None = None) -> list[str]:
    return run(folder, folder.parent / "store", settings).found.notes


def test_labels_among_the_scans_are_told(tmp_path: Path) -> None:
    write_nifti(tmp_path / "in" / "scan.nii.gz", random_voxels(SIDES, 0, 255).astype(np.uint8))
    assert notes(tmp_path / "in") == []
    write_nifti(tmp_path / "in" / "organs.nii.gz", random_voxels(SIDES, 0, 40).astype(np.uint8))
    write_nifti(tmp_path / "in" / "lungs.nii.gz", np.floor(random_voxels(SIDES, 0, 3)).astype(np.float32))
    (note,) = notes(tmp_path / "in")
    assert note.startswith("2 volumes, the first lungs, have at most 48 different values, as labels have")


def test_one_scan_as_two_patients_is_told(tmp_path: Path) -> None:
    voxels = random_voxels(SIDES, 0, 900).astype(np.int16)
    write_nifti(tmp_path / "in" / "a.nii.gz", voxels)
    write_nifti(tmp_path / "in" / "b.nii", voxels)
    (note,) = notes(tmp_path / "in")
    assert note.startswith("a and b hold the same voxels, but count as different patients")


def test_an_mri_of_which_much_is_cut_is_told(tmp_path: Path) -> None:
    write_nifti(tmp_path / "in" / "bright.nii.gz", random_voxels(SIDES, 0, 4200).astype(np.int16))
    (note,) = notes(tmp_path / "in", PrepareSettings(window=IntensityWindow(mri=(0.0, 4000.0))))
    assert note.startswith("1 volume, the first bright, has more than 1 % of the voxels outside the MRI window")
    (tmp_path / "in").rename(tmp_path / "again")
    assert run(tmp_path / "again", tmp_path / "other").found.notes == []


@pytest.mark.parametrize(
    ("patient", "told"), [("ANON", True), ("Anonymous^Patient", True), ("0", True), ("P-017", False)]
)
def test_people_who_share_the_id_of_nobody_are_told(tmp_path: Path, patient: str, told: bool) -> None:
    pytest.importorskip("pydicom")
    for person in range(2):
        voxels = random_voxels((5, 6, 7), -1000, 900, seed=person).round().astype(np.int16)
        write_series(tmp_path / "in" / str(person), voxels, t0010_0020=patient, t0020_000d=f"1.2.{person + 3}")
    found = [note for note in notes(tmp_path / "in") if f"2 sources have the patient {patient!r}" in note]
    assert len(found) == told
