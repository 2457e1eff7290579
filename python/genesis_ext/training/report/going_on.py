# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Sections on what a run leaves: the network as its checkpoint records it, and how to go on from there."""

import shlex
from pathlib import Path

from genesis_ext.models import ModelRecord
from genesis_ext.training.engine.options import LENGTH_DECIDES
from genesis_ext.training.report.details import plain
from genesis_ext.training.report.html import Html, heading, listing, paragraph, section, table
from genesis_ext.training.report.run_record import RunRecord


def network(run: RunRecord) -> Html | None:
    """What the best checkpoint says of itself."""
    record = run.record
    if record is None:
        return None
    spec = record.network
    rows = [("network", "an object that was handed in" if spec is None else f"{spec.name}, {spec.spatial_dims}D")]
    if spec is not None:
        rows += [(name, plain(value)) for name, value in spec.arguments.items()]
    rows += [
        ("method", record.method),
        ("modules that were trained", ", ".join(record.trained)),
        ("axes of the input", f"{record.axes}, {' × '.join(map(str, record.patch))} voxels in training"),
        ("values of the input", f"{plain(record.value_range)}"),
    ]
    if record.patients:
        rows += [
            ("they come from", plain(record.normalization)),
            ("spacing, mm", "that of each volume" if record.spacing_mm is None else plain(record.spacing_mm)),
            ("patients that trained", f"{len(record.patients):,} ({', '.join(record.modalities)})"),
            ("patients that validated", f"{len(record.validation_patients):,}"),
            ("checksum of the weights", record.checksum),
        ]
    return section("Network", table("As best.pt records it", ("what", "value"), rows))


def how_to_go_on(run: RunRecord) -> Html:
    """Checkpoints, and what to do with them."""
    rows = []
    purposes = {"best.pt": "weights of the lowest validation loss", "last.pt": "all that a resumed run needs"}
    for name, what in purposes.items():
        path = run.path / name
        if path.exists():
            rows.append((str(path), what, f"{path.stat().st_size / 2**20:.1f} MiB"))
        else:
            run.missing.append(f"{name} is missing.")
    parts = [table("Checkpoints", ("file", "what", "size"), rows, numbers=(2,))] if rows else []
    if run.record is not None and run.is_tuning:
        parts += [heading("Predict scans, and load the network"), *_prediction(run.path, run.record)]
    elif run.record is not None:
        parts += [
            heading("Fine-tune: load the weights into a network"),
            *_fine_tuning(run.path / "best.pt", run.record),
        ]
    if (run.path / "last.pt").exists():
        parts += _going_on(run)
    return section("Checkpoints, and how to go on", *(parts or [paragraph("There is no checkpoint.")]))


def _fine_tuning(path: Path, record: ModelRecord) -> list[Html]:
    """Code that loads what was trained, and what must be known of it."""
    spec = record.network
    if spec is None:
        code = f"from genesis_ext.models import load_weights\n\nload_weights(NETWORK, {str(path)!r})"
        told = "NETWORK is the one that was handed in, or its like."
    else:
        imports = "" if spec.is_known else f"import {spec.name.rpartition('.')[0]}\n"
        code = f"{imports}from genesis_ext.models import load_network\n\n"
        code += f"network, record = load_network({str(path)!r}, out_channels=2, activation=None)"
        told = "The head is new, and gives logits of two classes."
    if record.untrained:
        told += f" So is what the run never trained: {', '.join(record.untrained)}."
    if spec is not None:
        told += f" Or, with labels or classes: genesis finetune --data DATASET --from {shlex.quote(str(path.parent))}."
    return [listing(code), paragraph(told, "quiet")]


def _prediction(path: Path, record: ModelRecord) -> list[Html]:
    """A command that predicts, and code that loads the network."""
    if record.network is None:
        code = f"from genesis_ext.models import load_weights\n\nload_weights(NETWORK, {str(path / 'best.pt')!r})"
        return [listing(code), paragraph("NETWORK is the one that was handed in, or its like.", "quiet")]
    command = f"genesis predict {shlex.quote(str(path))} IMAGES --out PREDICTIONS"
    code = f"from genesis_ext.models import load_network\n\nnetwork, record = load_network({str(path / 'best.pt')!r})"
    return [listing(command), listing(code), paragraph("The network gives logits; record.task names them.", "quiet")]


def _going_on(run: RunRecord) -> list[Html]:
    """How to train further, which a schedule that ends with the last step rules out."""
    if run.config.get("schedule") not in LENGTH_DECIDES:
        return [heading("Go on training, with the same data, to N steps in all"), listing(_resumption(run, "N"))]
    if run.steps < run.config.get("steps", 0):
        return [heading("Go on training, with the same data"), listing(_resumption(run, ""))]
    return [
        paragraph("Its learning rates end with the last step: the run is done, and cannot be made longer.", "quiet")
    ]


def _resumption(run: RunRecord, steps: str) -> str:
    """What goes on with the run: a command, or Python where objects were handed in; steps: in all, if they change."""
    several = len(run.environment.get("data", [])) > 1
    objects = run.environment.get("objects", {})
    train, kind = ("finetune", "FinetuneConfig") if run.is_tuning else ("pretrain", "PretrainConfig")
    if objects:
        given = ["config", "DATA", repr(str(run.path)), *(["validation_data=VALIDATION_DATA"] if several else [])]
        given += ["resume=True", *(f"{name}={name.upper()}" for name in objects)]
        return (
            f"from genesis_ext.training import {kind}, {train}\n\n"
            f"config = {kind}.read({str(run.path / 'config.yaml')!r}){f'.but(steps={steps})' if steps else ''}\n"
            f"{train}({', '.join(given)})"
        )
    data = "--data DATA --validation-data VALIDATION_DATA" if several else "--data DATA"
    return f"genesis {train} {data} --out {shlex.quote(str(run.path))} --resume{f' --steps {steps}' if steps else ''}"
