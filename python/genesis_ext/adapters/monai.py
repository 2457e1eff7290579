# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`GenesisTransform` as MONAI's array and dictionary transforms."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genesis_ext._extras import needed
from genesis_ext.adapters._sample import distort_sample
from genesis_ext.data.loader import FIRST_VALIDATION_ID
from genesis_ext.transforms import GenesisTransform

with needed("monai", "monai", "for genesis_ext.adapters.monai"):
    from monai.config import KeysCollection
    from monai.data import get_track_meta
    from monai.transforms import Flip, InvertibleTransform, MapTransform, Randomizable
    from monai.utils import TraceKeys, convert_to_dst_type, convert_to_tensor, ensure_tuple


class RandGenesis(Randomizable, InvertibleTransform):
    """Distort one patch, and return the distorted and the whole one: `patch -> (input, target)`.

    Each call draws a sample id from the random state, `R.randint(2**62, dtype=np.int64)`, and gives to the bit what
    `GenesisTransform` gives for that id. There is no `prob`: the profile has a rate for each distortion.

    Flips go into the affine and the `applied_operations` of both results; `inverse` undoes them, and nothing else.
    Results are MetaTensors whatever came in, as of MONAI's own transforms, or plain tensors after
    `set_track_meta(False)`.

    Args:
        **options: of `GenesisTransform`, e.g. profile, scheme, seed, value_range, spatial_dims or any rate.

    Raises:
        TypeError, ValueError: as `GenesisTransform`.

    Example:
        >>> t = RandGenesis(value_range="percentile").set_random_state(seed=0)
        >>> x, y = t(torch.rand(1, 64, 64, 32))
    """

    def __init__(self, **options: Any) -> None:
        self.genesis = GenesisTransform(**options)
        self.sample_id = 0

    def randomize(self, data: Any = None) -> None:
        """Draw the id of the next sample; ids from 2^62 on are left to validation, as in `GenesisLoader`."""
        self.sample_id = int(self.R.randint(FIRST_VALIDATION_ID, dtype=np.int64))

    def __call__(self, img: Any, randomize: bool = True) -> tuple[Tensor, Tensor]:
        """Distort a patch.

        img: (C, X, Y, Z), or (C, X, Y) with `spatial_dims=2`; array or tensor of float32, float16 or bfloat16.
        randomize: draw an id first; else the last one acts again.
        Returns input, target: tensors of its shape and dtype.
        """
        if randomize:
            self.randomize()
        patch = convert_to_tensor(img, track_meta=get_track_meta())
        name = type(self).__name__
        distorted, target, axes = distort_sample(name, self.genesis, patch, self.sample_id)
        return self._with_meta(distorted, patch, axes), self._with_meta(target, patch, axes)

    def inverse(self, data: Tensor) -> Tensor:
        """Undo the flips of a result, or of what a network made of it, by its `applied_operations`."""
        flip = Flip(self.pop_transform(data)[TraceKeys.EXTRA_INFO]["axes"])
        with flip.trace_transform(False):
            return flip(data)

    def _with_meta(self, result: Tensor, patch: Tensor, axes: list[int]) -> Tensor:
        """Give a result the metadata of its patch, flipped."""
        mirror = torch.eye(patch.dim(), dtype=torch.float64)  # from voxels of the result to those of the patch
        for axis in axes:
            mirror[axis, axis], mirror[axis, -1] = -1, patch.shape[1 + axis] - 1
        result = convert_to_dst_type(result, patch)[0]
        tracked: Tensor = self.push_transform(result, affine=mirror, extra_info={"axes": axes})  # type: ignore[no-untyped-call]
        return tracked


class RandGenesisd(Randomizable, MapTransform, InvertibleTransform):
    """`RandGenesis` for dictionaries: `{"image": patch} -> {"image": input, "target": target}`.

    One id is drawn for all keys: images of one shape get the same flips, windows, curve and boxes.

    Args:
        keys: patches to distort.
        target_keys: where their targets go, one a key.
        input_keys: where the distorted patches go, one a key; default: in place of the patches.
        allow_missing_keys: leave out keys that are missing.
        **options: of `GenesisTransform`.

    Raises:
        TypeError, ValueError: as `GenesisTransform`; or the keys are not as many, or two results go to one key.

    Example:
        >>> t = RandGenesisd("image", target_keys="target").set_random_state(seed=0)
        >>> d = t({"image": torch.rand(1, 64, 64, 32)})
    """

    def __init__(
        self,
        keys: KeysCollection,
        target_keys: KeysCollection,
        input_keys: KeysCollection | None = None,
        allow_missing_keys: bool = False,
        **options: Any,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        self.target_keys: tuple[Hashable, ...] = ensure_tuple(target_keys)
        self.input_keys: tuple[Hashable, ...] = self.keys if input_keys is None else ensure_tuple(input_keys)
        results = self.input_keys + self.target_keys
        if not len(self.keys) == len(self.input_keys) == len(self.target_keys) or len(set(results)) < len(results):
            raise ValueError(
                f"RandGenesisd: input_keys and target_keys must be as many as keys, and all different, got keys "
                f"{self.keys}, input_keys {self.input_keys}, target_keys {self.target_keys}"
            )
        self.transform = RandGenesis(**options)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> "RandGenesisd":
        """Seed the draws."""
        super().set_random_state(seed, state)
        self.transform.set_random_state(seed, state)
        return self

    def randomize(self, data: Any = None) -> None:
        """Draw the id of the next sample."""
        self.transform.randomize()

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Distort the patches of one sample; the dictionary itself is left as it is."""
        self.randomize()
        results = dict(data)
        for key, input_key, target_key in self.key_iterator(data, self.input_keys, self.target_keys):
            results[input_key], results[target_key] = self.transform(data[key], randomize=False)
        return results

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Undo the flips of inputs and targets."""
        results = dict(data)
        for key in self.input_keys + self.target_keys:
            if key in results or not self.allow_missing_keys:
                results[key] = self.transform.inverse(results[key])
        return results


RandGenesisD = RandGenesisDict = RandGenesisd
