# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from genesis_ext.data.placement.room import Room
from genesis_ext.data.placement.transfer import copy_from_disk
from genesis_ext.data.sampling.content import Foreground, LungContent
from genesis_ext.data.sampling.sampler import Subvolumes, SubvolumeSampler
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Sampling, note_on_borders
from genesis_ext.data.sampling.split import MODALITIES, Region, whole_regions
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.reference.philox import Purpose, below, words
from tests.data_layer.images import random_voxels
from tests.data_layer.scores import score_map
from tests.data_layer.stores import entry_of, write_store
from tests.graphs import NoWaiting

IDS = torch.arange(40)
CUBES = Sampling(out_shape=(8, 8, 8), cube=(8, 8, 8))
MIXED = [entry_of("a", (40, 50, 60)), entry_of("b", (33, 64, 20), "mri"), entry_of("c", (90, 30, 41), "mri")]


def sampler_of(entries: Sequence[StoredVolume], sampling: Sampling, **options: Any) -> SubvolumeSampler:
    return SubvolumeSampler(entries, whole_regions(entries), sampling, **options)


def with_tables(
    sampler: SubvolumeSampler, path: Path, entries: Any, sampling: Sampling, device: Any = "cpu", voxels: Any = None
) -> Any:
    """The sampler over a store of noise, or of these voxels, and its voxels."""
    store = write_store(path, entries, voxels)
    everything = tuple(range(len(entries)))
    room = Room(store, [everything], sampling, torch.device(device))
    resident = room.fill(everything, copy_from_disk(store, torch.device(device)))
    return sampler.on(everything, resident.tables), [np.array(store[v].voxels) for v in everything]


def test_the_draws_are_those_of_the_specification() -> None:
    sampling = Sampling(mix={"ct": 1, "mri": 2}, borders=(3, 0, 1))
    drawn = sampler_of(MIXED, sampling, seed=-5, weights=[1, 3, 1])(IDS + 2**62)
    for n, sample in enumerate(range(2**62, 2**62 + 40)):
        head, place = words(-5, sample, Purpose.SUBVOLUME, [0, 1])
        modality = np.searchsorted([1, 3], below(head[0], 3), "right")
        volume = 0 if modality == 0 else [1, 1, 1, 2][below(head[1], 4)]
        scale = [0, 1, 2, 2][below(head[2], 4)]
        for axis, border in enumerate((3, 0, 1)):
            size = MIXED[volume].shape[axis]
            side = max(8, int(size * (0.5, 0.25, 0.125)[scale] + 0.5))
            own = min(border, max((size - side - 1) // 2, 0))
            start = own + below(place[axis], size - 2 * own - side + 1)
            assert drawn.boxes[n, [axis, axis + 3]].tolist() == [start, start + side]
        assert (drawn.volume_index[n], drawn.scale[n], drawn.modality[n]) == (volume, scale, modality)


def test_a_box_depends_on_seed_and_id_alone() -> None:
    whole = sampler_of(MIXED, Sampling(), seed=1)(IDS)
    again = sampler_of(MIXED, Sampling(), seed=1)
    assert all(torch.equal(a[7:9], b) for a, b in zip(whole, again(IDS[7:9]), strict=True))
    assert all(torch.equal(a.flip(0), b) for a, b in zip(whole, again(IDS.flip(0)), strict=True))
    assert not torch.equal(whole.boxes, sampler_of(MIXED, Sampling(), seed=2)(IDS).boxes)
    as_tensor = sampler_of(MIXED, Sampling(), seed=torch.tensor([1]))(IDS)
    assert torch.equal(whole.boxes, as_tensor.boxes)
    assert again(torch.tensor([2**62, -1])).boxes.shape == (2, 6)
    assert again(IDS[:0]).boxes.shape == (0, 6)


def test_boxes_are_of_the_stated_types_and_inside_their_regions() -> None:
    regions = [
        Region(0, (3, 4, 5), (18, 20, 22)),
        Region(1, (0, 0, 0), (33, 64, 20)),
        Region(0, (20, 0, 0), (40, 50, 60)),
    ]
    drawn = SubvolumeSampler(MIXED, regions, Sampling())(torch.arange(500))
    assert [t.dtype for t in drawn] == [torch.int64, torch.float32, torch.int64, torch.int64]
    for volume, box in zip(drawn.volume_index.tolist(), drawn.boxes.long().tolist(), strict=True):
        fits = [
            all(lo <= a < b <= hi for lo, a, b, hi in zip(r.lo, box[:3], box[3:], r.hi, strict=True))
            for r in regions
            if r.volume == volume
        ]
        assert any(fits)


def test_scales_and_modalities_come_in_their_ratios() -> None:
    drawn = sampler_of(MIXED, Sampling())(torch.arange(20_000))
    assert stats.chisquare(drawn.scale.bincount(), [5000, 5000, 10_000]).pvalue > 0.001
    by_volume = sampler_of(MIXED, Sampling(mix="volumes"))(torch.arange(20_000)).volume_index.bincount()
    assert stats.chisquare(by_volume).pvalue > 0.001
    only_mri = sampler_of(MIXED, Sampling(mix={"mri": 1}))(IDS).modality
    assert only_mri.unique().tolist() == [MODALITIES.index("mri")]


@pytest.mark.parametrize("size", [1, 3, 6, 7])
def test_every_batch_is_balanced_and_so_is_the_part_of_each_rank(size: int) -> None:
    three = [*MIXED, entry_of("d", (30, 30, 30), "us")]
    for entries, present in ((MIXED, [0, 1]), (three, [0, 1, 3])):
        sampler = sampler_of(entries, Sampling())
        for first in (0, 5, 2**62):
            counts = sampler(torch.arange(first, first + size)).modality.bincount(minlength=4)[present]
            assert int(counts.max() - counts.min()) <= 1


def test_starts_are_uniform() -> None:
    entries = [entry_of("a", (12, 8, 8)), entry_of("b", (8, 8, 30))]
    drawn = sampler_of(entries, CUBES)(torch.arange(20_000))
    for index, axis, count in ((0, 0, 5), (1, 2, 23)):
        seen = drawn.boxes[drawn.volume_index == index, axis].long().bincount(minlength=count)
        assert len(seen) == count
        assert stats.chisquare(seen).pvalue > 0.001


def test_sides_are_shares_of_the_volume_within_its_region() -> None:
    entry = entry_of("a", (64, 160, 1), "xray")
    drawn = SubvolumeSampler([entry], [Region(0, (0, 0, 0), (64, 32, 1))], Sampling())(torch.arange(100))
    sides = {int(s): (b[3:] - b[:3]).long().tolist() for s, b in zip(drawn.scale, drawn.boxes, strict=True)}
    assert sides == {0: [32, 32, 1], 1: [16, 32, 1], 2: [8, 20, 1]}


def test_released_borders_are_kept_where_there_is_room() -> None:
    entries = [entry_of("a", (232, 210, 80))]
    sampling = Sampling(cube=(8, 8, 8), borders=RELEASED_BORDERS)
    boxes = sampler_of(entries, sampling)(IDS).boxes
    assert note_on_borders(entries, whole_regions(entries), sampling) is None
    assert (boxes[:, :3] >= torch.tensor([100, 100, 30])).all()
    assert (boxes[:, 3:] <= torch.tensor([132, 110, 50])).all()


def test_borders_shrink_in_a_small_scan_and_that_is_said() -> None:
    entries = [entry_of("a", (20, 9, 8)), entry_of("b", (21, 20, 8))]
    sampling = Sampling(cube=(8, 8, 8), borders=RELEASED_BORDERS)
    said = note_on_borders(entries, whole_regions(entries), sampling)
    assert said == "borders of (100, 100, 30) voxels are shrunk in 2 of 2 regions: too small"
    drawn = sampler_of(entries, sampling)(torch.arange(200))
    for index, lo, hi in ((0, [5, 0, 0], [7, 1, 0]), (1, [6, 5, 0], [7, 7, 0])):  # (size - side - 1) // 2
        starts = drawn.boxes[drawn.volume_index == index, :3].long()
        assert (starts.amin(0).tolist(), starts.amax(0).tolist()) == (lo, hi)


RULES = {"ct": LungContent(), "mri": Foreground(above=0.5, min_share=0.55)}


@pytest.mark.parametrize("grid", [1, 4])
@pytest.mark.parametrize("cube", [None, (8, 8, 4), (8, 8)])
def test_the_first_accepted_candidate_wins_else_the_best(tmp_path: Path, grid: int, cube: Any) -> None:
    sampling = Sampling(cube=cube, content=RULES, content_grid=grid, candidates=16, borders=(1, 2, 0))
    entries = [*MIXED, entry_of("d", (12, 9, 3), "us"), entry_of("e", (32, 28, 24), window=(-1000.0, 300.0))]
    regions = whole_regions(entries, sampling.smallest)
    sampler, voxels = with_tables(SubvolumeSampler(entries, regions, sampling, seed=3), tmp_path, entries, sampling)
    drawn, (_, _, candidates) = sampler(IDS), sampler.draw(IDS)
    ranks = []
    for n, (volume, box) in enumerate(zip(drawn.volume_index.tolist(), drawn.boxes.long(), strict=True)):
        entry, side = entries[volume], box[3:] - box[:3]
        rule = RULES.get(entry.modality)
        if rule is None:
            assert box[:3].tolist() == candidates[n, 0].tolist()
            continue
        blocks = np.minimum((grid, grid, grid if cube != (8, 8) else 1), entry.shape)
        assert not (box.view(2, 3).numpy() % blocks).any()
        sums = []
        for start in candidates[n]:
            at = tuple(slice(int(a), int(a + b)) for a, b in zip(start, side, strict=True))
            around = (*at[:2], slice(int(start[2]), int(start[2] + side[2] + 3)))
            sums.append(score_map(entry, voxels[volume][around], rule)[..., : int(side[2])].sum())
        passed = [k for k, total in enumerate(sums) if total <= rule.limit(int(side.prod()))]
        best = passed[0] if passed else int(np.argmin(sums))
        assert box[:3].tolist() == candidates[n, best].tolist()
        ranks.append((bool(passed), best))
    assert {passed for passed, _ in ranks} == {True, False} or cube is None
    assert any(best > 0 for _, best in ranks)


def test_without_a_rule_on_them_volumes_are_cut_as_if_there_were_none(tmp_path: Path) -> None:
    sampling = Sampling(content={"ct": LungContent()})
    sampler, _ = with_tables(sampler_of(MIXED, sampling), tmp_path, MIXED, sampling)
    ruled, free = sampler(IDS), sampler_of(MIXED, Sampling())(IDS)
    mri = free.modality == 1
    assert torch.equal(ruled.boxes[mri], free.boxes[mri])
    assert torch.equal(ruled.volume_index, free.volume_index)


def first_varied(candidates: Tensor, side: Tensor, varied: NDArray[np.bool_], block: tuple[int, int, int]) -> int:
    """By the book: the first box that holds a whole block that varies, else the first."""
    for k, start in enumerate(candidates.tolist()):
        blocks = (slice(-(-a // g), max(0, (a + n) // g)) for a, n, g in zip(start, side.tolist(), block, strict=True))
        if varied[tuple(blocks)].any():
            return k
    return 0


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float16"])
@pytest.mark.parametrize("shape", [{}, {"cube": (8, 8, 4)}, {"cube": (8, 8)}, {"out_shape": (12, 10)}], ids=str)
def test_no_box_is_constant_unless_asked_for(tmp_path: Path, shape: dict[str, Any], dtype: str) -> None:
    top = {"int16": 32767, "uint8": 255, "float16": 1.0}[dtype]
    entries = [entry_of(name, (41, 44, 35), name, dtype=dtype, window=(0, top)) for name in ("mri", "us")]
    voxels = np.zeros((2, *entries[0].shape), dtype)  # in the second nothing varies
    voxels[0, 20:] = top / 2
    voxels[0, 21:27, 4:13] += (random_voxels((6, 9, 35), 0, 0.4) * top).astype(dtype)
    voxels[0, :15] += (random_voxels((15, 44, 35), 0, 0.9 / 255) * top).astype(dtype)  # less than a grey
    sampling = Sampling(**shape)
    sampler = SubvolumeSampler(entries, whole_regions(entries), sampling, seed=4)
    sampler, _ = with_tables(sampler, tmp_path, entries, sampling, voxels=list(voxels))
    ids = torch.arange(200)
    drawn, (_, _, candidates) = sampler(ids), sampler.draw(ids)
    (bx, by, bz) = block = sampling.tables[1][1]
    varied = np.zeros((41 // bx, 44 // by, 35 // bz), bool)
    for i, j, k in np.ndindex(varied.shape):
        part = voxels[0, i * bx : (i + 1) * bx, j * by : (j + 1) * by, k * bz : (k + 1) * bz].astype(np.float32)
        varied[i, j, k] = part.max() - part.min() >= top / 255
    numbers = []
    for volume, places, box in zip(drawn.volume_index, candidates, drawn.boxes.long(), strict=True):
        best = 0 if volume else first_varied(places, box[3:] - box[:3], varied, block)
        assert box[:3].tolist() == places[best].tolist()
        numbers.append(best)
        part = voxels[volume][tuple(slice(int(a), int(b)) for a, b in box.view(2, 3).T)].astype(np.float32)
        assert volume or part.max() - part.min() >= top / 255
    assert 10 < sum(best > 0 for best in numbers) < 100
    free = SubvolumeSampler(entries, whole_regions(entries), replace(sampling, allow_constant=True), seed=4)
    first = free.on((0, 1), torch.zeros(1, dtype=torch.int32))(ids).boxes[:, :3].long()
    assert torch.equal(first, candidates[:, 0])


def test_a_rule_on_content_that_likes_air_takes_no_constant_box(tmp_path: Path) -> None:
    entry = entry_of("a", (64, 24, 24))
    voxels = np.full(entry.shape, -1000, np.int16)
    voxels[40:] += random_voxels((24, 24, 24), 0, 300).astype(np.int16)
    sampling = replace(CUBES, content={"ct": LungContent()})
    sampler, _ = with_tables(sampler_of([entry], sampling), tmp_path, [entry], sampling, voxels=[voxels])
    begins = sampler(torch.arange(200)).boxes[:, 0]
    assert begins.min() > 32  # the boxes of 32 .. 40 end where noise begins
    assert begins.max() == 56


def test_a_rule_needs_the_tables() -> None:
    with pytest.raises(ValueError, match="needs the tables"):
        sampler_of(MIXED, Sampling(content=RULES))(IDS)


def test_volumes_are_counted_as_they_are_packed() -> None:
    sampler = sampler_of(MIXED, Sampling(allow_constant=True))
    everywhere = sampler(IDS).volume_index
    packed = sampler.on((2, 0), torch.zeros(1, dtype=torch.int32))(IDS).volume_index
    assert torch.equal(sampler.volumes_of(IDS), everywhere)
    assert packed.tolist() == [{0: 1, 1: -1, 2: 0}[volume] for volume in everywhere.tolist()]


@pytest.mark.parametrize("sampling", [CUBES, Sampling(content=RULES, candidates=8)], ids=["cubes", "rules"])
def test_drawing_never_asks_the_device_for_a_value(tmp_path: Path, sampling: Sampling) -> None:
    sampler, _ = with_tables(sampler_of(MIXED, sampling), tmp_path, MIXED, sampling)
    wanted = sampler(IDS)
    with NoWaiting():
        boxes = sampler(IDS)
    assert torch.equal(boxes.boxes, wanted.boxes)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("out_shape", (8,), r"three integers or two integers, got \(8,\)"),
        ("out_shape", (8, 0), "sizes of at least 1"),
        ("cube", (8, 0, 8), "sides of at least 1"),
        ("borders", (-1, 0, 0), "sizes of at least 0"),
        ("borders", (1, 1), "three integers"),
        ("scales", (), "shares"),
        ("scales", (1.5, 0.5, 0.2), "shares"),
        ("scale_weights", (1, 1), "each of the scales"),
        ("scale_weights", (1, 0, 2), "above 0"),
        ("smallest_side", 0, "at least 1"),
        ("mix", "even", "one of balanced, volumes or a mapping"),
        ("mix", {"pet": 1}, "from one of ct, mri, xray, us to an integer"),
        ("mix", {"ct": 0.5}, "to an integer"),
        ("mix", {"ct": -1}, "weights of at least 0"),
        ("mix", {}, "weights of at least 0"),
        ("content", {"pet": LungContent()}, "from one of ct, mri, xray, us"),
        ("content", {"ct": "lung"}, "to a LungContent or a Foreground"),
        ("antialias", 1, "true or false"),
        ("content_grid", 0, "at least 1"),
        ("candidates", 0, "at least 1"),
        ("order", 2, "0, 1 or 3"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_named(field: str, value: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=rule) as caught:
        Sampling(**{field: value})
    assert field in str(caught.value)


def test_the_grid_must_divide_a_cube_under_a_rule() -> None:
    with pytest.raises(ValueError, match="content_grid must divide"):
        Sampling(cube=(8, 8, 6), content=RULES)
    with pytest.raises(ValueError, match="content_grid must divide"):
        Sampling(cube=(8, 6), content=RULES)
    assert Sampling(cube=(8, 8, 6), content=RULES, content_grid=2).grid == 2


def test_what_cannot_be_drawn_from_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one region"):
        SubvolumeSampler(MIXED, [], CUBES)
    with pytest.raises(ValueError, match="holds no box of"):
        SubvolumeSampler(MIXED, [Region(0, (0, 0, 3), (10, 10, 10))], CUBES)
    with pytest.raises(ValueError, match="3 numbers"):
        sampler_of(MIXED, CUBES, weights=[1, 2])
    with pytest.raises(ValueError, match="not all be 0"):
        sampler_of(MIXED, CUBES, weights=[0, 0, 0])
    with pytest.raises(ValueError, match=r"less than 2\^31"):
        sampler_of(MIXED, CUBES, weights=[1, 2**31, 1])
    with pytest.raises(ValueError, match="gives ct, mri, all that is there, no weight"):
        sampler_of(MIXED, Sampling(mix={"us": 1}))


def same(a: Subvolumes, b: Subvolumes) -> bool:
    return all(torch.equal(x, y.cpu()) for x, y in zip(a, b, strict=True))


@pytest.mark.cuda
def test_boxes_on_a_gpu_are_those_of_the_cpu_and_a_captured_graph_draws_them(tmp_path: Path) -> None:
    sampling = Sampling(content=RULES)
    cpu, _ = with_tables(sampler_of(MIXED, sampling, seed=9), tmp_path / "a", MIXED, sampling)
    gpu, _ = with_tables(sampler_of(MIXED, sampling, seed=9, device="cuda"), tmp_path / "b", MIXED, sampling, "cuda")
    ids: Tensor = IDS.cuda()
    assert same(cpu(IDS), gpu(ids))
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        drawn = gpu(ids)
    ids += 100
    graph.replay()
    assert same(cpu(IDS + 100), drawn)
