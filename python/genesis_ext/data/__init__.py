# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Files to volumes, volumes to a store, a store to batches on the device."""

from genesis_ext._renamed import old_names
from genesis_ext.data.batch import Batch
from genesis_ext.data.candidates import CandidateLoader, Candidates, EveryCandidate
from genesis_ext.data.loader import FixedSamples, GenesisLoader
from genesis_ext.data.placement.placement import PlacementError
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.inverse import to_original_grid
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.prepare.run import prepare_cached
from genesis_ext.data.readers import read_volume, read_volumes
from genesis_ext.data.sampling.content import Foreground, LungContent
from genesis_ext.data.sampling.folds import fold_regions, folds_of
from genesis_ext.data.sampling.sampler import Subvolumes, SubvolumeSampler
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Sampling
from genesis_ext.data.sampling.split import MODALITIES, Region, Split, split_regions, whole_regions
from genesis_ext.data.sources.find import find_sources
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.store.volume_store import StoreError, VolumeStore, is_store
from genesis_ext.data.volume import Modality, Volume, VolumeError

__all__ = [
    "MODALITIES",
    "RELEASED_BORDERS",
    "Batch",
    "CandidateLoader",
    "Candidates",
    "EveryCandidate",
    "FixedSamples",
    "Foreground",
    "GenesisLoader",
    "IntensityWindow",
    "LungContent",
    "Modality",
    "PlacementError",
    "PrepareSettings",
    "Region",
    "Sampling",
    "Split",
    "StoreError",
    "StoredVolume",
    "SubvolumeSampler",
    "Subvolumes",
    "Volume",
    "VolumeError",
    "VolumeStore",
    "find_sources",
    "fold_regions",
    "folds_of",
    "is_store",
    "prepare_cached",
    "read_volume",
    "read_volumes",
    "split_regions",
    "to_original_grid",
    "whole_regions",
]

__getattr__ = old_names(__name__, {"ResidenceError": "PlacementError"})
