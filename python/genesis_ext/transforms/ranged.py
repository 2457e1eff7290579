# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What transforms have in common that act within a range of values."""

import torch
from torch import Tensor, nn

from genesis_ext.ops._checks import ValueRange, plain, split_range
from genesis_ext.transforms.value_range import minmax_range, percentile_range, voxels_outside

_FROM_DATA = ("minmax", "percentile")


class RangedTransform(nn.Module):
    """A module with a value range: two numbers, a tensor, or the way to take it from the data.

    Args:
        value_range: (lo, hi); a float32 tensor (N, 2) or (N, C, 2), kept as a buffer; "minmax" or "percentile".
        percentiles: lower and upper one for "percentile", in [0, 100].
        per_channel: take the range of "minmax" and "percentile" of each channel instead of each sample.
        spatial_dims: 3 or 2.
        uses_range: whether anything acts in it.

    Raises:
        TypeError, ValueError: a value that breaks its rule.
    """

    value_range: str | tuple[float, float] | Tensor

    def __init__(
        self,
        value_range: str | ValueRange,
        percentiles: tuple[float, float],
        per_channel: bool,
        spatial_dims: int,
        uses_range: bool,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if spatial_dims not in (2, 3):
            raise ValueError(f"{name}: spatial_dims must be 3 or 2, got {spatial_dims!r}")
        self.spatial_dims = spatial_dims
        self.percentiles = percentiles
        self.per_channel = per_channel
        if isinstance(value_range, Tensor):
            self.register_buffer("value_range", plain(value_range), persistent=False)
        elif isinstance(value_range, str):
            if value_range not in _FROM_DATA:
                raise ValueError(
                    f"{name}: value_range must be (lo, hi), a tensor, 'minmax' or 'percentile', got {value_range!r}"
                )
            self.value_range = value_range
        else:
            _, lo, hi = split_range(name, value_range)
            self.value_range = (lo, hi)
        if not 0.0 <= percentiles[0] <= percentiles[1] <= 100.0:
            raise ValueError(f"{name}: percentiles must rise within [0, 100], got {percentiles!r}")
        self._asks_for_range = uses_range and not isinstance(value_range, str)

    def _range(self, batch: Tensor) -> ValueRange:
        if self.value_range == "minmax":
            return minmax_range(batch, self.per_channel, self.spatial_dims)
        if self.value_range == "percentile":
            return percentile_range(batch, *self.percentiles, self.per_channel, self.spatial_dims)
        return self.value_range  # type: ignore[return-value]

    def _range_text(self) -> str:
        given = self.value_range
        ranges = f"a tensor {tuple(given.shape)}" if isinstance(given, Tensor) else repr(given)
        return f"value_range={ranges}" + (f", percentiles={self.percentiles}" if given == "percentile" else "")

    def _note_on_range(self, batch: Tensor, value_range: ValueRange, becomes: str) -> str:
        """What is to be warned of where many voxels lie outside the range, once; empty otherwise.

        becomes: what happens to such voxels. A GPU is asked in evaluation mode alone, since the host waits for it.
        """
        # What a compiler or a fake tensor runs has no values to ask for.
        if torch.compiler.is_compiling() or not self._asks_for_range or type(batch) is not Tensor:
            return ""
        on_cuda = batch.is_cuda
        if not (batch.is_cpu or on_cuda) or batch.numel() == 0:
            return ""
        if on_cuda and (self.training or torch.cuda.is_current_stream_capturing()):
            return ""
        self._asks_for_range = False
        found = voxels_outside(batch, value_range)
        if not found:
            return ""
        given = "a tensor" if isinstance(value_range, Tensor) else value_range
        return (
            f"{type(self).__name__}: value_range must be that of the voxels, got {given}, but {found}: {becomes}; give "
            'value_range="percentile", "minmax" or (lo, hi), or bring the voxels into the range'
        )
