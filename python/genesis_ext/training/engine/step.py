# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One training step: the updates of the objective on the parts of a batch. Learning rates are left to the loop."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from genesis_ext.training.engine.objective import Batch, Metrics
from genesis_ext.training.engine.state import TrainingState

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule


def take_step(fabric: "Fabric", state: TrainingState, batch: Batch, accumulate: int, clip: float) -> Metrics:
    """Make every update of a step; returns the metrics to log, means over the parts of the batch.

    accumulate: parts into which the batch is cut.   clip: largest norm of the gradients of each network; 0: any.
    """
    objective = state.objective
    parts = split_batch(batch, accumulate)
    shares = [len(part["input"]) / len(batch["input"]) for part in parts]
    running = [objective.updates(part) for part in parts]
    metrics: Metrics = {}
    while True:
        names: tuple[str, ...] = ()
        for number, updates in enumerate(running):
            with ExitStack() as unsynchronised:
                if number + 1 < len(running):  # processes exchange gradients once an update
                    for module in objective.modules.values():
                        unsynchronised.enter_context(fabric.no_backward_sync(cast("_FabricModule", module)))
                with fabric.autocast():
                    update = next(updates, None)
                if update is None:
                    return metrics
                if number == 0:
                    names = update.modules
                    for name in names:
                        state.optimizers[name].zero_grad()
                fabric.backward(update.loss * shares[number])
            for name, value in update.metrics.items():
                share = value.detach() * shares[number]
                metrics[name] = metrics[name] + share if number else share
        for name in names:
            state.rates[name].drop_frozen(state.progress.step)
        if clip:
            for name in names:
                module, optimizer = objective.modules[name], state.optimizers[name]
                norm = fabric.clip_gradients(module, optimizer, max_norm=clip, error_if_nonfinite=False)
                if name == "network" and norm is not None:
                    metrics["gradient_norm"] = norm
        with ExitStack() as stack:
            for name in names:
                stack.enter_context(state.rates[name].in_force(state.progress.step))
            _update([state.optimizers[name] for name in names], state)


def _update(optimizers: Sequence[torch.optim.Optimizer], state: TrainingState) -> None:
    """Let optimisers change their weights; in fp16 all under one scale of the loss, which changes after the last."""
    scaler = getattr(state.precision, "scaler", None)
    if scaler is None:
        for optimizer in optimizers:
            optimizer.step()
        return
    for optimizer in optimizers:
        scaler.step(getattr(optimizer, "optimizer", optimizer))  # Fabric's own step would change the scale each time
    scaler.update()


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """The batch in parts of nearly one size, in order."""
    if parts == 1:
        return [batch]
    pieces = {name: tensor.tensor_split(parts) for name, tensor in batch.items()}
    return [{name: pieces[name][part] for name in batch} for part in range(parts)]


def gradient_norm(state: TrainingState) -> Tensor:
    """Of the network's gradients of the last step, as they are after clipping. A scalar."""
    gradients = [p.grad for p in state.objective.modules["network"].parameters() if p.grad is not None]
    norm: Tensor = torch.nn.utils.get_total_norm(gradients)
    return norm
