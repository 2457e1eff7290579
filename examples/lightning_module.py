# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-train a 3D U-Net with Lightning: patches of your own, distorted on the device in `on_after_batch_transfer`.

Change: `Patches` for your own dataset (it gives a patch in [0, 1] and its index), `GenesisTransform` for other
distortions, and the arguments of `Trainer`. Its validation patches are other places of the same scans: give it scans of
other patients. `genesis_ext.models.load_weights` reads the checkpoint. Needs `pip install lightning`.
"""

from pathlib import Path

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from genesis_ext import GenesisTransform
from genesis_ext.data import read_volume
from genesis_ext.data.loader import FIRST_VALIDATION_ID
from genesis_ext.models import UNet3D
from options import nifti_files, parse


class Patches(Dataset[tuple[Tensor, int]]):
    """Patches of scans that are kept in memory; seed and index of a patch decide its place.

    Item: (1, X, Y, Z) float32 in [0, 1], and the index.
    """

    def __init__(self, files: list[Path], shape: list[int], count: int, seed: int) -> None:
        self.volumes = [self._load(file, shape) for file in files]
        self.shape, self.count, self.seed = shape, count, seed

    @staticmethod
    def _load(file: Path, shape: list[int]) -> Tensor:
        voxels = read_volume(file).voxels.numpy()
        lo, hi = np.percentile(voxels, (0.5, 99.5))
        scaled = torch.from_numpy(((voxels - lo) / max(hi - lo, 1e-6)).clip(0, 1).astype(np.float32))
        missing = [max(want - side, 0) for want, side in zip(shape, scaled.shape, strict=True)]
        return functional.pad(scaled, (0, missing[2], 0, missing[1], 0, missing[0]))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        volume = self.volumes[index % len(self.volumes)]
        places = np.random.default_rng((self.seed, index))
        for axis, size in enumerate(self.shape):
            volume = volume.narrow(axis, int(places.integers(volume.shape[axis] - size + 1)), size)
        return volume[None], index


class Restoration(lightning.LightningModule):
    """A network that learns to restore what `GenesisTransform` distorts."""

    def __init__(self, width: int, samples_an_epoch: int) -> None:
        super().__init__()
        self.backbone = UNet3D(width=width)
        self.transform = GenesisTransform(profile="head", seed=0)
        self.samples_an_epoch = samples_an_epoch

    def on_after_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """(N, 1, X, Y, Z) patches and (N,) indices, both on the device -> input and target."""
        patches, index = batch
        # An id of its own for every sample of the run, on any rank; those of validation are the same in each epoch.
        first = self.current_epoch * self.samples_an_epoch if self.trainer.training else FIRST_VALIDATION_ID
        return self.transform(patches, first + index)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        distorted, target = batch
        return functional.mse_loss(self.backbone(distorted), target)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self.log("loss", self.training_step(batch, batch_idx))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main() -> None:
    """Train, and tell the loss on the validation patches before and after."""
    args = parse(__doc__, "lightning_module")
    lightning.seed_everything(0)
    files = nifti_files(args.data)
    patches = Patches(files, args.patch, count=16 * args.batch_size, seed=0)
    training = DataLoader(patches, args.batch_size, shuffle=True)
    validation = DataLoader(Patches(files, args.patch, count=2 * args.batch_size, seed=1), args.batch_size)
    module = Restoration(args.width, len(patches))
    trainer = lightning.Trainer(
        max_steps=args.steps,
        precision="bf16-mixed" if torch.cuda.is_available() else "32-true",
        default_root_dir=args.out,
        logger=False,
        enable_checkpointing=False,
    )
    (before,) = trainer.validate(module, validation, verbose=False)
    trainer.fit(module, training, validation)
    (after,) = trainer.validate(module, validation, verbose=False)
    print(f"loss before {before['loss']:.4f}, after {after['loss']:.4f}")
    trainer.save_checkpoint(args.out / "weights.ckpt", weights_only=True)
    print(f"weights: {args.out / 'weights.ckpt'}")


if __name__ == "__main__":
    main()
