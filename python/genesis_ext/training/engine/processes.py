# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Devices, precision and processes, by Lightning Fabric (extra ``train``).

`torchrun` starts several processes, and its environment says how many; without it there is one.
"""

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from genesis_ext._extras import require
from genesis_ext.training.engine.options import Precision, RunConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PRECISIONS: dict[Precision, str] = {"fp32": "32-true", "tf32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def make_fabric(device: str | torch.device, config: RunConfig) -> "Fabric":
    """Make and launch a Fabric for this process.

    device: "auto" is CUDA where there is one, else the CPU; with several processes on a machine each has its own.

    Raises:
        ValueError: no such device, or a precision that it does not have.
    """
    lightning = require("lightning_fabric", "train", "to train")
    chosen = _device(device)
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if chosen.type == "cuda":
        if local > torch.cuda.device_count():
            raise ValueError(
                f"torchrun starts {local} processes on this machine, which has {torch.cuda.device_count()} CUDA devices"
            )
    elif config.precision in ("tf32", "fp16"):
        raise ValueError(f"precision {config.precision} is for CUDA, and the device is {chosen}: choose fp32 or bf16")
    if config.cuda_graph and (chosen.type != "cuda" or processes > 1):
        raise ValueError(f"cuda_graph is for one process on a CUDA device, got {processes} on {chosen}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = config.precision == "tf32"
    if config.deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(config.deterministic)
    torch.backends.cudnn.benchmark = not config.deterministic  # all batches of a run have one shape
    fabric: Fabric = lightning.Fabric(
        accelerator=chosen.type,
        devices=[chosen.index] if chosen.index is not None and processes == 1 else local,
        num_nodes=processes // local,
        strategy="ddp" if processes > 1 else "auto",
        precision=_PRECISIONS[config.precision],
    )
    if processes > 1:  # of convolutions of one voxel, whose strides mean nothing
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    fabric.launch()
    return fabric


def leave_together() -> None:
    """Wait for the other processes and part from them: the last thing that a command does.

    A process that ends while others still work can abort in the threads that connect them.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


def add_up(fabric: "Fabric", tensor: Tensor) -> Tensor:
    """The sum over all processes, the same in each."""
    total = fabric.all_reduce(tensor, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def share_buffers(fabric: "Fabric", modules: Iterable[nn.Module]) -> None:
    """Give all processes the first one's buffers, such as running means: DDP shares them only while it trains."""
    if fabric.world_size > 1:
        for module in modules:
            for buffer in module.buffers():
                torch.distributed.broadcast(buffer, 0)


def _device(device: str | torch.device) -> torch.device:
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {device!r}") from error
    if chosen.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device must be there, got {device!r} and no usable CUDA device")
    return chosen
