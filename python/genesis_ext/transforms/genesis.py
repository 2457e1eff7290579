# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transformations of Models Genesis as a module: a batch in, input and target out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .. import ops
from ..ops._checks import TensorLike, as_ids, check_voxels, plain, split_range
from .profiles import TransformConfig, make_config, resolve
from .seed import keep_seed, seed_text
from .value_range import minmax_range, percentile_range

_FROM_DATA = ("minmax", "percentile")


class GenesisTransform(nn.Module):
    """Distort patches, and return the distorted and the whole ones: `(batch, sample_id) -> (input, target)`.

    What happens to a sample follows from the seed and its id alone (docs/determinism.md), on any device, in any batch.
    Nothing waits for the device, so the module can be compiled with `fullgraph=True` and captured in a CUDA graph.
    Results are plain tensors: a subclass with an affine, such as MONAI's MetaTensor, would not know of the flips.

    Args:
        profile: "head", "release-2019-11", "release-2019-09", "paper", or a `TransformConfig`.
        scheme: "unified", "distortion", "painting", or a single transformation, which then always acts: "non-linear",
            "local-shuffling", "out-painting", "in-painting"; "autoencoder" distorts nothing.
        seed: an int, counted modulo 2^64; or a (1,) int64 tensor, kept as a buffer that moves with the module and that
            a captured graph reads anew at each replay.
        value_range: where curve and noise act: (lo, hi); a float32 tensor (N, 2) or (N, C, 2), kept as a buffer;
            "minmax" or "percentile": taken from the finite voxels of each sample (see `transforms.value_range`).
        percentiles: lower and upper one for "percentile", in [0, 100].
        per_channel: take the range of "minmax" and "percentile" of each channel instead of each sample.
        clamp: cut values to the range before the curve, as released; without it the curve goes on outside with slope
            +-1.
        spatial_dims: 3; 2 for batches of images, (N, C, X, Y).
        **changes: any rate or size by its name in `TransformConfig`, e.g. `shuffle_rate=1.0`.

    Raises:
        TypeError, ValueError: an unknown name, or a value that breaks its rule.

    Example:
        >>> t = GenesisTransform(profile="head", seed=0)
        >>> x, y = t(torch.rand(2, 1, 64, 64, 32), torch.arange(2))
    """

    seed: int | Tensor
    value_range: str | tuple[float, float] | Tensor

    def __init__(
        self,
        profile: str | TransformConfig = "head",
        scheme: str = "unified",
        seed: int | Tensor = 0,
        value_range: str | tuple[float, float] | Tensor = (0.0, 1.0),
        percentiles: tuple[float, float] = (0.1, 99.9),
        per_channel: bool = False,
        clamp: bool = True,
        spatial_dims: int = 3,
        **changes: Any,
    ) -> None:
        super().__init__()
        self.config = make_config(profile, scheme, **changes)
        self.profile = profile if isinstance(profile, str) else "custom"
        self.scheme = scheme
        self.changes = changes
        self.percentiles = percentiles
        self.per_channel = per_channel
        self.clamp = clamp
        if spatial_dims not in (2, 3):
            raise ValueError(f"GenesisTransform: spatial_dims must be 3 or 2, got {spatial_dims!r}")
        self.spatial_dims = spatial_dims
        keep_seed(self, seed)
        if isinstance(value_range, Tensor):
            self.register_buffer("value_range", plain(value_range), persistent=False)
        elif isinstance(value_range, str):
            if value_range not in _FROM_DATA:
                raise ValueError(
                    f"GenesisTransform: value_range must be (lo, hi), a tensor, 'minmax' or 'percentile', got "
                    f"{value_range!r}"
                )
            self.value_range = value_range
        else:
            _, lo, hi = split_range("GenesisTransform", value_range)
            self.value_range = (lo, hi)
        if not 0.0 <= percentiles[0] <= percentiles[1] <= 100.0:
            raise ValueError(f"GenesisTransform: percentiles must rise within [0, 100], got {percentiles!r}")
        self._specs: dict[tuple[int, ...], ops.PlanSpec] = {}

    def forward(self, batch: Tensor, sample_id: TensorLike) -> tuple[Tensor, Tensor]:
        """Distort a batch.

        batch: (N, C, X, Y, Z), or (N, C, X, Y) with `spatial_dims=2`, float32, float16 or bfloat16.   sample_id: (N,)
        int64 beside it; other integers and lists are converted.
        Returns input, target: shape and dtype of the batch, contiguous.
        """
        batch = check_voxels("GenesisTransform", batch, self.spatial_dims)
        ids = as_ids("GenesisTransform", sample_id, batch.device)
        return self.replay(batch, self.plan(ids, batch.shape[2:], batch.shape[1]))

    def plan(self, sample_id: TensorLike, spatial_shape: Sequence[int], channels: int = 1) -> ops.Plan:
        """Draw what `forward` would do: for (N,) int64 ids and patches (X, Y, Z), or (X, Y) with `spatial_dims=2`.

        channels: of the batch; matters with `curve_per_channel` only.
        """
        shape = tuple(spatial_shape)
        if len(shape) != self.spatial_dims:
            raise ValueError(
                f"GenesisTransform: spatial_shape must be {self.spatial_dims} sides, as spatial_dims says, got {shape}"
            )
        return ops.draw_plan(sample_id, self.seed, self._spec(shape, channels))

    def replay(self, batch: Tensor, plan: ops.Plan) -> tuple[Tensor, Tensor]:
        """Do what a plan says to any batch of its size and shape; a plan elsewhere is copied to the batch's device."""
        batch = check_voxels("GenesisTransform", batch, self.spatial_dims)
        if isinstance(plan, ops.Plan) and plan.device != batch.device:
            plan = plan.to(batch.device)
        return ops.genesis_transform(batch, plan, self._range(batch), self.clamp)

    def extra_repr(self) -> str:
        """Name profile and scheme, and what differs from them."""
        given = self.value_range
        ranges = f"a tensor {tuple(given.shape)}" if isinstance(given, Tensor) else repr(given)
        text = f"profile={self.profile!r}, scheme={self.scheme!r}, seed={seed_text(self.seed)}, value_range={ranges}"
        if given == "percentile":
            text += f", percentiles={self.percentiles}"
        text += f", clamp={self.clamp}"
        if self.spatial_dims == 2:
            text += ", spatial_dims=2"
        return "".join([text, *(f", {name}={value!r}" for name, value in self.changes.items())])

    def _range(self, batch: Tensor) -> tuple[float, float] | Tensor:
        if self.value_range == "minmax":
            return minmax_range(batch, self.per_channel, self.spatial_dims)
        if self.value_range == "percentile":
            return percentile_range(batch, *self.percentiles, self.per_channel, self.spatial_dims)
        return self.value_range  # type: ignore[return-value]

    def _spec(self, shape: tuple[int, ...], channels: int) -> ops.PlanSpec:
        # A compiler folds it into its graph; filling the dict there would make it compile twice.
        if torch.compiler.is_compiling():
            return resolve(self.config, shape, channels)
        key = (*shape, channels)
        if key not in self._specs:
            self._specs[key] = resolve(self.config, shape, channels)
        return self._specs[key]
