# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The command line that the examples share; without --data they train on the small MRI scans that come with nibabel."""

import argparse
import os
from pathlib import Path

import torch

from genesis_ext.data.demo_scans import write_demo_scans

RANK, WORLD_SIZE = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
"""Of this process among those that torchrun started."""


def sample_ids(step: int, count: int, most: int, device: torch.device) -> torch.Tensor:
    """The ids (count,) of a step's samples, at most `most` in a process: no other step or process has them."""
    return (step * WORLD_SIZE + RANK) * most + torch.arange(count, device=device)


def parse(description: str, name: str) -> argparse.Namespace:
    """Read the command line and make the folder of the results.

    description: what ``--help`` shows first.   name: of the example, and of its folder under ``runs``.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="scan or folder of scans (default: three small ones of nibabel)")
    parser.add_argument("--out", type=Path, default=Path("runs") / name, help="default: %(default)s")
    parser.add_argument("--steps", type=int, default=100, help="default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, help="default: %(default)s")
    parser.add_argument(
        "--patch", type=int, nargs=3, default=(32, 32, 16), metavar=("X", "Y", "Z"), help="default: 32 32 16 voxels"
    )
    parser.add_argument("--width", type=int, default=8, help="channels of the first convolution (default: %(default)s)")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    if args.data is None:
        args.data = args.out / "scans"
        write_demo_scans(args.data)
    return args


def nifti_files(data: Path) -> list[Path]:
    """List a file, or the NIfTI files below a folder; ends the program where there are none."""
    files = [data] if data.is_file() else sorted(data.rglob("*.nii*"))
    if not files:
        raise SystemExit(f"{data} must be a NIfTI file or a folder of them")
    return files
