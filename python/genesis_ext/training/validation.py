# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The validation loss beside three answers that need no learning.

* identity: the input as it is;
* constant: the one value that fits all targets best;
* blur: the input smoothed by a Gaussian of 1, 2 or 4 voxels, whichever does best.

A loss means something only against these: on a chest CT most of the loss of the identity is noise painted around small
boxes, and a network that answers every patch with one constant beats it easily.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from genesis_ext.data.loader import Batch
from genesis_ext.training.config import Loss
from genesis_ext.training.objectives import OBJECTIVES, best_constant

BLUR_SIGMAS_VOXELS = (1.0, 2.0, 4.0)
MARGIN = 0.01  # a baseline is beaten by at least 1 %, so that rounding of a constant's loss never counts
_FLAT = 0.05  # outputs that vary less than this share of the targets' variation are called constant


@dataclass(frozen=True)
class Baselines:
    """Losses of the answers that need no learning, on the validation patches."""

    identity: float
    constant: float
    blur: float

    def beaten_by(self, loss: float) -> bool:
        """Whether a loss is at least 1 % below every one of them; False for NaN."""
        return loss < (1.0 - MARGIN) * min(self.identity, self.constant, self.blur)


@dataclass(frozen=True)
class ValidationReport:
    """One validation.

    output_std, target_std: mean over the patches of the standard deviation inside a patch.
    """

    loss: float
    baselines: Baselines
    output_std: float
    target_std: float

    @property
    def works(self) -> bool:
        """Whether training counts as working: the loss beats all three baselines."""
        return self.baselines.beaten_by(self.loss)

    @property
    def collapsed(self) -> bool:
        """Whether the network gives (almost) one constant for each patch."""
        return not self.output_std >= _FLAT * self.target_std

    def __str__(self) -> str:
        b = self.baselines
        verdict = "works" if self.works else "does not beat them all"
        return (
            f"validation loss {self.loss:.5f} (identity {b.identity:.5f}, constant {b.constant:.5f}, "
            f"blur {b.blur:.5f}): {verdict}"
        )


class Validator:
    """Validates a network on the same samples each time.

    samples: batches with "input" and "target", (N, 1, X, Y, Z); iterated over for each validation, and the same each
        time, such as ``FixedSamples``.
    """

    def __init__(self, samples: Iterable[Batch], loss: Loss) -> None:
        self.samples = samples
        self._objective = OBJECTIVES[loss]
        self.baselines = self._measure_baselines(loss)

    @torch.no_grad()
    def __call__(self, network: nn.Module) -> ValidationReport:
        """Validate; the network's mode and statistics stay as they are."""
        rows = []
        for batch in self.samples:
            x, y = batch["input"], batch["target"]
            output = self.restore(network, x)
            rows.append(torch.stack((self._objective(output, y), _std_inside(output), _std_inside(y))))
        loss, output_std, target_std = torch.stack(rows).double().mean(dim=0).tolist()  # waits for the device
        return ValidationReport(loss, self.baselines, output_std, target_std)

    @torch.no_grad()
    def restore(self, network: nn.Module, x: Tensor) -> Tensor:
        """The network's output in evaluation mode, same shape as x."""
        was_training = network.training
        network.eval()
        output: Tensor = network(x)
        network.train(was_training)
        return output

    @torch.no_grad()
    def _measure_baselines(self, loss: Loss) -> Baselines:
        constant = best_constant(torch.cat([batch["target"].flatten() for batch in self.samples]), loss)
        rows = []
        for batch in self.samples:
            x, y = batch["input"], batch["target"]
            answers = [x, constant.expand_as(y), *(gaussian_blur(x, sigma) for sigma in BLUR_SIGMAS_VOXELS)]
            rows.append(torch.stack([self._objective(answer, y) for answer in answers]))
        identity, best, *blurs = torch.stack(rows).double().mean(dim=0).tolist()
        return Baselines(identity, best, min(blurs))


def gaussian_blur(x: Tensor, sigma_voxels: float) -> Tensor:
    """Smooth (N, C, X, Y, Z) by a Gaussian, cut at three sigmas; beyond the edge its last voxel goes on."""
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
