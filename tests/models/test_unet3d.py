# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""UNet3D against the released network's parameter list and forward pass, and its options."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from genesis_ext.models import UNet3D


def small(**options: object) -> UNet3D:
    torch.manual_seed(0)
    return UNet3D(**{"width": 4, **options})  # type: ignore[arg-type]


def fill_by_rule(net: UNet3D, entries: list[tuple[str, list[int], str]]) -> None:
    """The rule of golden/unet3d_state_dict.json."""
    state = net.state_dict()
    for j, (name, shape, dtype) in enumerate(entries):
        if dtype == "int64":
            continue
        size = math.prod(shape)
        s = np.sin(0.37 * np.arange(size, dtype=np.float64) + j).reshape(shape)
        if name.endswith("running_var"):
            value = np.ones(shape)
        elif name.endswith("running_mean"):
            value = np.zeros(shape)
        elif len(shape) > 1:
            value = s / np.sqrt(math.prod(shape[1:]))
        else:
            value = 1 + 0.1 * s if name.endswith("weight") else 0.1 * s
        state[name].copy_(torch.from_numpy(value))


@pytest.fixture(scope="module")
def golden(shared: Path) -> Path:
    return shared / "golden"


@pytest.fixture(scope="module")
def entries(golden: Path) -> list[tuple[str, list[int], str]]:
    return [tuple(entry) for entry in json.loads((golden / "unet3d_state_dict.json").read_text())["entries"]]


def test_names_shapes_and_dtypes_are_those_of_the_released_network(entries: list[tuple[str, list[int], str]]) -> None:
    own = [
        (name, list(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in UNet3D().state_dict().items()
    ]
    assert own == entries


def test_forward_equals_the_released_network(golden: Path, entries: list[tuple[str, list[int], str]]) -> None:
    net = UNet3D().eval()
    fill_by_rule(net, entries)
    with np.load(golden / "unet3d_forward.npz") as file, torch.no_grad():
        out = net(torch.from_numpy(file["input"])).numpy()
        assert np.abs(out - file["output_float64"]).max() < 1e-5  # float32 against float64


def test_default_network_has_the_published_size() -> None:
    net = UNet3D()
    assert sum(p.numel() for p in net.parameters()) == 19_073_665
    assert len(net.state_dict()) == 106


@pytest.mark.parametrize("sides", [(8, 8, 16), (16, 24, 8)])
@pytest.mark.parametrize(
    "options", [{}, {"upsample": "nearest"}, {"norm": "instance"}, {"bn_mode": "running"}, {"width": 1}]
)
def test_output_has_the_shape_of_the_input(sides: tuple[int, int, int], options: dict[str, object]) -> None:
    out = small(in_channels=2, num_classes=3, **options)(torch.rand(2, 2, *sides))
    assert out.shape == (2, 3, *sides)
    assert bool(((out > 0) & (out < 1)).all())


def test_encode_gives_four_levels_and_decode_takes_them() -> None:
    net = small().eval()
    x = torch.rand(2, 1, 16, 16, 8)
    with torch.no_grad():
        features = net.encode(x)
        assert [tuple(f.shape) for f in features] == [
            (2, 8, 16, 16, 8), (2, 16, 8, 8, 4), (2, 32, 4, 4, 2), (2, 64, 2, 2, 1)
        ]  # fmt: skip
        assert tuple(f.shape[1] for f in features) == net.feature_channels
        assert torch.equal(net.out_tr(net.decode(features)), net(x))


def test_without_activation_the_network_gives_the_logits() -> None:
    x = torch.rand(1, 1, 16, 8, 8)
    with torch.no_grad():
        assert torch.equal(small(activation=None)(x).sigmoid(), small()(x))


def test_the_nearest_twin_has_no_up_conv_and_otherwise_the_same_names() -> None:
    transpose, nearest = small().state_dict(), small(upsample="nearest").state_dict()
    assert {name for name in transpose if name not in nearest} == {
        f"up_tr{level}.up_conv.{part}" for level in (256, 128, 64) for part in ("weight", "bias")
    }
    assert all(transpose[name].shape == value.shape for name, value in nearest.items())


def test_batch_mode_uses_the_batch_in_evaluation_and_leaves_running_statistics_alone() -> None:
    net = small().double()
    x = torch.rand(2, 1, 16, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        before = {name: value.clone() for name, value in net.eval().state_dict().items()}
        evaluated = net(x)
        assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
        assert torch.allclose(evaluated, net.train()(x), atol=1e-9)  # the same formula by another kernel
        assert int(net.down_tr64.ops[0].bn1.num_batches_tracked) == 1


def test_running_mode_treats_samples_alone_in_evaluation() -> None:
    net = small(bn_mode="running").double()
    x = torch.rand(2, 1, 16, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        net(x)
        both, first = net.eval()(x), net(x[:1])
    assert torch.allclose(both[:1], first, atol=1e-9)  # convolutions may sum in another order
    assert not torch.allclose(both, net.train()(x), atol=1e-4)


def test_instance_norm_gives_a_sample_the_same_output_and_gradient_in_any_batch() -> None:
    net = small(norm="instance").double()
    x = torch.rand(2, 1, 16, 8, 8, dtype=torch.float64)

    def step(part: Tensor) -> tuple[Tensor, list[Tensor]]:
        out = net(part)
        return out.detach(), list(torch.autograd.grad(out.square().mean(), list(net.parameters())))

    (both, together), (first, one), (second, other) = step(x), step(x[:1]), step(x[1:])
    # Convolutions and means may sum in another order.
    assert torch.allclose(both, torch.cat((first, second)), atol=1e-12)
    assert all(torch.allclose(t, (a + b) / 2, atol=1e-12) for t, a, b in zip(together, one, other, strict=True))
    with torch.no_grad():
        assert torch.equal(net.eval()(x), both)


def test_instance_norm_keeps_no_statistics_and_the_names_of_the_released_network() -> None:
    instance, batch = small(norm="instance").state_dict(), small().state_dict()
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert list(instance) == [name for name in batch if not name.endswith(statistics)]
    assert all(value.shape == batch[name].shape for name, value in instance.items())


def test_an_instance_norm_network_trains() -> None:
    net = small(norm="instance")
    x = torch.rand(2, 1, 16, 16, 8)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (net(x) - x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_the_decoder_s_parameters_are_those_that_the_encoder_does_not_use() -> None:
    net = small()
    net.encode(torch.rand(2, 1, 16, 8, 8))[-1].square().mean().backward()
    decoder = {id(p) for p in net.decoder_parameters()}
    assert all((p.grad is None) == (id(p) in decoder) for p in net.parameters())


def test_fresh_weights_keep_the_spread_of_the_signal_and_reach_every_parameter() -> None:
    net = small(activation=None, width=8)
    out = net(torch.rand(2, 1, 16, 16, 16))
    assert 0.1 < float(out.detach().std()) < 3.0
    out.square().mean().backward()
    # A bias before a batch norm has no effect, so its gradient is zero; all else must move.
    still = [n for n, p in net.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert all(name.endswith("conv1.bias") for name in still)


def test_reset_by_a_generator_depends_on_its_seed_alone() -> None:
    def weights(seed: int) -> list[Tensor]:
        net = small()
        torch.rand(3)
        net.reset_parameters(torch.Generator().manual_seed(seed))
        return [p.detach() for p in net.parameters()]

    one, same, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 16, 16, 12), r"multiples of 8, got \(16, 16, 12\)"),
        ((1, 1, 16, 16, 0), r"multiples of 8, got \(16, 16, 0\)"),
        ((1, 2, 16, 16, 16), r"x must be \(N, 1, X, Y, Z\), got \(1, 2, 16, 16, 16\)"),
        ((1, 16, 16, 16), r"x must be \(N, 1, X, Y, Z\)"),
        ((1, 1, 8, 8, 8), "at least two values"),
    ],
)
def test_wrong_input_is_named(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"UNet3D: .*{message}"):
        small()(torch.zeros(shape))


def test_instance_norm_needs_two_values_of_every_sample() -> None:
    with pytest.raises(ValueError, match="at least two values"):
        small(norm="instance").eval()(torch.zeros(4, 1, 8, 8, 8))


def test_one_voxel_at_the_bottom_is_enough_for_running_statistics() -> None:
    out = small(bn_mode="running").eval()(torch.rand(1, 1, 8, 8, 8))
    assert out.shape == (1, 1, 8, 8, 8)


@pytest.mark.parametrize(
    "options",
    [{"width": 0}, {"in_channels": 0}, {"num_classes": -1}, {"bn_mode": "on"}, {"upsample": "linear"},
     {"norm": "layer"}, {"activation": "relu"}],
)  # fmt: skip
def test_wrong_option_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"UNet3D: {next(iter(options))} must be .*got"):
        UNet3D(**options)  # type: ignore[arg-type]
