# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Groups of settings that several kinds of run have: the network, the patches, the volumes and the files.

The name of a field is that of its option on the command line, and its docstring the help.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from genesis_ext._settings import check_kinds
from genesis_ext._types import Shape3
from genesis_ext.data.placement.placement import PlacementName
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.sampling.split import MODALITIES
from genesis_ext.data.volume import Modality
from genesis_ext.models.build import OWN, NetworkSpec, options_of, plain_arguments
from genesis_ext.models.unet3d import BatchNormMode, Norm, Upsample
from genesis_ext.training.engine.options import check

Modalities = Literal["all", "ct", "mri", "xray", "us"]
assert set(get_args(Modalities)) == {"all", *MODALITIES}


@dataclass(frozen=True)
class NetworkConfig:
    """The network that is trained."""

    network: str = OWN
    """unet: that of Models Genesis, or its 2D counterpart; ResNetUNet: a ResNet encoder, as of MedicalNet;
    PlainConvUNet, ResidualEncoderUNet: those of nnU-Net; a class of MONAI, such as SegResNet, or of any package by its
    path. The last two can restore and no more."""
    network_arguments: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of another network than unet, as JSON: '{"init_filters": 16}'. Those of nnU-Net take the arch_kwargs of
    a plans file."""
    width: int = 32
    """Channels of the first convolution, of unet and of nnU-Net's; deeper ones scale with it."""
    norm: Norm = "batch"
    """batch as released, or instance, which gives the same however the batch is spread over processes."""
    bn_mode: BatchNormMode = "batch"
    """Statistics of batch norm in evaluation: of the batch as released, or running. The 2D network has running ones."""
    upsample: Upsample = "transpose"
    """transpose: learnt; nearest: as in the released Keras network, and in the 2D one."""
    sync_batch_norm: bool = False
    """Batch norm over the batches of all processes instead of each one's own (CUDA)."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check(self, "width", self.width >= 1, "be at least 1")
        object.__setattr__(self, "network_arguments", plain_arguments(self.network_arguments))
        if self.network == OWN and self.network_arguments:
            raise ValueError(f"network_arguments must be empty for {OWN}, whose settings have names of their own")
        if self.network == OWN and self.sync_batch_norm and self.bn_mode != "running":
            raise ValueError(f"bn_mode must be running with sync_batch_norm, which has no other, got {self.bn_mode}")
        self.spec(3)

    @property
    def unused(self) -> list[str]:
        """Options that are given and have no part in a network of another package."""
        usual, own = NetworkConfig(), options_of(self.network, 3)
        names = (name for name in options_of(OWN, 3) if name not in own)
        return [name for name in sorted(names) if self.network != OWN and getattr(self, name) != getattr(usual, name)]

    def spec(self, spatial_dims: int) -> NetworkSpec:
        """The network, for patches of so many dimensions."""
        own = {name: getattr(self, name) for name in sorted(options_of(self.network, spatial_dims))}
        return NetworkSpec(self.network, spatial_dims, arguments=own | dict(self.network_arguments))

    def check_patch(self, patch: "PatchConfig") -> None:
        """Raise a ValueError where a network of this package does not take such patches."""
        if self.network != OWN:
            return
        cube, square = (NetworkSpec(spatial_dims=dims).stride for dims in (3, 2))
        stride = cube if len(patch.patch_shape) == 3 else square
        fits = all(side % stride == 0 for side in patch.patch_shape)
        check(patch, "patch", fits, f"be three positive multiples of {cube}, or for 2D two of {square} and then 1")
        if len(patch.patch_shape) == 2 and self.norm != "batch":
            raise ValueError(f"norm must be batch for a 2D network, got {self.norm}")


@dataclass(frozen=True)
class PatchConfig:
    """What the network gets, and where the volumes live from which it is cut."""

    patch: Shape3 = (64, 64, 32)
    """Voxels along x, y, z that the network gets; multiples of 8 for unet. X Y 1 trains a 2D network on axial slices or
    radiographs: multiples of 32."""
    order: int = 1
    """Order of the interpolation that resizes boxes: 0, 1 or 3."""
    antialias: bool = False
    """Smooth boxes that are larger than `patch` before resizing them."""
    placement: PlacementName = "device"
    """Where the volumes are: all in device memory; in host memory (pinned) or on disk, shards of them on the device."""
    budget_gib: float = 8.0
    """GiB of device memory for the shards."""
    samples_a_volume: int = 64
    """Samples from each volume before its shard makes room for the next."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check(self, "patch", all(side >= 1 for side in self.patch), "be three positive integers")
        check(self, "budget_gib", self.budget_gib > 0, "be positive")
        check(self, "samples_a_volume", self.samples_a_volume >= 1, "be at least 1")

    @property
    def patch_shape(self) -> Shape3 | tuple[int, int]:
        """Sides of what the network gets: two for slices."""
        return self.patch[:2] if self.patch[2:] == (1,) else self.patch


@dataclass(frozen=True)
class FilesConfig:
    """How scans become volumes; a store is as it was prepared."""

    modality: Modality | None = None
    """Modality of all files; without it, guessed for each."""
    spacing_mm: float | None = None
    """Voxel size to which files are resampled; without it they stay as they are."""
    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    """HU that become 0 and 1."""
    mri_percentiles: tuple[float, float] | None = None
    """Percentiles of its own voxels at which each MRI is cut, and by which it is scaled: the first of all voxels, the
    second of those above it. Without them and mri_window: .5 99.5."""
    mri_window: tuple[float, float] | None = None
    """Where MRI values are cut instead, before each scan is scaled by its own least and greatest value; 0 4000 in the
    Universal Model. A scan of which more than a quarter lies above is left out."""

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.mri_window is not None and self.mri_percentiles is not None:
            raise ValueError(
                "mri_percentiles must not be given with mri_window, which the presets of the Universal Model have: set "
                f"mri_window to None, got {self.mri_percentiles} and {self.mri_window}"
            )
        self.preparation()

    def preparation(self) -> PrepareSettings:
        """How files become volumes of a store."""
        return PrepareSettings(
            spacing_mm=None if self.spacing_mm is None else (self.spacing_mm,) * 3,
            window=IntensityWindow(self.ct_window_hu, self.mri_window, self.mri_percentiles),
        )


FOR_FILES = tuple(option.name for option in fields(FilesConfig))
"""Fields that tell how files are prepared; a store is as it was prepared."""
