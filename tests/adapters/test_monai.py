# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transforms for MONAI: the common suite for both, then metadata, inversion and MONAI's ways with random ones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import CacheDataset, DataLoader, Dataset, MetaTensor, ThreadDataLoader, decollate_batch
from monai.data.meta_obj import set_track_meta
from monai.transforms import Compose, EnsureType, EnsureTyped, Invertd, Lambdad, RandFlipd, RandSpatialCropSamplesd
from monai.utils import set_determinism
from torch import Tensor

from genesis_ext.adapters import monai as adapters
from genesis_ext.adapters.monai import RandGenesis, RandGenesisd
from tests.adapters.conformance import AdapterTests, Pair, patch

# Of voxels of 1.5 x 2 x 3 mm whose first two axes are exchanged.
AFFINE = torch.tensor([[0, -2, 0, 5], [1.5, 0, 0, -7], [0, 0, 3, 11], [0, 0, 0, 1]], dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Seed MONAI, and take back what tests set for the whole process."""
    set_determinism(0)
    yield
    set_determinism(None)
    set_track_meta(True)


class MonaiTests(AdapterTests):
    library = "monai"
    before: Any
    """A transform that changes nothing, to stand before the adapter in a pipeline."""

    def seed(self, adapter: Any, seed: int) -> None:
        adapter.set_random_state(seed)

    def ids(self, seed: int, count: int) -> list[int]:
        state = np.random.RandomState(seed)
        return [int(state.randint(2**62, dtype=np.int64)) for _ in range(count)]

    def load(self, adapter: Any, patches: list[Tensor], workers: int, seed: int) -> list[Pair]:
        set_determinism(seed)
        data = Dataset([self.sample(x) for x in patches], Compose([self.before, adapter]))
        batches = map(self.pair, DataLoader(data, batch_size=2, num_workers=workers))
        return [pair for batch in batches for pair in zip(*batch, strict=True)]


class TestRandGenesis(MonaiTests):
    make = RandGenesis
    before = EnsureType()

    def sample(self, x: Tensor) -> MetaTensor:
        return MetaTensor(x, AFFINE)

    def voxels(self, sample: MetaTensor) -> Tensor:
        return sample.as_tensor()

    def pair(self, result: Any) -> Pair:
        distorted, target = result
        return distorted.as_tensor(), target.as_tensor()


class TestRandGenesisd(MonaiTests):
    before = EnsureTyped("image")

    def make(self, **options: Any) -> RandGenesisd:
        return RandGenesisd("image", target_keys="target", **options)

    def sample(self, x: Tensor) -> dict[str, Any]:
        return {"image": MetaTensor(x, AFFINE), "name": "chest"}

    def voxels(self, sample: dict[str, Any]) -> Tensor:
        return sample["image"].as_tensor()

    def pair(self, result: Any) -> Pair:
        assert sorted(result) == ["image", "name", "target"]
        return result["image"].as_tensor(), result["target"].as_tensor()


# ----------------------------------------------------------------------------------------------------------------------
# Metadata.

FLIPS = {"flip_axes": (0, 1, 2), "flip_rate": 0.8, "flip_lost": 0}


def places(x: MetaTensor) -> Tensor:
    """Where in the world the voxels are, by rising value: (voxels, 3)."""
    sides = x.shape[1:] + (1,) * (4 - x.dim())
    index = torch.cartesian_prod(*(torch.arange(side, dtype=torch.float64) for side in sides))
    affine = x.affine.as_tensor() if isinstance(x.affine, MetaTensor) else x.affine
    return (index @ affine[:3, :3].T + affine[:3, 3])[x.as_tensor().flatten().argsort()]


@pytest.mark.parametrize("shape", [(1, 5, 4, 3), (1, 5, 4)], ids=["3D", "2D"])
def test_flipped_voxels_stay_where_they_are_in_the_world_and_inversion_brings_them_back(shape):
    dims = len(shape) - 1
    options = FLIPS if dims == 3 else FLIPS | {"flip_axes": (0, 1), "spatial_dims": 2}
    x = MetaTensor(patch(*shape), AFFINE, meta={"filename": "chest.nii.gz"})
    transform = RandGenesis(scheme="autoencoder", **options).set_random_state(0)
    flips = set()
    for _ in range(60):
        for result in transform(x):
            assert torch.equal(places(result), places(x))
            assert result.meta["filename"] == "chest.nii.gz"
            flips.add(tuple(result.affine.sub(AFFINE).any(0)[:dims].tolist()))
            inverse = transform.inverse(result)
            assert torch.equal(inverse.as_tensor(), x.as_tensor())
            assert torch.equal(inverse.affine, AFFINE)
            assert inverse.applied_operations == []
    assert len(flips) == 2**dims


def test_arrays_and_tensors_are_distorted_as_meta_tensors_are_and_metadata_can_be_off():
    x = patch()
    expected = [y.as_tensor() for y in RandGenesis().set_random_state(3)(MetaTensor(x))]
    for track, kind in ((True, MetaTensor), (False, Tensor)):
        set_track_meta(track)
        for given in (x, x.numpy(), MetaTensor(x, AFFINE), x.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1)):
            results = RandGenesis().set_random_state(3)(given)
            assert [type(y) for y in results] == [kind, kind]
            assert all(torch.equal(torch.Tensor(y), e) for y, e in zip(results, expected, strict=True))


def test_what_a_network_made_of_a_batch_is_inverted_through_the_whole_pipeline():
    x = MetaTensor(patch(), AFFINE)
    pipeline = Compose(
        [
            RandFlipd("image", prob=1.0, spatial_axis=2),
            RandGenesisd("image", target_keys="target", scheme="autoencoder", **FLIPS),
        ],
        lazy=True,  # the first flip is then pending when the adapter is called
    ).set_random_state(0)
    undo = Invertd("prediction", pipeline, orig_keys="image", nearest_interp=False)
    for batch in DataLoader(Dataset([{"image": x}] * 4, pipeline), batch_size=2):
        for sample in decollate_batch({**batch, "prediction": 1.0 - batch["target"]}):
            assert torch.equal(places(sample["target"]), places(x))
            with pytest.warns(UserWarning, match="lazy execution is not supported when inverting"):
                assert torch.equal(undo(sample)["prediction"].as_tensor(), 1.0 - x.as_tensor())


# ----------------------------------------------------------------------------------------------------------------------
# Keys, and MONAI's ways with random transforms.


def test_all_keys_of_a_dictionary_get_one_draw_and_results_go_where_they_are_sent():
    t1, t2 = patch(seed=1), patch(seed=2)
    transform = RandGenesisd(
        ("t1", "t2", "t3"), ("y1", "y2", "y3"), input_keys=("t2", "x2", "x3"), allow_missing_keys=True
    )
    result = transform.set_random_state(state=np.random.RandomState(4))({"t1": t1, "t2": t2})
    assert sorted(result) == ["t1", "t2", "x2", "y1", "y2"]
    assert result["t1"] is t1
    for keys, image in ((("t2", "y1"), t1), (("x2", "y2"), t2)):
        expected = RandGenesis().set_random_state(4)(image)
        assert all(torch.equal(result[key], y) for key, y in zip(keys, expected, strict=True))
    assert transform.inverse(result)["x2"].applied_operations == []


@pytest.mark.parametrize(
    ("target_keys", "input_keys"), [("image", None), (("a", "b"), None), ("y", ("a", "b")), ("y", "y")]
)
def test_keys_that_do_not_fit_are_refused(target_keys, input_keys):
    with pytest.raises(
        ValueError, match="RandGenesisd: input_keys and target_keys must be as many as keys, and all diff"
    ):
        RandGenesisd("image", target_keys, input_keys)


def test_a_missing_key_is_named():
    with pytest.raises(KeyError, match="`image` of transform `RandGenesisd` was missing"):
        RandGenesisd("image", target_keys="target")({"img": patch()})


def test_the_dictionary_transform_has_the_three_names_of_monai():
    assert adapters.RandGenesisD is adapters.RandGenesisDict is RandGenesisd


@pytest.mark.parametrize("loader", [DataLoader, ThreadDataLoader])
def test_what_comes_before_is_cached_and_what_is_drawn_is_not(loader):
    calls = []
    count = Lambdad("image", func=lambda x: (calls.append(0), x)[1], track_meta=False)
    pipeline = Compose([count, RandGenesisd("image", target_keys="target", flip_rate=0.0)])
    data = CacheDataset([{"image": patch()}] * 2, pipeline, progress=False)
    epochs = loader(data, batch_size=2, num_workers=0)
    batches = [*epochs, *epochs]
    assert len(calls) == 2
    assert len({x.numpy().tobytes() for batch in batches for x in batch["image"].as_tensor()}) == 4


def test_each_crop_of_a_volume_gets_a_draw_of_its_own():
    crops = RandSpatialCropSamplesd("image", (20, 12, 10), num_samples=3, random_size=False)
    pipeline = Compose([crops, RandGenesisd("image", target_keys="target", flip_rate=0.0)])
    (batch,) = DataLoader(Dataset([{"image": patch()}], pipeline))
    assert len({x.numpy().tobytes() for x in batch["image"].as_tensor()}) == 3
