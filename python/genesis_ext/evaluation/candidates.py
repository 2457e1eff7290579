# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates of a table, classified by fine-tuned networks: a probability for each."""

from collections.abc import Callable
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import cast

import torch
from torch import nn

from genesis_ext._files import sha256_of
from genesis_ext.data.candidates.loader import EveryCandidate
from genesis_ext.data.candidates.table import Candidates, cells_of
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.settings import Shape
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from genesis_ext.evaluation import answers
from genesis_ext.evaluation.made_by import begin
from genesis_ext.evaluation.prediction import ABOUT, Paths, activated, common_task
from genesis_ext.evaluation.stored_networks import StoredNetwork
from genesis_ext.models import ModelRecord

PLACE = ("seriesuid", "coordX", "coordY", "coordZ")
"""Columns that say where a candidate lies, as in LUNA16."""
PROBABILITY = "probability"
"""Column of the probability that a candidate is not of the first class."""


def predict_candidates(
    runs: Paths,
    data: str | PathLike[str],
    candidates: str | PathLike[str],
    out: str | PathLike[str],
    *,
    batch_size: int = 64,
    device: torch.device | str | None = None,
    report: Callable[[str], object] | None = print,
) -> Path:
    """Classify every candidate by one or several networks that were fine-tuned on candidates; returns the table.

    OUT/predictions.csv has a row a candidate: case, its row in `candidates` from 0; seriesuid, coordX, coordY, coordZ
    as they stand there; a probability a class; what is predicted; and probability, that it is not of the first class.
    ``evaluate_classifications`` compares it with `candidates`, ``evaluate_detections`` with findings in mm. Volumes
    that are there already are kept, so that a call that was ended in any way goes on when it is made again.

    Args:
        runs: as for ``predict``.
        data: a store, of which the volumes marked "test" are taken, or where nothing is marked, those of patients whom
            the networks have not seen; or scans, which are prepared as the training's were, and are all taken.
        candidates: a table as for ``Candidates.read_csv``; it need not tell classes.
        out: folder of the predictions.
        batch_size: candidates at once.
        device: None takes CUDA where it is.
        report: told a line a volume.

    Raises:
        FileNotFoundError, ImportError: as ``load_network``.
        ValueError: a run that classifies no candidates, or something else than the others; a store that was prepared
            otherwise than for the training; no candidate in its volumes; or a folder by other networks or candidates.
    """
    out, say = Path(out), report or (lambda text: None)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    networks = [StoredNetwork.load(run, where) for run in ([runs] if isinstance(runs, str | PathLike) else runs)]
    task = common_task(networks)
    if task.candidates is None:
        raise ValueError(f"{networks[0].path}: must have been fine-tuned on candidates, got a {task.kind} of images")
    for network in networks[1:]:
        if network.record.patch != networks[0].record.patch or network.settings != networks[0].settings:
            raise ValueError(f"{network.path} must take the patches that {networks[0].path} takes, and takes others")
    if any(_uses_the_batch(network.network) for network in networks):
        say(
            "warning: batch norm takes the statistics of the candidates that are classified together, so that a "
            "probability depends on them: fine-tune with --bn-mode running or --norm instance"
        )
    store, volumes = _volumes(Path(data), networks, say)
    table = Candidates.read_csv(candidates, store, task.classes, told=False)
    for note in table.notes:
        say(note)
    table = table.of(volumes)
    if not len(table):
        raise ValueError(f"{candidates}: no candidate lies in a volume that is to be predicted")
    cells = cells_of(candidates, table.row.tolist())
    rows = answers.Rows(out, ["case", *PLACE, *task.classes, "predicted", PROBABILITY])
    begin(out / ABOUT, networks, {"candidates": sha256_of(Path(candidates))}, task=asdict(task))
    patch = cast(Shape, networks[0].record.patch)
    forward = [activated(network) for network in networks]
    with rows, torch.no_grad():
        for number, volume in enumerate(present := sorted(set(table.volume.tolist())), start=1):
            own = table.of([volume])
            if all(rows.has(str(row)) for row in own.row):
                continue
            cut = EveryCandidate(store, own, batch_size, patch, device=where, **asdict(task.candidates))
            found: list[list[str]] = []
            for batch in cut:
                shares = torch.stack([given(batch["input"]).double() for given in forward]).mean(0).tolist()
                for row, share in zip(batch["candidate"].tolist(), shares, strict=True):
                    told = answers.cells_of(share, task)
                    found.append([str(row), *cells[row], *told, f"{1 - share[0]:.6g}"])
            rows.put(*found)
            say(f"{number} of {len(present)}: {store.entries[volume].name}, {len(own)} candidates")
    return rows.path


def _volumes(data: Path, networks: list[StoredNetwork], say: Callable[[str], object]) -> tuple[VolumeStore, list[int]]:
    """The store, and those of its volumes that are to be predicted."""
    wanted = networks[0].settings
    if not is_store(data):
        record = networks[0].record
        modality = record.modalities[0] if len(record.modalities) == 1 else None
        store = prepare_cached(
            data, report=say, modality=modality, spacing_mm=wanted.spacing_mm, window=wanted.window,
            antialias=wanted.antialias,
        )  # fmt: skip
        return store, list(range(len(store.entries)))
    store = VolumeStore(data)
    made = PrepareSettings(
        spacing_mm=store.settings.get("spacing_mm"),
        window=IntensityWindow(**store.settings.get("window", {})),
        antialias=store.settings.get("antialias", False),
    )
    if made != wanted:
        raise ValueError(f"{data} must be prepared as the data of the training were: {wanted}, got {made}")
    marked = [number for number, entry in enumerate(store.entries) if entry.split == "test"]
    if marked:
        return store, marked
    seen = set[str]().union(*(_seen(network.record) for network in networks))
    unseen = [number for number, entry in enumerate(store.entries) if entry.patient not in seen]
    if not unseen:
        raise ValueError(f'{data}: must hold volumes that are marked "test", or patients whom no network has seen')
    say(f"{len(unseen)} of {len(store.entries)} volumes are of patients whom no network has seen")
    return store, unseen


def _uses_the_batch(network: nn.Module) -> bool:
    return any(getattr(module, "normalizes_by_batch", False) for module in network.modules())


def _seen(record: ModelRecord) -> set[str]:
    return {*record.patients, *record.validation_patients}
