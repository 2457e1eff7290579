# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a reader of file formats is, and the registry of them: each registers itself where it is defined."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from genesis_ext.data.readers.stored import StoredImage
from genesis_ext.data.volume import Modality


class Reader(ABC):
    """A family of file formats. Reading, help texts, docs and the walk over folders follow these attributes.

    Attributes:
        formats: their names, as users know them.
        library: what reads them.
        rules: what a user must know, for the table in docs/data.md.
        suffixes: of names that are of this format whatever the file holds, in lower case.
        companions: suffixes of files that hold only voxels, for headers beside them; a walk passes over them.
        likely: suffixes ("" for none or a number) of the files that a walk shows to ``recognises``.
        by_folder: one volume is many files, so a walk takes the folder they are in.
    """

    formats: ClassVar[tuple[str, ...]]
    library: ClassVar[str]
    rules: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]] = ()
    companions: ClassVar[tuple[str, ...]] = ()
    likely: ClassVar[tuple[str, ...]] = ()
    by_folder: ClassVar[bool] = False

    @abstractmethod
    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        """Read the headers of a file, or of a folder that ``recognises`` takes: at least one image.

        modality: as the caller gives it, or None.
        label: read labels, not intensities.

        Raises:
            VolumeError: the library is missing, or the file cannot be used.
            OSError: it cannot be opened.
        """

    def recognises(self, path: Path) -> bool:
        """Whether a folder, or a file whose suffix says nothing, holds this format.

        Raises:
            OSError: it cannot be opened.
        """
        return False

    def files(self, path: Path) -> list[Path]:
        """The file itself, and those that hold its voxels.

        Raises:
            OSError: it cannot be opened.
        """
        return [path]


_ReaderType = TypeVar("_ReaderType", bound=type[Reader])
_READERS: dict[str, Reader] = {}  # by the name of the class: defined again, as in a notebook, it takes its own place


def register(kind: _ReaderType) -> _ReaderType:
    """Add a reader to the registry; a class decorator.

    Raises:
        ValueError: another reader has one of its suffixes.
    """
    name = f"{kind.__module__}.{kind.__qualname__}"
    for other, reader in _READERS.items():
        if other != name and (taken := sorted({*kind.suffixes} & {*reader.suffixes})):
            raise ValueError(f"{name}: suffixes must not be those of another reader, got {taken[0]}, read by {other}")
    _READERS[name] = kind()
    return kind


def readers() -> list[Reader]:
    """All readers, sorted by format; those that take whole folders come last."""
    return sorted(_READERS.values(), key=lambda reader: (reader.by_folder, reader.formats))


def suffix_of(path: Path) -> str:
    """The longest known suffix of a name, "" if there is none."""
    name = path.name.lower()
    known = (suffix for reader in _READERS.values() for suffix in reader.suffixes)
    return max((suffix for suffix in known if name.endswith(suffix)), key=len, default="")


def reader_of(path: Path) -> Reader | None:
    """The reader of a file, by its suffix or else its content, or of a folder; None if there is none.

    Raises:
        OSError: it cannot be opened.
    """
    if path.is_dir():
        return next((reader for reader in readers() if reader.recognises(path)), None)
    return _reader_of_file(path, readers())


def reader_in_walk(path: Path) -> Reader | None:
    """The same for a file met in a walk, which is opened only if its name makes a format likely."""
    suffix = path.suffix.lower()
    if suffix[1:].isdigit():
        suffix = ""  # the end of a UID, or a number of a slice
    return _reader_of_file(path, [reader for reader in readers() if suffix in reader.likely])


def _reader_of_file(path: Path, asked: Sequence[Reader]) -> Reader | None:
    if suffix := suffix_of(path):
        return next(reader for reader in readers() if suffix in reader.suffixes)
    return next((reader for reader in asked if reader.recognises(path)), None)


def files_of(path: Path) -> list[Path]:
    """The files of a source: all in a folder but hidden ones; with a header, also the file of its voxels.

    Raises:
        OSError: it cannot be opened.
    """
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    reader = reader_in_walk(path)
    return [path] if reader is None else reader.files(path)
