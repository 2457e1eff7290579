# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM objects of many frames, read by their functional groups."""

from pathlib import Path

import numpy as np
import pytest
import torch

from genesis_ext.data.readers import describe, read_volume, read_volumes
from genesis_ext.data.volume import VolumeError
from tests.data_layer.dicom_objects import frames_of, write_enhanced
from tests.data_layer.images import random_voxels

VOXELS = random_voxels((5, 6, 7), 0, 2000).round().astype(np.uint16)
TURNED = torch.from_numpy(VOXELS[::-1, ::-1].astype(np.int16))  # the files run to the left and to the back
PLACES = [30 + 2.5 * z for z in range(7)]


@pytest.mark.parametrize("order", [range(7), range(6, -1, -1), [3, 0, 6, 2, 5, 1, 4]])
@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_frames_are_stacked_by_position_whatever_their_order(tmp_path: Path, order: list[int], modality: str) -> None:
    path = write_enhanced(
        tmp_path / "a.dcm", frames_of(VOXELS)[list(order)], [PLACES[z] for z in order], Modality=modality
    )
    volume = read_volume(path)
    assert torch.equal(volume.voxels, TURNED)
    assert volume.spacing_mm == (0.5, 0.75, 2.5)
    assert np.allclose(volume.affine[:3, 3], (8.0, 16.25, 30.0))
    assert volume.name == "a"


@pytest.mark.parametrize("times_within_places", [False, True])
def test_a_series_in_time_is_frames_of_one_volume_each(tmp_path: Path, times_within_places: bool) -> None:
    pairs = [(z, t) for t in (1, 0) for z in range(7)]  # the later time comes first
    if times_within_places:
        pairs.sort()
    frames = np.stack([VOXELS[:, :, z].T + t for z, t in pairs])
    own = [{"FrameContentSequence": {"StackID": "1", "TemporalPositionIndex": t + 1}} for _, t in pairs]
    path = write_enhanced(tmp_path / "a.dcm", frames, [PLACES[z] for z, _ in pairs], own)
    with pytest.raises(VolumeError, match=r"got 4D, 2 frames or channels of \(5, 6, 7\)"):
        read_volume(path)
    assert [header.frames for header in describe(path)] == [2]
    first, second = read_volumes(path, frames=True)
    assert torch.equal(first.voxels, TURNED)
    assert torch.equal(second.voxels, TURNED + 1)


def test_scale_and_spacing_may_be_those_of_a_frame(tmp_path: Path) -> None:
    own = [{"PixelValueTransformationSequence": {"RescaleSlope": 1 + z % 2, "RescaleIntercept": z}} for z in range(7)]
    path = write_enhanced(tmp_path / "a.dcm", frames_of(VOXELS), PLACES, own)
    scaled = VOXELS.astype(np.int16) * (1 + np.arange(7) % 2) + np.arange(7)
    volume = read_volume(path)
    assert torch.equal(volume.voxels, torch.from_numpy(scaled[::-1, ::-1].astype(np.int16)))
    own = [{"PixelMeasuresSequence": {"PixelSpacing": [1, 1] if z > 2 else [2, 2]}} for z in range(7)]
    volumes = read_volumes(write_enhanced(tmp_path / "b.dcm", frames_of(VOXELS), PLACES, own))
    assert [(volume.name, volume.voxels.shape[2], volume.spacing_mm[0]) for volume in volumes] == [
        ("b_1", 3, 2.0),
        ("b_2", 4, 1.0),
    ]


@pytest.mark.parametrize(
    "group",
    [
        {"FrameContentSequence": {"StackID": "2"}},
        {"PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, -1, 0]}},
        {"MRImageFrameTypeSequence": {"ComplexImageComponent": "PHASE"}},
        {"MREchoSequence": {"EffectiveEchoTime": 7.5}},
    ],
)
def test_stacks_orientations_types_and_echoes_are_volumes_of_their_own(tmp_path: Path, group: dict) -> None:
    frames = np.concatenate([frames_of(VOXELS), frames_of(VOXELS + 1)])
    path = write_enhanced(tmp_path / "a.dcm", frames, PLACES * 2, [{}] * 7 + [group] * 7)
    first, second = read_volumes(path)
    assert torch.equal(first.voxels, TURNED)
    assert second.voxels.max() == TURNED.max() + 1


def test_a_series_may_be_spread_over_files_of_one_or_many_frames(tmp_path: Path) -> None:
    for z in range(7):
        write_enhanced(tmp_path / "single" / f"{z}.dcm", frames_of(VOXELS)[z : z + 1], PLACES[z : z + 1])
    assert torch.equal(read_volume(tmp_path / "single").voxels, TURNED)
    for t in range(2):
        write_enhanced(tmp_path / "times" / f"{t}.dcm", frames_of(VOXELS + t), PLACES, InstanceNumber=2 - t)
    later, sooner = read_volumes(tmp_path / "times", frames=True)
    assert torch.equal(sooner.voxels, TURNED)
    assert torch.equal(later.voxels, TURNED + 1)
    write_enhanced(tmp_path / "halves" / "1.dcm", frames_of(VOXELS)[4:], PLACES[4:])
    write_enhanced(tmp_path / "halves" / "2.dcm", frames_of(VOXELS)[:4], PLACES[:4])
    assert torch.equal(read_volume(tmp_path / "halves").voxels, TURNED)


def test_frames_that_make_no_volume_are_refused(tmp_path: Path) -> None:
    path = write_enhanced(tmp_path / "a.dcm", frames_of(VOXELS), [*PLACES[:3], *PLACES[4:], PLACES[6] + 2.5])
    with pytest.raises(VolumeError, match="1 of 8 slices are missing, the first behind slice 3"):
        read_volume(path)
    own = [{"PlanePositionSequence": {}} if z == 2 else {} for z in range(7)]
    path = write_enhanced(tmp_path / "b.dcm", frames_of(VOXELS), PLACES, own)
    with pytest.raises(VolumeError, match=r"frame 3 of b\.dcm must give its place"):
        read_volume(path)
    path = write_enhanced(tmp_path / "c.dcm", frames_of(VOXELS), PLACES, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4")
    with pytest.raises(VolumeError, match="must hold an image, got another kind of DICOM object"):
        read_volume(path)
