# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What holds for both U-Nets, UNet3D and UNet2D."""

from typing import Any

import pytest
import torch
from torch import Tensor

from genesis_ext.models import UNet, UNet2D, UNet3D

SIDES: dict[type[UNet], list[tuple[int, ...]]] = {UNet3D: [(8, 8, 16), (16, 24, 8)], UNet2D: [(32, 64), (96, 32)]}
every_unet = pytest.mark.parametrize("kind", [UNet3D, UNet2D])


def small(kind: type[UNet], **options: Any) -> UNet:
    net = kind(**{"width": 4, **options})
    net.reset_parameters(torch.Generator().manual_seed(0))
    return net


def batch(kind: type[UNet], channels: int = 1) -> Tensor:
    """Two samples of the first shape."""
    return torch.rand((2, channels, *SIDES[kind][0]), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (UNet3D, {}),
        (UNet3D, {"upsample": "nearest"}),
        (UNet3D, {"norm": "instance"}),
        (UNet3D, {"bn_mode": "running"}),
        (UNet3D, {"width": 1}),
        (UNet2D, {}),
        (UNet2D, {"width": 8}),
        (UNet2D, {"width": 12}),
    ],
    ids=str,
)
def test_output_has_the_shape_of_the_input(kind: type[UNet], options: dict[str, Any]) -> None:
    for sides in SIDES[kind]:
        out = small(kind, in_channels=2, num_classes=3, **options)(torch.rand(2, 2, *sides))
        assert out.shape == (2, 3, *sides)
        assert bool(((out > 0) & (out < 1)).all())


@pytest.mark.parametrize(
    ("kind", "sides", "shapes"),
    [
        (UNet3D, (16, 16, 8), [(2, 8, 16, 16, 8), (2, 16, 8, 8, 4), (2, 32, 4, 4, 2), (2, 64, 2, 2, 1)]),
        (UNet2D, (64, 32), [(2, 4, 32, 16), (2, 4, 16, 8), (2, 8, 8, 4), (2, 16, 4, 2), (2, 32, 2, 1)]),
    ],
)
def test_encode_gives_all_levels_and_decode_takes_them(kind: type[UNet], sides: Any, shapes: list[Any]) -> None:
    net, x = small(kind).eval(), torch.rand(2, 1, *sides)
    with torch.no_grad():
        features = net.encode(x)
        assert [tuple(level.shape) for level in features] == shapes
        assert tuple(level.shape[1] for level in features) == net.feature_channels
        assert torch.equal(net.out_tr(net.decode(features)), net(x))


@every_unet
def test_without_activation_the_network_gives_the_logits(kind: type[UNet]) -> None:
    x = batch(kind)
    with torch.no_grad():
        assert torch.equal(small(kind, activation=None)(x).sigmoid(), small(kind)(x))


@every_unet
def test_fresh_weights_keep_the_spread_of_the_signal_and_reach_every_parameter(kind: type[UNet]) -> None:
    net = small(kind, activation=None, width=8)
    out = net(torch.rand((2, 1, *(2 * net.stride,) * net.spatial_dims), generator=torch.Generator().manual_seed(1)))
    assert 0.1 < float(out.detach().std()) < 3.0
    out.square().mean().backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    # A bias before a batch norm has no effect, so its gradient is zero; all else must move.
    assert all(kind is UNet3D and name.endswith("conv1.bias") for name in still)


@every_unet
def test_the_decoder_s_parameters_are_those_that_the_encoder_does_not_use(kind: type[UNet]) -> None:
    net = small(kind)
    net.encode(batch(kind))[-1].square().mean().backward()
    decoder = {id(p) for p in net.decoder_parameters()}
    assert all((p.grad is None) == (id(p) in decoder) for p in net.parameters())


@every_unet
def test_reset_by_a_generator_depends_on_its_seed_alone(kind: type[UNet]) -> None:
    def weights(seed: int) -> list[Tensor]:
        net = kind(width=4)  # type: ignore[call-arg]
        torch.rand(3)
        net.reset_parameters(torch.Generator().manual_seed(seed))
        return [p.detach() for p in net.parameters()]

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(("kind", "options"), [(UNet3D, {"bn_mode": "running"}), (UNet2D, {})])
def test_running_statistics_treat_samples_alone_in_evaluation(kind: type[UNet], options: dict[str, Any]) -> None:
    net, x = small(kind, **options).double(), batch(kind).double()
    with torch.no_grad():
        net(x)
        both, first = net.eval()(x), net(x[:1])
    assert torch.allclose(both[:1], first, atol=1e-9)  # convolutions may sum in another order
    assert not torch.allclose(both, net.train()(x), atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "shape", "message"),
    [
        (UNet3D, (1, 1, 16, 16, 12), r"X, Y and Z must be positive multiples of 8, got \(16, 16, 12\)"),
        (UNet3D, (1, 1, 16, 16, 0), r"multiples of 8, got \(16, 16, 0\)"),
        (UNet3D, (1, 2, 16, 16, 16), r"x must be \(N, 1, X, Y, Z\), got \(1, 2, 16, 16, 16\)"),
        (UNet3D, (1, 16, 16, 16), r"x must be \(N, 1, X, Y, Z\)"),
        (UNet3D, (1, 1, 8, 8, 8), "at least two values"),
        (UNet2D, (1, 1, 64, 48), r"X and Y must be positive multiples of 32, got \(64, 48\)"),
        (UNet2D, (1, 1, 64, 0), r"multiples of 32, got \(64, 0\)"),
        (UNet2D, (1, 2, 64, 64), r"x must be \(N, 1, X, Y\), got \(1, 2, 64, 64\)"),
        (UNet2D, (1, 1, 64, 64, 1), r"x must be \(N, 1, X, Y\)"),
        (UNet2D, (1, 1, 32, 32), r"at least two values to each norm at the coarsest level \(1/32 of the side\)"),
    ],
)
def test_wrong_input_is_named(kind: type[UNet], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"{kind.__name__}: .*{message}"):
        small(kind)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("kind", "options"),
    [(kind, options) for kind in (UNet3D, UNet2D) for options in (
        {"width": 0}, {"in_channels": 0}, {"num_classes": -1}, {"activation": "relu"})]
    + [(UNet2D, {"width": 6}), (UNet3D, {"bn_mode": "on"}), (UNet3D, {"upsample": "linear"}),
       (UNet3D, {"norm": "layer"})],
)  # fmt: skip
def test_wrong_option_is_named(kind: type[UNet], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}: {next(iter(options))} must be .*got"):
        kind(**options)
