# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every reader against the one suite: for a new one, add its class here."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from genesis_ext.data.readers import reader as module
from genesis_ext.data.readers import readers, register, suffix_of
from genesis_ext.data.readers.dicom import Dicom
from genesis_ext.data.readers.itk import Itk
from genesis_ext.data.readers.nifti import Nifti
from genesis_ext.data.readers.picture import Picture
from genesis_ext.data.readers.reader import Reader
from genesis_ext.data.readers.stored import StoredImage
from genesis_ext.data.volume import Modality, VolumeError
from tests.data_layer.images import write_nifti, write_series
from tests.data_layer.reader_suite import ReaderSuite


class TestNifti(ReaderSuite):
    reader = Nifti
    names = ("a.nii", "a.nii.gz", "A.NII.GZ", "a.hdr", "a.hdr.gz")

    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        write_nifti(path, voxels, np.diag((*self.spacing_mm, 1.0)))


class TestItk(ReaderSuite):
    reader = Itk
    names = ("a.mhd", "a.mha", "a.nrrd", "a.nhdr")
    library = "SimpleITK"
    packed = False

    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        itk = pytest.importorskip("SimpleITK")
        image = itk.GetImageFromArray(voxels.T)
        image.SetSpacing(self.spacing_mm)
        image.SetDirection(np.diag((-1.0, -1.0, 1.0)).ravel())
        path.parent.mkdir(parents=True, exist_ok=True)
        itk.WriteImage(image, str(path), self.packed)


class TestItkPacked(TestItk):
    packed = True


class TestPicture(ReaderSuite):
    reader = Picture
    names = ("a.png",)
    library = "PIL.Image"
    shape = (7, 5, 1)
    dtype = np.uint8
    spacing_mm = (1.0, 1.0, 1.0)
    modality = "xray"

    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pytest.importorskip("PIL.Image").fromarray(voxels[..., 0].T).save(path, quality=100)


class TestPictureThatLoses(TestPicture):
    names = ("a.jpg", "a.jpeg")
    off = 1


class TestDicom(ReaderSuite):
    reader = Dicom
    names = ("series",)
    library = "pydicom"

    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        write_series(path, voxels[::-1, ::-1])  # it runs to the left and to the back


class Npy(Reader):
    """A reader of one's own: what a package that brings one writes."""

    formats = ("NumPy's own",)
    library = "numpy"
    suffixes = (".npy",)
    rules = "no geometry"

    def images(self, path: Path, modality: Modality | None = None, label: bool = False) -> list[StoredImage]:
        try:
            voxels = np.load(path)
        except (ValueError, EOFError) as error:
            raise VolumeError(f"{path}: unreadable or truncated: {error}") from error
        affine = np.diag((*TestAReaderOfOnesOwn.spacing_mm, 1.0))
        return [StoredImage(path, path.stem, voxels.shape, 1, voxels.dtype, affine, None, lambda: voxels[..., None])]


class TestAReaderOfOnesOwn(ReaderSuite):
    reader = Npy
    names = ("a.npy",)

    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_READERS", dict(module._READERS))
        register(Npy)
        assert register(Npy) is Npy  # as in a notebook, where a cell is run again

    def write(self, path: Path, voxels: NDArray[Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, voxels)

    def test_another_reader_of_its_suffix_is_refused(self) -> None:
        with pytest.raises(ValueError, match=r"suffixes must not be those of another reader, got \.npy, read by .*Npy"):
            register(type("Other", (Npy,), {}))


def test_every_reader_is_here_with_all_its_suffixes() -> None:
    suites = [kind for kind in globals().values() if isinstance(kind, type) and issubclass(kind, ReaderSuite)]
    suites.remove(ReaderSuite)
    suffixes = {suffix_of(Path(name)) for suite in suites for name in suite.names}
    assert {suite.reader for suite in suites} == {Npy, *map(type, readers())}
    assert suffixes >= {suffix for reader in readers() for suffix in reader.suffixes}
