# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What each method learns from, without the loop."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.training import PretrainConfig
from genesis_ext.training.engine.objective import Update, frozen
from genesis_ext.training.pretraining.methods.universal import UniversalObjective
from genesis_ext.training.pretraining.parts import Parts

SMALL: dict[str, Any] = {"width": 2, "patch": (16, 16, 16), "norm": "instance"}
UNIVERSAL: dict[str, Any] = {**SMALL, "method": "universal", "boxes": "scales"}


def batch_of(count: int = 4) -> Batch:
    """Samples of both modalities and three scales."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand((2, count, 1, 16, 16, 16), generator=generator)
    ids = torch.arange(count)
    return {"input": x, "target": y, "scale": ids % 3, "modality": ids % 2, "sample_id": ids}


def universal(**settings: Any) -> UniversalObjective:
    objective = Parts().make_objective(PretrainConfig.of(**{**UNIVERSAL, **settings}))
    assert isinstance(objective, UniversalObjective)
    return objective


def backward(update: Update, modules: dict[str, nn.Module]) -> dict[str, bool]:
    """Which of the modules got a gradient that is not zero."""
    for module in modules.values():
        module.zero_grad()
    update.loss.backward()
    return {name: any(p.grad is not None and bool(p.grad.any()) for p in m.parameters()) for name, m in modules.items()}


def test_weights_depend_on_the_seed_alone() -> None:
    def first(seed: int) -> Tensor:
        return next(iter(Parts().make_objective(PretrainConfig.of(**SMALL, seed=seed)).network.parameters()))

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_updates_alternate_and_each_moves_its_own_networks() -> None:
    objective = universal()
    updates = objective.updates(batch_of())
    first = next(updates)
    assert first.modules == ("network", "scales")
    assert backward(first, objective.modules) == {"network": True, "scales": True, "discriminator": False}
    second = next(updates)
    assert second.modules == ("discriminator",)
    assert backward(second, objective.modules) == {"network": False, "scales": False, "discriminator": True}
    assert next(updates, None) is None


def test_the_loss_is_that_of_the_paper() -> None:
    objective, batch = universal(alpha=2.0, beta=3.0), batch_of()
    with torch.no_grad():
        restored, features = objective.modules["network"](batch["input"])
        scale_logits = objective.modules["scales"](features[-1])
        logits = objective.modules["discriminator"](features)
    restoration = functional.mse_loss(restored, batch["target"])
    scales = functional.cross_entropy(scale_logits, batch["scale"])
    confusion = functional.binary_cross_entropy_with_logits(logits, torch.full_like(logits, 0.5))
    update = next(objective.updates(batch))
    assert float(update.loss.detach()) == pytest.approx(float(confusion + 2 * scales + 3 * restoration), rel=1e-5)
    assert float(update.metrics["loss"]) == pytest.approx(float(restoration), rel=1e-5)


def test_a_reversed_gradient_trains_all_at_once_and_against_the_discriminator() -> None:
    objective, batch = universal(adversary="reversal", beta=1e-9, alpha=0.0), batch_of()
    (update,) = objective.updates(batch)
    assert set(update.modules) == set(objective.modules)
    update.loss.backward()
    name = "down_tr64.ops.0.conv1.weight"
    reversed_gradient = dict(objective.network.named_parameters())[name].grad
    discriminator = dict(objective.modules["discriminator"].named_parameters())
    own = {key: value.grad for key, value in discriminator.items()}
    objective.network.zero_grad()
    objective.modules["discriminator"].zero_grad()
    logits = objective.modules["discriminator"](objective.network.encode(batch["input"]))
    functional.binary_cross_entropy_with_logits(logits, batch["modality"].float()).backward()
    straight = dict(objective.network.named_parameters())[name].grad
    assert reversed_gradient is not None and straight is not None and bool(straight.any())
    torch.testing.assert_close(reversed_gradient, -straight, rtol=1e-3, atol=1e-7)  # sums in another order
    for key, value in own.items():
        torch.testing.assert_close(value, discriminator[key].grad)


@pytest.mark.parametrize(
    ("confusion", "wanted"),
    [("uniform", [0.5, 0.5, 0.5, 0.5]), ("flipped", [1.0, 0.0, 1.0, 0.0])],
)
def test_the_encoder_is_pulled_towards(confusion: str, wanted: list[float]) -> None:
    objective, batch = universal(confusion=confusion, tell_scales=False), batch_of()
    with torch.no_grad():
        logits = objective.modules["discriminator"](objective.network.encode(batch["input"]))
    expected = functional.binary_cross_entropy_with_logits(logits, torch.tensor(wanted))
    assert float(next(objective.updates(batch)).metrics["loss_confusion"]) == pytest.approx(float(expected), rel=1e-5)


def test_the_negative_loss_is_what_the_discriminator_gains() -> None:
    updates = universal(confusion="negative").updates(batch_of())
    lost, gained = next(updates).metrics["loss_confusion"], next(updates).metrics["loss_discriminator"]
    assert float(lost) == pytest.approx(-float(gained), rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "modules"),
    [
        ({"adversary": "off", "tell_scales": False}, ["network"]),
        ({"adversary": "off"}, ["network", "scales"]),
        ({"tell_scales": False}, ["network", "discriminator"]),
    ],
)
def test_parts_can_be_left_out(settings: dict[str, Any], modules: list[str]) -> None:
    objective = universal(**settings)
    assert list(objective.modules) == list(objective.learning_rates) == modules
    names = [name for update in objective.updates(batch_of()) for name in update.modules]
    assert sorted(names) == sorted(modules)


def test_rates_are_those_of_the_paper() -> None:
    assert universal(lr=1.0).learning_rates == {"network": 1.0, "scales": 0.1, "discriminator": 0.001}


def test_an_evaluation_tells_accuracies_that_a_perfect_discriminator_would_have() -> None:
    objective, batch = universal(), batch_of()

    class Knows(nn.Module):
        def forward(self, features: list[Tensor]) -> Tensor:
            return 2.0 * (batch["modality"] == 1) - 1.0

    objective.modules["discriminator"] = Knows()
    metrics, restored = objective.evaluate(objective.network, batch)
    assert next(iter(metrics)) == "loss"
    assert float(metrics["accuracy_discriminator"]) == 1.0
    assert restored is not None and restored.shape == batch["target"].shape


def test_patches_too_small_to_be_shuffled_are_reported_and_not_warned_of() -> None:
    said: list[str] = []
    for patch in ((16, 16, 16), (32, 16, 16)):
        transform = Parts().make_transform(PretrainConfig.of(**{**SMALL, "patch": patch}), said.append)
        transform(torch.rand(2, 1, *patch), torch.arange(2))
    assert len(said) == 1
    assert said[0].startswith("windows") and "got patches of (16, 16, 16)" in said[0]


def test_frozen_weights_get_no_gradient_and_are_free_again_afterwards() -> None:
    layer, x = nn.Linear(2, 1), torch.ones(1, 2, requires_grad=True)
    layer.bias.requires_grad_(False)
    with frozen(layer):
        layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad is not None and bool(x.grad.any())
    assert layer.weight.requires_grad
    assert not layer.bias.requires_grad


@pytest.mark.parametrize(("method", "patch"), [("rotation", (16, 16, 16)), ("jigsaw", (24, 24, 24))])
def test_what_was_done_to_a_patch_is_classified_by_the_encoder_alone(method: str, patch: tuple[int, int, int]) -> None:
    config = PretrainConfig.of(**{**SMALL, "method": method, "patch": patch, "norm": "batch"})
    objective, transform = Parts().make_objective(config), Parts().make_transform(config)
    ids = torch.arange(4)
    x, label = transform(torch.rand(4, 1, *patch), ids)
    batch = {"input": x, "target": label, "sample_id": ids}
    (update,) = objective.updates(batch)
    assert 0.2 * objective.chance < float(update.metrics["loss"]) < 5 * objective.chance
    assert objective.chance == pytest.approx(math.log(transform.num_classes))
    update.loss.backward()
    got = {name for name, parameter in objective.network.named_parameters() if parameter.grad is not None}
    assert got and all(name.startswith("down_") for name in got)
    metrics, restored = objective.evaluate(objective.network, batch)
    assert float(metrics["loss"].detach()) == pytest.approx(float(update.metrics["loss"]), rel=1e-5)
    assert restored is None


def test_gamma_weighs_the_adversarial_loss_and_rises_as_in_dann() -> None:
    def total(first_id: int = 0, **settings: Any) -> float:
        batch = {**batch_of(), "sample_id": torch.arange(first_id, first_id + 4)}
        update = next(universal(tell_scales=False, beta=1.0, **settings).updates(batch))
        return float(update.loss.detach() - update.metrics["loss"])

    whole = total()
    assert whole > 0.1
    assert total(gamma=3.0) == pytest.approx(3 * whole, rel=1e-5)
    assert total(gamma=0.0) == pytest.approx(0.0, abs=1e-6)
    ramp: dict[str, Any] = {"gamma_ramp": 100, "batch_size": 4}
    assert total(**ramp) == pytest.approx(0.0, abs=1e-6)
    assert total(4 * 20, **ramp) == pytest.approx(whole * (2 / (1 + math.exp(-2)) - 1), rel=1e-4)
    assert total(4 * 1000, gamma=2.0, **ramp) == pytest.approx(2 * whole, rel=1e-3)


def test_gamma_scales_the_reversed_gradient_alone() -> None:
    def gradients(gamma: float) -> list[Tensor]:
        objective = universal(adversary="reversal", beta=1e-9, alpha=0.0, gamma=gamma)
        (update,) = objective.updates(batch_of())
        update.loss.backward()
        parts = objective.network.get_submodule("down_tr64"), objective.modules["discriminator"]
        return [next(part.parameters()).grad for part in parts]  # type: ignore[misc]

    (encoder, own), (weighed, same) = gradients(1.0), gradients(0.25)
    torch.testing.assert_close(weighed, encoder / 4, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(same, own)


def test_the_discriminator_is_as_the_settings_say_and_learns_several_times_a_turn() -> None:
    objective = universal(
        discriminator_steps=3, discriminator_levels=4, discriminator_hidden=5, discriminator_norm_per_conv=True
    )
    turns = [update.modules for update in objective.updates(batch_of())]
    assert turns == [("network", "scales"), *[("discriminator",)] * 3]
    four = objective.modules["discriminator"]
    assert [len(block) for block in four.blocks] == [7] * 4  # two convolutions, norms and ReLUs, and the pooling
    assert four.head.hidden.out_features == 5
    narrow = universal(discriminator_widths=(3, 2), discriminator_skips="after_pooling").modules["discriminator"]
    assert [block[0].out_channels for block in narrow.blocks] == [3, 2]
    usual = universal().modules["discriminator"]
    assert [block[0].out_channels for block in usual.blocks] == [c // 2 for c in usual.feature_channels]
    with pytest.raises(ValueError, match="discriminator_levels must be at most the 4 of the network, got 5"):
        universal(discriminator_levels=5, patch=(32, 32, 32))


def test_scales_count_alike_in_the_loss_however_often_they_are_drawn_and_are_told_from_normed_features() -> None:
    batch = {**batch_of(), "scale": torch.tensor([0, 1, 2, 2])}
    objective = universal(scales_balanced=True, scales_norm=True, adversary="off")
    with torch.no_grad():
        features = objective.network.encode(batch["input"])[-1]
        pooled = features.mean((2, 3, 4))
        scales = objective.modules["scales"]
        normed = (pooled - pooled.mean(0)) / (pooled.var(0, correction=0) + 1e-5).sqrt()
        each = functional.cross_entropy(scales.out(scales.hidden(normed).relu()), batch["scale"], reduction="none")
    expected = (each[0] + each[1] + each[2:].mean()) / 3
    assert float(next(objective.updates(batch)).metrics["loss_scale"]) == pytest.approx(float(expected), rel=1e-4)
