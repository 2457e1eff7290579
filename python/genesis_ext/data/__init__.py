# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Files to volumes, volumes to patches on the device."""

from genesis_ext.data.patches import PatchSampler
from genesis_ext.data.preprocess import IntensityWindow
from genesis_ext.data.readers import Modality, Volume, VolumeError, find_volumes, read_volume
from genesis_ext.data.volume_set import Region, Split, VolumeEntry, VolumeSet, load_volumes, split_regions, whole_region

__all__ = [
    "IntensityWindow",
    "Modality",
    "PatchSampler",
    "Region",
    "Split",
    "Volume",
    "VolumeEntry",
    "VolumeError",
    "VolumeSet",
    "find_volumes",
    "load_volumes",
    "read_volume",
    "split_regions",
    "whole_region",
]
