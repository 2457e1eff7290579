# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Heart of the Medical Segmentation Decathlon, ``Task02_Heart``: cardiac MRI, left atrium, with a ``dataset.json``.

The split is the distributed one: 20 labelled scans train, 10 without labels test. The Universal Model pre-trains on all
30 of them.
"""

from pathlib import Path

from genesis_ext.data.sources.lists import read_dataset_json
from genesis_ext.data.sources.recipes._recipe import Recipe
from genesis_ext.data.sources.source import Found


def _collect(root: Path, found: Found) -> None:
    for folder in (root, *sorted(path for path in root.glob("Task02_Heart*") if path.is_dir())):
        if (folder / "dataset.json").is_file():
            found.extend(read_dataset_json(folder / "dataset.json"))


RECIPE = Recipe(
    "msd-heart",
    "dataset.json with imagesTr, labelsTr and imagesTs (or Task02_Heart with them)",
    "imagesTr train, imagesTs test",
    _collect,
)
