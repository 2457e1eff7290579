# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Images to predictions by fine-tuned networks, whose records alone say how images are prepared and what is asked."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path

import torch
from torch import Tensor

from genesis_ext.data.prepare.inverse import from_grid
from genesis_ext.data.prepare.preprocess import Grid, PrepareSettings
from genesis_ext.data.volume import Modality, Volume, VolumeError
from genesis_ext.evaluation.answers import Answers, LabelMaps, Table
from genesis_ext.evaluation.cases import Case, Outcome, find_cases, work_through
from genesis_ext.evaluation.inference import Tick, Windows, over_volume, over_whole, over_windows
from genesis_ext.evaluation.made_by import begin
from genesis_ext.evaluation.stored_networks import StoredNetwork, prepare_channels, read_channels
from genesis_ext.models import TaskRecord

ABOUT = "prediction.json"
"""By which networks and settings a folder of predictions was made."""

Paths = Iterable[str | PathLike[str]] | str | PathLike[str]


def predict(
    runs: Paths,
    images: Paths,
    out: str | PathLike[str],
    *,
    windows: Windows | None = None,
    probabilities: bool = False,
    modality: Modality | None = None,
    device: torch.device | str | None = None,
    report: Callable[[str], object] | None = print,
    tick: Tick | None = None,
) -> Outcome:
    """Predict images by one or several fine-tuned networks.

    Images are prepared as those of the training were (modality, spacing, scale), windows of the patch of the training
    are led over them, and probabilities come back to the grid of the file, interpolated linearly, before they become
    labels. A segmentation is written as ``CASE.nii.gz``, a classification as a row of ``predictions.csv``: the mean
    over all windows, or where whole images trained, what is given of the whole image. Of several networks probabilities
    are averaged. What is there already is kept, so that a call that was ended in any way goes on when it is made again.
    An image that cannot be predicted does not end the others.

    Args:
        runs: folders of runs, whose best weights are taken, or checkpoints, or exported files.
        images: files, folders, patterns or lists, as for ``find_sources``. Channels are named by a list, or as by
            nnU-Net (``CASE_0000.nii.gz``, ``CASE_0001.nii.gz``), or are the frames of one file.
        out: folder of the predictions.
        windows: overlap, batch size, flips; None for ``Windows()``.
        probabilities: of a segmentation also write ``CASE.npz``: ``probabilities`` (K, X, Y, Z) float32, ``classes``.
        modality: of files that do not tell theirs, and against those that trained.
        device: None takes CUDA where it is.
        report: told a line a case.
        tick: told of every batch of windows of a case.

    Raises:
        FileNotFoundError, ImportError: as ``load_network``; MONAI is needed for segmentation.
        ValueError: a run that cannot predict, or answers something else than the others; images that lead to nothing;
            or a folder with predictions of other networks or settings.
    """
    out, windows = Path(out), windows or Windows()
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    paths = [runs] if isinstance(runs, str | PathLike) else list(runs)
    networks = [StoredNetwork.load(run, where) for run in paths]
    task = common_task(networks)
    if task.candidates is not None:
        raise ValueError(f"{networks[0].path}: must classify whole images, and classifies candidates: give their table")
    cases = find_cases(images, task.channels, modality)
    answers: Answers = LabelMaps(out, task, probabilities) if task.kind == "segmentation" else Table(out, task)
    settings = {"overlap": windows.overlap, "flips": "".join(sorted(windows.flips)), "modality": modality}
    begin(out / ABOUT, networks, settings, task=asdict(task))
    trained = sorted({modality for network in networks for modality in network.record.modalities})

    def answer(case: Case) -> Path:
        volumes = read_channels(case, trained)
        return answers.add(case.name, volumes[0], _probabilities(networks, volumes, windows, where, tick))

    with answers:
        return work_through(cases, out, answers.has, answer, report)


def common_task(networks: Sequence[StoredNetwork]) -> TaskRecord:
    """What all of them answer.

    Raises:
        ValueError: none, or they differ; or a network takes another number of channels than its record names.
    """
    if not networks:
        raise ValueError("predict: runs must hold at least one")
    first = networks[0]
    for network in networks:
        task, spec = network.task, network.record.network
        if spec is not None and spec.in_channels != len(task.channels):
            raise ValueError(
                f"{network.path}: its record must name the {spec.in_channels} channels of its input, got "
                f"{task.channels}"
            )
        for name in ("kind", "classes", "exclusive", "values", "channels", "candidates", "whole"):
            if (mine := getattr(task, name)) != (other := getattr(first.task, name)):
                raise ValueError(
                    f"predict: networks of an ensemble must have the same {name}, got {other} in {first.path} and "
                    f"{mine} in {network.path}"
                )
    return first.task


def _probabilities(
    networks: Sequence[StoredNetwork],
    volumes: Sequence[Volume],
    windows: Windows,
    device: torch.device,
    tick: Tick | None,
) -> Callable[[int], Tensor]:
    """The probability of a class by its number: of a segmentation (X, Y, Z) in the axes of the file, else a number.

    Networks for which the image is prepared alike are averaged on their grid; of the others, means meet on that of the
    file.
    """
    alike: defaultdict[PrepareSettings, list[StoredNetwork]] = defaultdict(list)
    for network in networks:
        alike[network.settings].append(network)
    parts: list[tuple[Tensor, Grid]] = []
    for settings, members in alike.items():
        image, grid = prepare_channels(volumes, settings)
        total: Tensor | None = None
        for member in members:
            call, patch, whole = activated(member), member.record.patch, member.task.whole
            if whole is not None:
                given = over_whole(call, image, patch, whole, windows, device, tick)
            else:
                over = over_volume if member.task.kind == "segmentation" else over_windows
                given = over(call, image, patch, windows, device, tick)
            total = given if total is None else total.add_(given)
        if total is None or not bool(total.isfinite().all()):
            raise VolumeError(f"{volumes[0].path}: the network must give finite numbers, got NaN or infinite ones")
        parts.append((total.div_(len(networks)), grid))

    def of_class(number: int) -> Tensor:
        shares = [total[number] for total, _ in parts]
        original = volumes[0].original
        if shares[0].ndim == 3 and original is not None:
            name = volumes[0].name
            shares = [from_grid(share, grid, original, name) for share, (_, grid) in zip(shares, parts, strict=True)]
        return torch.stack(shares).sum(dim=0) if len(shares) > 1 else shares[0]

    return of_class


def activated(member: StoredNetwork) -> Callable[[Tensor], Tensor]:
    """The network with probabilities for logits."""

    def probabilities(x: Tensor) -> Tensor:
        logits: Tensor = member.network(x).float()
        return logits.softmax(dim=1) if member.task.exclusive else logits.sigmoid()

    return probabilities
