# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Pre-train a 3D U-Net in a plain PyTorch loop: scans to a store, batches made on the device, bfloat16 on CUDA.

Change: `Sampling` for other sub-volumes, `GenesisTransform` for other distortions, and `network` for one of your own.
The released network is --patch 64 64 32 --width 32. `genesis_ext.models.load_weights` reads the weights.
"""

from itertools import islice

import torch
from torch.nn import functional

from genesis_ext import GenesisTransform
from genesis_ext.data import FixedSamples, GenesisLoader, Sampling, prepare_cached, split_regions
from genesis_ext.models import UNet3D
from options import RANK, WORLD_SIZE, parse


def main() -> None:
    """Train, and tell the loss on held-out regions before and after."""
    args = parse(__doc__, "plain_pytorch")
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    store = prepare_cached(args.data, args.out / "cache", spacing_mm=None)  # None: at the spacing of the scans
    train, held_out = split_regions(store.entries, split="fifth")
    data = (args.batch_size, Sampling(out_shape=tuple(args.patch)), GenesisTransform(profile="head", seed=0))
    batches = GenesisLoader(store, *data, regions=train, rank=RANK, world_size=WORLD_SIZE, device=device)
    validation = FixedSamples(store, held_out, 2 * args.batch_size, *data, device=device)
    network = UNet3D(width=args.width).to(device, memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)

    def loss_of(batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            return functional.mse_loss(network(batch["input"]), batch["target"])

    @torch.no_grad()
    def validation_loss() -> float:
        network.eval()
        return sum(loss_of(batch).item() for batch in validation) / len(validation)

    before = validation_loss()
    network.train()
    for batch in islice(batches, args.steps):
        optimizer.zero_grad()
        loss_of(batch).backward()
        optimizer.step()
    print(f"loss before {before:.4f}, after {validation_loss():.4f}")
    torch.save(network.state_dict(), args.out / "weights.pt")
    print(f"weights: {args.out / 'weights.pt'}")


if __name__ == "__main__":
    main()
