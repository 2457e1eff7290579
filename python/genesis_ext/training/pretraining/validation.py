# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Validation beside baselines, answers that need no learning.

For a restoration:

* identity: the input as it is;
* constant: the one value that fits all targets best;
* blur: the input smoothed by a Gaussian of 1, 2 or 4 voxels, whichever does best.

A loss means something only beside these: on a chest CT most of the identity's loss is noise painted around small boxes,
and a network that answers every patch with one constant beats it easily. For a classification: chance.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from genesis_ext.evaluation.restoration import BLUR_SIGMAS_VOXELS, gaussian_blur
from genesis_ext.figures import RestorationGrid, save_picture, save_restorations
from genesis_ext.training.engine.objective import Batch
from genesis_ext.training.engine.run_folder import RunFolder
from genesis_ext.training.engine.run_log import Log
from genesis_ext.training.engine.validation import Batches, SharedBatches, ValidationReport, evaluating
from genesis_ext.training.pretraining.losses import LOSSES, Loss, best_constant
from genesis_ext.training.pretraining.methods.method import PretextObjective


class Validator:
    """Validates a network on the same samples each time.

    Args:
        samples: batches, such as ``FixedSamples``; the same each time they are iterated over.
        objective: whose metrics count.
        loss: of a restoration, for its baselines.
        rank, world_size: which of the batches this process takes.
        add_up: adds up over the processes; every process then has the same report.
        grid: patches that are drawn under every combination of transformations, too.
    """

    def __init__(
        self,
        samples: Batches,
        objective: PretextObjective,
        loss: Loss,
        rank: int = 0,
        world_size: int = 1,
        add_up: Callable[[Tensor], Tensor] = lambda tensor: tensor,
        grid: RestorationGrid | None = None,
    ) -> None:
        self.samples = samples
        self._objective, self._grid = objective, grid
        self._shared = SharedBatches(samples, rank, world_size, add_up)
        self.baselines = self._measure_baselines(loss)

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> ValidationReport:
        """Validate; the modes of all networks stay as they are."""
        names: list[str] = []

        def evaluate(batch: Batch) -> Tensor:
            metrics, restored = self._objective.evaluate(network, batch)
            names[:] = metrics
            values = list(metrics.values())
            if restored is not None:
                values += [_std_inside(restored), _std_inside(batch["target"])]
            return torch.stack([value.double() for value in values])

        with evaluating([network, *self._objective.modules.values()]):
            means = self._mean(evaluate)
        return ValidationReport(dict(zip(names, means, strict=False)), self.baselines, *means[len(names) :])

    @torch.no_grad()
    def try_out(self, network: nn.Module) -> None:
        """Evaluate one batch and drop the result, so that what cannot work fails now."""
        with evaluating([network, *self._objective.modules.values()]):
            self._objective.evaluate(network, next(iter(self.samples)))

    @torch.no_grad()
    def restore(self, network: nn.Module, x: Tensor) -> Tensor:
        """The network's output in evaluation mode, same shape as x."""
        with evaluating([network]):
            output: Tensor = network(x)
        return output

    def draw(self, network: nn.Module, step: int, folder: RunFolder, log: Log) -> None:
        """Pictures of restorations: the first samples, and the grid."""
        if not self._objective.restores:
            return
        batch, restore = next(iter(self.samples)), partial(self.restore, network)
        x = batch["input"]
        save_restorations(folder.picture("step", step), x, restore(x), batch["target"], step)
        if self._grid is not None:
            image = self._grid.draw(restore, step)
            save_picture(folder.picture("combinations", step), image)
            log.picture("combinations", step, image)

    @torch.no_grad()
    def _measure_baselines(self, loss: Loss) -> dict[str, float]:
        if not self._objective.restores:
            return {"chance": self._objective.chance}
        constant = best_constant((batch["target"] for batch in self.samples), loss)

        def answer(batch: Batch) -> Tensor:
            x, y = batch["input"], batch["target"]
            answers = [x, constant.expand_as(y), *(gaussian_blur(x, sigma) for sigma in BLUR_SIGMAS_VOXELS)]
            return torch.stack([LOSSES[loss](given, x, y).double() for given in answers])

        identity, best, *blurs = self._mean(answer)
        return {"identity": identity, "constant": best, "blur": min(blurs)}

    def _mean(self, row_of: Callable[[Batch], Tensor]) -> list[float]:
        """Mean over the batches of a row of numbers."""
        return [float(value) for value in self._shared.rows(row_of).mean(dim=0)]  # waits for the device


def _std_inside(x: Tensor) -> Tensor:
    return x.float().flatten(1).std(dim=1).mean()
