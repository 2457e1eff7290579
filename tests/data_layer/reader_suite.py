# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What every reader must do. A subclass says how to write a file of its format; see test_every_reader.py."""

import os
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genesis_ext.cli.main import main
from genesis_ext.data.prepare.outcome import fingerprint
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.readers import describe, read_label, read_volume, read_volumes
from genesis_ext.data.readers.reader import Reader, files_of, reader_of, readers, suffix_of
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.data.volume import Modality, Volume, VolumeError
from tests.data_layer.images import random_voxels
from tests.data_layer.preparing import run


class ReaderSuite(ABC):
    """Tests of one reader.

    Attributes:
        reader: which.
        names: of the files that are written, with each of its suffixes; of a folder its name.
        shape: of the volume; (X, Y, 1) where the format holds pictures.
        dtype: of its voxels.
        spacing_mm: that the file holds.
        modality: that is read where nobody gives one, of voxels down to -1000.
        off: by how much a voxel may differ, where the format loses some.
        library: the module of an extra that it needs.
    """

    reader: ClassVar[type[Reader]]
    names: ClassVar[tuple[str, ...]]
    shape: ClassVar[tuple[int, int, int]] = (5, 6, 7)
    dtype: ClassVar[type[np.generic]] = np.int16
    spacing_mm: ClassVar[tuple[float, float, float]] = (0.5, 0.75, 2.0)
    modality: ClassVar[Modality] = "ct"
    off: ClassVar[int] = 0
    library: ClassVar[str | None] = None

    @abstractmethod
    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        """Write voxels (X, Y, Z), x to the right, y to the front, z to the head; of a picture y down."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test a name."""
        if "name" in metafunc.fixturenames:
            metafunc.parametrize("name", self.names)

    @pytest.fixture
    def voxels(self) -> NDArray[Any]:
        lo, hi = (0, 256) if self.dtype is np.uint8 else (-1000, 900)
        return random_voxels(self.shape, lo, hi).clip(lo, hi - 1).astype(self.dtype)

    @pytest.fixture
    def path(self, tmp_path: Path, name: str, voxels: NDArray[Any]) -> Path:
        if self.library is not None:
            pytest.importorskip(self.library)
        self.write(tmp_path / "scans" / name, voxels)
        return tmp_path / "scans" / name

    def holds(self, volume: Volume, voxels: NDArray[Any]) -> bool:
        return bool(np.abs(volume.voxels.numpy().astype(np.float64) - voxels).max() <= self.off)

    def test_voxels_spacing_and_axes_are_those_of_the_file(self, path: Path, voxels: NDArray[Any]) -> None:
        volume = read_volume(path)
        assert volume.voxels.dtype == (torch.uint8 if self.dtype is np.uint8 else torch.int16)
        assert volume.voxels.is_contiguous()
        assert volume.voxels.shape == voxels.shape
        assert self.holds(volume, voxels)
        assert volume.spacing_mm == self.spacing_mm
        assert np.array_equal(volume.affine[:3, :3], np.diag(self.spacing_mm))
        assert (volume.path, volume.modality) == (path, self.modality)

    def test_a_given_modality_is_kept(self, path: Path) -> None:
        for modality in ("mri", "us") if self.modality == "xray" else ("mri",):
            volume = read_volume(path, modality)
            assert volume.modality == modality
            assert not any(note.startswith("taken as") and "as asked" not in note for note in volume.notes)

    def test_headers_tell_what_the_volume_will_be(self, path: Path) -> None:
        (header,), volume = describe(path), read_volume(path)
        assert header.shape == tuple(volume.voxels.shape)
        assert (header.spacing_mm, header.name, header.path) == (volume.spacing_mm, volume.name, path)
        assert np.array_equal(header.affine, volume.affine)
        assert header.frames == 1
        assert header.modality in (None, volume.modality)
        assert header.picture == (self.modality in ("xray", "us"))
        assert np.dtype(header.dtype).itemsize >= np.dtype(self.dtype).itemsize

    def test_it_is_found_by_name_or_content_and_goes_into_a_store(
        self, path: Path, tmp_path: Path, voxels: NDArray[Any]
    ) -> None:
        assert type(reader_of(path)) is self.reader
        (path.parent / "notes.txt").write_text("no image")
        found = find_sources(path.parent)
        assert [source.path for source in found.sources] == [path]
        assert [(left.name, why) for left, why in found.ignored] == [("notes.txt", "no image file by its name")]
        assert found.sources[0].name == path.name[: len(path.name) - len(suffix_of(path))]
        run(path.parent, tmp_path / "store", PrepareSettings(spacing_mm=None))
        (stored,) = VolumeStore(tmp_path / "store")  # type: ignore[misc, var-annotated]
        assert stored.voxels.shape == voxels.shape
        assert stored.entry.modality == self.modality

    def test_a_label_is_read_on_the_grid_of_its_volume(self, path: Path, tmp_path: Path, voxels: NDArray[Any]) -> None:
        marks = (voxels > np.median(voxels)).astype(self.dtype) * 200
        label = tmp_path / "labels" / path.name
        self.write(label, marks)
        read = read_label(label, read_volume(path)).numpy().astype(np.float64)
        assert np.array_equal(np.abs(read - marks) <= self.off, np.ones(marks.shape, bool))

    def test_all_of_its_files_decide_whether_it_has_changed(self, path: Path) -> None:
        files, (source,) = files_of(path), find_sources(path.parent).sources
        assert {file for file in path.parent.rglob("*") if file.is_file()} == set(files)
        for file in files:
            before = fingerprint(source, PrepareSettings())
            os.utime(file, ns=(1, 1))
            assert fingerprint(source, PrepareSettings()) != before

    def test_a_file_that_is_cut_short_is_refused_by_name_or_still_whole(self, path: Path, voxels: NDArray[Any]) -> None:
        files = files_of(path)
        file = files[len(files) // 2]
        whole = file.read_bytes()
        for length in (0, 1, 100, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:length])
            try:
                assert self.holds(read_volume(path), voxels), f"{length} of {len(whole)} bytes"
            except VolumeError as error:
                assert str(error).startswith(str(path.parent))
                assert "\n" not in str(error)
        file.write_bytes(whole)
        assert self.holds(read_volume(path), voxels)

    def test_what_is_not_there_or_of_one_value_is_refused(self, path: Path, tmp_path: Path) -> None:
        with pytest.raises(VolumeError, match=r"other/.*: no such file or folder"):
            read_volume(tmp_path / "other" / path.name)
        self.write(tmp_path / "flat" / path.name, np.full(self.shape, 7, self.dtype))
        with pytest.raises(VolumeError, match="all voxels hold the one value 7: there is nothing to learn"):
            read_volumes(tmp_path / "flat" / path.name)

    def test_a_missing_library_is_named_with_its_extra(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        if self.library is None:
            return
        monkeypatch.setitem(sys.modules, self.library, None)
        named = rf"{self.library.partition('.')[0]} is needed to read .*: pip install 'genesis_ext\[[a-z]+\]'"
        with pytest.raises(VolumeError, match=named):
            read_volume(path)

    def test_it_says_what_it_reads(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.reader in map(type, readers())
        with pytest.raises(SystemExit):
            main(["prepare", "--help"])
        told = " ".join(capsys.readouterr().out.split())
        assert all(name in told for name in self.reader.formats)
