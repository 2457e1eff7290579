# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Losses against torch and by hand, and batches that processes share."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from genesis_ext.training.finetuning.criterion import Criterion, Sharing
from genesis_ext.training.finetuning.groups import LossName


def drawn(exclusive: bool, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Logits and targets (4, 3, 5, 6), and a mask (4, 1, 5, 6)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(4, 3, 5, 6, generator=generator)
    if exclusive:
        number = torch.randint(3, (4, 5, 6), generator=generator)
        target = functional.one_hot(number, 3).movedim(-1, 1).float()
    else:
        target = torch.randint(2, (4, 3, 5, 6), generator=generator).float()
    return logits, target, torch.randint(2, (4, 1, 5, 6), generator=generator).float()


def loss_of(criterion: Criterion, *batch: Tensor) -> float:
    return float(criterion.value(criterion.sums(*batch)))


def test_soft_dice_is_that_of_the_released_code_over_the_batch() -> None:
    logits, target, _ = drawn(False)
    x, y = logits.sigmoid()[:, 1].flatten(), target[:, 1].flatten()
    by_hand = 1 - (2 * (x * y).sum() + 1) / (x.sum() + y.sum() + 1)
    assert loss_of(Criterion("dice", False), logits[:, 1:2], target[:, 1:2]) == pytest.approx(float(by_hand))
    three = [loss_of(Criterion("dice", False), logits[:, k : k + 1], target[:, k : k + 1]) for k in range(3)]
    assert loss_of(Criterion("dice", False), logits, target) == pytest.approx(sum(three) / 3)
    assert loss_of(Criterion("dice", False, (0.0, 1.0, 3.0)), logits, target) == pytest.approx(
        (three[1] + 3 * three[2]) / 4
    )


def test_dice_of_exclusive_classes_leaves_out_the_background() -> None:
    logits, target, _ = drawn(True)
    probable = logits.softmax(1)
    own = [
        1 - (2 * (probable[:, k] * target[:, k]).sum() + 1) / (probable[:, k].sum() + target[:, k].sum() + 1)
        for k in (1, 2)
    ]
    with_background = Criterion("dice", True, background=True)
    assert loss_of(with_background, logits, target) == pytest.approx(float(sum(own)) / 2)


@pytest.mark.parametrize("weights", [(), (0.2, 1.0, 3.0)], ids=["equal", "weighted"])
def test_cross_entropy_is_torch_s(weights: tuple[float, ...]) -> None:
    of_torch = torch.tensor(weights) if weights else None
    logits, target, mask = drawn(True)
    wanted = functional.cross_entropy(logits, target.argmax(1), of_torch)
    assert loss_of(Criterion("ce", True, weights), logits, target) == pytest.approx(float(wanted))
    number = torch.where(mask[:, 0] > 0, target.argmax(1), -100)
    wanted = functional.cross_entropy(logits, number, of_torch)
    assert loss_of(Criterion("ce", True, weights), logits, target, mask) == pytest.approx(float(wanted))
    if not weights:
        logits, target, _ = drawn(False)
        wanted = functional.binary_cross_entropy_with_logits(logits, target)
        assert loss_of(Criterion("ce", False), logits, target) == pytest.approx(float(wanted))


@pytest.mark.parametrize("exclusive", [True, False])
def test_focal_without_gamma_is_cross_entropy_and_with_it_hard_answers_count_more(exclusive: bool) -> None:
    logits, target, _ = drawn(exclusive)
    entropy = loss_of(Criterion("ce", exclusive), logits, target)
    assert loss_of(Criterion("focal", exclusive, gamma=0.0), logits, target) == pytest.approx(entropy)
    sure, unsure = torch.tensor([[4.0, -4.0]]), torch.tensor([[0.1, -0.1]])
    right = torch.tensor([[1.0, 0.0]])
    share = [
        loss_of(Criterion("focal", exclusive), x, right) / loss_of(Criterion("ce", exclusive), x, right)
        for x in (sure, unsure)
    ]
    assert share[0] < 1e-3 < 0.2 < share[1]


def test_what_is_masked_counts_nothing() -> None:
    logits, target, mask = drawn(True)
    other = torch.where(mask > 0, logits, -logits)
    criterion = Criterion("dice-ce", True, background=True)
    assert loss_of(criterion, logits, target, mask) == loss_of(criterion, other, target, mask)
    assert math.isfinite(loss_of(criterion, logits, target, torch.zeros_like(mask)))


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize("loss", ["dice", "dice-ce", "ce", "focal"])
def test_parts_of_processes_together_have_the_loss_and_gradients_of_the_batch(loss: LossName, exclusive: bool) -> None:
    settings: dict[str, Any] = {"weights": (1.0, 2.0, 3.0), "background": exclusive}
    criterion = Criterion(loss, exclusive, **settings)
    logits, target, mask = drawn(exclusive)
    logits.requires_grad_(True)
    whole = criterion.value(criterion.sums(logits, target, mask))
    (wanted,) = torch.autograd.grad(whole, logits)
    parts = [tuple(part.tensor_split([1])[i] for part in (logits, target, mask)) for i in range(2)]
    sums = [criterion.sums(*part).detach() for part in parts]
    total, gradients = sum(sums), []
    for part in parts:
        shared = criterion.shared(criterion.sums(*part), Sharing(lambda own: total, 2))
        assert float(shared.detach()) == pytest.approx(float(whole.detach()))
        (gradient,) = torch.autograd.grad(shared, logits)
        gradients.append(gradient)
    torch.testing.assert_close(sum(gradients) / 2, wanted, rtol=1e-5, atol=1e-7)  # sums in another order


def test_the_best_constant_has_the_entropy_of_the_shares_or_is_one_class_everywhere() -> None:
    _, target, _ = drawn(True)
    shares = target.mean((0, 2, 3))
    entropy = -float((shares * shares.log()).sum())
    assert Criterion("ce", True).best_constant(shares, [(target, None)]) == pytest.approx(entropy, rel=1e-5)
    some = (torch.arange(30).view(1, 1, 5, 6) < 6).float()  # one fifth: a third is reached by saying so everywhere
    assert Criterion("dice", False).best_constant(some.mean((0, 2, 3)), [(some, None)]) == pytest.approx(
        1 - (2 * 6 + 1) / (30 + 6 + 1), rel=1e-4
    )
