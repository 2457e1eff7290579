# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-train MONAI's UNet in a MONAI loop: MONAI reads, scales and crops, `GenesisTransform` distorts on the device.

Change: the transforms for your data (CT: ScaleIntensityRanged with its window), `Dataset` for `CacheDataset` or
`PersistentDataset`, workers of `DataLoader`, and `network`: any that gives as many voxels as it gets, such as
`genesis_ext.models.UNet3D`. Needs `pip install monai`.
"""

from itertools import chain, islice, repeat

import torch
from monai.data import DataLoader, Dataset
from monai.networks.nets import UNet
from monai.transforms import (
    Compose,
    EnsureTyped,
    LoadImaged,
    Orientationd,
    RandSpatialCropSamplesd,
    ScaleIntensityRangePercentilesd,
    SpatialPadd,
)
from monai.utils import first, set_determinism
from torch.nn import functional

from genesis_ext import GenesisTransform
from genesis_ext.data.loader import FIRST_VALIDATION_ID
from options import RANK, nifti_files, parse, sample_ids


def main() -> None:
    """Train, and tell the loss on one fixed batch before and after."""
    args = parse(__doc__, "monai_loop")
    set_determinism(seed=RANK)  # each process crops elsewhere
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    crops_a_scan = -(-args.batch_size // 2)
    read_and_crop = Compose(
        [
            LoadImaged("image", ensure_channel_first=True),
            Orientationd("image", axcodes="RAS", labels=None),
            ScaleIntensityRangePercentilesd("image", lower=0.5, upper=99.5, b_min=0.0, b_max=1.0, clip=True),
            SpatialPadd("image", args.patch),
            RandSpatialCropSamplesd("image", args.patch, num_samples=crops_a_scan, random_size=False),
            EnsureTyped("image", dtype=torch.float32, track_meta=False),
        ]
    )
    scans = [{"image": file} for file in nifti_files(args.data)]
    loader = DataLoader(Dataset(scans, read_and_crop), batch_size=2, shuffle=True)

    transform = GenesisTransform(profile="head", seed=0)
    width = args.width
    network = UNet(3, 1, 1, channels=(width, 2 * width, 4 * width, 8 * width), strides=(2, 2, 2), num_res_units=2)
    network = network.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def loss_of(patches: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Of patches (N, 1, X, Y, Z) in [0, 1] that are distorted as their ids (N,) say."""
        distorted, target = transform(patches.to(device), ids)
        return functional.mse_loss(network(distorted).sigmoid(), target)

    fixed = first(loader)["image"]
    fixed_ids = FIRST_VALIDATION_ID + torch.arange(len(fixed), device=device)

    @torch.no_grad()
    def validation_loss() -> float:
        network.eval()
        return loss_of(fixed, fixed_ids).item()

    before = validation_loss()
    network.train()
    for step, batch in enumerate(islice(chain.from_iterable(repeat(loader)), args.steps)):
        optimizer.zero_grad()
        patches = batch["image"]
        loss_of(patches, sample_ids(step, len(patches), 2 * crops_a_scan, device)).backward()
        optimizer.step()
    print(f"loss before {before:.4f}, after {validation_loss():.4f}")
    torch.save(network.state_dict(), args.out / "weights.pt")
    print(f"weights: {args.out / 'weights.pt'}")


if __name__ == "__main__":
    main()
