# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The transformations of Models Genesis as a module: a batch in, input and target out."""

import warnings
from collections.abc import Sequence
from typing import Any, overload

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext.ops._checks import TensorLike, as_ids, check_voxels, window_sides
from genesis_ext.transforms.profiles import TransformConfig, make_config, resolve
from genesis_ext.transforms.ranged import RangedTransform
from genesis_ext.transforms.seed import keep_seed, seed_text


class GenesisTransform(RangedTransform):
    """Distort patches, and return the distorted and the whole ones: `(batch, sample_id) -> (input, target)`.

    What happens to a sample depends on the seed and its id alone (docs/determinism.md), on any device, in any batch.
    Nothing waits for the device, so the module can be compiled with `fullgraph=True` and captured in a CUDA graph. It
    distorts in evaluation mode too, for validation. Results are plain tensors: the affine of a subclass, such as
    MONAI's MetaTensor, would be wrong after flips.

    Warns once, at its first batch, of voxels far outside `value_range`; on a GPU only in evaluation mode, since the
    host waits for the answer, and never in compiled code.

    Args:
        profile: "head", "release-2019-11", "release-2019-09", "paper", or a `TransformConfig`.
        scheme: "unified", "distortion", "painting", or a single transformation, which then always acts: "non-linear",
            "local-shuffling", "out-painting", "in-painting"; "autoencoder" distorts nothing. Flips are the profile's in
            all of them; `flip_rate=0.0` turns them off.
        seed: an int, counted modulo 2^64; or a (1,) int64 tensor, kept as a buffer that moves with the module and that
            a captured graph reads again at each replay.
        value_range: where curve and noise act: (lo, hi); a float32 tensor (N, 2) or (N, C, 2), kept as a buffer;
            "minmax" or "percentile": taken from the finite voxels of each sample (see `transforms.value_range`).
        percentiles: lower and upper one for "percentile", in [0, 100].
        per_channel: take the range of "minmax" and "percentile" of each channel instead of each sample.
        clamp: clip values to the range before the curve, as released; otherwise the curve continues outside with slope
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
        config = make_config(profile, scheme, **changes)
        uses_range = bool(config.nonlinear_rate or config.paint_rate)
        super().__init__(value_range, percentiles, per_channel, spatial_dims, uses_range)
        self.config = config
        self.profile = profile if isinstance(profile, str) else "custom"
        self.scheme = scheme
        self.changes = changes
        self.clamp = clamp
        keep_seed(self, seed)
        self._specs: dict[tuple[int, ...], ops.PlanSpec] = {}
        self._uses_range = uses_range
        self._warns_of_windows = True

    @overload
    def forward(self, batch: Tensor, sample_id: TensorLike) -> tuple[Tensor, Tensor]: ...
    @overload
    def forward(self, batch: Tensor, sample_id: TensorLike, label: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...
    def forward(self, batch: Tensor, sample_id: TensorLike, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Distort a batch.

        batch: (N, C, X, Y, Z), or (N, C, X, Y) with `spatial_dims=2`, float32, float16 or bfloat16.   sample_id: (N,)
        int64 beside it; other integers and lists are converted.   label: of the same N and spatial shape, any channels
        and dtype; it is flipped as the target is.
        Returns input, target: shape and dtype of the batch, contiguous; and the label, if there is one.

        Raises:
            ValueError: the label has another shape.
        """
        batch = check_voxels("GenesisTransform", batch, self.spatial_dims)
        ids = as_ids("GenesisTransform", sample_id, batch.device)
        plan = self.plan(ids, batch.shape[2:], batch.shape[1])
        if label is None:
            return self.replay(batch, plan)
        if label.shape[:1] + label.shape[2:] != batch.shape[:1] + batch.shape[2:]:
            raise ValueError(
                f"GenesisTransform: label must have the N and the spatial shape of the batch {tuple(batch.shape)}, got "
                f"{tuple(label.shape)}"
            )
        for axis, flips in enumerate(plan.flips.unbind(1)[: self.spatial_dims], start=2):
            label = torch.where(flips.view(-1, *[1] * (label.dim() - 1)), label.flip(axis), label)
        return *self.replay(batch, plan), label

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
        value_range = self._range(batch)
        result = ops.genesis_transform(batch, plan, value_range, self.clamp)
        constants = "two constants" if self.clamp else "what lies as far outside"
        becomes = f"the curve makes {constants} of them, noise stays in the range, and the target is as it was"
        if note := self._note_on_range(batch, value_range, becomes):
            warnings.warn(note, stacklevel=2)
        return result

    def note_on_windows(self, spatial_shape: Sequence[int]) -> str:
        """A remark on patches that no window shuffles, empty for others; asking for it takes the place of the warning.

        Raises:
            ValueError: nothing else would distort them.
        """
        config, shape = self.config, tuple(spatial_shape)
        if not config.shuffle_rate or config.max_window is not None or max(window_sides("resolve", None, shape)) > 1:
            return ""
        note = (
            "windows, whose sides are a tenth of the patch's by default, must hold more than one voxel to shuffle "
            f"anything, got patches of {shape}; give max_window, such as 2, or shuffle_rate=0.0"
        )
        if not self._uses_range:
            raise ValueError(f"GenesisTransform: {note}")
        self._warns_of_windows = False
        return note

    def extra_repr(self) -> str:
        """Name profile and scheme, and what differs from them."""
        text = f"profile={self.profile!r}, scheme={self.scheme!r}, seed={seed_text(self.seed)}, {self._range_text()}"
        text += f", clamp={self.clamp}"
        if self.spatial_dims == 2:
            text += ", spatial_dims=2"
        return "".join([text, *(f", {name}={value!r}" for name, value in self.changes.items())])

    def _spec(self, shape: tuple[int, ...], channels: int) -> ops.PlanSpec:
        # A compiler folds it into its graph; filling the dict there would make it compile twice.
        if torch.compiler.is_compiling():
            return resolve(self.config, shape, channels)
        key = (*shape, channels)
        if key not in self._specs:
            warns, note = self._warns_of_windows, self.note_on_windows(shape)
            if warns and note:
                warnings.warn(f"GenesisTransform: {note}", stacklevel=2)
            self._specs[key] = resolve(self.config, shape, channels)
        return self._specs[key]
