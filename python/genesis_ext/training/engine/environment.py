# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""environment.json of a run: with what it was trained, from which sources, on what device and what data.

* date: of the start, or of the last resumption.
* versions: of Python and of the libraries, by their names.
* commit: of the sources, with "-dirty" where files had changed; null outside a checkout.
* device: "type" ("cpu" or "cuda"), "name", "threads", "ranks", and "cuda", the version, or null.
* objects: what was handed in as an object, such as a "network": kind -> description.
* begun: what the kind of run tells of its start, which stays when it is resumed.
* data: a list with an object for each store: "checksum", and "volumes", of which each has "name", "modality", "shape"
  (voxels), "spacing_mm" and "checksum".
"""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from genesis_ext._provenance import commit, cpu_model, versions
from genesis_ext.data.store.volume_store import VolumeStore
from genesis_ext.data.store.writer import write_json
from genesis_ext.training.engine.run_folder import RunFolder

_ROOT = Path(__file__).parents[4]  # of the checkout, if the package lies in one

_LIBRARIES = (
    "genesis_ext",
    "torch",
    "numpy",
    "nibabel",
    "lightning-fabric",
    "lightning",
    "monai",
    "dynamic-network-architectures",
)


def library_versions() -> dict[str, str]:
    """Of Python and of the libraries that are installed, by name."""
    return {"Python": platform.python_version(), **versions(_LIBRARIES)}


def write_environment(
    folder: RunFolder,
    stores: Sequence[VolumeStore],
    device: torch.device,
    ranks: int = 1,
    objects: Mapping[str, str] | None = None,
    begun: Mapping[str, Any] | None = None,
) -> None:
    """Write environment.json into the folder of a run.

    stores: what trains, then what validates if that is another one.
    device: of this rank.   ranks: how many train together.
    objects: as in ``Origin``.   begun: None keeps what the file says.
    """
    if begun is None:
        begun = json.loads(folder.environment.read_text()).get("begun", {}) if folder.environment.exists() else {}
    cuda = device.type == "cuda"
    write_json(
        folder.environment,
        {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": library_versions(),
            "commit": commit(_ROOT),
            "device": {
                "type": device.type,
                "name": torch.cuda.get_device_name(device) if cuda else cpu_model(),
                "threads": torch.get_num_threads(),
                "ranks": ranks,
                "cuda": torch.version.cuda,
            },
            "objects": dict(objects or {}),
            "begun": dict(begun),
            "data": [_described(store) for store in stores],
        },
    )


def _described(store: VolumeStore) -> dict[str, Any]:
    names = ("name", "modality", "shape", "spacing_mm", "checksum")
    volumes = [{name: getattr(entry, name) for name in names} for entry in store.entries]
    return {"checksum": store.checksum, "volumes": volumes}
