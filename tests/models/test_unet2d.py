# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""UNet2D: the encoder is ResNet-18, the decoder reaches full size, and wrong input is named."""

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


@pytest.mark.parametrize("sides", [(32, 64), (96, 32)])
@pytest.mark.parametrize("options", [{}, {"width": 4}, {"width": 12}])
def test_output_has_the_shape_of_the_input(sides: tuple[int, int], options: dict[str, object]) -> None:
    out = small(in_channels=2, num_classes=3, **options)(image(2, 2, *sides))
    assert out.shape == (2, 3, *sides)
    assert bool(((out > 0) & (out < 1)).all())


def test_encode_gives_five_levels_and_decode_takes_them() -> None:
    net = small().eval()
    x = image(2, 1, 64, 32)
    with torch.no_grad():
        features = net.encode(x)
        assert [tuple(f.shape) for f in features] == [
            (2, 8, 32, 16), (2, 8, 16, 8), (2, 16, 8, 4), (2, 32, 4, 2), (2, 64, 2, 1)
        ]  # fmt: skip
        assert tuple(f.shape[1] for f in features) == net.feature_channels
        assert torch.equal(net.out_tr(net.decode(features)), net(x))


def test_without_activation_the_network_gives_the_logits() -> None:
    x = image(2, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(small(activation=None)(x).sigmoid(), small()(x))


def test_gradients_reach_every_parameter_and_the_shortcuts_of_the_encoder() -> None:
    net = small(activation=None)
    out = net(image(2, 1, 64, 64))
    assert 0.1 < float(out.detach().std()) < 3.0  # fresh weights keep the spread of the signal
    out.square().mean().backward()
    still = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert still == []


def test_the_encoder_is_used_whole_by_encode_and_the_decoder_not_at_all() -> None:
    net = small()
    net.encode(image(2, 1, 64, 64))[-1].square().mean().backward()
    decoder = {id(p) for p in net.decoder_parameters()}
    assert all((p.grad is None) == (id(p) in decoder) for p in net.parameters())


def test_reset_by_a_generator_depends_on_its_seed_alone() -> None:
    def weights(seed: int) -> list[Tensor]:
        net = UNet2D(width=4)
        torch.rand(3)
        net.reset_parameters(torch.Generator().manual_seed(seed))
        return [p.detach() for p in net.parameters()]

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_evaluation_treats_samples_alone() -> None:
    net = small().double()
    x = image(2, 1, 32, 32).double()
    with torch.no_grad():
        net(x)
        both, first = net.eval()(x), net(x[:1])
    assert torch.allclose(both[:1], first, atol=1e-9)  # convolutions may sum in another order


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 64, 48), r"X and Y must be positive multiples of 32, got \(64, 48\)"),
        ((1, 1, 64, 0), r"multiples of 32, got \(64, 0\)"),
        ((1, 2, 64, 64), r"x must be \(N, 1, X, Y\), got \(1, 2, 64, 64\)"),
        ((1, 1, 64, 64, 1), r"x must be \(N, 1, X, Y\)"),
        ((1, 1, 32, 32), r"at least two values to each norm at the coarsest level \(1/32 of the side\)"),
    ],
)
def test_wrong_input_is_named(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"UNet2D: .*{message}"):
        small()(torch.zeros(shape))


@pytest.mark.parametrize(
    "options", [{"width": 0}, {"width": 6}, {"in_channels": 0}, {"num_classes": -1}, {"activation": "relu"}]
)
def test_wrong_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"UNet2D: {next(iter(options))} must be .*got"):
        UNet2D(**options)  # type: ignore[arg-type]


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
