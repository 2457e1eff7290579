# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

from genesis_ext.data.demo_scans import write_demo_scans
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.split import split_regions

CUBE = (32, 32, 16)


def test_three_scans_are_written_and_leave_both_sides_something(tmp_path: Path) -> None:
    paths = write_demo_scans(tmp_path / "scans")
    assert sorted(paths) == sorted((tmp_path / "scans").iterdir())
    said: list[str] = []
    store = prepare_cached(tmp_path / "scans", tmp_path / "cache", report=said.append, spacing_mm=None)
    assert len(said) == 1  # where it is prepared; nothing is skipped
    assert [entry.shape for entry in store.entries] == [(33, 41, 25), (96, 96, 24), (96, 96, 24)]
    assert {entry.modality for entry in store.entries} == {"mri"}
    train, validation = split_regions(store.entries, CUBE, "fifth")
    assert [region.volume for region in train] == [0, 1, 2]
    assert [(region.volume, region.lo) for region in validation] == [(1, (64, 0, 0)), (2, (64, 0, 0))]
