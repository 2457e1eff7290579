# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A store, written so that a kill at any moment leaves nothing that is half and believed.

Every file is written aside, flushed to the disk and renamed. The record of a source is written after the volumes that
it names, the index after all records; both carry what is needed to tell whether they still hold.

    settings.json        with what the store is prepared; written first
    volumes/NAME.npy     voxels; NAME.label.npy the label
    records/NAME.json    the outcome of one source, and its fingerprint
    index.json           all volumes; its presence makes the folder a store

Records and index hold the SHA-256 of their own content: one that was damaged or changed by hand is not believed.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from genesis_ext._files import ASIDE, write_aside
from genesis_ext._lock import LOCK, FolderLock, LockedError, NoLocksError
from genesis_ext.data.store.entry import StoredVolume, npy_header, seal_of
from genesis_ext.data.store.volume_store import FORMAT, INDEX, StoreError

SETTINGS = "settings.json"
VOLUMES = "volumes"
RECORDS = "records"
_CHUNK = 1 << 24  # bytes hashed and written at once


@dataclass(frozen=True)
class Record:
    """What became of one source.

    Attributes:
        name: of the source.
        fingerprint: of the source and the settings; another one makes the record void.
        volumes: in the store; one for a file, several for a DICOM folder or frames.
        patients: whose each volume is by the file itself, None where it does not say.
        problems: (path, reason) of what belongs to the source and could not be used, as a label on another grid.
    """

    name: str
    fingerprint: str
    volumes: tuple[StoredVolume, ...]
    patients: tuple[str | None, ...]
    problems: tuple[tuple[str, str], ...] = ()


def volume_files(name: str) -> tuple[str, str]:
    """Where the voxels and the label of a volume lie, relative to the store."""
    return f"{VOLUMES}/{name}.npy", f"{VOLUMES}/{name}.label.npy"


def write_json(path: Path, content: object) -> None:
    """Write a JSON file aside and rename it; NaN and infinities are refused."""
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    write_aside(path, lambda stream: stream.write(text.encode()))


def write_volume(
    store: Path, entry: StoredVolume, voxels: NDArray[Any], label: NDArray[Any] | None = None
) -> StoredVolume:
    """Write the files of a volume, (X, Y, Z) each; returns the entry with their checksums."""
    checksum = _write_array(store / entry.file, voxels)
    label_checksum = None
    if label is not None and entry.label is not None:
        label_checksum = _write_array(store / entry.label, label)
    return replace(entry, checksum=checksum, label_checksum=label_checksum)


def write_index(store: Path, settings: Mapping[str, Any], dtype: str, entries: Iterable[StoredVolume]) -> None:
    """Write ``index.json``: from here on the folder is a store."""
    volumes = [entry.to_dict() for entry in entries]
    _write_sealed(store / INDEX, {"format": FORMAT, "dtype": dtype, "settings": dict(settings), "volumes": volumes})


def write_record(store: Path, record: Record) -> None:
    """Write the outcome of a source, after its volumes."""
    volumes = [entry.to_dict() for entry in record.volumes]
    _write_sealed(_record_path(store, record.name), {**asdict(record), "volumes": volumes})


def read_record(store: Path, name: str) -> Record | None:
    """The record of a source if it is as written, and the files of its volumes are there in full size; else None."""
    try:
        content = json.loads(_record_path(store, name).read_text(encoding="utf-8"))
        if content["sha256"] != seal_of(content):
            return None
        volumes = tuple(StoredVolume.from_dict(values) for values in content["volumes"])
        for entry in volumes:
            for file, sizes in entry.files():
                if (store / file).stat().st_size not in sizes:
                    return None
        problems = tuple((str(path), str(reason)) for path, reason in content["problems"])
        return Record(content["name"], content["fingerprint"], volumes, tuple(content["patients"]), problems)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def forget(store: Path, name: str) -> None:
    """Remove the record of a source, before its volumes are written again."""
    _record_path(store, name).unlink(missing_ok=True)


def has_record(store: Path, name: str) -> bool:
    """Whether a source was done before, with whatever settings."""
    return _record_path(store, name).exists()


def begin(store: Path, settings: Mapping[str, Any], overwrite: bool) -> None:
    """Make the folder ready to take volumes prepared with `settings`; call it under the lock.

    Raises:
        StoreError: other settings were used there, or it holds something that is no store.
        OSError: it cannot be written.
    """
    if overwrite and (store / SETTINGS).exists():  # else nothing there is known to be ours
        (store / INDEX).unlink(missing_ok=True)  # first: what follows takes away what it names
        for folder in (RECORDS, VOLUMES):
            shutil.rmtree(store / folder, ignore_errors=True)
    else:
        check_settings(store, settings)
    for place in (store, store / RECORDS, store / VOLUMES):
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(f".*{ASIDE}"):
            left.unlink(missing_ok=True)
    write_json(store / SETTINGS, {"format": FORMAT, **settings})


def check_settings(store: Path, settings: Mapping[str, Any]) -> None:
    """Whether volumes prepared with `settings` may be added to what lies in the folder.

    Raises:
        StoreError: they may not; the text tells the way out.
    """
    file = store / SETTINGS
    if not store.exists():
        return
    if not store.is_dir():
        raise StoreError(f"{store}: must be a folder, is a file")
    if not file.exists():
        own = {LOCK, RECORDS, VOLUMES, INDEX}
        others = sorted(path.name for path in store.iterdir() if path.name not in own and ASIDE not in path.name)
        if others:
            raise StoreError(f"{store}: must be empty or a store, but holds {others[0]}: give another folder")
        return
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{file}: unreadable: {error}: give --overwrite to prepare anew, or another folder") from error
    wanted = json.loads(json.dumps({"format": FORMAT, **settings}))
    changed = [name for name in wanted if not isinstance(stored, dict) or stored.get(name) != wanted[name]]
    if changed:
        name = changed[0]
        before = stored.get(name) if isinstance(stored, dict) else None
        raise StoreError(
            f"{store}: was prepared with {name} {before}, now it is {wanted[name]}: give --overwrite to prepare anew, "
            "or another folder"
        )


class StoreLock(FolderLock):
    """Keeps two runs from writing one store.

    Raises:
        StoreError: another run holds it, and `wait` is not set; or the file system has no locks.
    """

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except LockedError as error:
            raise StoreError(f"{self.folder}: another run is preparing it: {error}") from error
        except NoLocksError as error:
            raise StoreError(f"{self.folder}: its file system has no locks ({error}): give another folder") from error


def record_names(store: Path) -> set[str]:
    """Names of all sources that were ever done there."""
    return {path.stem for path in (store / RECORDS).glob("*.json")}


def _record_path(store: Path, name: str) -> Path:
    return store / RECORDS / f"{name}.json"


def _write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    write_json(path, {**content, "sha256": seal_of(content)})


def _write_array(path: Path, array: NDArray[Any]) -> str:
    """Write an ``.npy`` file in C order; returns its SHA-256."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256()

    def write(stream: BinaryIO) -> None:
        header: list[bytes | memoryview] = [npy_header(array.shape, array.dtype.name)]
        for part in header + [content[at : at + _CHUNK].data for at in range(0, len(content), _CHUNK)]:
            digest.update(part)
            stream.write(part)

    write_aside(path, write)
    return digest.hexdigest()
