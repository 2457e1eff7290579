# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Tables of candidates: points in world coordinates to volumes and voxels."""

import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genesis_ext.data.candidates import Candidates
from genesis_ext.data.sources.source import SourceError
from genesis_ext.reference.philox import Purpose, words
from tests.data_layer.stores import entry_of

TURNED = ((0.0, 1.5, 0.0, 7.0), (-2.0, 0.0, 0.0, 3.0), (0.0, 0.0, 0.5, -9.0), (0.0, 0.0, 0.0, 1.0))
ENTRIES = (
    entry_of("1.3.6.1", (20, 18, 24), affine=TURNED, spacing_mm=(2.0, 1.5, 0.5)),
    entry_of("1.3.6.2", (20, 18, 24)),
    entry_of("x_t1", (20, 18, 24), patient="x", case="visit"),
    entry_of("x_t2", (20, 18, 24), patient="x"),
)
HEAD = "seriesuid,coordX,coordY,coordZ,class\n"


def store_of(entries: Any = ENTRIES) -> Any:
    """All that a table asks of a store."""
    return SimpleNamespace(entries=entries)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def in_lps(volume: int, voxel: Any) -> str:
    x, y, z, _ = np.array(ENTRIES[volume].affine) @ [*voxel, 1]
    return f"{-x},{-y},{z}"


def test_world_points_become_voxels_of_their_volumes(tmp_path: Path) -> None:
    lines = [
        f"1.3.6.2,{in_lps(1, (3, 4, 5))},0",
        f"1.3.6.1,{in_lps(0, (19.25, 0, 11))},1",
        f"visit,{in_lps(2, (0, 0, 0))},1",
    ]
    path = written(tmp_path / "candidates.csv", HEAD + "\n".join(lines) + "\n")
    found = Candidates.read_csv(path, store_of())
    assert found.volume.tolist() == [1, 0, 2]
    assert np.allclose(found.center, [[3.5, 4.5, 5.5], [19.75, 0.5, 11.5], [0.5, 0.5, 0.5]])
    assert (found.target.tolist(), found.row.tolist(), found.notes) == ([0, 1, 1], [0, 1, 2], ())
    assert found.count() == {"0": 1, "1": 2}
    other = (
        path.read_text()
        .replace("seriesuid", "Volume")
        .replace(",", ";")
        .replace(";0\n", ";no\n")
        .replace(";1\n", ";yes\n")
    )
    as_ras = Candidates.read_csv(written(tmp_path / "b.csv", other), store_of(), ("yes", "no"), "LPS")
    assert as_ras.target.tolist() == [1, 0, 0]
    own = Candidates.of_points(store_of(), [1], [[3.0, 4.0, 5.0]], [1], ("no", "yes"))
    assert own.center.tolist() == [[3.5, 4.5, 5.5]]
    assert Candidates.read_csv(
        written(tmp_path / "c.csv", HEAD + "1.3.6.2,3,4,5,0"), store_of(), axes="RAS"
    ).center.tolist() == [[3.5, 4.5, 5.5]]


def test_what_lies_in_no_volume_is_left_out_named_and_counted(tmp_path: Path) -> None:
    inside, edge, beyond = (in_lps(1, voxel) for voxel in ((3, 4, 5), (-0.5, 0, 23.5), (3, 17.6, 5)))
    lines = [
        "8.8,1,2,3,0",
        f"1.3.6.2,{beyond},1",
        f"1.3.6.2,{inside},0",
        "9.9,1,2,3,0",
        "8.8,1,2,3,0",
        f"1.3.6.2,{edge},0",
    ]
    found = Candidates.read_csv(written(tmp_path / "c.csv", HEAD + "\n".join(lines)), store_of())
    assert (found.row.tolist(), found.left_out.tolist(), len(found)) == ([2, 5], [0, 1, 3, 4], 2)
    assert found.notes == (
        "3 of 6 candidates are of 2 scans that are not in the store, the first is 8.8",
        "1 of 6 candidates lie outside their scan, the first is row 1 at (3, 17.6, 5) mm RAS in 1.3.6.2",
    )
    assert found.of([1]).row.tolist() == [2, 5]
    assert len(found.of([0])) == 0
    with pytest.raises(
        ValueError, match="no candidate lies in a volume of the store; 1 of 1 candidates are of 1 scans"
    ):
        Candidates.read_csv(written(tmp_path / "d.csv", HEAD + lines[0]), store_of())


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seriesuid,coordX,coordY,class\n", "coordZ is missing"),
        ("uid,coordX,coordY,coordZ,class\n", "seriesuid is missing"),
        ("", "seriesuid is missing"),
        (HEAD, "holds no candidates"),
        (HEAD + "1.3.6.2,1,2,3,0\n1.3.6.2,1,2,0\n", "line 3: must have 5 cells"),
        (HEAD + "1.3.6.2,1,2,3,0\n1.3.6.2,1,two,3,0\n", "line 3: coordY must be a finite number of mm, got 'two'"),
        (HEAD + "1.3.6.2,1,2,nan,0\n", "line 2: coordZ must be a finite number of mm, got 'nan'"),
        (HEAD + "1.3.6.2,1,2,3,2\n", "line 2: class must be one of 0, 1, got '2'"),
        (HEAD + "x,1,2,3,0\n", "x must name one volume of the store, and is that of several"),
    ],
)
def test_a_wrong_table_is_told_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"c\.csv.*{complaint}"):
        Candidates.read_csv(written(tmp_path / "c.csv", text), store_of())


def test_what_cannot_be_read_and_points_that_do_not_fit_are_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="unreadable"):
        Candidates.read_csv(tmp_path / "none.csv", store_of())
    for volume, target, complaint in (
        ([9], [0], r"volume must be in \[0, 4\)"),
        ([1], [2], r"target must be in \[0, 2\)"),
    ):
        with pytest.raises(ValueError, match=complaint):
            Candidates.of_points(store_of(), volume, [[1, 2, 3]], target, ("a", "b"))
    with pytest.raises(ValueError, match=r"must be \(N,\), \(N, 3\) and \(N,\), got \(1,\), \(3,\)"):
        Candidates.of_points(store_of(), [1], [1, 2, 3], [0], ("a", "b"))


def test_a_table_as_large_as_that_of_luna16_takes_seconds_and_little_memory(tmp_path: Path) -> None:
    count, positives = 551_065, 1351
    entries = tuple(entry_of(f"1.3.6.1.4.1.14519.5.2.1.6279.6001.{10**37 + i}", (300, 300, 300)) for i in range(888))
    block = 10_000
    drawn = words(0, np.arange(block), Purpose.CROP, 0)
    points = drawn[:, :3] % 2990 / 10.0
    lines = [
        f"{entries[word % 888].name},{-x:.8f},{-y:.8f},{z:.8f},"
        for word, (x, y, z) in zip(drawn[:, 3].tolist(), points.tolist(), strict=True)
    ]
    lines = [f"{lines[row % block]}{int(row < positives)}" for row in range(count)]
    path = written(tmp_path / "candidates.csv", HEAD + "\n".join(lines))
    begun = time.process_time()
    found = Candidates.read_csv(path, store_of(entries))
    assert time.process_time() - begun < 20  # seconds
    assert found.count() == {"0": count - positives, "1": positives}
    assert np.abs(found.center - 0.5 - points[np.arange(count) % block]).max() < 1e-6
    assert sum(getattr(found, name).nbytes for name in ("volume", "center", "target", "row")) < 44 * count + 1
    few = written(tmp_path / "few.csv", HEAD + "\n".join(lines[:50_000]))
    tracemalloc.start()
    Candidates.read_csv(few, store_of(entries))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
