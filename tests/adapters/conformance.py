# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What every adapter must do. The tests of an adapter are a subclass that says how its library does things."""

import importlib
import pickle
import sys
from abc import ABC, abstractmethod
from typing import Any

import pytest
import torch
from torch import Tensor

from genesis_ext import GenesisTransform

Pair = tuple[Tensor, Tensor]


def patch(*shape: int, seed: int = 0) -> Tensor:
    """Voxels in [0, 1]; by default one channel of a patch whose windows hold more than one voxel."""
    return torch.rand(shape or (1, 20, 12, 10), generator=torch.Generator().manual_seed(seed))


class AdapterTests(ABC):
    """Tests of one adapter; a sample is a patch (C, X, Y, Z) or (C, X, Y) in the shape of the library."""

    library: str
    """The package, which the module of the adapter, its extra and its part of docs/adapters.md are named after."""

    @abstractmethod
    def make(self, **options: Any) -> Any:
        """Make the adapter; options as of `GenesisTransform`."""

    @abstractmethod
    def seed(self, adapter: Any, seed: int) -> None:
        """Seed the draws of the adapter by the means of the library."""

    @abstractmethod
    def ids(self, seed: int, count: int) -> list[int]:
        """Say which sample ids an adapter draws after `seed`: what its documentation promises."""

    @abstractmethod
    def sample(self, x: Tensor) -> Any:
        """Put a patch into the shape of the library."""

    @abstractmethod
    def voxels(self, sample: Any) -> Tensor:
        """Take the patch out of a sample."""

    @abstractmethod
    def pair(self, result: Any) -> Pair:
        """Take input and target out of a result, as plain tensors (C, X, Y, Z) or (C, X, Y)."""

    @abstractmethod
    def load(self, adapter: Any, patches: list[Tensor], workers: int, seed: int) -> list[Pair]:
        """Run patches, in order, through a pipeline and a loader of the library that are seeded by its means."""

    def draw(self, adapter: Any, x: Tensor, seed: int) -> Pair:
        """Seed the adapter, and give it one patch."""
        self.seed(adapter, seed)
        return self.pair(adapter(self.sample(x)))

    @pytest.mark.parametrize(
        ("shape", "dtype", "options"),
        [
            ((1, 20, 12, 10), torch.float32, {}),
            ((2, 20, 1, 7), torch.float16, {"value_range": "percentile", "curve_per_channel": True}),
            ((1, 21, 10, 10), torch.bfloat16, {"scheme": "painting", "seed": 3, "value_range": (0.1, 0.8)}),
            ((1, 20, 30), torch.float32, {"spatial_dims": 2, "value_range": "minmax", "flip_rate": 1.0}),
        ],
        ids=["3D", "channels", "options", "2D"],
    )
    def test_each_draw_is_that_of_genesis_transform_for_the_id_that_the_library_drew(self, shape, dtype, options):
        x, adapter = patch(*shape).to(dtype), self.make(**options)
        self.seed(adapter, 5)
        results = [self.pair(adapter(self.sample(x))) for _ in range(4)]
        expected = GenesisTransform(**options)(x.expand(4, *x.shape), torch.tensor(self.ids(5, 4)))
        for index in (0, 1):
            made = torch.stack([result[index] for result in results])
            assert made.dtype == dtype
            assert torch.equal(made, expected[index])

    def test_equal_seeds_draw_equal_and_others_differ(self):
        adapter, x = self.make(), patch()
        first, other, again = (self.draw(adapter, x, seed)[0] for seed in (1, 2, 1))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_a_sample_is_left_as_it_was(self):
        x = patch()
        sample = self.sample(x.clone())
        before = pickle.dumps(sample)
        self.make()(sample)
        assert torch.equal(self.voxels(sample), x)
        assert pickle.dumps(sample) == before

    def test_a_copy_through_pickle_draws_the_same(self):
        adapter, x = self.make(value_range="minmax"), patch()
        copy = pickle.loads(pickle.dumps(adapter))
        assert torch.equal(self.draw(adapter, x, 1)[0], self.draw(copy, x, 1)[0])

    @pytest.mark.parametrize("workers", [0, 2])
    def test_a_loader_draws_for_each_sample_anew_and_equally_after_equal_seeds(self, workers):
        patches = [patch()] * 6
        runs = [self.load(self.make(flip_rate=0.0), patches, workers, seed) for seed in (1, 1, 2)]
        inputs, again, others = (torch.stack([x for x, _ in run]) for run in runs)
        assert torch.equal(inputs, again)
        assert not torch.equal(inputs, others)
        assert len({x.numpy().tobytes() for x in inputs}) == len(patches)
        assert all(torch.equal(target, patches[0]) for _, target in runs[0])

    @pytest.mark.parametrize(
        ("spatial_dims", "shape", "axes"),
        [(3, (1, 8, 8), "C, X, Y, Z"), (3, (1, 1, 8, 8, 8), "C, X, Y, Z"), (2, (1, 8, 8, 8), "C, X, Y")],
    )
    def test_a_sample_of_another_rank_is_refused_in_words(self, spatial_dims, shape, axes):
        message = (
            rf"must be \({axes}\) with spatial_dims={spatial_dims}, got torch.float32 \[{', '.join(map(str, shape))}\]"
        )
        with pytest.raises(ValueError, match=message):
            self.make(spatial_dims=spatial_dims)(self.sample(torch.zeros(shape)))

    def test_an_option_that_is_wrong_is_named_when_the_adapter_is_made(self):
        with pytest.raises(ValueError, match="flip_rate"):
            self.make(flip_rate=2.0)

    def test_without_the_library_the_extra_is_named(self, monkeypatch):
        name = f"genesis_ext.adapters.{self.library}"
        monkeypatch.delitem(sys.modules, name, raising=False)
        for module in [self.library, *(module for module in sys.modules if module.startswith(f"{self.library}."))]:
            monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(
            ImportError, match=rf"{self.library} is needed for {name}: pip install 'genesis_ext\[{self.library}\]'"
        ):
            importlib.import_module(name)
