# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A pre-training run put together: data, transform, network, optimiser, loop."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

import genesis_ext
from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.sampling.split import Region, marks_of, split_regions, whole_regions
from genesis_ext.data.store.volume_store import VolumeStore, is_store
from genesis_ext.data.store.writer import SETTINGS
from genesis_ext.models import UNet3D
from genesis_ext.training.checkpoint import (
    DataMark,
    Progress,
    TrainingState,
    check_same_run,
    read_checkpoint,
    restore,
)
from genesis_ext.training.config import FOR_FILES, PretrainConfig
from genesis_ext.training.environment import ENVIRONMENT, write_environment
from genesis_ext.training.loop import train
from genesis_ext.training.objectives import SCHEDULES, make_optimizer
from genesis_ext.training.pictures import RestorationGrid
from genesis_ext.training.report import REPORT, write_report
from genesis_ext.training.run_log import RunLog
from genesis_ext.training.validation import ValidationReport, Validator

# All that a run writes, and all that is cleared of an earlier run. A config with these entries is the mark of one.
_MARK = "config.json"
_MARKED = {"patch", "profile", "scheme", "steps"}
_WRITTEN = ("last.pt", "best.pt", _MARK, "log.jsonl", "loss_curve.png", ENVIRONMENT, REPORT, "pictures", "tensorboard")


@dataclass(frozen=True)
class PretrainResult:
    """Where a run left what, and its last validation."""

    out: Path
    validation: ValidationReport

    @property
    def files(self) -> dict[str, Path]:
        """Name -> path of what the run wrote."""
        return {
            "report": self.out / REPORT,
            "pictures": self.out / "pictures",
            "curve": self.out / "loss_curve.png",
            "best checkpoint": self.out / "best.pt",
            "last checkpoint": self.out / "last.pt",
        }


def pretrain(
    config: PretrainConfig,
    data: str | PathLike[str],
    out: str | PathLike[str],
    validation_data: str | PathLike[str] | None = None,
    cache: str | PathLike[str] | None = None,
    device: str | torch.device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    time_limit_s: float = math.inf,
    report: Callable[[str], object] = print,
) -> PretrainResult:
    """Train a U-Net to restore patches that the project's operators distort.

    data: a store, or a file or folder of scans, which are prepared into a store of a cache.
    validation_data: the same, for validation alone; None splits `data` by ``config.split``.
    cache: folder for the stores of scans (default: that of ``prepare_cached``).
    out: folder of the run, made if needed.
    device: "auto" is CUDA where there is one, else the CPU.
    resume: go on from out/last.pt; from the start if the run was stopped before there was one.
    overwrite: clear a run that `out` already holds; without both, such a folder is refused.
    time_limit_s: stop training after so many seconds; the run can be resumed.

    Raises:
        ValueError: data, config, folder or checkpoint do not fit; ``StoreError``, ``ResidenceError`` and others of the
            data layer are kinds of it.
        TrainingDivergedError: the loss is not finite.
    """
    out = Path(out)
    device = _device(device)
    stored = _check_folder(out, resume, overwrite)
    store = _open(config, data, cache, report)
    other = None if validation_data is None else _open(config, validation_data, cache, report)
    mark = _mark(store, other)
    if stored is not None:
        check_same_run(stored, config, mark)
    train_regions, validation_regions = _regions(config, store, other, report)

    network = UNet3D(width=config.width)
    network.reset_parameters(torch.Generator().manual_seed(config.seed))  # on the CPU: the same on every device
    network.to(device)
    if device.type == "cpu":  # .24 instead of .34 s a step of eight 32x32x16 at width 8
        network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    optimizer = make_optimizer(network, config)
    state = TrainingState(network, optimizer, SCHEDULES[config.schedule](optimizer), Progress())
    if stored is not None:
        restore(stored, state)
        report(f"resumed {out} at step {state.progress.step}")
    sampling = config.sampling()
    transform = genesis_ext.GenesisTransform(profile=config.profile, scheme=config.scheme, seed=config.seed)
    with GenesisLoader(
        store,
        config.batch_size,
        sampling,
        transform,
        regions=train_regions,
        seed=config.seed,
        start_step=state.progress.step,
        residence=config.residence,
        budget=int(config.budget_gib * 2**30),
        samples_a_volume=config.samples_a_volume,
        device=device,
        report=report,
    ) as loader:
        fixed = FixedSamples(
            other or store,
            validation_regions,
            config.validation_patches,
            config.batch_size,
            sampling,
            transform,
            seed=config.seed,
            device=device,
        )
        if stored is None:
            _clear(out)
        (out / _MARK).write_text(json.dumps(config.as_dict(), indent=2) + "\n", encoding="utf-8")
        write_environment(out, [store] if other is None else [store, other], device)
        validator = Validator(fixed, config.loss)
        report(
            f"{sum(p.numel() for p in network.parameters()):,} parameters, "
            f"boxes of {'x'.join(map(str, config.patch))}, {len(validation_regions)} regions validate"
        )
        with RunLog(out, config.steps, config.batch_size, state.progress.step) as log:
            grid = RestorationGrid(torch.cat([batch["target"] for batch in fixed]), transform)
            validation = train(state, loader, validator, config, mark, out, log, time_limit_s, grid)
    write_report(out)
    return PretrainResult(out, validation)


def _open(
    config: PretrainConfig,
    data: str | PathLike[str],
    cache: str | PathLike[str] | None,
    report: Callable[[str], object],
) -> VolumeStore:
    """The store in a folder, or that of the scans."""
    begun = (Path(data) / SETTINGS).exists()  # a store that is not finished says so when it is opened
    if not is_store(data) and not begun:
        settings = config.preparation()
        return prepare_cached(
            data, cache, report, modality=config.modality, spacing_mm=settings.spacing_mm, window=settings.window
        )
    usual = PretrainConfig()
    given = [name for name in FOR_FILES if getattr(config, name) != getattr(usual, name)]
    if given:
        raise ValueError(f"{data} is a store, which is as it was prepared: {', '.join(given)} must not be given")
    return VolumeStore(data)


def _regions(
    config: PretrainConfig, store: VolumeStore, other: VolumeStore | None, report: Callable[[str], object]
) -> tuple[list[Region], list[Region]]:
    """What trains, of the store, and what validates, of the other one if there is one."""
    sampling = config.sampling()
    if other is None:
        return split_regions(store.entries, sampling.smallest, config.split, sampling.grid, report)
    shared = {entry.checksum for entry in store.entries} & {entry.checksum for entry in other.entries}
    if shared:
        name = next(entry.name for entry in other.entries if entry.checksum in shared)
        raise ValueError(f"{name} must not both train and validate")
    train, validation = (
        [r for r in whole_regions(side.entries, sampling.smallest) if marks[r.volume] != "test"]
        for side, marks in ((side, marks_of(side.entries)) for side in (store, other))
    )
    if not train or not validation:
        raise ValueError(
            f"no volume for {'validation' if train else 'training'} holds a box of {sampling.smallest} voxels"
        )
    return train, validation


def _mark(store: VolumeStore, other: VolumeStore | None) -> DataMark:
    stores = [store] if other is None else [store, other]
    lines = [
        f"{entry.name} {entry.modality} {'x'.join(map(str, entry.shape))} {entry.checksum[:12]}"
        for side in stores
        for entry in side.entries
    ]
    return DataMark("+".join(side.checksum for side in stores), tuple(lines))


def _check_folder(out: Path, resume: bool, overwrite: bool) -> dict[str, object] | None:
    """Make the folder; the content of its checkpoint if the run is to go on, else it must hold nothing but a run."""
    out.mkdir(parents=True, exist_ok=True)
    last = out / "last.pt"
    if resume and last.exists():
        return read_checkpoint(last)
    held = _held(out)
    if held and not overwrite and not resume:
        raise ValueError(f"{out} holds {held[0].name} already: add --resume to go on, or choose another folder")
    if held and not _is_run(out):
        raise ValueError(f"{out} must be a folder of its own, it holds {held[0].name} that is not of a run")
    return None


def _clear(out: Path) -> None:
    """Remove what an earlier run wrote; only once all else is known to be well, since it cannot be taken back."""
    for path in _held(out):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _held(out: Path) -> list[Path]:
    return [out / name for name in _WRITTEN if (out / name).exists()]


def _is_run(out: Path) -> bool:
    try:
        config = json.loads((out / _MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.keys() >= _MARKED


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
