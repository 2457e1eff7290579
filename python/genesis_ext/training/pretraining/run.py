# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A pre-training run."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.sampling.split import Region
from genesis_ext.figures import RestorationGrid
from genesis_ext.models import ModelRecord
from genesis_ext.models.record import trained_parts
from genesis_ext.training.engine.processes import add_up
from genesis_ext.training.engine.run import (
    Client,
    Report,
    RunResult,
    Start,
    carry_out,
    loading,
    parameters_of,
    validation_batch,
)
from genesis_ext.training.engine.run_data import RunData
from genesis_ext.training.engine.run_folder import Stored
from genesis_ext.training.engine.state import TrainingState
from genesis_ext.training.pretraining.config import PretrainConfig
from genesis_ext.training.pretraining.data import choose_regions, weights_of
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.method import Finished, PretextObjective, SampleTransform
from genesis_ext.training.pretraining.parts import MakeObjective, Parts
from genesis_ext.training.pretraining.validation import Validator
from genesis_ext.training.report import write_report
from genesis_ext.transforms import GenesisTransform

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def pretrain(
    config: PretrainConfig,
    data: str | PathLike[str],
    out: str | PathLike[str],
    validation_data: str | PathLike[str] | None = None,
    cache: str | PathLike[str] | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    fall_back: bool = False,
    overwrite: bool = False,
    time_limit_s: float = math.inf,
    report: Callable[[str], object] = print,
    *,
    network: nn.Module | None = None,
    transform: SampleTransform | None = None,
    objective: MakeObjective | None = None,
) -> RunResult:
    """Train a network on sub-volumes that the project's operators make; under `torchrun`, one process of several.

    data: a store, or a file or folder of scans, which are prepared into a store of a cache.
    validation_data: the same, for validation alone; None splits `data` by ``config.data.split``.
    cache: folder for the stores of scans (default: that of ``prepare_cached``).
    out: folder of the run, made if needed.
    device: "auto" is CUDA where there is one, else the CPU.
    resume: continue from out/last.pt, or start (reported) where nothing was saved.
    fall_back: continue from out/previous.pt if last.pt is damaged or missing.
    overwrite: clear a run that `out` already holds; with neither, such a folder is refused.
    time_limit_s: stop after the step in which this time has passed since the call, preparation included. At least one
        step is taken, so a run that is resumed again and again makes progress.
    network: your own, instead of the config's; trained in place. It must be ``UNetLike`` unless the method is genesis
        or the objective is your own.
    transform: your own: (patches (N, 1, X, Y[, Z]), sample ids (N,)) to input and target. A module is moved to the
        device.
    objective: your own: (network, config) to a ``PretextObjective``, such as a class. A run that is resumed must be
        given objects of the same kind again; docs/extending.md has an example.

    While it runs, no other process can train in `out`, and SIGTERM and Ctrl-C end it after a step, with a checkpoint.

    Raises:
        ValueError: data, config, folder, processes or checkpoint do not fit; ``StoreError``, ``PlacementError`` and
            others of the data layer are kinds of it.
        TypeError: network, transform or objective is something else.
        TrainingDivergedError: the loss is not finite, or gradients explode.
        MemoryError: the device's memory does not hold a step; the text says what to lower.
    """
    parts = Parts(network, transform, objective)
    start = Start(
        data, out, validation_data, cache, device, resume, fall_back, overwrite, time_limit_s, report
    )  # fmt: skip
    return carry_out(_Pretraining(config, parts), start)


class _Pretraining(Client[RunData, PretextObjective]):
    """What is learnt without labels."""

    settings: PretrainConfig

    def __init__(self, config: PretrainConfig, parts: Parts) -> None:
        self.settings, self.objects, self._parts = config, parts.described(), parts
        self._transform: SampleTransform | None = None

    def choose(self, data: RunData, report: Report) -> RunData:
        needs = self._parts.needs(self.settings)
        trains, validates = choose_regions(self.settings, needs, data.store, data.other, report)
        return replace(data, trains=trains, validates=validates)

    def options(self, data: RunData) -> PretrainConfig:
        """An epoch has so many patches of each training volume, as many whole batches as they fill."""
        config, each = self.settings, self.settings.data.patches_a_volume
        if not each:
            return config
        return config.but(validate_every=max(1, each * _volumes(data.trains) // config.optim.batch_size))

    def make_objective(
        self, fabric: "Fabric", data: RunData, stored: Stored | None, report: Report
    ) -> PretextObjective:
        return self._parts.make_objective(self.settings)

    def describe(self, data: RunData, network: nn.Module) -> ModelRecord:
        config, objects = self.settings, self.objects
        patch = config.data.patch_shape
        trained, untrained = trained_parts(network)
        return ModelRecord(
            network=None if "network" in objects else config.network.spec(len(patch)),
            trained=trained,
            untrained=untrained,
            method=objects.get("objective", config.method.method),
            **data.facts(patch),
        )

    def make_loader(self, fabric: "Fabric", data: RunData, step: int, report: Report) -> GenesisLoader:
        config = self.settings
        transform = self._parts.make_transform(config, report)
        self._transform = transform.to(fabric.device) if isinstance(transform, nn.Module) else transform
        return GenesisLoader(
            data.store,
            config.optim.batch_size,
            config.data.sampling(),
            self._transform,
            regions=data.trains,
            weights=weights_of(config, data.store),
            **loading(fabric, config, step, report),
        )

    def make_evaluator(self, fabric: "Fabric", data: RunData, objective: PretextObjective, report: Report) -> Validator:
        config, transform = self.settings, self._transform
        each = config.data.patches_a_volume
        samples = FixedSamples(
            data.validation_store,
            data.validates,
            each * _volumes(data.validates) or config.run.validation_patches,
            validation_batch(config),
            config.data.sampling(),
            transform,
            weights=None if each else weights_of(config, data.validation_store),
            seed=config.run.seed,
            device=fabric.device,
            report=report,
            evenly=bool(each),
        )
        grid = None
        if fabric.is_global_zero and objective.restores and isinstance(transform, GenesisTransform):
            first = islice(samples, -(-config.run.validation_patches // samples.batch_size))
            grid = RestorationGrid(torch.cat([batch["target"] for batch in first]), transform)
        ranks = fabric.global_rank, fabric.world_size
        return Validator(samples, objective, config.method.loss, *ranks, partial(add_up, fabric), grid)

    def summary(self, data: RunData, objective: PretextObjective) -> str:
        boxes = "x".join(map(str, self.settings.data.patch))
        told = f"{parameters_of(objective.network)}, boxes of {boxes}, {len(data.validates)} regions validate"
        if each := self.settings.data.patches_a_volume:
            steps = self.options(data).run.validate_every
            told += f"; an epoch is {steps} steps, {each} patches of each of {_volumes(data.trains)} volumes"
        return told

    def conclude(self, fabric: "Fabric", data: RunData, state: TrainingState) -> str | None:
        """The last word of the method, if what is learnt is its own."""
        config = self.settings
        if self._parts.objective is not None:
            return None
        finished = Finished(
            state.evaluated,
            (data.store, data.trains),
            (data.validation_store, data.validates),
            config.data.sampling(),
            validation_batch(config),
            config.run.seed,
            fabric.device,
        )
        return METHODS[config.method.method].conclude(finished)

    def write_report(self, folder: Path) -> Path:
        return write_report(folder)


def _volumes(regions: Sequence[Region]) -> int:
    """How many volumes they lie in."""
    return len({region.volume for region in regions})
