# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Small image files for tests."""

import struct
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray

from genesis_ext.reference.philox import uniform, words


def random_voxels(shape: tuple[int, ...], lo: float, hi: float, seed: int = 0) -> NDArray[np.float32]:
    """Values uniform in [lo, hi), the two ends included once."""
    count = int(np.prod(shape))
    values = uniform(words(seed, 0, 0, np.arange(count))[:, 0])
    values[:2] = (0.0, 1.0)
    return (lo + (hi - lo) * values).astype(np.float32).reshape(shape)


def write_nifti(path: Path, voxels: NDArray, affine: NDArray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def write_ct(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    """Soft values between -1000 and 1000 HU: a gradient along each axis and some noise."""
    ramp = sum(np.linspace(-300, 300, n).reshape([-1 if i == a else 1 for i in range(3)]) for a, n in enumerate(shape))
    voxels = ramp + random_voxels(shape, -50, 50, seed)
    voxels.flat[0], voxels.flat[1] = -1000, 1000
    return write_nifti(path, voxels.astype(np.int16))


def write_mri(path: Path, shape: tuple[int, ...], seed: int = 0) -> Path:
    return write_nifti(path, random_voxels(shape, 0, 900, seed))


def patched(path: Path, source: Path, *fields: tuple[int, bytes]) -> Path:
    """A copy of a file with bytes replaced: (offset, bytes) each."""
    content = bytearray(source.read_bytes())
    for at, field in fields:
        content[at : at + len(field)] = field
    path.write_bytes(content)
    return path


_TYPES = {  # of the elements that are no decimal text or code string
    "0002|0002": b"UI", "0002|0010": b"UI", "0008|0016": b"UI", "0008|0018": b"UI", "0020|000d": b"UI",
    "0020|000e": b"UI", "0010|0020": b"LO", "0028|0002": b"US", "0028|0006": b"US", "0028|0010": b"US",
    "0028|0011": b"US", "0028|0100": b"US", "0028|0101": b"US", "0028|0102": b"US", "0028|0103": b"US",
    "0020|0011": b"IS", "0020|0012": b"IS", "0020|0013": b"IS", "0028|0008": b"IS", "0020|0032": b"DS",
    "0020|0037": b"DS", "0028|0030": b"DS", "0018|1164": b"DS", "0028|1052": b"DS", "0028|1053": b"DS",
}  # fmt: skip


def write_dicom(path: Path, pixels: NDArray, preamble: bool = True, **tags: str) -> Path:
    """One file, uncompressed little endian with explicit types.

    pixels: (rows, columns), (frames, rows, columns), or (rows, columns, 3) uint8; int16, uint16 or uint8.
    tags: as ``t0008_0060="CT"``; an empty text leaves an element out.
    """
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3
    rows, columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    bits = str(pixels.dtype.itemsize * 8)
    elements = {
        "0002|0002": "1.2.840.10008.5.1.4.1.1.2", "0002|0010": "1.2.840.10008.1.2.1",
        "0008|0016": "1.2.840.10008.5.1.4.1.1.2", "0008|0018": f"1.2.3.{abs(hash(path)) % 10**12}",
        "0008|0060": "CT", "0010|0020": "P1", "0020|000d": "1.2.3", "0020|000e": "1.2.3.4", "0020|0011": "7",
        "0028|0002": "3" if colour else "1", "0028|0004": "RGB" if colour else "MONOCHROME2",
        "0028|0008": str(len(pixels)) if pixels.ndim == 3 and not colour else "",
        "0028|0006": "0" if colour else "",
        "0028|0010": str(rows), "0028|0011": str(columns), "0028|0100": bits, "0028|0101": bits,
        "0028|0102": str(int(bits) - 1), "0028|0103": "1" if pixels.dtype.kind == "i" else "0",
    }  # fmt: skip
    elements |= {tag[1:].replace("_", "|"): value for tag, value in tags.items()}
    content = b"\0" * 128 + b"DICM" if preamble else b""
    for tag in sorted(tag for tag, value in elements.items() if value):
        group, element = (int(part, 16) for part in tag.split("|"))
        kind = _TYPES.get(tag, b"CS")
        value = struct.pack("<H", int(elements[tag])) if kind == b"US" else elements[tag].encode()
        value += (b"\0" if kind == b"UI" else b" ") * (len(value) % 2)
        content += struct.pack("<HH2sH", group, element, kind, len(value)) + value
    data = np.ascontiguousarray(pixels).tobytes()
    content += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(data)) + data
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def write_series(folder: Path, voxels: NDArray, step: float = 2.0, **tags: str) -> Path:
    """The slices of a volume (X, Y, Z) in HU, 0.5 mm wide and 0.75 mm high, in files whose names run backwards.

    Columns run to the left, rows to the back, slices to the head; the stored numbers are HU + 1024.
    """
    for z in range(voxels.shape[2]):
        place = {"t0020_0032": rf"-10\-20\{30 + z * step}", "t0020_0037": r"1\0\0\0\1\0", "t0028_0030": r"0.75\0.5"}
        scale = {"t0028_1052": "-1024", "t0028_1053": "1", "t0020_0013": str(z + 1)}
        pixels = (voxels[:, :, z].T + 1024).astype(np.uint16)
        write_dicom(folder / f"{voxels.shape[2] - z:03d}.dcm", pixels, **(place | scale | tags))
    return folder
