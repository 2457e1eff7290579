# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""All that changes while a run trains: networks, optimisers, learning rates and progress."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from genesis_ext.training.engine.framework_faults import lay_out
from genesis_ext.training.engine.objective import Objective
from genesis_ext.training.engine.optimizers import LearningRates, ParameterGroup, make_optimizer
from genesis_ext.training.engine.options import Options, RunConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.plugins import Precision


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: training steps done.
        best_loss: the lowest validation loss so far.
        stale_validations: validations since then.
        rollbacks: how often the run went back to a checkpoint.
    """

    step: int = 0
    best_loss: float = math.inf
    stale_validations: int = 0
    rollbacks: int = 0

    def note_validation(self, loss: float) -> None:
        """Compare with the best so far; NaN is never better."""
        better = loss < self.best_loss
        self.best_loss = loss if better else self.best_loss
        self.stale_validations = 0 if better else self.stale_validations + 1

    def finished(self, run: RunConfig) -> bool:
        """Whether all steps are done, or validation has not improved for long."""
        return self.step >= run.steps or self.stale_validations >= run.early_stop


@dataclass
class TrainingState:
    """All that changes while a run trains.

    Attributes:
        objective: with the networks.
        optimizers, rates: of each of the objective's modules, by name.
        progress: how far it is.
        ema: the moving average of the weights, or None.
        precision: scales the loss in fp16.
    """

    objective: Objective
    optimizers: dict[str, torch.optim.Optimizer]
    rates: dict[str, LearningRates]
    progress: Progress
    ema: AveragedModel | None = None
    precision: "Precision | None" = None

    @property
    def learning_rate(self) -> float:
        """Of the network, at the next step."""
        return self.rates["network"].now

    @property
    def evaluated(self) -> nn.Module:
        """The network that validates and is kept as the best."""
        return self.objective.network if self.ema is None else self.ema.module


def make_state(
    objective: Objective,
    options: Options,
    fabric: "Fabric",
    sync_batch_norm: bool = False,
    groups_of: Callable[[nn.Module], Sequence[ParameterGroup] | None] = lambda module: None,
) -> TrainingState:
    """Put the networks on the device, and give each its optimiser and learning rates.

    sync_batch_norm: normalise over the batches of all processes.
    groups_of: of the parameters of the module "network", where not all have one learning rate.
    """
    optimizers: dict[str, Any] = {}
    rates: dict[str, LearningRates] = {}
    for name, module in objective.modules.items():
        if sync_batch_norm:
            module = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        lay_out(module, fabric.device)
        if options.run.compile:
            module.compile()
        captured_on = fabric.device if options.run.cuda_graph else None
        groups = groups_of(module) if name == "network" else None
        optimizer = make_optimizer(module, objective.learning_rates[name], options.optim, captured_on, groups)
        rates[name] = LearningRates(optimizer, options.optim, options.run, groups)
        objective.modules[name], optimizers[name] = fabric.setup(module, optimizer)
    ema = None
    if options.optim.ema:
        ema = AveragedModel(objective.network, multi_avg_fn=get_ema_multi_avg_fn(options.optim.ema), use_buffers=True)
    return TrainingState(objective, optimizers, rates, Progress(), ema, fabric.strategy.precision)
