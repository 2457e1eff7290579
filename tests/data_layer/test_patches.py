# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from genesis_ext.data import PatchSampler, Region, VolumeSet, load_volumes, split_regions, whole_region
from genesis_ext.data.lung_content import MAX_MEAN_SCORE, accepted, cube_scores
from genesis_ext.data.volume_set import VolumeEntry
from tests.data_layer.images import random_voxels, write_ct, write_mri

PATCH = (8, 8, 8)
IDS = np.arange(40)


def numbered(*shapes: tuple[int, int, int], modality: str = "ct") -> VolumeSet:
    """Every voxel holds its place in the buffer, exactly: float32 instead of the usual float16."""
    entries, offset = [], 0
    for number, shape in enumerate(shapes):
        entries.append(VolumeEntry(Path(f"{number}.nii"), modality, (1.0, 1.0, 1.0), shape, offset))  # type: ignore[arg-type]
        offset += int(np.prod(shape))
    return VolumeSet(torch.arange(offset, dtype=torch.float32), tuple(entries))


def place(volumes: VolumeSet, patch: torch.Tensor) -> tuple[int, tuple[int, ...]]:
    """Volume and start of a patch of numbered volumes."""
    first = int(patch[0, 0, 0, 0])
    index = max(i for i, entry in enumerate(volumes.entries) if entry.offset <= first)
    entry = volumes.entries[index]
    return index, tuple(int(i) for i in np.unravel_index(first - entry.offset, entry.shape))


def test_a_patch_is_a_box_of_its_region() -> None:
    volumes = numbered((20, 21, 22), (9, 8, 10))
    regions = [Region(0, (3, 4, 5), (18, 20, 22)), whole_region(volumes, 1)]
    for patch in PatchSampler(volumes, regions, PATCH, seed=3)(IDS):
        index, start = place(volumes, patch)
        x, y, z = (slice(s, s + 8) for s in start)
        assert torch.equal(patch[0], volumes.volume(index)[x, y, z])
        assert all(
            s >= lo and s + 8 <= hi for s, lo, hi in zip(start, regions[index].lo, regions[index].hi, strict=True)
        )


def test_a_patch_depends_on_seed_and_id_alone() -> None:
    volumes = numbered((30, 30, 30), (20, 20, 20))
    regions = [whole_region(volumes, 0), whole_region(volumes, 1)]
    whole = PatchSampler(volumes, regions, PATCH, seed=1)(IDS)
    again = PatchSampler(volumes, regions, PATCH, seed=1)
    assert torch.equal(whole[7:9], again(IDS[7:9]))
    assert torch.equal(whole.flip(0), again(IDS[::-1]))
    assert not torch.equal(whole, PatchSampler(volumes, regions, PATCH, seed=2)(IDS))
    assert again(np.array([2**62, -1])).shape == (2, 1, *PATCH)


def test_regions_and_starts_are_uniform() -> None:
    volumes = numbered((12, 8, 8), (8, 8, 30))
    sampler = PatchSampler(volumes, [whole_region(volumes, 0), whole_region(volumes, 1)], PATCH, seed=0)
    region, starts = sampler.draw(np.arange(20_000))
    assert stats.binomtest(int((region == 0).sum()), len(region)).pvalue > 0.001
    for index, axis, count in ((0, 0, 5), (1, 2, 23)):
        seen = np.bincount(starts[region == index, 0, axis], minlength=count)
        assert len(seen) == count
        assert stats.chisquare(seen).pvalue > 0.001


def test_released_borders_are_kept_where_there_is_room() -> None:
    volumes = numbered((232, 210, 80))
    said: list[str] = []
    sampler = PatchSampler(volumes, [whole_region(volumes, 0)], PATCH, 0, borders=True, report=said.append)
    starts = np.array([place(volumes, patch)[1] for patch in sampler(np.arange(60))])
    assert said == []
    assert (starts >= (100, 100, 30)).all()
    assert (starts + 8 <= (132, 110, 50)).all()


def test_borders_shrink_in_a_small_scan_and_that_is_said_once() -> None:
    volumes = numbered((20, 9, 8), (21, 20, 8))
    said: list[str] = []
    regions = [whole_region(volumes, 0), whole_region(volumes, 1)]
    sampler = PatchSampler(volumes, regions, PATCH, 0, borders=True, report=said.append)
    assert said == ["borders of (100, 100, 30) voxels are shrunk in 2 of 2 regions: too small"]
    for patch in sampler(IDS):
        index, start = place(volumes, patch)
        # (size - patch - 1) // 2 is 5, 0, 0 and 6, 5, 0
        lo, hi = (((5, 0, 0), (7, 1, 0)), ((6, 5, 0), (7, 7, 0)))[index]
        assert all(a <= s <= b for a, s, b in zip(lo, start, hi, strict=True))


def score_of(values: np.ndarray) -> float:
    """The released rule by the book, for one cube and the slices behind it."""
    total, (nx, ny, nz) = 0.0, PATCH
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                for depth in range(3):
                    if z + depth < values.shape[2] and values[x, y, z + depth] >= 0.425:
                        total += max(0.0, 1 - depth / 2)
                        break
    return total / (nx * ny * nz)


def test_cube_scores_are_the_sums_of_the_rule() -> None:
    values = random_voxels((10, 9, 13), 0, 0.5, seed=4)
    scores = cube_scores(torch.from_numpy(values), PATCH, 0.425)
    assert scores.shape == (3, 2, 6)
    for x, y, z in ((0, 0, 0), (2, 1, 5), (1, 0, 3)):
        assert int(scores[x, y, z]) == round(score_of(values[x : x + 8, y : y + 8, z:]) * 2 * 512)


def test_a_mean_score_at_the_bound_passes() -> None:
    sums = torch.tensor([int(MAX_MEAN_SCORE * 2 * 500), int(MAX_MEAN_SCORE * 2 * 500) + 1], dtype=torch.int32)
    assert accepted(sums, 500).tolist() == [True, False]


def lung_and_wall(modality: str) -> VolumeSet:
    """Air where x < 20, tissue from there on."""
    voxels = torch.zeros(40, 12, 12)
    voxels[20:] = 0.6
    entry = VolumeEntry(Path("a.nii"), modality, (1.0, 1.0, 1.0), (40, 12, 12), 0)  # type: ignore[arg-type]
    return VolumeSet(voxels.flatten().half(), (entry,))


def test_the_lung_rule_keeps_tissue_out_of_ct_but_not_of_mri() -> None:
    for modality, most in (("ct", MAX_MEAN_SCORE), ("mri", 1.0)):
        volumes = lung_and_wall(modality)
        sampler = PatchSampler(volumes, [whole_region(volumes, 0)], PATCH, 0, lung_content=True)
        dense = (sampler(np.arange(100)) > 0.5).float().mean(dim=(1, 2, 3, 4))
        assert float(dense.max()) <= most
        assert modality == "ct" or float(dense.max()) == 1.0


def test_the_first_accepted_candidate_wins_else_the_best() -> None:
    volumes = lung_and_wall("ct")
    for region in (Region(0, (10, 0, 0), (40, 12, 12)), Region(0, (16, 0, 0), (40, 12, 12))):
        sampler = PatchSampler(volumes, [region], PATCH, 5, lung_content=True)
        _, candidates = sampler.draw(IDS)
        patches = sampler(IDS)
        for k, patch in enumerate(patches):
            starts = candidates[k] + region.lo
            scores = [score_of(volumes.volume(0)[x : x + 8, y : y + 8, z:].float().numpy()) for x, y, z in starts[:12]]
            passed = [i for i, score in enumerate(scores) if score <= MAX_MEAN_SCORE]
            if region.lo[0] == 10 and passed:
                x, y, z = starts[passed[0]]
                assert torch.equal(patch[0], volumes.volume(0)[x : x + 8, y : y + 8, z : z + 8].float())
            elif region.lo[0] == 16:  # at best half of a cube is air
                assert score_of(patch[0].numpy()) <= min(scores)


def test_a_folder_of_ct_and_mri_gives_patches_of_both(tmp_path: Path) -> None:
    paths = [write_ct(tmp_path / "a.nii", (24, 10, 9)), write_mri(tmp_path / "b.nii.gz", (9, 24, 10))]
    volumes = load_volumes(paths, PATCH)
    train, validation = split_regions(volumes, PATCH)
    for regions in (train, validation):
        sampler = PatchSampler(volumes, regions, PATCH, 0, lung_content=True)
        region, _ = sampler.draw(IDS)
        assert set(region.tolist()) == {0, 1}
        patches = sampler(IDS)
        assert patches.shape == (40, 1, *PATCH)
        assert patches.dtype == torch.float32
        assert 0.0 <= float(patches.min()) < float(patches.max()) <= 1.0


def test_regions_must_exist_and_hold_a_patch() -> None:
    volumes = numbered((10, 10, 10))
    with pytest.raises(ValueError, match="at least one region"):
        PatchSampler(volumes, [], PATCH, 0)
    with pytest.raises(ValueError, match="hold a patch"):
        PatchSampler(volumes, [Region(0, (0, 0, 3), (10, 10, 10))], PATCH, 0)


@pytest.mark.cuda
def test_patches_on_a_gpu_are_those_of_the_cpu() -> None:
    cpu = lung_and_wall("ct")
    gpu = VolumeSet(cpu.voxels.cuda(), cpu.entries)
    region = [whole_region(cpu, 0)]
    for content in (False, True):
        a = PatchSampler(cpu, region, PATCH, 9, borders=True, lung_content=content, report=lambda text: None)
        b = PatchSampler(gpu, region, PATCH, 9, borders=True, lung_content=content, report=lambda text: None)
        assert torch.equal(a(IDS), b(IDS).cpu())
