# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from genesis_ext.data import find_volumes, load_volumes, split_regions
from genesis_ext.data.demo_scans import write_demo_scans

PATCH = (32, 32, 16)


def test_three_scans_are_written_and_leave_both_sides_something(tmp_path: Path) -> None:
    paths = write_demo_scans(tmp_path)
    assert sorted(paths) == find_volumes(tmp_path)
    said: list[str] = []
    volumes = load_volumes(find_volumes(tmp_path), PATCH, report=said.append)
    assert said == []
    assert [entry.shape for entry in volumes.entries] == [(33, 41, 25), (96, 96, 24), (96, 96, 24)]
    assert {entry.modality for entry in volumes.entries} == {"mri"}
    train, validation = split_regions(volumes, PATCH, "fifth")
    assert [region.volume for region in train] == [0, 1, 2]
    assert [(region.volume, region.lo) for region in validation] == [(1, (64, 0, 0)), (2, (64, 0, 0))]
