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
from genesis_ext.data import (
    PatchSampler,
    Region,
    VolumeError,
    VolumeSet,
    find_volumes,
    load_volumes,
    split_regions,
    whole_region,
)
from genesis_ext.models import UNet3D
from genesis_ext.training.batches import RestorationBatches
from genesis_ext.training.checkpoint import (
    Progress,
    TrainingState,
    check_same_run,
    read_checkpoint,
    restore,
)
from genesis_ext.training.config import PretrainConfig
from genesis_ext.training.loop import train
from genesis_ext.training.objectives import SCHEDULES, make_optimizer
from genesis_ext.training.run_log import RunLog
from genesis_ext.training.validation import ValidationReport, Validator

# All that a run writes, and all that is cleared of an earlier run. A config with these entries is the mark of one.
_MARK = "config.json"
_MARKED = {"patch", "profile", "scheme", "steps"}
_WRITTEN = ("last.pt", "best.pt", _MARK, "log.jsonl", "loss_curve.png", "pictures", "tensorboard")


@dataclass(frozen=True)
class PretrainResult:
    """Where a run left what, and its last validation."""

    out: Path
    validation: ValidationReport

    @property
    def files(self) -> dict[str, Path]:
        """Name -> path of what the run wrote."""
        return {
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
    device: str | torch.device = "auto",
    resume: bool = False,
    overwrite: bool = False,
    time_limit_s: float = math.inf,
    report: Callable[[str], object] = print,
) -> PretrainResult:
    """Train a U-Net to restore patches that the project's operators distort.

    data: file or folder of scans.   validation_data: of its own; None splits `data` by ``config.split``.
    out: folder of the run, made if needed.
    device: "auto" is CUDA where there is one, else the CPU.
    resume: go on from out/last.pt; from the start if the run was stopped before there was one.
    overwrite: clear a run that `out` already holds; without both, such a folder is refused.
    time_limit_s: stop training after so many seconds; the run can be resumed.

    Raises:
        VolumeError: no usable data.
        ValueError: config, folder or checkpoint do not fit.
        TrainingDivergedError: the loss is not finite.
    """
    out = Path(out)
    device = _device(device)
    stored = _check_folder(out, resume, overwrite)
    volumes, train_regions, validation_regions = _load(config, data, validation_data, device, report)
    names = [f"{entry.path.name} {entry.modality} {'x'.join(map(str, entry.shape))}" for entry in volumes.entries]
    if stored is not None:
        check_same_run(stored, config, names)
    else:
        _clear(out)

    transform = genesis_ext.GenesisTransform(profile=config.profile, scheme=config.scheme, seed=config.seed)

    def batches(regions: list[Region]) -> RestorationBatches:
        sampler = PatchSampler(
            volumes,
            regions,
            config.patch,
            config.seed,
            borders=config.borders,
            lung_content=config.lung_content,
            window=config.window(),
            report=report,
        )
        return RestorationBatches(sampler, transform)

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
    (out / _MARK).write_text(json.dumps(config.as_dict(), indent=2) + "\n", encoding="utf-8")

    validator = Validator(batches(validation_regions), config.validation_patches, config.batch_size, config.loss)
    report(
        f"{len(volumes)} volumes ({volumes.voxels.numel() * 2 / 2**20:.0f} MiB on {device}), "
        f"{sum(p.numel() for p in network.parameters()):,} parameters, patches of {'x'.join(map(str, config.patch))}"
    )
    with RunLog(out, config.steps, config.batch_size, state.progress.step) as log:
        validation = train(state, batches(train_regions), validator, config, names, out, log, time_limit_s)
    return PretrainResult(out, validation)


def _load(
    config: PretrainConfig,
    data: str | PathLike[str],
    validation_data: str | PathLike[str] | None,
    device: torch.device,
    report: Callable[[str], object],
) -> tuple[VolumeSet, list[Region], list[Region]]:
    """Volumes, and the regions that train and validate."""
    training_paths = find_volumes(data)
    validation_paths = find_volumes(validation_data) if validation_data is not None else []
    shared = {path.resolve() for path in training_paths} & {path.resolve() for path in validation_paths}
    if shared:
        raise VolumeError(f"{min(shared)}: must not both train and validate")
    paths = training_paths + validation_paths
    volumes = load_volumes(paths, config.patch, device, config.window(), config.modality, report)
    if not validation_paths:
        return volumes, *split_regions(volumes, config.patch, config.split)
    own = set(validation_paths)
    sides: tuple[list[Region], list[Region]] = ([], [])
    for index, entry in enumerate(volumes.entries):
        sides[entry.path in own].append(whole_region(volumes, index))
    if not all(sides):
        raise VolumeError(f"no usable volume is left for {'validation' if sides[0] else 'training'}")
    return volumes, *sides


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
