# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The identity whose gradient has the other sign (Ganin and Lempitsky, ICML 2015)."""

from typing import Any, cast

import torch
from torch import Tensor


class _GradientReversal(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, scale: Tensor | float) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor | float], output: Tensor) -> None:
        ctx.scale = inputs[1]

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0] * -ctx.scale, None


def gradient_reversal(x: Tensor, scale: Tensor | float = 1.0) -> Tensor:
    """Return ``x``; its gradient is that of the result times ``-scale``.

    Between an encoder and a discriminator it lets one step train both against each other: the discriminator to tell the
    modalities, the encoder, ``scale`` times as strongly, to hide them. The other way, alternating steps, needs no such
    function.

    x: any shape. Returns a view of it.   scale: a number, or a scalar without gradient on the device of x.
    """
    return cast(Tensor, _GradientReversal.apply(x, scale))  # type: ignore[no-untyped-call]
