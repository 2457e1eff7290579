# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from genesis_ext.evaluation.restoration import BLUR_SIGMAS_VOXELS, gaussian_blur
from genesis_ext.training import ValidationReport, Validator
from genesis_ext.training.pretraining.losses import LOSSES, Loss, best_constant
from genesis_ext.training.pretraining.methods.genesis import Restoration
from tests.training.doubles import Answer, Constant, fixed_ramps


def validator(loss: Loss = "mse") -> Validator:
    return Validator(fixed_ramps(20, 4), Restoration(nn.Identity(), loss, 0.1), loss)


def all_pairs(v: Validator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.cat([b["input"] for b in v.samples]), torch.cat([b["target"] for b in v.samples])


@pytest.mark.parametrize("loss", ["mse", "l1"])
def test_baselines_are_the_losses_of_input_best_constant_and_best_blur(loss: Loss) -> None:
    v = validator(loss)
    x, y = all_pairs(v)

    def objective(answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return LOSSES[loss](answer, x, target)

    grid = min(float(objective(torch.full_like(y, value), y)) for value in torch.linspace(0, 1, 201))
    assert v.baselines["identity"] == pytest.approx(float(objective(x, y)), rel=1e-5)
    assert v.baselines["constant"] <= grid * (1 + 1e-6)  # rounding of the means
    assert v.baselines["constant"] == pytest.approx(grid, rel=1e-2)  # the grid's step is .005
    blurred = [float(objective(gaussian_blur(x, sigma), y)) for sigma in BLUR_SIGMAS_VOXELS]
    assert v.baselines["blur"] == pytest.approx(min(blurred), rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "l1", "l2"])
def test_no_network_that_gives_a_constant_works(loss: Loss) -> None:
    v = validator(loss)
    best = float(best_constant([all_pairs(v)[1]], loss))
    for value in (best, best * (1 + 1e-6), best * (1 - 1e-6), 0.0, 0.5, 1.0):
        report = v(Constant(value))
        assert not report.works
        assert report.collapsed
        assert report.loss >= v.baselines["constant"] * (1 - 1e-6)  # rounding of the mean


def test_a_constant_can_beat_the_identity_so_identity_alone_proves_nothing() -> None:
    report = validator()(Constant(0.25))
    assert report.loss < report.baselines["identity"]
    assert "does not beat them all" in str(report)


def test_networks_that_copy_or_blur_do_not_work_either() -> None:
    v = validator()
    assert not v(nn.Identity()).works
    for sigma in BLUR_SIGMAS_VOXELS:
        assert not v(Answer(lambda x, sigma=sigma: gaussian_blur(x, sigma))).works


def test_a_network_that_restores_works() -> None:
    v = validator()
    targets = iter([batch["target"] for batch in v.samples])
    report = v(Answer(lambda x: next(targets)))
    assert report.loss == 0.0
    assert report.works
    assert not report.collapsed
    assert str(report).endswith(": works")


def test_a_baseline_is_beaten_by_one_percent_or_not_at_all() -> None:
    baselines = {"identity": 0.5, "constant": 0.1, "blur": 0.3}
    assert ValidationReport({"loss": 0.0989}, baselines).works
    assert not ValidationReport({"loss": 0.0991}, baselines).works
    assert not ValidationReport({"loss": math.nan}, baselines).works


def test_nan_counts_as_collapsed_and_not_working() -> None:
    report = validator()(Constant(math.nan))
    assert report.collapsed
    assert not report.works


def test_validation_repeats_exactly_and_leaves_the_network_as_it_was() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.BatchNorm3d(2), nn.Conv3d(2, 1, 1))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    v = validator()
    assert v(network) == v(network)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_best_constant_is_mean_or_median() -> None:
    values = torch.tensor([0.0, 0.0, 0.9])
    assert float(best_constant([values], "mse")) == pytest.approx(0.3)
    assert float(best_constant([values], "l1")) == 0.0
    assert functional.l1_loss(torch.zeros(3), values) < functional.l1_loss(torch.full((3,), 0.3), values)


def test_the_masked_loss_counts_what_was_changed_alone() -> None:
    x, y = torch.tensor([[0.0, 0.5, 1.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    assert float(LOSSES["masked"](torch.tensor([[9.0, 0.3, 9.0]]), x, y)) == pytest.approx(0.09)
    assert float(LOSSES["masked"](torch.ones(1, 3), y, y)) == 0.0


def test_the_norm_of_eq_1_is_that_of_each_sample_and_has_a_gradient_where_nothing_is_wrong() -> None:
    x, y = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    y[1] = 3.0
    assert float(LOSSES["l2"](x, x, y)) == pytest.approx(1.5)  # (0 + 3) / 2, where the mean of squares is 4.5
    restored = y.clone().requires_grad_()
    LOSSES["l2"](restored, x, y).backward()
    assert restored.grad is not None and not restored.grad.any()


def test_processes_share_the_batches_and_get_one_report() -> None:
    torch.manual_seed(0)
    network, samples = nn.Conv3d(1, 1, 1), fixed_ramps(20, 4)
    objective = Restoration(network, "mse", 0.1)
    rows: list[torch.Tensor] = []

    def keep(own: torch.Tensor) -> torch.Tensor:
        rows.append(own)
        return own

    for rank in range(3):
        Validator(samples, objective, "mse", rank, 3, keep)(network)
    whole = Validator(samples, objective, "mse", 0, 1, keep)(network)
    baselines, answers = rows[0:6:2], rows[1:6:2]
    assert torch.equal(sum(baselines), rows[6]) and torch.equal(sum(answers), rows[7])
    assert whole.loss == pytest.approx(float(sum(answers).mean(dim=0)[0]))
    assert all(len(own.nonzero()) for own in answers)
