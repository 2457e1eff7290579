# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The identity with a reversed gradient."""

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.models import gradient_reversal


def values(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4), (0, 3)])
def test_forward_is_the_identity_without_a_copy(shape: tuple[int, ...]) -> None:
    x = values(*shape)
    out = gradient_reversal(x, 0.3)
    assert torch.equal(out, x)
    assert out.data_ptr() == x.data_ptr()


@pytest.mark.parametrize("scale", [1.0, 0.25, 0.0, -2.0])
def test_gradient_is_minus_scale_times_that_of_finite_differences(scale: float) -> None:
    x, weight = values(3, 4), values(4, 2).detach()

    def score(z: Tensor) -> Tensor:
        return (z @ weight).sin().sum()

    score(gradient_reversal(x, scale)).backward()
    step = 1e-6
    numeric = torch.zeros_like(x)
    with torch.no_grad():
        for i in range(x.numel()):
            shift = torch.zeros(x.numel(), dtype=x.dtype).index_fill_(0, torch.tensor(i), step).view_as(x)
            numeric.view(-1)[i] = (score(x + shift) - score(x - shift)) / (2 * step)
    assert x.grad is not None
    assert torch.allclose(x.grad, -scale * numeric, atol=1e-8)  # error of central differences


def test_two_reversals_cancel() -> None:
    x = values(4)
    (gradient,) = torch.autograd.grad(gradient_reversal(gradient_reversal(x)).pow(3).sum(), x)
    assert torch.equal(gradient, 3 * x.detach() ** 2)


def test_the_second_derivative_is_that_of_the_reversed_gradient() -> None:
    x = values(4)
    (first,) = torch.autograd.grad(gradient_reversal(x, 0.5).pow(3).sum(), x, create_graph=True)  # -3/2 z^2 with z = x
    (second,) = torch.autograd.grad(first.sum(), x)
    assert torch.allclose(second, -0.5 * -0.5 * 6 * x.detach(), atol=1e-12)  # z's own gradient is reversed once more


def test_only_what_lies_before_it_learns_the_other_way() -> None:
    encoder, discriminator = nn.Linear(3, 2), nn.Linear(2, 1)
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(1))

    def gradients(reverse: bool) -> list[Tensor]:
        z = encoder(x)
        loss = discriminator(gradient_reversal(z, 0.5) if reverse else z).square().mean()
        return list(torch.autograd.grad(loss, [*discriminator.parameters(), *encoder.parameters()]))

    plain, reversed_ = gradients(False), gradients(True)
    assert all(torch.equal(a, b) for a, b in zip(plain[:2], reversed_[:2], strict=True))
    assert all(torch.allclose(-0.5 * a, b) for a, b in zip(plain[2:], reversed_[2:], strict=True))


def test_a_compiled_function_has_no_graph_break_and_the_same_gradient() -> None:
    def step(x: Tensor, scale: float) -> Tensor:
        return (gradient_reversal(x.tanh(), scale) ** 2).sum()

    compiled = torch.compile(step, backend="aot_eager", fullgraph=True)
    for scale in (1.0, 0.5, 0.125):
        x = values(6)
        assert torch.equal(torch.autograd.grad(compiled(x, scale), x)[0], torch.autograd.grad(step(x, scale), x)[0])


def test_autocast_and_half_types_keep_their_dtype() -> None:
    x = torch.ones(3, dtype=torch.bfloat16, requires_grad=True)
    gradient_reversal(x, 0.5).sum().backward()
    assert x.grad is not None
    assert x.grad.dtype == torch.bfloat16
    assert torch.equal(x.grad, torch.full((3,), -0.5, dtype=torch.bfloat16))


def test_it_maps_over_a_batch() -> None:
    x = values(4, 3).detach()
    gradient = torch.func.vmap(torch.func.grad(lambda row: gradient_reversal(row, 2.0).pow(2).sum()))(x)
    assert torch.allclose(gradient, -4 * x)
