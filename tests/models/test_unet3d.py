# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""UNet3D against the released network's parameter list and forward pass, and the options that it alone has."""

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


def test_instance_norm_needs_two_values_of_every_sample() -> None:
    with pytest.raises(ValueError, match="at least two values"):
        small(norm="instance").eval()(torch.zeros(4, 1, 8, 8, 8))


def test_one_voxel_at_the_bottom_is_enough_for_running_statistics() -> None:
    out = small(bn_mode="running").eval()(torch.rand(1, 1, 8, 8, 8))
    assert out.shape == (1, 1, 8, 8, 8)
