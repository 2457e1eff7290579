# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""ResNetUNet: names and arithmetic of MedicalNet's and ImageNet's encoders, and the decoder behind them."""

import pytest
import torch
from torch import Tensor

from genesis_ext.models import NetworkSpec, ResNetUNet, UNet2D, UNetLike, build_network
from tests.models import resnets


def volume(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", resnets.BLOCKS)
def test_the_encoder_has_the_names_and_shapes_of_medicalnet(depth: int) -> None:
    padded = depth in resnets.PADDED
    with torch.device("meta"):
        net = ResNetUNet(depth=depth, shortcuts="padding" if padded else "projection")
    own = {name: tuple(value.shape) for name, value in net.encoder.state_dict().items()}
    assert own == resnets.shapes(depth, dims=3, in_channels=1, padded=padded)


@pytest.mark.parametrize(
    ("depth", "dims", "dilated", "padded"),
    [(10, 3, True, False), (18, 3, True, True), (34, 3, False, True), (50, 3, True, False), (50, 2, False, False)],
)
def test_the_encoder_computes_what_is_published(depth: int, dims: int, dilated: bool, padded: bool) -> None:
    state = resnets.weights(resnets.shapes(depth, dims, in_channels=1, width=4, padded=padded))
    shortcuts = "padding" if padded else "projection"
    net = ResNetUNet(dims, depth=depth, width=4, dilated=dilated, shortcuts=shortcuts).eval()  # type: ignore[arg-type]
    net.encoder.load_state_dict(state)
    x = volume(2, 1, 32, *[16 if dilated else 32] * (dims - 1))
    with torch.no_grad():
        found = net.encode(x)
        stem, *stages = resnets.features(state, x, dilated)
    expected = [stem, stages[0], stages[-1]] if dilated else [stem, *stages]
    assert [f.shape[1] for f in found] == list(net.feature_channels)
    assert net.stride == x.shape[2] // found[-1].shape[2]
    for a, b in zip(found, expected, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)  # convolutions may sum in another order


@pytest.mark.parametrize("depth", [18, 50])
def test_gradients_reach_every_parameter_also_through_shortcuts_without_weights(depth: int) -> None:
    net = ResNetUNet(depth=depth, width=4, shortcuts="padding", activation=None)
    x = volume(2, 1, 16, 16, 16)
    assert isinstance(net, UNetLike)
    assert net(x).shape == x.shape
    net(x).square().mean().backward()
    assert [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []
    block = net.encoder.layer2[0]
    x = volume(1, block.conv1.in_channels, 4, 4, 4).requires_grad_()
    block.downsample(x).sum().backward()
    assert x.grad is not None
    assert float(x.grad.sum()) == x.shape[1] * 8  # every second voxel along three axes; MONAI's own gives none


def test_the_decoder_is_no_part_of_the_encoder_and_reaches_full_size() -> None:
    for dilated, sides in ((True, (8, 16, 24)), (False, (32, 32, 64))):
        net = ResNetUNet(in_channels=2, num_classes=3, depth=10, width=4, dilated=dilated)
        x = volume(2, 2, *sides)
        features = net.encode(x)
        assert net(x).shape == (2, 3, *sides)
        features[-1].square().mean().backward()
        decoder = {id(p) for p in net.decoder_parameters()}
        assert all((p.grad is None) == (id(p) in decoder) for p in net.parameters())


def test_it_is_built_by_its_name() -> None:
    spec = NetworkSpec("ResNetUNet", in_channels=2, arguments={"depth": 10, "width": 4})
    assert (spec.is_known, spec.stride) == (True, 8)
    net = spec.build()
    assert isinstance(net, ResNetUNet)
    direct = ResNetUNet(in_channels=2, depth=10, width=4)
    for each in (net, direct):
        each.reset_parameters(torch.Generator().manual_seed(0))
    assert all(torch.equal(a, b) for a, b in zip(net.parameters(), direct.parameters(), strict=True))
    flat = build_network("ResNetUNet", 2, depth=18, width=4, dilated=False)
    assert flat.state_dict().keys() == UNet2D(width=4).state_dict().keys()
    with pytest.raises(ValueError, match=r"got 'ResNetUnet': did you mean ResNetUNet"):
        build_network("ResNetUnet")


@pytest.mark.parametrize(
    "options", [{"depth": 11}, {"width": 0}, {"width": 6}, {"spatial_dims": 1}, {"shortcuts": "A"}, {"in_channels": 0}]
)
def test_wrong_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"ResNetUNet: {next(iter(options))} must be .*got"):
        ResNetUNet(**options)  # type: ignore[arg-type]


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"ResNetUNet: X, Y and Z must be positive multiples of 8, got \(8, 8, 12\)"):
        ResNetUNet(depth=10, width=4)(torch.zeros(1, 1, 8, 8, 12))
