# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A network sees a volume window by window, and the parts make a whole again."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from genesis_ext.evaluation import inference
from genesis_ext.evaluation.inference import Windows, over_volume, over_windows

monai = pytest.importorskip("monai.inferers", reason="MONAI is not installed: pip install 'genesis_ext[monai]'")

SHAPES = [(2, 17, 12, 9), (1, 5, 8, 30), (1, 3, 2, 1)]  # no multiple of the patch, smaller along an axis, along all


def volume(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def both(x: Tensor) -> Tensor:
    return torch.cat((x[:, :1], 1 - x[:, :1]), dim=1)


@pytest.mark.parametrize("patch", [(8, 6, 8), (8, 6)])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_network_copies_comes_back_voxel_by_voxel(shape: tuple[int, ...], patch: tuple[int, ...]) -> None:
    x = volume(*shape)
    told: list[tuple[int, int]] = []

    def seen(part: Tensor) -> Tensor:
        assert part.shape[2:] == patch
        assert 1 <= len(part) <= 3
        return both(part)

    for overlap in (0.0, 0.4, 0.5):
        told.clear()
        windows = Windows(overlap, batch_size=3)
        out = over_volume(seen, x, patch, windows, tick=lambda *numbers: told.append(numbers))
        assert torch.allclose(out, both(x[None])[0], atol=1e-6)  # weights add up to 1 but for rounding
        assert not out.is_inference()
        assert told[-1][0] == told[-1][1]
        windows_told = told[-1][1]
        told.clear()
        mean = over_windows(lambda p: p.flatten(2).mean(2), x, patch, windows, tick=lambda *n: told.append(n))
        assert told[-1] == (windows_told, windows_told)  # the same windows
        assert mean.shape == (shape[0],)


def test_the_middle_of_a_window_counts_most() -> None:
    """Two windows of 8 that share 4 voxels, one gives 0 and the other 1: the share of the other grows across these."""
    x = torch.zeros(1, 12, 1, 1)
    x[:, 4:] = 1.0
    out = over_volume(lambda p: p[:, :, :1].repeat(1, 1, 8, 1, 1), x, (8, 1, 1))[0, :, 0, 0]
    assert torch.equal(out[:4], torch.zeros(4))
    assert torch.equal(out[8:], torch.ones(4))
    at = torch.arange(4.0)  # voxels 4 to 7: 0.5 to 3.5 behind the middle of one, as far before that of the other
    own, other = (torch.exp(-((at - shift) ** 2) / 2) for shift in (-0.5, 3.5))
    assert torch.allclose(out[4:8], other / (own + other), atol=2e-3)  # MONAI keeps its weights above .001


def test_the_mean_over_windows_counts_each_the_same() -> None:
    x = volume(2, 9, 8, 8)
    first, second = x[:, :8].mean((1, 2, 3)), x[:, 1:].mean((1, 2, 3))
    out = over_windows(lambda p: p.flatten(2).mean(2), x, (8, 8, 8), Windows(overlap=0.0))
    assert torch.allclose(out, (first + second) / 2)


@pytest.mark.parametrize("over", [over_volume, over_windows])
def test_flips_are_averaged(over: Any) -> None:
    x = volume(1, 10, 9, 8)
    ramp = torch.linspace(0, 1, 8).view(8, 1, 1)
    flat = over is over_windows

    def odd(p: Tensor) -> Tensor:  # sees where the patch begins along x
        out = p * ramp
        return out.flatten(2).mean(2) if flat else out

    def even(p: Tensor) -> Tensor:
        out = p.square()
        return out.flatten(2).amax(2) if flat else out

    every = Windows(flips="zxy")
    assert torch.equal(over(even, x, (8, 8, 8), every), over(even, x, (8, 8, 8)))
    one, turned = (over(odd, y, (8, 8, 8)) for y in (x, x.flip(1)))
    expected = (one + (turned if flat else turned.flip(1))) / 2
    assert torch.allclose(over(odd, x, (8, 8, 8), Windows(flips="x")), expected, atol=1e-6)
    assert not torch.allclose(one, expected, atol=1e-3)


def test_where_the_device_has_no_room_the_host_gathers(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def slide(batch: Tensor, *_: Any, device: torch.device, **__: Any) -> Tensor:
        asked.append(device.type)
        if device.type == "cuda":
            raise torch.OutOfMemoryError
        return batch

    monkeypatch.setattr(inference, "require", lambda *_: SimpleNamespace(sliding_window_inference=slide))
    x = volume(1, 8, 8, 8)
    assert torch.equal(over_volume(both, x, (8, 8, 8), device="cuda"), x)
    assert asked == ["cuda", "cpu"]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"overlap": 1.0}, r"overlap must lie in \[0, 1\), got 1.0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"flips": "xx"}, "flips must be axes out of xyz, each once, got 'xx'"),
        ({"flips": "a"}, "flips must be axes out of xyz, each once, got 'a'"),
        ({"flips": "z"}, r"flips must be along axes of the patch \(8, 8\), got z"),
    ],
)
def test_windows_that_cannot_be_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        over_volume(both, volume(1, 8, 8, 2), (8, 8), Windows(**settings))
