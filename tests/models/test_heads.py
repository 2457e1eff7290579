# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Heads that classify an encoder's output."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.models import ClassificationHead, ScaleClassifier, UNet3D


def features(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_the_scale_classifier_has_the_layers_of_the_paper() -> None:
    head = ScaleClassifier(512)
    assert [(n, tuple(p.shape)) for n, p in head.named_parameters()] == [
        ("hidden.weight", (1024, 512)), ("hidden.bias", (1024,)), ("out.weight", (3, 1024)), ("out.bias", (3,))
    ]  # fmt: skip
    assert head(features(2, 512, 4, 4, 2)).shape == (2, 3)


def test_the_target_head_is_that_of_the_paper() -> None:
    sizes = [tuple(p.shape) for p in ClassificationHead(512, 8).parameters()]
    assert sizes == [(1024, 512), (1024,), (8, 1024), (8,)]


@pytest.mark.parametrize("spatial", [(1,), (3, 5), (2, 3, 4)])
def test_logits_come_from_the_mean_over_space(spatial: tuple[int, ...]) -> None:
    head, x = ClassificationHead(6, 4, hidden=16), features(3, 6, *spatial)
    pooled = x.flatten(2).mean(2)
    expected = functional.linear(
        functional.linear(pooled, head.hidden.weight, head.hidden.bias).relu(), head.out.weight, head.out.bias
    )
    assert torch.allclose(head(x), expected, atol=1e-6)  # the mean may sum in another order


def test_tiles_of_a_sample_are_put_side_by_side_in_their_order() -> None:
    head, x = ClassificationHead(6, 4, hidden=16, tiles=5), features(10, 6, 2, 2, 2)
    assert head.hidden.weight.shape == (16, 30)
    both = head(x)
    assert both.shape == (2, 4)
    assert torch.allclose(both[1:], head(x[5:]), atol=1e-6)  # a product of one row may sum in another order
    swapped = torch.cat((x[1:2], x[:1], x[2:5]))
    assert not torch.allclose(head(swapped), both[:1], atol=1e-3)


def test_an_empty_batch_gives_no_logits() -> None:
    assert ScaleClassifier(8)(features(0, 8, 2, 2, 2)).shape == (0, 3)


def test_gradients_reach_every_parameter_and_the_encoder() -> None:
    net = UNet3D(width=2)
    net.reset_parameters(torch.Generator().manual_seed(0))
    head = ScaleClassifier(net.feature_channels[-1], hidden=16)
    head.reset_parameters(torch.Generator().manual_seed(1))
    logits = head(net.encode(torch.rand(4, 1, 16, 16, 8, generator=torch.Generator().manual_seed(2)))[-1])
    functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in head.parameters())
    first = net.down_tr64.ops[0].conv1.weight.grad
    assert first is not None and first.abs().max() > 0
    assert all(p.grad is None for p in net.decoder_parameters())


def test_a_head_learns_to_tell_three_classes_apart() -> None:
    head = ScaleClassifier(4, hidden=16)
    head.reset_parameters(torch.Generator().manual_seed(0))
    labels = torch.arange(24) % 3
    x = features(24, 4, 2, 2, 2) + 2 * functional.one_hot(labels, 4)[:, :, None, None, None]
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        functional.cross_entropy(head(x), labels).backward()
        optimizer.step()
    assert torch.equal(head(x).argmax(1), labels)


def test_reset_by_a_generator_depends_on_its_seed_alone() -> None:
    def weights(seed: int) -> list[Tensor]:
        head = ClassificationHead(4, 3, hidden=8)
        head.reset_parameters(torch.Generator().manual_seed(seed))
        return [p.detach() for p in head.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not torch.equal(weights(1)[0], weights(2)[0])


def test_linear_layers_start_as_torch_starts_them() -> None:
    """The generator is the only difference: with the same words of it, the same weights."""
    head = ClassificationHead(12, 5, hidden=8)
    head.reset_parameters(torch.Generator().manual_seed(3))
    torch.manual_seed(3)
    for own in (head.hidden, head.out):
        torch_own = nn.Linear(own.in_features, own.out_features)
        assert torch.allclose(own.weight, torch_own.weight, rtol=1e-5)  # its bound is made of two roots
        assert torch.allclose(own.bias, torch_own.bias, rtol=1e-5)


@pytest.mark.parametrize(
    ("tiles", "shape", "message"),
    [
        (1, (2, 5, 4, 4), r"features must be \(N, 4, \*spatial\), got \(2, 5, 4, 4\)"),
        (1, (2, 4), r"features must be \(N, 4, \*spatial\), got \(2, 4\)"),
        (27, (28, 4, 2, 2, 2), r"features must be \(N \* 27, 4, \*spatial\), got \(28, 4, 2, 2, 2\)"),
    ],
)
def test_wrong_features_are_named(tiles: int, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"ClassificationHead: {message}"):
        ClassificationHead(4, 3, hidden=8, tiles=tiles)(features(*shape))


def test_wrong_options_are_named_with_the_class() -> None:
    with pytest.raises(ValueError, match="ScaleClassifier: num_classes must be at least 1, got 0"):
        ScaleClassifier(4, num_scales=0)
    with pytest.raises(ValueError, match="ClassificationHead: tiles must be at least 1, got 0"):
        ClassificationHead(4, 3, tiles=0)
