# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path
from typing import Any

import pytest
import torch

from genesis_ext.data.prepare.intensity import PAPER_MRI_WINDOW, IntensityWindow
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.sampler import SubvolumeSampler
from genesis_ext.data.sampling.split import Region, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.training.engine.run_data import open_store
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.data import choose_regions, note_on_spacing, weights_of
from genesis_ext.training.pretraining.parts import Parts
from genesis_ext.training.pretraining.presets import PRESETS
from tests.data_layer.images import random_voxels, write_mri, write_nifti
from tests.data_layer.stores import change_index, entry_of, write_store

CONFIG = PretrainConfig.of(patch=(8, 8, 8), boxes="scales")
PAPER = PretrainConfig.of(**PRESETS["model-mri"])


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Five of the usual brightness, and one of another unit."""
    for number in range(5):
        write_mri(tmp_path / f"scans/p{number}.nii", (18, 20, 16), seed=number)
    write_nifti(tmp_path / "scans/p5.nii", random_voxels((18, 20, 16), 0, 500_000))
    return tmp_path / "scans"


def test_mri_is_prepared_as_the_preset_says(scans: Path, tmp_path: Path) -> None:
    said: list[str] = []
    usual = open_store(CONFIG.files, scans, tmp_path, said.append)
    assert len(usual) == 6
    assert not [text for text in said if "skipped" in text]
    store = open_store(PAPER.files, scans, tmp_path, said.append)
    assert [entry.name for entry in store.entries] == [f"p{number}" for number in range(5)]
    (skipped,) = (text for text in said if "skipped" in text)
    assert "p5.nii: 99.2% of the voxels lie above the MRI window's end 4000" in skipped
    said.clear()
    open_store(PAPER.files, store.path, tmp_path, said.append)
    assert said == []
    open_store(PAPER.files, usual.path, tmp_path, said.append)
    assert [text for text in said if "MRI was not cut at mri_window (0.0, 4000.0)" in text] == said != []
    with pytest.raises(ValueError, match=r"is a store, .* mri_window must not be given"):
        open_store(CONFIG.but(mri_window=(0.0, 100.0)).files, usual.path, tmp_path, said.append)


def as_prepared_before(store: VolumeStore, changes: dict[str, Any]) -> VolumeStore:
    """The store as one whose window made the volumes white that `changes` names, by their share above it."""

    def change(index: dict[str, Any]) -> None:
        for values in index["volumes"]:
            values["statistics"]["clipped_above"] = changes.get(values["name"], 0.0)

    change_index(store.path, change)
    return VolumeStore(store.path)


def test_mri_that_is_white_in_an_older_store_is_left_out_by_name(scans: Path, tmp_path: Path) -> None:
    window = IntensityWindow(mri=PAPER_MRI_WINDOW)
    store = prepare_cached(scans, tmp_path, lambda text: None, spacing_mm=None, window=window)
    store = as_prepared_before(store, {"p1": 0.998, "p2": 0.2})
    said: list[str] = []
    train, validation = choose_regions(CONFIG, Parts().needs(CONFIG), store, None, said.append)
    assert (volumes(train), volumes(validation)) == ([0, 2, 3], [4])
    assert (
        [text for text in said if text.startswith("left out p1: 99.8% of its voxels lie above the MRI")] == said != []
    )
    store = as_prepared_before(store, {f"p{number}": 1.0 for number in range(5)})
    with pytest.raises(ValueError, match="its MRI window made all volumes white"):
        choose_regions(CONFIG, Parts().needs(CONFIG), store, None, said.append)


def test_volumes_have_the_shares_of_table_i_and_a_pattern_without_a_volume_is_refused(tmp_path: Path) -> None:
    sources = {"1.3.6": ("ct", 623), "volume-7": ("ct", 111), "Brats18_A_1_t1": ("mri", 760), "la_003": ("mri", 30)}
    entries = [entry_of(name, (16, 16, 16), modality) for name, (modality, _) in sources.items()]
    store, config = write_store(tmp_path / "store", entries), PretrainConfig.of(**PRESETS["universal-paper"])
    weights = weights_of(config, store)
    assert weights is not None
    assert sum(64 * w * count for w, (_, count) in zip(weights, sources.values(), strict=True)) == 106_560
    assert 6 * config.run.validate_every == 106_560
    assert weights_of(CONFIG, store) is None
    drawn = SubvolumeSampler(entries, whole_regions(entries), config.data.sampling(), weights=weights)
    counts = drawn.volumes_of(torch.arange(6000)).bincount().tolist()
    assert [count / 3000 for count in counts] == pytest.approx([1 / 3, 2 / 3, 1 / 3, 2 / 3], abs=0.03)
    lacks = config.but(share={"volume-*": 2, "lits-*": 2})
    with pytest.raises(ValueError, match="share must hold patterns of names, and 'lits-\\*' fits no volume of"):
        choose_regions(lacks, Parts().needs(lacks), store, None, str)


@pytest.mark.parametrize("preset", ["universal", "model-mri", "model-multi-mial"])
def test_the_sources_of_the_universal_model_start_with_the_splits_of_their_recipes(preset: str, tmp_path: Path) -> None:
    """Of CT some volumes are marked to validate, of MRI none."""
    marked = {"1.3.6": "train", "volume-0": "train", "volume-111": "validation", "1.3.7": "test"}
    entries = [entry_of(name, (16, 16, 16), split=split) for name, split in marked.items()]
    entries += [entry_of(name, (16, 16, 16), "mri", split="train") for name in ("B_1_t1", "B_2_t1", "la_003")]
    store, config = write_store(tmp_path / "store", entries), PretrainConfig.of(**PRESETS[preset])
    train, validation = choose_regions(config, Parts().needs(config), store, None, lambda text: None)
    if preset == "model-mri":
        assert (volumes(train), volumes(validation)) == ([4, 5], [6])
    else:
        assert (volumes(train), volumes(validation)) == ([0, 1, 4, 5], [2, 6])


@pytest.mark.parametrize(
    ("preset", "spacing", "told"),
    [
        ("released", (1.0, 1.0, 1.0), "resampled to 1x1x1 mm, so that a patch spans 64x64x32 mm; the released code"),
        ("genesis-chest-ct", (0.7, 0.7, 2.5), "spans 44.8x44.8x80 mm"),
        ("released", None, ""),
        ("universal", None, "was not resampled to 1 mm, as the volumes of method universal are"),
        ("model-ct", [2.0, 2.0, 2.0], "was not resampled to 1 mm"),
        ("universal", [1.0, 1.0, 1.0], ""),
        ("default", (1.0, 1.0, 1.0), ""),
    ],
)
def test_a_store_that_is_not_resampled_as_the_method_has_it_is_told(preset: str, spacing: Any, told: str) -> None:
    note = note_on_spacing(PretrainConfig.of(**PRESETS[preset]), Path("store"), spacing)
    assert told in note and bool(told) == bool(note)


def test_a_run_tells_the_spacing_of_its_store(scans: Path, tmp_path: Path) -> None:
    store, said = prepare_cached(scans, tmp_path, lambda text: None, spacing_mm=None), []
    config = PretrainConfig.of(**PRESETS["model-mri"]).but(patch=(8, 8, 8))
    choose_regions(config, Parts().needs(config), store, None, said.append)
    assert len([text for text in said if "was not resampled to 1 mm" in text]) == 1


def volumes(regions: list[Region]) -> list[int]:
    return [region.volume for region in regions]
