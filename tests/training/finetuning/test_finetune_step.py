# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Single steps: nothing waits for the device, and learning rates by layers."""

from functools import partial
from typing import Any

import pytest
import torch

from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.models import ClassificationHead, EncoderClassifier, UNet2D, UNet3D
from genesis_ext.training import FinetuneConfig
from genesis_ext.training.engine.capture import CapturedStep
from genesis_ext.training.engine.processes import make_fabric
from genesis_ext.training.engine.run_data import RunData
from genesis_ext.training.engine.state import make_state
from genesis_ext.training.engine.step import take_step
from genesis_ext.training.finetuning.criterion import Sharing
from genesis_ext.training.finetuning.data import choose_sides
from genesis_ext.training.finetuning.groups import StartConfig
from genesis_ext.training.finetuning.samples import make_loader
from genesis_ext.training.finetuning.start import groups_of
from genesis_ext.training.finetuning.tasks import TASKS
from tests.graphs import NoWaiting
from tests.training.finetuning.phantoms import CONFIG, quiet, write_phantoms

pytest.importorskip("lightning_fabric")

# Labels that are augmented on a CPU are looked at there: so they are not here.
KINDS: list[dict[str, Any]] = [
    {"loss": "dice-ce", "class_weights": (0.5, 1.0), "layer_decay": 0.5, "augment": "none"},
    {"loss": "focal", "exclusive": False, "precision": "bf16", "patch": (24, 24, 24), "augment": "none"},
    {"task": "classification", "augment": "universal-model"},
    {"task": "classification", "exclusive": False, "augment": "none"},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> VolumeStore:
    return write_phantoms(tmp_path_factory.mktemp("steps") / "store")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("settings", KINDS, ids=str)
def test_a_step_is_work_for_the_device_alone(store: VolumeStore, settings: dict[str, Any], device: str) -> None:
    config = CONFIG.but(cuda_graph=True, clip=1.0, **settings)
    fabric = make_fabric(device, FinetuneConfig.of(precision=config.run.precision).run)
    data, task = choose_sides(config, RunData(store), quiet), TASKS[config.task.task]
    spec = config.network.spec(3)
    network = task.head(
        config, UNet3D(num_classes=task.outputs(data.answer), activation=None, **spec.arguments), data.answer
    )
    objective = task.objective(config, network, data.answer, Sharing(lambda own: own, 1), fabric.device)
    state = make_state(objective, config, fabric, groups_of=partial(groups_of, start=config.start))
    with make_loader(fabric, config, data, None, 0, quiet) as loader:
        update = partial(take_step, fabric, state, accumulate=1, clip=1.0)
        update(next(loader))
        step = CapturedStep(loader, update)
        if device == "cpu":
            with NoWaiting():
                step.take()
            return
        losses = [float(step()["loss"]) for _ in range(12)]
        assert all(torch.isfinite(torch.tensor(losses)))
        assert losses[-1] < losses[0]


def test_layers_learn_the_slower_the_earlier_they_are() -> None:
    network = UNet3D(width=2, num_classes=2)
    groups = groups_of(network, StartConfig(layer_decay=0.5))
    assert groups is not None
    names = {id(value): name.partition(".")[0] for name, value in network.named_parameters()}
    order = [{names[id(value)] for value in group.parameters} for group in groups]
    assert [min(of) for of in order] == [
        "out_tr", "up_tr64", "up_tr128", "up_tr256", "down_tr512", "down_tr256", "down_tr128", "down_tr64",
    ]  # fmt: skip
    assert [group.factor for group in groups] == [0.5**depth for depth in range(8)]
    assert sum(len(group.parameters) for group in groups) == len(list(network.parameters()))
    assert groups_of(network, StartConfig()) is None


@pytest.mark.parametrize("kind", [UNet3D, UNet2D])
def test_staged_every_layer_of_the_encoder_and_no_other_waits(kind: Any) -> None:
    unet = kind(width=4)
    for network in (unet, EncoderClassifier(unet, ClassificationHead(unet.feature_channels[-1], 2, 4))):
        groups = groups_of(network, StartConfig(train="staged", frozen_steps=7))
        assert groups is not None
        waits = {id(value) for group in groups if group.frozen_steps == group.warmup == 7 for value in group.parameters}
        others = {id(value) for value in unet.decoder_parameters()}
        assert waits == {id(value) for value in unet.parameters()} - others
        assert {id(value) for group in groups for value in group.parameters} == {id(v) for v in network.parameters()}
