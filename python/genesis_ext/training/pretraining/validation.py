# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Validation beside answers that need no learning.

For a restoration three of them:

* identity: the input as it is;
* constant: the one value that fits all targets best;
* blur: the input smoothed by a Gaussian of 1, 2 or 4 voxels, whichever does best.

A loss means something only against these: on a chest CT most of the loss of the identity is noise painted around small
boxes, and a network that answers every patch with one constant beats it easily. For a classification: chance.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.training.engine.objective import Objective
from genesis_ext.training.pretraining.config import Loss
from genesis_ext.training.pretraining.losses import LOSSES, best_constant

BLUR_SIGMAS_VOXELS = (1.0, 2.0, 4.0)
MARGIN = 0.01  # a baseline is beaten by at least 1 %, so that rounding of a constant's loss never counts
_FLAT = 0.05  # outputs that vary less than this share of the targets' variation are called constant

Sum = Callable[[Tensor], Tensor]
"""Adds a tensor up over all processes."""


@dataclass(frozen=True)
class ValidationReport:
    """One validation.

    Attributes:
        figures: "loss", and what else the objective judges by.
        baselines: losses of the answers that need no learning, by name.
        output_std, target_std: of a restoration, mean over the patches of the standard deviation inside a patch.
    """

    figures: dict[str, float]
    baselines: dict[str, float] = field(default_factory=dict)
    output_std: float = 1.0
    target_std: float = 1.0

    @property
    def loss(self) -> float:
        """What schedules and the early stop go by."""
        return self.figures["loss"]

    @property
    def works(self) -> bool:
        """Whether training counts as working: the loss is at least 1 % below all baselines; False for NaN."""
        return self.loss < (1.0 - MARGIN) * min(self.baselines.values())

    @property
    def collapsed(self) -> bool:
        """Whether a restoration is (almost) one constant for each patch."""
        return not self.output_std >= _FLAT * self.target_std

    def __str__(self) -> str:
        beside = ", ".join(f"{name} {value:.5f}" for name, value in self.baselines.items())
        verdict = "works" if self.works else "does not beat them all" if len(self.baselines) > 1 else "does not beat it"
        further = "".join(f", {name} {value:.4f}" for name, value in self.figures.items() if name != "loss")
        return f"validation loss {self.loss:.5f} ({beside}){further}: {verdict}"


class Validator:
    """Validates a network on the same samples each time.

    Args:
        samples: batches, such as ``FixedSamples``; the same each time they are iterated over.
        objective: whose figures count.
        loss: of a restoration, for its baselines.
        rank, world_size: which of the batches this process takes.
        add_up: adds up over the processes; every process then has the same report.
    """

    def __init__(
        self,
        samples: Sequence[Batch],
        objective: Objective,
        loss: Loss,
        rank: int = 0,
        world_size: int = 1,
        add_up: Sum = lambda tensor: tensor,
    ) -> None:
        self.samples = samples
        self._objective = objective
        self._rank, self._world_size, self._add_up = rank, world_size, add_up
        self.baselines = self._measure_baselines(loss)

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> ValidationReport:
        """Validate; the modes of all networks stay as they are."""
        names: list[str] = []

        def judge(batch: Batch) -> Tensor:
            figures, restored = self._objective.judge(network, batch)
            names[:] = figures
            values = list(figures.values())
            if restored is not None:
                values += [_std_inside(restored), _std_inside(batch["target"])]
            return torch.stack([value.double() for value in values])

        with self._evaluating(network):
            means = self._mean(judge)
        return ValidationReport(dict(zip(names, means, strict=False)), self.baselines, *means[len(names) :])

    @torch.no_grad()
    def try_out(self, network: nn.Module) -> None:
        """Judge one batch in vain, so that what cannot work fails now."""
        with self._evaluating(network):
            self._objective.judge(network, self.samples[0])

    @contextmanager
    def _evaluating(self, network: nn.Module) -> Iterator[None]:
        """All networks in evaluation mode, and afterwards as they were."""
        networks = [network, *self._objective.modules.values()]
        modes = [(module, module.training) for part in networks for module in part.modules()]
        for part in networks:
            part.eval()
        try:
            yield
        finally:
            for module, mode in modes:
                module.training = mode

    @torch.no_grad()
    def restore(self, network: nn.Module, x: Tensor) -> Tensor:
        """The network's output in evaluation mode, same shape as x."""
        was_training = network.training
        network.eval()
        output: Tensor = network(x)
        network.train(was_training)
        return output

    @torch.no_grad()
    def _measure_baselines(self, loss: Loss) -> dict[str, float]:
        if not self._objective.restores:
            return {"chance": self._objective.chance}
        constant = best_constant(torch.cat([batch["target"].flatten() for batch in self.samples]), loss)

        def answer(batch: Batch) -> Tensor:
            x, y = batch["input"], batch["target"]
            answers = [x, constant.expand_as(y), *(gaussian_blur(x, sigma) for sigma in BLUR_SIGMAS_VOXELS)]
            return torch.stack([LOSSES[loss](given, x, y).double() for given in answers])

        identity, best, *blurs = self._mean(answer)
        return {"identity": identity, "constant": best, "blur": min(blurs)}

    def _mean(self, row_of: Callable[[Batch], Tensor]) -> list[float]:
        """Mean over the batches of a row of figures; each process works out its own rows, and all get the same mean."""
        rows: Tensor | None = None
        for number, batch in enumerate(self.samples):
            if rows is None or number % self._world_size == self._rank:
                row = row_of(batch)
                rows = row.new_zeros(len(self.samples), len(row)) if rows is None else rows
                if number % self._world_size == self._rank:
                    rows[number] = row
        assert rows is not None, "there are samples to validate on"
        return [float(value) for value in self._add_up(rows).mean(dim=0)]  # waits for the device


def gaussian_blur(x: Tensor, sigma_voxels: float) -> Tensor:
    """Smooth (N, C, X, Y[, Z]) by a Gaussian, cut at three sigmas; beyond the edge its last voxel goes on."""
    if x.ndim == 4:
        return gaussian_blur(x[..., None], sigma_voxels)[..., 0]
    radius = round(3 * sigma_voxels)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64, device=x.device)
    kernel = torch.exp(-0.5 * (at / sigma_voxels) ** 2)
    kernel = (kernel / kernel.sum()).to(x.dtype)
    n, c = x.shape[:2]
    for axis in range(3):
        shape, padding = [1, 1, 1], [0] * 6
        shape[axis] = len(kernel)
        padding[4 - 2 * axis] = padding[5 - 2 * axis] = radius  # functional.pad counts from the last axis
        padded = functional.pad(x.reshape(n * c, 1, *x.shape[2:]), padding, mode="replicate")
        x = functional.conv3d(padded, kernel.view(1, 1, *shape)).view(n, c, *x.shape[2:])
    return x


def _std_inside(x: Tensor) -> Tensor:
    return x.float().flatten(1).std(dim=1).mean()
