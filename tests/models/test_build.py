# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name: what they give, whose names their weights have, and what is said of wrong ones."""

import copy
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genesis_ext.models import NetworkSpec, UNet2D, UNet3D, UNetLike, as_unet, build_network

PLANS = {  # arch_kwargs as nnU-Net writes them into a plans file
    "n_stages": 3,
    "features_per_stage": [4, 8, 16],
    "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[1, 3, 3], [3, 3, 3], [3, 3, 3]],
    "strides": [[1, 1, 1], [1, 2, 2], [2, 2, 2]],
    "n_conv_per_stage_decoder": [1, 1],
    "conv_bias": True,
    "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-05, "affine": True},
    "dropout_op": None,
    "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU",
    "nonlin_kwargs": {"inplace": True},
}
DYNAMIC = {"PlainConvUNet": "n_conv_per_stage", "ResidualEncoderUNet": "n_blocks_per_stage"}


class Own(nn.Module):
    """A network of a user's: the least that can be trained."""

    def __init__(self, in_channels: int, num_classes: int, outputs: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv3d(in_channels, num_classes, 1)
        self.outputs = outputs

    def forward(self, x: Tensor) -> Any:
        return self.conv(x) if self.outputs == 1 else [self.conv(x)] * self.outputs


class Peeked(Own):
    """Looks like a U-Net, but leaves the activation to others."""

    spatial_dims, stride, feature_channels = 3, 1, (1,)

    def encode(self, x: Tensor) -> list[Tensor]:
        return [x]

    decode = out_tr = decoder_parameters = encode


OWN, PEEKED = f"{__name__}.Own", f"{__name__}.Peeked"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, type(sys)(__name__)))
    for kind in (Own, Peeked):
        monkeypatch.setattr(sys.modules[__name__], kind.__name__, kind, raising=False)


def dynamic_library() -> Any:
    reason = "dynamic-network-architectures is not installed: pip install --no-deps dynamic-network-architectures"
    return pytest.importorskip("dynamic_network_architectures.architectures.unet", reason=reason)


def patches(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def test_our_networks_are_built_as_their_classes_build_them() -> None:
    for spec, direct in (
        (NetworkSpec(arguments={"width": 2, "norm": "instance"}), lambda: UNet3D(width=2, norm="instance")),
        (NetworkSpec(spatial_dims=2, in_channels=3, arguments={"width": 4}), lambda: UNet2D(in_channels=3, width=4)),
        (NetworkSpec("genesis_ext.models.UNet3D", out_channels=2, activation=None, arguments={"width": 2}),
         lambda: UNet3D(num_classes=2, width=2, activation=None)),
    ):  # fmt: skip
        torch.manual_seed(0)
        network = spec.build()
        torch.manual_seed(0)
        same = direct()
        assert type(network) is type(same)
        assert all(torch.equal(a, b) for a, b in zip(network.parameters(), same.parameters(), strict=True))
        assert isinstance(network, UNetLike)


@pytest.mark.parametrize("name", DYNAMIC)
def test_networks_of_nnunet_are_those_of_its_plans_and_give_their_features(name: str) -> None:
    library = dynamic_library()
    arguments = {**PLANS, DYNAMIC[name]: [1, 1, 1]}
    torch.manual_seed(0)
    network = build_network(name, in_channels=2, out_channels=3, activation=None, **arguments)
    kind = getattr(library, name)
    original = kind(2, 3, [4, 8, 16], nn.Conv3d, PLANS["kernel_sizes"], PLANS["strides"], [1, 1, 1], 3, [1, 1],
                    True, nn.InstanceNorm3d, {"eps": 1e-05, "affine": True}, None, None, nn.LeakyReLU,
                    {"inplace": True})  # fmt: skip
    original.load_state_dict(network.state_dict())  # strictly: the names are the library's
    assert isinstance(network, kind)
    unet = as_unet(network, "a test")
    assert (unet.spatial_dims, unet.stride, unet.feature_channels) == (3, 4, (4, 8, 16))
    x = patches(2, 2, 8, 8, 8)
    features = unet.encode(x)
    assert [tuple(level.shape) for level in features] == [(2, 4, 8, 8, 8), (2, 8, 8, 4, 4), (2, 16, 4, 2, 2)]
    assert torch.equal(unet.out_tr(unet.decode(features)), original(x))
    assert torch.equal(network(x), original(x))
    encoder = {id(value) for value in original.encoder.parameters()}
    assert len(list(unet.decoder_parameters())) == len([p for p in original.parameters() if id(p) not in encoder])
    assert torch.equal(copy.deepcopy(network)(x), original(x))  # as a moving average of weights copies it
    with pytest.raises(ValueError, match=rf"{name}: x must have 3 sides that are positive multiples of 4, got \(2, 2,"):
        network(patches(2, 2, 8, 8, 6))


def test_networks_of_nnunet_have_its_own_settings_where_none_are_given() -> None:
    dynamic_library()
    network = build_network("ResidualEncoderUNet", spatial_dims=2, features_per_stage=[2, 4, 8, 8, 8, 8, 8])
    unet = as_unet(network, "a test")
    assert (unet.spatial_dims, unet.stride) == (2, 64)
    assert [len(stage.blocks) for stage in network.encoder.stages] == [1, 3, 4, 6, 6, 6, 6]
    y = network(patches(1, 1, 128, 128)).detach()
    assert y.shape == (1, 1, 128, 128)
    assert 0 < float(y.min()) < float(y.max()) < 1


def test_other_networks_restore_but_have_no_features_to_look_into() -> None:
    pytest.importorskip("monai", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")
    network = build_network("SegResNet", init_filters=8, blocks_down=[1, 1], blocks_up=[1])
    y = network(patches(1, 1, 8, 8, 8)).detach()
    assert y.shape == (1, 1, 8, 8, 8)
    assert 0 < float(y.min()) < float(y.max()) < 1
    with pytest.raises(ValueError, match=r"method rotation needs .*SegResNet has no stride, .*: it can be trained to"):
        as_unet(network, "method rotation")
    logits = build_network("monai.networks.nets.SegResNet", 2, 1, 3, None, init_filters=8)
    assert logits(patches(1, 1, 16, 16)).shape == (1, 3, 16, 16)


def test_a_class_of_one_s_own_is_built_by_its_path() -> None:
    network = build_network(OWN, out_channels=2, activation="sigmoid")
    x = patches(1, 1, 4, 4, 4)
    assert torch.equal(network(x), network.conv(x).sigmoid())
    assert list(network.state_dict()) == ["conv.weight", "conv.bias"]
    with pytest.raises(ValueError, match="Own must give one tensor, got list: switch off deep supervision"):
        build_network(OWN, outputs=2)(x)


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("PlainConvUnet", {}, "network must be unet, .* got 'PlainConvUnet': did you mean PlainConvUNet"),
        ("unet", {"wdith": 3}, "network unet: got an unexpected keyword argument 'wdith'; it takes in_channels, "),
        ("unet", {"width": 0}, "network unet: UNet3D: width must be at least 1, got 0"),
        ("unet", {"spatial_dims": 4}, "build_network: spatial_dims must be one of 2, 3, got 4"),
        ("unet", {"activation": "relu"}, "build_network: activation must be one of 'sigmoid', None, got 'relu'"),
        ("os.path", {}, "network os.path must be the path of a class of nn.Module, got <module"),
        (PEEKED, {}, "a class with encode and decode must take activation, and apply it in out_tr"),
        ("PlainConvUNet", {"conv_op": "os.system"}, "conv_op must be the path of a module of torch.nn or dyn"),
        ("PlainConvUNet", {"norm_op": "torch.nn.Nothing"}, "norm_op must be the path of a module .* 'torch.nn.No"),
        ("PlainConvUNet", {"deep_supervision": True}, "deep_supervision must be false: a restoration is one output"),
        ("PlainConvUNet", {"conv_op": "torch.nn.Conv2d", "n_stages": 2}, "conv_op must be Conv3d, got Conv2d"),
        ("PlainConvUNet", {"n_stages": 2, "strides": [1]}, "network PlainConvUNet: .*must have as many entries"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_said(name: str, arguments: dict[str, Any], said: str) -> None:
    if name == "PlainConvUNet":
        dynamic_library()
    with pytest.raises(ValueError, match=said):
        build_network(name, **arguments)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("dynamic_network_architectures.architectures.unet", "monai.networks.nets"):
        monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"is needed for PlainConvUNet: pip install 'genesis_ext\[networks\]'"):
        build_network("PlainConvUNet")
    with pytest.raises(ValueError, match=r"monai.networks.nets \(not installed: pip install 'genesis_ext\[monai\]'\)"):
        build_network("SegResNet")
    with pytest.raises(ImportError, match=r"network nowhere\.to_be\.Found: No module named 'nowhere'"):
        build_network("nowhere.to_be.Found")
