# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""DICOM objects of many frames for tests, written by pydicom."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"


def _item(**tags: Any) -> Any:
    dataset = pytest.importorskip("pydicom").Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def write_enhanced(
    path: Path,
    frames: NDArray[Any],
    places: Sequence[float],
    own: Sequence[dict[str, dict[str, Any]]] = (),
    shared: dict[str, dict[str, Any]] | None = None,
    **tags: Any,
) -> Path:
    """Frames (n, rows, columns) at places along the axis to the head, in mm.

    own, shared: more functional groups of each frame and of all, ``{"PixelMeasuresSequence": {"PixelSpacing": ...}}``.
    tags: of the file, by keyword; None leaves one out.
    """
    pydicom = pytest.importorskip("pydicom")
    groups = {
        "PixelMeasuresSequence": {"PixelSpacing": [0.75, 0.5], "SliceThickness": 9},
        "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    } | (shared or {})
    each = [
        {"PlanePositionSequence": {"ImagePositionPatient": [-10, -20, place]}} | (own[n] if own else {})
        for n, place in enumerate(places)
    ]
    bits = 8 * frames.dtype.itemsize
    file = {
        "SOPClassUID": ENHANCED_MR, "SOPInstanceUID": f"1.2.3.{abs(hash(path)) % 10**12}", "Modality": "MR",
        "PatientID": "P1", "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "SeriesNumber": 7,
        "Rows": frames.shape[1], "Columns": frames.shape[2], "NumberOfFrames": len(frames), "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1,
        "PixelRepresentation": int(frames.dtype.kind == "i"), "PixelData": frames.tobytes(),
        "SharedFunctionalGroupsSequence": [_item(**{k: [_item(**v)] for k, v in groups.items()})],
        "PerFrameFunctionalGroupsSequence": [_item(**{k: [_item(**v)] for k, v in one.items()}) for one in each],
    } | tags  # fmt: skip
    dataset = _item(**{name: value for name, value in file.items() if value is not None})
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def frames_of(voxels: NDArray[Any]) -> NDArray[Any]:
    """(X, Y, Z) as frames (Z, rows, columns)."""
    return np.ascontiguousarray(voxels.T)
