# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of results says by which networks and settings it was made, and takes no others."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import genesis_ext
from genesis_ext._files import write_aside
from genesis_ext.evaluation.stored_networks import StoredNetwork


def begin(path: Path, networks: Sequence[StoredNetwork], settings: Mapping[str, Any], **more: Any) -> None:
    """Write a file into the folder of results, or compare with the one that is there.

    settings: what must be the same, beside the weights, for the folder to be gone on with; plain values.
    more: what else the file tells.

    Raises:
        ValueError: the folder was made by others, or its file is damaged.
    """
    known = {"networks": sorted(network.record.checksum or str(network.path) for network in networks), **settings}
    if not path.exists():
        checkpoints = [str(network.path) for network in networks]
        about = {"genesis_ext": genesis_ext.__version__, "checkpoints": checkpoints, "settings": known, **more}
        write_aside(path, lambda stream: stream.write(json.dumps(about, indent=2).encode()))
        return
    try:
        made = {name: json.loads(path.read_text(encoding="utf-8"))["settings"][name] for name in known}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged, so its folder cannot be gone on with: give another one") from error
    if differ := [name for name in known if known[name] != made[name]]:
        raise ValueError(f"{path.parent} was made by other {' and '.join(differ)}: give another folder")
