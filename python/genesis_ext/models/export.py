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
from genesis_ext._arguments import check_choice
from genesis_ext._extras import require
from genesis_ext._files import write_aside
from genesis_ext.models.record import RECORD, ModelRecord, bare_name
from genesis_ext.models.unet import ENCODER_PREFIXES
from genesis_ext.models.weight_file import METADATA_KEY, SAFETENSORS, WeightFile

Layout = Literal["encoder", "encoder_decoder", "released", "nnunet"]


def export_weights(
    model: nn.Module | Mapping[str, Tensor] | str | PathLike[str],
    path: str | PathLike[str],
    layout: Layout = "encoder_decoder",
    *,
    epoch: int | None = None,
    config: Mapping[str, Any] | None = None,
    source_checksum: str | None = None,
    record: ModelRecord | None = None,
) -> dict[str, Any]:
    """Write the weights of a network, or of a checkpoint; aside and renamed, so that the file is whole or not there.

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

    Each file says where it is from: version of genesis_ext, layout, record, ``config``, ``source_checksum``; a .pt file
    under ``metadata``, a .safetensors file in its header, as JSON under ``genesis_ext``. The record names patients:
    export ``dataclasses.replace(record, patients=(), validation_patients=())`` where that must not be. Names are those
    of the model, without prefixes of wrappers; tensors are contiguous, on the CPU and in the model's dtype.
    ``load_weights`` reads every layout, ``load_network`` every file with a record. Every suffix but .safetensors is
    written as .pt is.

    nnU-Net (2.8): ``-pretrained_weights`` copies by name, and every entry of its network whose name does not contain
    ``.seg_layers.`` must be in the file with the same shape. So a ``PlainConvUNet`` or ``ResidualEncoderUNet`` built
    with the ``arch_kwargs`` of its plans starts it as it is. A ``UNet3D`` fits only where your own trainer builds
    this very network, with the head under a name that contains ``.seg_layers.`` and without deep supervision.
    ``nnUNetv2_train_pretrained`` wants an ``nnssl_adaptation_plan``, which is not written.

    Args:
        model: a network (wrappers as DataParallel are seen through), its state dict, or the path of a checkpoint.
        path: of the file; an existing one is replaced.
        layout: see above.
        epoch: for ``released``; that of a checkpoint, or else 0.
        config: settings of the run; plain values that JSON can hold.
        source_checksum: of what the weights were taken from or trained on.
        record: of the weights; that of a checkpoint. Its checksum is recomputed.

    Returns:
        The metadata as written.

    Raises:
        ValueError: no network's weights, weights that were never trained (after a rotation only the encoder was), an
            unknown layout, a format that cannot hold it, a config that is no JSON.
        ImportError: safetensors is not installed, for a path that ends in it.
        OSError: the file cannot be written; an existing one is left as it was.
    """
    path = Path(path)
    check_choice("export_weights", "layout", layout, get_args(Layout))
    flat = layout in ("encoder", "encoder_decoder")
    if path.suffix == SAFETENSORS and not flat:
        raise ValueError(f"export_weights: layout {layout!r} must go into a .pt file, got {path.name}")
    if isinstance(model, str | PathLike):
        file = WeightFile.read(model)
        model, record = file.tensors, record or file.record
        epoch = file.epoch if epoch is None else epoch
    tensors = _tensors(model, layout, record)
    metadata = _metadata(layout, config, source_checksum, None if record is None else record.of(tensors))

    if path.suffix == SAFETENSORS:
        library = require("safetensors.torch", "train", f"to write {path.name}")
        packed = library.save(tensors, {METADATA_KEY: json.dumps(metadata)})
        write_aside(path, lambda stream: stream.write(packed))
        return metadata
    content: dict[str, Any]
    if layout == "released":
        state = {f"module.{name}": value for name, value in tensors.items()}
        content = {"epoch": epoch or 0, "state_dict": state, "optimizer_state_dict": {}}
    else:
        content = {"state_dict" if flat else "network_weights": tensors}
    write_aside(path, lambda stream: torch.save({**content, "metadata": metadata}, stream))
    return metadata


def _tensors(model: nn.Module | Mapping[str, Tensor], layout: Layout, record: ModelRecord | None) -> dict[str, Tensor]:
    """Bare name -> contiguous tensor on the CPU."""
    state = model.state_dict() if isinstance(model, nn.Module) else model
    entries = {bare_name(name): value for name, value in state.items()}
    encoder = {name: value for name, value in entries.items() if name.startswith(ENCODER_PREFIXES)}
    if not encoder and (record is None or layout == "encoder"):
        raise ValueError(
            "export_weights: model must be a UNet3D, a UNet2D or the state dict of one, have a child named encoder, or "
            f"be written whole with its record, got {type(model).__name__} with entries such as "
            f"{', '.join(sorted(entries)[:3]) or 'none'}"
        )
    kept = encoder if layout == "encoder" else entries
    untrained = [] if record is None else [name for name in kept if not record.was_trained(name)]
    if untrained:
        parts = ", ".join(dict.fromkeys(name.partition(".")[0] for name in untrained))
        raise ValueError(
            f"export_weights: layout must leave out what was never trained ({parts}), got {layout!r}: choose 'encoder'"
        )
    # Copies: a view of a larger tensor would take the larger one into the file.
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in kept.items()}


def _metadata(
    layout: Layout, config: Mapping[str, Any] | None, source_checksum: str | None, record: ModelRecord | None
) -> dict[str, Any]:
    """What both formats hold: as it comes back from JSON."""
    described: dict[str, Any] = {"version": genesis_ext.__version__, "layout": layout}
    if config is not None:
        described["config"] = dict(config)
    if source_checksum is not None:
        described["source_checksum"] = source_checksum
    if record is not None:
        described[RECORD] = record.to_dict()
    try:
        plain: dict[str, Any] = json.loads(json.dumps(described, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"export_weights: config must hold plain values only ({error})") from error
    return plain
