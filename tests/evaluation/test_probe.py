# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genesis_ext.data.loader import Batch
from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.sampling.split import whole_regions
from genesis_ext.evaluation import probe_modality, probe_stores
from genesis_ext.models import UNet, UNet3D
from tests.data_layer.stores import entry_of, write_store

CPU = torch.device("cpu")


class Encoder(UNet):
    """Two levels that are given functions of the input."""

    spatial_dims, stride = 3, 1

    def __init__(self, fine: Callable[[Tensor], Tensor], coarse: Callable[[Tensor], Tensor]) -> None:
        super().__init__(1, 1, None, "batch", "batch")
        self._levels = fine, coarse

    def encode(self, x: Tensor) -> list[Tensor]:
        return [level(x) for level in self._levels]

    def decode(self, features: Sequence[Tensor]) -> Tensor:
        return features[0]


def constant(x: Tensor) -> Tensor:
    return torch.full((len(x), 5, 2, 2, 2), 0.3)


def identity(x: Tensor) -> Tensor:
    return x


def meaningless(x: Tensor) -> Tensor:
    """More channels than there are samples to fit, drawn from the sum of the input's bits."""
    seeds = x.flatten(1).view(torch.int32).long().sum(dim=1)
    rows = [torch.randn(200, generator=torch.Generator().manual_seed(int(seed) % 2**31)) for seed in seeds]
    return torch.stack(rows)[..., None, None, None]


def samples(count: int, seed: int, mri_every: int = 2, brighter: float = 0.2) -> list[Batch]:
    """Batches of 8 noisy samples; those of MRI are brighter."""
    generator = torch.Generator().manual_seed(seed)
    modality = (torch.arange(count) % mri_every == 0).long()
    x = torch.rand((count, 1, 4, 4, 4), generator=generator) * 0.5 + brighter * modality.view(-1, 1, 1, 1, 1)
    return [{"input": i, "modality": m} for i, m in zip(x.split(8), modality.split(8), strict=True)]


def test_features_that_hold_the_modality_give_one_and_constant_ones_chance() -> None:
    report = probe_modality(Encoder(constant, identity), samples(64, 0), samples(32, 1))
    assert report.levels == (0.5, 1.0)
    assert report.together == 1.0
    assert (report.fitted, report.asked) == (64, 32)
    assert "balanced accuracy 0.500, 1.000 with levels 1 to 2 alone, 1.000 with all (chance 0.5; " in str(report)


def test_constant_features_give_chance_whatever_the_share_of_mri() -> None:
    report = probe_modality(Encoder(constant, constant), samples(64, 0, mri_every=4), samples(32, 1, mri_every=4))
    assert report.levels == (0.5, 0.5)
    assert report.together == 0.5


def test_what_is_learnt_by_heart_counts_for_nothing() -> None:
    network, own = Encoder(meaningless, meaningless), samples(64, 0)
    assert probe_modality(network, own, own).together == 1.0
    assert 0.35 < probe_modality(network, own, samples(128, 1)).together < 0.65


def test_a_probe_is_repeated_to_the_last_bit_and_leaves_the_network_as_it_was() -> None:
    network = UNet3D(width=2).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    x = [{"input": torch.rand(4, 1, 8, 8, 16), "modality": torch.tensor([0, 1, 0, 1])} for _ in range(4)]
    assert probe_modality(network, x[:2], x[2:]) == probe_modality(network, x[:2], x[2:])
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize(("kinds", "found"), [([0, 0], "ct"), ([0, 1, 2], "ct, mri, xray")])
def test_samples_of_one_modality_or_of_a_third_are_refused(kinds: list[int], found: str) -> None:
    x: Any = [{"input": torch.rand(len(kinds), 1, 4, 4, 4), "modality": torch.tensor(kinds)}]
    with pytest.raises(ValueError, match=f"asked must hold CT and MRI, and nothing else, got {found}$"):
        probe_modality(Encoder(identity, identity), samples(8, 0), x)


def test_stores_are_probed_where_both_sides_have_both_modalities(tmp_path: Path) -> None:
    kinds = ("ct", "mri", "xray", "ct", "mri")
    entries = [entry_of(f"v{i}", (16, 16, 16), modality) for i, modality in enumerate(kinds)]
    store, regions = write_store(tmp_path / "store", entries), whole_regions(entries)
    first, last = (store, regions[:3]), (store, regions[3:])
    network, sampling = UNet3D(width=1), Sampling(out_shape=(8, 8, 16), mix="volumes")
    report = probe_stores(network, first, last, sampling, 8, 0, CPU)
    assert report is not None
    assert (report.fitted, report.asked) == (256, 128)
    assert "patients" not in str(report)
    again = probe_stores(network, first, first, sampling, 8, 0, CPU)
    assert "; 2 patients on both sides may be recognised)" in str(again)
    assert probe_stores(network, first, (store, regions[3:4]), sampling, 8, 0, CPU) is None
