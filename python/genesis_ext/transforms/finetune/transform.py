# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Augmentation for supervised training as a module: images and labels in, both moved alike out."""

import warnings
from collections.abc import Sequence
from typing import Any, overload

import torch
from torch import Tensor

from genesis_ext import ops
from genesis_ext._types import Shape3
from genesis_ext.ops._checks import TensorLike, as_3d, as_before, as_ids, as_seed, check_tensor, check_voxels, got
from genesis_ext.ops._resampling import check_fill, check_order, check_shape
from genesis_ext.reference.finetune_transform import normal_table
from genesis_ext.transforms.finetune.config import FinetuneTransformConfig, make_finetune_config
from genesis_ext.transforms.finetune.draws import INTENSITY_RATES, draw_plan
from genesis_ext.transforms.finetune.geometry import Grid, sampling_matrix
from genesis_ext.transforms.finetune.intensity import change_intensities
from genesis_ext.transforms.finetune.plan import FinetunePlan
from genesis_ext.transforms.ranged import RangedTransform
from genesis_ext.transforms.seed import keep_seed, seed_text

_CARRIERS = {torch.bool: torch.uint8, torch.int8: torch.int16}
_AS_THEY_ARE = (torch.uint8, torch.int16, torch.float16, torch.bfloat16, torch.float32, torch.float64)


class FinetuneTransform(RangedTransform):
    """Augment batches on their device: `(batch, sample_id) -> batch`, `(batch, sample_id, label) -> batch, label`.

    Flips, exchanges of axes, quarter turns, rotation, scaling and shear are one matrix a sample, so an image is
    interpolated once; labels take the nearest voxel by the same matrix, and what comes from outside the patch is fill
    in both at the same voxels. Then follow, within `value_range`: noise, blur, brightness, contrast, low resolution,
    gamma, curve.

    What happens to a sample follows from the seed and its id alone (docs/determinism.md), to the bit, on any device, in
    any batch. Nothing waits for the device: the module can be compiled with `fullgraph=True` and captured in a CUDA
    graph. It keeps a table as a buffer: move it to the device of the batches. It acts in evaluation mode too: leave it
    out where you validate. Differentiable in the batch, once, the mean of the contrast taken for a constant. Results
    are plain tensors.

    As the transform of a loader it also makes the target, by `with_target`. `GenesisTransform` tells of `seed`,
    `value_range`, `percentiles` and `per_channel`, which mean the same here.

    Args:
        profile: "nnunet", "universal-model", "none", or a `FinetuneTransformConfig`.
        seed: an int, or a (1,) int64 tensor, kept as a buffer.
        value_range: where intensities are changed, and to which they are cut where they are: (lo, hi); a float32
            tensor (N, 2) or (N, C, 2); "minmax" or "percentile".
        percentiles: lower and upper one for "percentile".
        per_channel: take the range of "minmax" and "percentile" of each channel.
        order: of the interpolation of images, 0, 1 or 3. With 3 also voxels that stay where they are differ by
            rounding, and a NaN reaches its whole line.
        fill: of images outside the patch; None: the lower end of a range (lo, hi), else 0.
        label_fill: of labels outside the patch: background, or what the loss ignores.
        out_shape: sides of the results, cut from the middle: a larger patch has what rotation brings in from outside.
        spacing: of the voxels along each axis, in any unit, so that rotations are rigid; None: equal.
        spatial_dims: 3; 2 for images, (N, C, X, Y).
        **changes: any rate or range by its name in `FinetuneTransformConfig`, e.g. `gamma_rate=0.0`.

    Raises:
        TypeError, ValueError: an unknown name, or a value that breaks its rule.

    Example:
        >>> augment = FinetuneTransform(seed=0)
        >>> x, y = augment(torch.rand(2, 1, 64, 64, 32), torch.arange(2), torch.zeros(2, 1, 64, 64, 32).long())

    Source: Isensee et al., "nnU-Net", Nature Methods 2021, supplement "Data augmentation", as in batchgeneratorsv2
    0.3.6, without its restored mean and variance after gamma; blur and noise are close to Gaussian, see
    docs/determinism.md.
    """

    seed: int | Tensor
    normal_table: Tensor

    def __init__(
        self,
        profile: str | FinetuneTransformConfig = "nnunet",
        seed: int | Tensor = 0,
        value_range: str | tuple[float, float] | Tensor = (0.0, 1.0),
        percentiles: tuple[float, float] = (0.1, 99.9),
        per_channel: bool = False,
        order: int = 1,
        fill: float | None = None,
        label_fill: float = 0,
        out_shape: Sequence[int] | None = None,
        spacing: Sequence[float] | None = None,
        spatial_dims: int = 3,
        **changes: Any,
    ) -> None:
        name = "FinetuneTransform"
        config = make_finetune_config(profile, **changes)
        changes_values = any(getattr(config, rate) for rate in INTENSITY_RATES.values())
        super().__init__(value_range, percentiles, per_channel, spatial_dims, changes_values)
        self.config = config
        self.profile = profile if isinstance(profile, str) else "custom"
        self.changes = changes
        keep_seed(self, seed)
        self.order = check_order(name, order)
        given = self.value_range
        self.fill = check_fill(name, (given[0] if isinstance(given, tuple) else 0.0) if fill is None else fill)
        self.label_fill = check_fill(name, label_fill)
        self.out_shape = None if out_shape is None else check_shape(name, "out_shape", out_shape, spatial_dims)
        sides = (1.0,) * spatial_dims if spacing is None else tuple(map(float, spacing))
        if len(sides) != spatial_dims or not all(0.0 < side < float("inf") for side in sides):
            raise ValueError(f"{name}: spacing must be {spatial_dims} positive numbers, got {spacing!r}")
        self.spacing: tuple[float, float, float] = (*sides, 1.0)[:3]  # type: ignore[assignment]
        axes = self.config.flip_axes or ()
        if not set(axes) <= set(range(spatial_dims)):
            raise ValueError(f"{name}: flip_axes must name axes of {spatial_dims}-dimensional patches, got {axes!r}")
        self.register_buffer("normal_table", torch.from_numpy(normal_table().copy()), persistent=False)

    @overload
    def forward(self, batch: Tensor, sample_id: TensorLike) -> Tensor: ...
    @overload
    def forward(self, batch: Tensor, sample_id: TensorLike, label: Tensor) -> tuple[Tensor, Tensor]: ...
    def forward(
        self, batch: Tensor, sample_id: TensorLike, label: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Augment a batch, and its labels alike.

        batch: (N, C, X, Y, Z), or (N, C, X, Y) with `spatial_dims=2`, floating-point.   sample_id: (N,) int64 beside
        it; other integers and lists are converted.   label: of the same N and spatial shape, any channels and dtype.
        Returns the batch, in its dtype, contiguous; and the label in its own, if there is one.

        Raises:
            TypeError, ValueError: a batch or label of another type, shape or device, or a label that cannot hold
                `label_fill`.
        """
        changed, _, *moved = self.with_target(batch, sample_id, label)
        return (changed, moved[0]) if moved else changed

    def with_target(self, batch: Tensor, sample_id: TensorLike, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """As `forward`, with the batch that is moved but not changed in intensity after it.

        What a loader calls: input and target, or input, target and label. Where the config changes no intensities,
        input and target are one tensor.
        """
        batch = self._check(batch)
        ids = as_ids("FinetuneTransform", sample_id, batch.device)
        return self.replay(batch, self.draw(ids, batch.shape[2:], batch.shape[1]), label)

    def draw(self, sample_id: TensorLike, spatial_shape: Sequence[int], channels: int = 1) -> FinetunePlan:
        """Draw what `forward` would do: for (N,) int64 ids and patches (X, Y, Z), or (X, Y) with `spatial_dims=2`.

        channels: of the batch; matters with `intensity_per_channel` only.
        """
        shape = tuple(spatial_shape)
        if len(shape) != self.spatial_dims:
            raise ValueError(
                f"FinetuneTransform: spatial_shape must be {self.spatial_dims} sides, as spatial_dims says, got {shape}"
            )
        ids = as_ids("FinetuneTransform", sample_id, self.normal_table.device)
        seed = as_seed("FinetuneTransform", self.seed, ids)
        groups = channels if self.config.intensity_per_channel else 1
        return draw_plan(ids, seed, self.config, self._grid(shape), shape, groups)

    def replay(self, batch: Tensor, plan: FinetunePlan, label: Tensor | None = None) -> tuple[Tensor, ...]:
        """Do what a plan says to any batch of its size and shape: input and target, and the label if there is one.

        A plan elsewhere is copied to the batch's device.
        """
        batch = self._check(batch)
        if plan.seed.device != batch.device:
            plan = plan.to(batch.device)
        self._check_plan(batch, plan)
        grid = self._grid(plan.spatial_shape)
        value_range = self._range(batch)
        # Half types are rounded once, at the end.
        dtype = torch.float64 if batch.dtype == torch.float64 else torch.float32
        matrix = sampling_matrix(plan, grid) if "geometry" in plan.acting else None
        moved = batch.to(dtype) if matrix is None else self._moved(batch, matrix, self.order, self.fill, dtype)
        changed = change_intensities(moved, plan, value_range, self.normal_table)
        pair = tuple(part.to(batch.dtype).contiguous() for part in (changed, moved))
        if note := self._note_on_range(batch, value_range, "samples whose intensities are changed are cut to it"):
            warnings.warn(note, stacklevel=2)
        return pair if label is None else (*pair, self._moved_label(label, batch, matrix))

    def extra_repr(self) -> str:
        """Name the profile, and what differs from it."""
        text = f"profile={self.profile!r}, seed={seed_text(self.seed)}, {self._range_text()}, order={self.order}"
        text += f", fill={self.fill:g}, label_fill={self.label_fill:g}"
        if self.out_shape is not None:
            text += f", out_shape={tuple(self.out_shape[: self.spatial_dims])}"
        if len(set(self.spacing[: self.spatial_dims])) > 1:
            text += f", spacing={self.spacing[: self.spatial_dims]}"
        if self.spatial_dims == 2:
            text += ", spatial_dims=2"
        return "".join([text, *(f", {name}={value!r}" for name, value in self.changes.items())])

    def _grid(self, spatial_shape: tuple[int, ...]) -> Grid:
        shape: Shape3 = (*spatial_shape, 1)[:3]  # type: ignore[assignment]
        out_shape: Shape3 = shape if self.out_shape is None else tuple(self.out_shape)  # type: ignore[assignment]
        return Grid(shape, out_shape, self.spacing)

    def _check(self, batch: Tensor) -> Tensor:
        batch = check_voxels("FinetuneTransform", batch, self.spatial_dims)
        if self.normal_table.device != batch.device:
            raise ValueError(
                f"FinetuneTransform: x must be on the device of the transform, {self.normal_table.device}, got "
                f"{batch.device}; move the transform with .to(x.device)"
            )
        return batch

    def _check_plan(self, batch: Tensor, plan: FinetunePlan) -> None:
        groups = plan.noise.shape[1]
        fits = len(plan) == len(batch) and plan.spatial_shape == tuple(batch.shape[2:])
        if not fits or groups not in (1, batch.shape[1]):
            raise ValueError(
                f"FinetuneTransform: plan must be for a batch {tuple(batch.shape)}, got one for {len(plan)} samples of "
                f"{plan.spatial_shape} and {groups} groups of channels"
            )

    def _moved(self, x: Tensor, matrix: Tensor, order: int, fill: float, dtype: torch.dtype) -> Tensor:
        sides = self._grid(tuple(x.shape[2:])).out_shape
        return as_before(ops.affine_sample(as_3d(x), matrix, sides, order, "constant", fill, dtype), x)

    def _moved_label(self, label: object, batch: Tensor, matrix: Tensor | None) -> Tensor:
        label = check_tensor("FinetuneTransform", "label", label)
        if label.shape[:1] + label.shape[2:] != batch.shape[:1] + batch.shape[2:]:
            raise ValueError(
                "FinetuneTransform: label must have the N and the spatial shape of the batch "
                f"{tuple(batch.shape)}, got {tuple(label.shape)}"
            )
        dtype, fill = label.dtype, self.label_fill
        if not dtype.is_floating_point:
            least, most = (0, 1) if dtype == torch.bool else (torch.iinfo(dtype).min, torch.iinfo(dtype).max)
            if not (least <= fill <= most and fill == int(fill)):
                raise ValueError(f"FinetuneTransform: label must be able to hold label_fill {fill:g}, got {got(label)}")
        if matrix is None:
            return label
        carrier = _carrier(label, fill)
        return self._moved(label.to(carrier), matrix, 0, fill, carrier).to(dtype)


def _carrier(label: Tensor, fill: float) -> torch.dtype:
    """A dtype that can be sampled and holds the label's values: of whole numbers up to 2^53 all."""
    dtype = label.dtype
    if dtype in _AS_THEY_ARE:
        return dtype
    eager = type(label) is Tensor and not torch.compiler.is_compiling()
    if dtype in (torch.int32, torch.int64) and eager and label.is_cpu and label.numel():
        # A quarter of the bytes of float64; only a CPU has the values at hand.
        ends = torch.iinfo(torch.int16)
        least, most = (end.item() for end in label.aminmax())
        if ends.min <= min(least, fill) and max(most, fill) <= ends.max:
            return torch.int16
    return _CARRIERS.get(dtype, torch.float64)
