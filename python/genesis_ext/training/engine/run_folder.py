# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The folder of a run: the names of its files, what it holds, and that one process at a time trains there."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple

from genesis_ext._lock import FolderLock, LockedError, NoLocksError
from genesis_ext.training.engine.checkpoint import keep_as, read_checkpoint

PictureKind = Literal["step", "combinations", "cases"]


class Stored(NamedTuple):
    """What a run goes on from.

    content: of a checkpoint.
    remark: why it is not last.pt; empty if it is.
    """

    content: dict[str, Any]
    remark: str


class RunFolder:
    """The folder of a run.

    Attributes:
        path: the folder.
        last, previous, best: checkpoints.
        config, environment: settings, and with what was trained.
        log, tensorboard: what the run said.
        report, curve, pictures: for readers.
    """

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self.last, self.previous, self.best = (self.path / f"{name}.pt" for name in ("last", "previous", "best"))
        self.config = self.path / "config.yaml"
        self.environment = self.path / "environment.json"
        self.log = self.path / "log.jsonl"
        self.tensorboard = self.path / "tensorboard"
        self.report = self.path / "report.html"
        self.curve = self.path / "loss_curve.png"
        self.pictures = self.path / "pictures"

    def kept(self, step: int) -> Path:
        """The checkpoint of a step that is kept for good."""
        return self.path / f"step_{step:06d}.pt"

    def picture(self, kind: PictureKind, step: int) -> Path:
        """The picture of a validation: "step", of samples as they are drawn, "combinations" or "cases"."""
        return self.pictures / f"{kind}_{step:06d}.png"

    def drawn(self, kind: PictureKind) -> dict[int, Path]:
        """The pictures of one kind that are there, by their steps, in order."""
        found = ((re.fullmatch(rf"{kind}_(\d+)\.png", path.name), path) for path in self.pictures.glob(f"{kind}_*.png"))
        return dict(sorted((int(match[1]), path) for match, path in found if match))

    @contextmanager
    def taken(
        self,
        resume: bool,
        overwrite: bool,
        read_config: Callable[[Path], object],
        report: Callable[[str], object],
    ) -> Iterator[None]:
        """Make the folder if needed, and keep other processes from training there.

        resume, overwrite: what may be done with a run that it holds; one of them, or neither.
        read_config: reads the config of such a run; raises OSError or ValueError if a file is none.
        report: told where the file system has no locks; the run goes on without.

        Raises:
            ValueError: another process trains there; or the folder holds a run that may not be touched, or files of
                others by the names of a run's.
        """
        if not (resume and self.last.exists()):
            self._check_own(read_config)  # before a lock is laid into it
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
        others = (self.config, self.environment, self.log, self.curve, self.report, self.pictures, self.tensorboard)
        fixed = (self.last, self.previous, self.best, *others)
        return [*(path for path in fixed if path.exists()), *kept]

    def _check_own(self, read_config: Callable[[Path], object]) -> None:
        """Refuse a folder whose files are not those of a run: a run has a config."""
        held = self._held()
        if not held:
            return
        try:
            read_config(self.config)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{self.path} must be a folder of its own, it holds {held[0].name} that is not of a run"
            ) from error
