# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: the names in it, what it holds, and that one process at a time trains there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from genesis_ext._lock import FolderLock, LockedError, NoLocksError
from genesis_ext.training.engine.checkpoint import keep_as, read_checkpoint
from genesis_ext.training.engine.environment import ENVIRONMENT
from genesis_ext.training.pretraining.config_file import CONFIG, read_config
from genesis_ext.training.report import REPORT


class Stored(NamedTuple):
    """What a run goes on from.

    content: of a checkpoint.
    remark: why it is not last.pt; empty if it is.
    """

    content: dict[str, Any]
    remark: str


class RunFolder:
    """Attributes: path, and those of the files and folders in it, there or not."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.last, self.previous, self.best = (self.path / f"{name}.pt" for name in ("last", "previous", "best"))
        self.config = self.path / CONFIG
        self.report = self.path / REPORT
        self.curve = self.path / "loss_curve.png"
        self.pictures = self.path / "pictures"

    def kept(self, step: int) -> Path:
        """The checkpoint of a step that is kept for good."""
        return self.path / f"step_{step:06d}.pt"

    @contextmanager
    def taken(self, resume: bool, overwrite: bool, report: Callable[[str], object]) -> Iterator[None]:
        """Make the folder if needed, and keep other processes from training there.

        resume, overwrite: what may be done with a run that it holds; one of them, or neither.
        report: told where the file system has no locks; the run goes on without.

        Raises:
            ValueError: another process trains there; or the folder holds a run that may not be touched, or files of
                others by the names of a run's.
        """
        if not (resume and self.last.exists()):
            self._check_own()  # before a lock is laid into it
        with ExitStack() as stack:
            try:
                stack.enter_context(FolderLock(self.path))
            except LockedError as error:
                raise ValueError(f"{self.path}: another run trains there, {error}: choose another folder") from error
            except NoLocksError as error:
                report(f"warning: {self.path} cannot be locked ({error}): let no other run write there")
            held = self._held()
            if held and not resume and not overwrite:
                raise ValueError(
                    f"{self.path} holds a run already ({held[0].name}): --resume goes on with it, --overwrite clears "
                    "it, or choose another folder"
                )
            yield

    def stored(self, fall_back: bool = False) -> Stored | None:
        """What to go on from; None where nothing was saved.

        fall_back: from previous.pt where last.pt is damaged or missing.

        Raises:
            ValueError: last.pt is damaged, or missing beside other checkpoints.
        """
        try:
            return Stored(read_checkpoint(self.last), "")
        except FileNotFoundError:
            others = [path.name for path in self._held() if path.suffix == ".pt"]
            if not others:
                return None
            problem = f"{self.path} holds {', '.join(others)}, but no {self.last.name}"
        except ValueError as error:
            problem = str(error)
        if not self.previous.exists():
            raise ValueError(f"{problem}, and there is no {self.previous.name}: --overwrite begins anew")
        if not fall_back:
            raise ValueError(f"{problem}: --fall-back goes on from {self.previous.name}, the one before")
        return Stored(read_checkpoint(self.previous), f"{problem}: going on from {self.previous.name}")

    def put_back(self) -> None:
        """Make previous.pt the last one, which the next save would keep as previous."""
        keep_as(self.previous, self.last)

    def clear(self) -> None:
        """Remove what an earlier run wrote; only once all else is known to be well, since it cannot be taken back."""
        for path in self._held():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _held(self) -> list[Path]:
        """What a run wrote, checkpoints first."""
        kept = sorted(self.path.glob("step_*.pt"))
        others = (self.config, self.path / ENVIRONMENT, self.path / "log.jsonl", self.curve, self.report, self.pictures)
        fixed = (self.last, self.previous, self.best, *others, self.path / "tensorboard")
        return [*(path for path in fixed if path.exists()), *kept]

    def _check_own(self) -> None:
        """Nothing may be lost to a run that was not of one, of which a config is the mark."""
        held = self._held()
        if not held:
            return
        try:
            read_config(self.config)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self.path} must be a folder of its own, it holds {held[0].name} that is not of a run"
            ) from error
