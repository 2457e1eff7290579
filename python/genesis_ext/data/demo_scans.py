# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Three small MRI scans that come with nibabel, so that the demo needs no download."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np

_HEAD = (slice(24, 120), slice(0, 96), slice(0, 24))  # of example4d; what lies beside it is air
_ANATOMICAL_SCALE = 0.1  # its values reach 30,393 in arbitrary units; MRI is cut at 4,000


def write_demo_scans(folder: Path) -> list[Path]:
    """Write the two frames of nibabel's ``example4d`` and its ``anatomical`` as 3D NIfTI files.

    Returns their paths. The frames, (96, 96, 24) voxels, show one head at two times.

    Raises:
        FileNotFoundError: this nibabel was installed without its test data.
    """
    source = Path(nibabel.__file__).parent / "tests" / "data"
    frames_path, anatomical_path = source / "example4d.nii.gz", source / "anatomical.nii"
    for path in (frames_path, anatomical_path):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: give scans of your own with --data")
    folder.mkdir(parents=True, exist_ok=True)
    images: dict[str, Any] = {}
    frames: Any = nibabel.load(frames_path)
    for number in range(frames.shape[3]):
        images[f"example4d_frame{number}.nii.gz"] = frames.slicer[(*_HEAD, number)]
    anatomical: Any = nibabel.load(anatomical_path)
    scaled = np.asarray(anatomical.dataobj, dtype=np.float32) * np.float32(_ANATOMICAL_SCALE)
    images["anatomical.nii.gz"] = anatomical.__class__(scaled, anatomical.affine)
    for name, image in images.items():
        nibabel.save(image, folder / name)
    return [folder / name for name in images]
