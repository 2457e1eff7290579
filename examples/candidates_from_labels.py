# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A table of candidates with true classes from label maps: points inside a structure, near it and far from it.

    python examples/candidates_from_labels.py labelsTr candidates.csv --negatives 400

Of each label map one point (1) lies at least 1.5 mm deep in the structure, half of the others (0) 2 to 8 mm away from
it, and half anywhere at least 2 mm away. Names are those of nnU-Net's images, CASE_0000, and millimetres LPS, as LUNA16
has them.
"""

import argparse
import csv
from pathlib import Path

import nibabel
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

DEEP_MM, NEAR_MM = 1.5, (2.0, 8.0)


def points_of(path: Path, negatives: int, generator: np.random.Generator) -> list[tuple[NDArray[np.float64], int]]:
    """RAS millimetres and class of the points of one label map; none where it holds no deep voxel."""
    image = nibabel.load(path)
    inside = np.asarray(image.dataobj) > 0
    spacing = image.header.get_zooms()[:3]
    depth, away = distance_transform_edt(inside, spacing), distance_transform_edt(~inside, spacing)
    kinds = [
        (depth >= DEEP_MM, 1, 1),
        ((away >= NEAR_MM[0]) & (away < NEAR_MM[1]), 0, negatives - negatives // 2),
        (away >= NEAR_MM[1], 0, negatives // 2),
    ]
    points = []
    for where, kind, count in kinds:
        voxels = np.argwhere(where)
        if len(voxels) < count:
            return []
        for voxel in voxels[generator.choice(len(voxels), count, replace=False)]:
            points.append((image.affine[:3, :3] @ voxel + image.affine[:3, 3], kind))
    return points


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("labels", type=Path, help="folder of label maps, NIfTI")
    parser.add_argument("table", type=Path, help="to write")
    parser.add_argument("--negatives", type=int, default=400, help="of each label map (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    generator = np.random.default_rng(args.seed)
    rows = []
    for path in sorted(args.labels.glob("*.nii*")):
        name = f"{path.name.partition('.')[0]}_0000"
        for (x, y, z), kind in points_of(path, args.negatives, generator):
            rows.append((name, f"{-x:.3f}", f"{-y:.3f}", f"{z:.3f}", kind))
    with args.table.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("seriesuid", "coordX", "coordY", "coordZ", "class"), *rows])
    print(f"{args.table}: {len(rows)} candidates, {sum(row[-1] for row in rows)} of class 1")


if __name__ == "__main__":
    main()
