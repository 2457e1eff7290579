# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Trained weights in the files that others read."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

import genesis_ext
from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.models.checkpoints import METADATA_KEY, SAFETENSORS, bare_name
from genesis_ext.models.unet import ENCODER_PREFIXES, check_choice

Layout = Literal["encoder", "encoder_decoder", "released", "nnunet"]


def export_weights(
    model: nn.Module | Mapping[str, Tensor],
    path: str | PathLike[str],
    layout: Layout = "encoder_decoder",
    *,
    epoch: int = 0,
    config: Mapping[str, Any] | None = None,
    source_checksum: str | None = None,
) -> dict[str, Any]:
    """Write the weights of a ``UNet3D`` or ``UNet2D``; aside and renamed, so that the file is whole or not there.

    ===================  ==========================================================  ====================
    layout               content                                                     formats
    ===================  ==========================================================  ====================
    ``encoder``          ``state_dict``: the encoder, for classification              .pt, .safetensors
    ``encoder_decoder``  ``state_dict``: all, for segmentation                        .pt, .safetensors
    ``released``         ``epoch``, ``state_dict`` with ``module.`` before each       .pt
                         name, ``optimizer_state_dict`` (empty): what code written
                         for the released Models Genesis weights reads
    ``nnunet``           ``network_weights``: all                                     .pt
    ===================  ==========================================================  ====================

    Each file says where it is from: version of genesis_ext, layout, ``config``, ``source_checksum``; a .pt file under
    ``metadata``, a .safetensors file in its header, as JSON under ``genesis_ext``. Names are those of the model,
    without prefixes of wrappers; tensors are contiguous, on the CPU and in the model's dtype. ``load_weights`` reads
    every layout. Every suffix but .safetensors is written as .pt is.

    nnU-Net (2.8): ``-pretrained_weights`` copies by name, and every entry of its network whose name does not contain
    ``.seg_layers.`` must be in the file with the same shape. So the file fits only where nnU-Net trains this very
    network: a trainer of one's own whose ``build_network_architecture`` returns it, of the same width, norm and input
    channels, with the new head under a name that contains ``.seg_layers.``, and without deep supervision. The file
    cannot start PlainConvUNet or ResidualEncoderUNet, which have other layers: nnU-Net refuses it with an assertion
    that names the first missing entry. ``nnUNetv2_train_pretrained`` wants an ``nnssl_adaptation_plan``, which exists
    for the networks of nnssl only.

    Args:
        model: a network (wrappers as DataParallel are seen through), or its state dict.
        path: of the file; an existing one is replaced.
        layout: see above.
        epoch: for ``released``.
        config: settings of the run; plain values that JSON can hold.
        source_checksum: of what the weights were taken from or trained on.

    Returns:
        The metadata as written.

    Raises:
        ValueError: no network's weights, an unknown layout, a format that cannot hold it, a config that is no JSON.
        ImportError: the file is to be of safetensors, and that library is not installed.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    path = Path(path)
    check_choice("export_weights", "layout", layout, get_args(Layout))
    flat = layout in ("encoder", "encoder_decoder")
    if path.suffix == SAFETENSORS and not flat:
        raise ValueError(f"export_weights: layout {layout!r} must go into a .pt file, got {path.name}")
    tensors = _tensors(model, encoder_only=layout == "encoder")
    metadata = _metadata(layout, config, source_checksum)

    if path.suffix == SAFETENSORS:
        library = require("safetensors.torch", "train", f"to write {path.name}")
        packed = library.save(tensors, {METADATA_KEY: json.dumps(metadata)})
        write_aside(path, lambda stream: stream.write(packed))
        return metadata
    content: dict[str, Any]
    if layout == "released":
        state = {f"module.{name}": value for name, value in tensors.items()}
        content = {"epoch": epoch, "state_dict": state, "optimizer_state_dict": {}}
    else:
        content = {"state_dict" if flat else "network_weights": tensors}
    write_aside(path, lambda stream: torch.save({**content, "metadata": metadata}, stream))
    return metadata


def _tensors(model: nn.Module | Mapping[str, Tensor], encoder_only: bool) -> dict[str, Tensor]:
    """Bare name -> contiguous tensor on the CPU."""
    state = model.state_dict() if isinstance(model, nn.Module) else model
    entries = {bare_name(name): value for name, value in state.items()}
    if not any(name.startswith(ENCODER_PREFIXES) for name in entries):
        raise ValueError(
            "export_weights: model must be a UNet3D, a UNet2D or the state dict of one, got "
            f"{type(model).__name__} with entries such as {', '.join(sorted(entries)[:3]) or 'none'}"
        )
    return {
        # A copy: a view of a larger tensor would take the larger one into the file.
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in entries.items()
        if not encoder_only or name.startswith(ENCODER_PREFIXES)
    }


def _metadata(layout: Layout, config: Mapping[str, Any] | None, source_checksum: str | None) -> dict[str, Any]:
    """What both formats hold: as it comes back from JSON."""
    described: dict[str, Any] = {"version": genesis_ext.__version__, "layout": layout}
    if config is not None:
        described["config"] = dict(config)
    if source_checksum is not None:
        described["source_checksum"] = source_checksum
    try:
        plain: dict[str, Any] = json.loads(json.dumps(described, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"export_weights: config must hold plain values only ({error})") from error
    return plain
