# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The modality discriminator: its blocks and skips as the paper says, its options, and that it learns."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext.models import Discriminator, UNet2D, UNet3D

OPTIONS = [{}, {"bn_per_conv": True}, {"norm": "instance"}, {"skips": "after_pooling"}, {"widths": (3, 4)}]


def discriminator(channels: tuple[int, ...] = (4, 8, 16, 32), **options: object) -> Discriminator:
    net = Discriminator(channels, **{"hidden": 8, **options})  # type: ignore[arg-type]
    net.reset_parameters(torch.Generator().manual_seed(0))
    return net


def levels(
    samples: int = 2, sides: tuple[int, ...] = (16, 16, 8), channels: tuple[int, ...] = (4, 8, 16, 32)
) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(samples, count, *(side >> level for side in sides), generator=generator)
        for level, count in enumerate(channels)
    ]


def test_default_layers_are_three_blocks_then_two_linear_layers() -> None:
    net = Discriminator(UNet3D().feature_channels)
    kinds = ["Conv3d", "Conv3d", "BatchNorm3d", "ReLU", "MaxPool3d"]
    assert [[type(part).__name__ for part in block] for block in net.blocks] == [kinds] * 3
    # First block: the encoder's 64 channels; the others: D's own and the encoder's of that level.
    assert [(block[0].in_channels, block[1].out_channels) for block in net.blocks] == [
        (64, 32), (32 + 128, 64), (64 + 256, 128)
    ]  # fmt: skip
    assert (net.head.hidden.in_features, net.head.hidden.out_features, net.head.out.out_features) == (128, 128, 1)
    assert sum(p.numel() for p in net.parameters()) == 2_035_393


def test_norm_after_each_convolution() -> None:
    kinds = ["Conv3d", "BatchNorm3d", "ReLU", "Conv3d", "BatchNorm3d", "ReLU", "MaxPool3d"]
    assert all([type(part).__name__ for part in block] == kinds for block in discriminator(bn_per_conv=True).blocks)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("samples", [1, 3])
def test_one_logit_a_sample(options: dict[str, object], samples: int) -> None:
    assert discriminator(**options)(levels(samples, (16, 24, 8))).shape == (samples,)


def test_features_of_each_level_join_d_at_their_size() -> None:
    net, features = discriminator(), levels()
    x = features[0]
    for block, skip in zip(net.blocks, (*features[1:3], None), strict=True):
        for part in block:
            x = part(x)
        x = x if skip is None else torch.cat((x, skip), dim=1)
    assert torch.equal(net(features), net.head(x)[:, 0])


def test_pooled_features_of_the_level_above_join_d_if_asked() -> None:
    net, features = discriminator(skips="after_pooling"), levels()
    assert [block[0].in_channels for block in net.blocks] == [4, 2 + 4, 4 + 8]
    x = net.blocks[0](features[0])
    x = net.blocks[1](torch.cat((x, functional.max_pool3d(features[0], 2)), dim=1))
    x = net.blocks[2](torch.cat((x, functional.max_pool3d(features[1], 2)), dim=1))
    assert torch.equal(net(features), net.head(x)[:, 0])


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_reach_every_parameter_and_the_levels_in_use(options: dict[str, object]) -> None:
    net, features = discriminator(**options), [level.requires_grad_() for level in levels(4)]
    functional.binary_cross_entropy_with_logits(net(features), torch.tensor([0.0, 1.0, 1.0, 0.0])).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())
    used = len(net.blocks) - (options.get("skips") == "after_pooling")
    assert [level.grad is not None for level in features] == [i < used for i in range(4)]


def test_the_encoder_of_the_3d_network_is_reached_and_its_decoder_is_not() -> None:
    unet = UNet3D(width=2)
    unet.reset_parameters(torch.Generator().manual_seed(0))
    net = discriminator(unet.feature_channels)
    net(unet.encode(torch.rand(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(2)))).sum().backward()
    for level, used in ((unet.down_tr64, True), (unet.down_tr256, True), (unet.down_tr512, False)):
        grad = level.ops[0].conv1.weight.grad
        assert (grad is not None and bool(grad.abs().max() > 0)) == used
    assert all(p.grad is None for p in unet.decoder_parameters())


def test_features_of_the_2d_network_are_taken_too() -> None:
    unet = UNet2D(width=4).eval()
    net = discriminator(unet.feature_channels, spatial_dims=2)
    with torch.no_grad():
        assert net(unet.encode(torch.rand(2, 1, 64, 32))).shape == (2,)


def test_instance_norm_treats_samples_alone() -> None:
    net, features = discriminator(norm="instance").double(), [level.double() for level in levels(2)]
    both, first = net(features), net([level[:1] for level in features])
    assert torch.allclose(both[:1], first, atol=1e-9)  # convolutions may sum in another order
    batch = discriminator().double()
    assert not torch.allclose(batch(features)[:1], batch([level[:1] for level in features]), atol=1e-4)


def test_modalities_of_different_texture_are_learnt() -> None:
    net = discriminator()
    features, labels = levels(8), torch.arange(8) % 2
    for level in features:
        level[1::2] *= 0.5
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(net(features), labels.float())
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert torch.equal((net(features) > 0).long(), labels)
    assert losses[-1] < 0.2 * losses[0]


def test_reset_by_a_generator_depends_on_its_seed_alone() -> None:
    def weights(seed: int) -> list[Tensor]:
        net = Discriminator((4, 8, 16), hidden=8)
        net.reset_parameters(torch.Generator().manual_seed(seed))
        return [p.detach() for p in net.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not torch.equal(weights(1)[0], weights(2)[0])


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (levels()[:2], "features must be at least 3 levels, got 2"),
        (levels(channels=(4, 9, 16)), r"features\[1\] must be \(2, 8, 8, 8, 4\), got \(2, 9, 8, 8, 4\)"),
        ([*levels()[:2], levels()[1]], r"features\[2\] must be \(2, 16, 4, 4, 2\), got \(2, 8, 8, 8, 4\)"),
        (levels(sides=(16, 16)), r"features\[0\] must be \(N, 4, X, Y, Z\), got \(2, 4, 16, 16\)"),
    ],
)
def test_wrong_features_are_named(features: list[Tensor], message: str) -> None:
    with pytest.raises(ValueError, match=f"Discriminator: {message}"):
        discriminator()(features)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (2, 0, 4)}, r"widths\[1\] must be at least 1, got 0"),
        (
            {"widths": (2, 2, 2, 2, 2)},
            "widths must be one a level of feature_channels at most, and one at least, got 5",
        ),
        ({"widths": ()}, "widths must be one a level .* got 0 for 4 levels"),
        ({"hidden": 0}, "hidden must be at least 1"),
        ({"norm": "layer"}, "norm must be one of 'batch', 'instance'"),
        ({"skips": "none"}, "skips must be one of 'before_pooling', 'after_pooling'"),
        ({"spatial_dims": 1}, "spatial_dims must be one of 2, 3"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=f"Discriminator: {message}"):
        discriminator(**options)
