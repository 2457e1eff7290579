# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.data.sampling import content
from genesis_ext.data.sampling.content import Foreground, LungContent, box_sums, table_places, write_table
from genesis_ext.data.store.entry import StoredVolume
from tests.data_layer.scores import score_map
from tests.data_layer.stores import entry_of, noise


def tables_of(entries: list[StoredVolume], arrays: list[NDArray[Any]], rules: Any, grid: Any) -> Any:
    places = table_places(entries, rules, grid)
    sums = torch.zeros(places.length, dtype=torch.int32)
    begin = 1
    for entry, array in zip(entries, arrays, strict=True):
        length = content.table_length(entry, rules, grid)
        if length:
            write_table(sums[begin : begin + length], torch.from_numpy(array), entry, rules[entry.modality], grid)
        begin += length
    assert begin == places.length
    return places, sums


@pytest.mark.parametrize("grid", [(1, 1, 1), (3, 3, 3), (4, 4, 4), (4, 3, 1)])
@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16"])
def test_the_sum_of_a_box_is_the_sum_of_its_scores(grid: Any, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_SLAB", 500)  # several slabs
    slope, intercept, window = {
        "int16": (1.0, 0.0, (-1000, 1000)),
        "uint8": (2000 / 255, -1000.0, (0, 255)),
        "float16": (2000.0, -1000.0, (0, 1)),
    }[dtype]
    entries = [
        entry_of("a", (9, 13, 10), "ct", dtype=dtype, slope=slope, intercept=intercept, window=window),
        entry_of("b", (8, 4, 4), "us", dtype=dtype),
        entry_of("c", (14, 7, 2), "mri", dtype=dtype, window=window),
    ]
    rules = {"ct": LungContent(), "mri": Foreground(above=0.4)}
    arrays = [noise(entry) if entry.modality != "us" else np.zeros(entry.shape, dtype) for entry in entries]
    places, sums = tables_of(entries, arrays, rules, grid)
    for v, (entry, array) in enumerate(zip(entries, arrays, strict=True)):
        block = places.blocks[v]
        if entry.modality == "us":
            assert places.offset[v] == 0
            assert places.strides[v].tolist() == [0, 0, 0]
            assert block.tolist() == [1, 1, 1]
            continue
        if dtype == "uint8" and entry.modality == "ct":
            array = np.where(array == 108, 109, array).astype(dtype)  # -150 HU is stored as 108, which reads as -153
        scores = score_map(entry, array, rules[entry.modality])
        assert scores.max() > 0
        n = torch.tensor(entry.shape) // block
        lo = torch.stack([(n - 1).clamp(max=1), torch.zeros_like(n)])[None]
        hi = torch.stack([n, (n - 1).clamp(min=1)])[None]
        got = box_sums(sums, places.offset[v : v + 1], places.strides[v : v + 1], lo, hi)[0].tolist()
        for k in range(2):
            box = tuple(slice(int(a * s), int(b * s)) for a, b, s in zip(lo[0, k], hi[0, k], block, strict=True))
            assert got[k] == scores[box].sum()


def test_a_volume_without_a_rule_has_sum_zero() -> None:
    entries, arrays = [entry_of("a", (8, 8, 8), "us")], [np.ones((8, 8, 8), np.int16)]
    places, sums = tables_of(entries, arrays, {"ct": LungContent()}, (4, 4, 4))
    lo, hi = torch.zeros(1, 5, 3, dtype=torch.int64), torch.full((1, 5, 3), 8)
    assert box_sums(sums, places.offset, places.strides, lo, hi).tolist() == [[0] * 5]


def test_a_mean_score_at_the_bound_passes() -> None:
    assert LungContent().limit(500) == 150  # doubled scores: .15 * 2 * 500
    assert LungContent().limit(501) == 150
    assert Foreground(min_share=0.3).limit(10) == 7  # not 6, as 1 - .3 rounds in binary
    assert Foreground().limit(64) == 48


def test_a_value_at_the_threshold_counts_as_dense_in_every_dtype() -> None:
    for dtype, slope, intercept, stored in (
        ("int16", 1.0, 0.0, -150),
        ("uint8", 2000 / 255, -1000.0, 108),
        ("float16", 2000.0, -1000.0, 0.425),
    ):
        entry = entry_of("a", (1, 1, 1), dtype=dtype, slope=slope, intercept=intercept, window=(-1, 1))
        table = torch.empty(8, dtype=torch.int32)
        write_table(table, torch.from_numpy(np.full((1, 1, 1), stored, dtype)), entry, LungContent(), (1, 1, 1))
        assert table.tolist() == [0] * 7 + [2]


@pytest.mark.parametrize(("dense_hu", "score"), [(-5000.0, 2), (5000.0, 0)])
def test_a_threshold_outside_the_stored_numbers_is_reached_by_all_or_none(dense_hu: float, score: int) -> None:
    entry = entry_of("a", (1, 1, 1), dtype="uint8", slope=2000 / 255, intercept=-1000.0, window=(0, 255))
    table = torch.empty(8, dtype=torch.int32)
    write_table(table, torch.full((1, 1, 1), 255, dtype=torch.uint8), entry, LungContent(dense_hu=dense_hu), (1, 1, 1))
    assert table[-1] == score


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: LungContent(max_mean_score=-0.1), r"must (be in|lie between)"),
        (lambda: LungContent(max_mean_score=float("nan")), "max_mean_score must be a finite number, got nan"),
        (lambda: Foreground(above=0.0), r"must (be in|lie between)"),
        (lambda: Foreground(min_share=1.5), r"must (be in|lie between)"),
    ],
)
def test_numbers_out_of_range_are_refused(wrong: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wrong()


@pytest.mark.cuda
def test_tables_on_a_gpu_are_those_of_the_cpu() -> None:
    entry = entry_of("a", (33, 20, 18))
    voxels, tables = torch.from_numpy(noise(entry)), []
    for device in ("cpu", "cuda"):
        length = content.table_length(entry, {"ct": LungContent()}, (4, 4, 4))
        table = torch.empty(length, dtype=torch.int32, device=device)
        write_table(table, voxels.to(device), entry, LungContent(), (4, 4, 4))
        tables.append(table.cpu())
    assert torch.equal(*tables)
