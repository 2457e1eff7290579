# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""UNet2D: the encoder is ResNet-18 and reads its published weights."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genesis_ext.models import UNet2D, load_weights
from tests.models import resnets


def small(**options: object) -> UNet2D:
    net = UNet2D(**{"width": 8, **options})  # type: ignore[arg-type]
    net.reset_parameters(torch.Generator().manual_seed(0))
    return net


def image(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def test_the_encoder_has_the_names_and_shapes_of_resnet18() -> None:
    own = {name: tuple(value.shape) for name, value in UNet2D().encoder.state_dict().items()}
    assert own == resnets.shapes(18, dims=2, in_channels=1)


def test_the_encoder_has_the_published_number_of_parameters() -> None:
    without_fc = 11_689_512 - 513_000  # of ResNet-18 with three input channels
    assert sum(p.numel() for p in UNet2D(in_channels=3).encoder.parameters()) == without_fc


def test_imagenet_weights_are_read_from_a_path(tmp_path: Path) -> None:
    head = {"fc.weight": (10, 512), "fc.bias": (10,)}
    stored = resnets.weights(resnets.shapes(18, dims=2, in_channels=3) | head)
    torch.save(stored, tmp_path / "resnet18.pth")
    net = UNet2D()
    decoder = [p.clone() for p in net.decoder_parameters()]
    account = load_weights(net.encoder, tmp_path / "resnet18.pth", report=None)
    assert account.unused == ("fc.weight", "fc.bias")
    assert not (account.missing or account.skipped)
    assert [name for name, _ in account.adapted] == ["conv1.weight"]
    # A grey image gives the response that it would give as three equal colours.
    assert torch.allclose(net.encoder.conv1.weight[:, 0], stored["conv1.weight"].sum(dim=1), atol=1e-5)
    assert torch.equal(net.encoder.layer4[1].conv2.weight, stored["layer4.1.conv2.weight"])
    assert all(torch.equal(a, b) for a, b in zip(net.decoder_parameters(), decoder, strict=True))


def test_without_monai_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks.nets.resnet", None)
    with pytest.raises(ImportError, match=r"monai is needed for UNet2D: pip install 'genesis_ext\[monai\]'"):
        UNet2D()


def test_channels_last_gives_the_same() -> None:
    net, x = small().eval(), image(2, 1, 64, 32)
    with torch.no_grad():
        expected = net(x)
        net.to(memory_format=torch.channels_last)
        assert torch.allclose(net(x.contiguous(memory_format=torch.channels_last)), expected, atol=1e-5)
