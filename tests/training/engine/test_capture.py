# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from functools import partial
from typing import Any

import pytest
import torch

from genesis_ext.data import GenesisLoader, VolumeStore
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.training import PretrainConfig
from genesis_ext.training.engine.capture import CapturedStep
from genesis_ext.training.engine.processes import make_fabric
from genesis_ext.training.engine.state import TrainingState, make_state
from genesis_ext.training.engine.step import take_step
from genesis_ext.training.pretraining.parts import Parts
from tests.data_layer.images import write_ct, write_mri
from tests.graphs import NoWaiting

pytest.importorskip("lightning_fabric")

SETTINGS: dict[str, Any] = {"patch": (16, 16, 16), "width": 2, "batch_size": 4, "cuda_graph": True, "clip": 1.0}
METHODS: list[dict[str, Any]] = [
    {"lung_content": True},
    {"optimizer": "sgd", "accumulate": 2, "loss": "masked", "warmup": 5, "schedule": "cosine", "steps": 20},
    {"method": "universal", "boxes": "scales"},
    {"method": "universal", "boxes": "scales", "adversary": "reversal", "precision": "bf16", "norm": "instance"},
    {"method": "rotation"},
    {"method": "jigsaw", "patch": (32, 32, 32)},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> VolumeStore:
    folder = tmp_path_factory.mktemp("capture")
    for number in range(2):
        write_ct(folder / f"scans/ct{number}.nii.gz", (40, 36, 36), seed=number)
        write_mri(folder / f"scans/mri{number}.nii.gz", (36, 40, 36), seed=number)
    return prepare_cached(folder / "scans", folder / "cache", lambda text: None)


class Run:
    """A loader and networks, on a device, with optimisers that can be captured."""

    def __init__(self, store: VolumeStore, device: str, **settings: Any) -> None:
        config = PretrainConfig.of(**SETTINGS | settings)
        fabric = make_fabric(device, PretrainConfig.of(precision=config.run.precision).run)
        torch.manual_seed(0)
        self.state: TrainingState = make_state(Parts().make_objective(config), config, fabric)
        self.loader = GenesisLoader(
            store,
            config.optim.batch_size,
            config.data.sampling(),
            Parts().make_transform(config).to(fabric.device),
            device=fabric.device,
            report=lambda text: None,
        )
        self.update = partial(take_step, fabric, self.state, accumulate=config.optim.accumulate, clip=config.optim.clip)
        for module in self.state.objective.modules.values():
            module.train()

    def learn(self, steps: int, captured: bool) -> list[dict[str, float]]:
        """The figures of some steps."""
        step = CapturedStep(self.loader, self.update) if captured else lambda: self.update(next(self.loader))
        figures = []
        for _ in range(steps):
            figures.append({name: float(value) for name, value in step().items()})
            for rates in self.state.rates.values():
                rates.after_step()
        return figures


@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_a_step_is_work_for_the_device_alone(store: VolumeStore, settings: dict[str, Any]) -> None:
    run = Run(store, "cpu", **settings)
    run.learn(1, captured=False)
    step = CapturedStep(run.loader, run.update)
    with NoWaiting():
        step.take()


def test_what_is_captured_learns_from_the_ids_that_the_tensor_holds(store: VolumeStore) -> None:
    one, other = Run(store, "cpu"), Run(store, "cpu")
    expected = one.learn(3, captured=False)
    step = CapturedStep(other.loader, other.update)
    for number in range(3):
        step._ids.copy_(other.loader.ids(number))
        figures = step.take()
        assert {name: float(value) for name, value in figures.items()} == expected[number]


def test_shards_that_rotate_are_refused(store: VolumeStore) -> None:
    loader = GenesisLoader(store, 4, placement="disk", budget=2**18, report=lambda text: None)
    with loader, pytest.raises(ValueError, match="all of whose volumes lie on the device"):
        CapturedStep(loader, lambda batch: {})


@pytest.mark.cuda
@pytest.mark.parametrize("settings", METHODS, ids=str)
def test_a_captured_run_is_the_run_without_capture(store: VolumeStore, settings: dict[str, Any]) -> None:
    one, other = Run(store, "cuda", **settings), Run(store, "cuda", **settings)
    expected, figures = one.learn(12, captured=False), other.learn(12, captured=True)
    assert one.loader.step == other.loader.step == 12
    for a, b in zip(expected, figures, strict=True):
        assert b == pytest.approx(a, rel=1e-2)  # cuDNN may add up in another order, and steps carry it on
