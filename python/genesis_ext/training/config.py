# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a pre-training run is made of: one frozen dataclass, and presets that change some of its defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.residence.residence import ResidenceName
from genesis_ext.data.sampling.content import ContentRule, Foreground, LungContent
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Mix, Sampling
from genesis_ext.data.sampling.split import Split
from genesis_ext.data.volume import Modality
from genesis_ext.transforms import make_config

Loss = Literal["mse", "l1"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["plateau", "step", "constant"]
Boxes = Literal["cubes", "scales"]

CHOICES: dict[str, tuple[str, ...]] = {
    "loss": get_args(Loss),
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "modality": get_args(Modality),
    "split": get_args(Split),
    "boxes": get_args(Boxes),
    "mix": get_args(Mix),
    "residence": get_args(ResidenceName),
}
"""Fields that are one of a few words."""


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides the weights of a run, and how often it reports.

    A run with the same config, data and machine gives the same weights. Numbers from the released code are the
    defaults, except optimiser and learning rate: SGD at 1.0, as released, is known to collapse for some data (preset
    "released" has it).

    Raises:
        ValueError: a field breaks its rule; the text names it.
    """

    patch: tuple[int, int, int] = (64, 64, 32)
    """Voxels along x, y, z that the network gets; multiples of 8."""
    width: int = 32
    """Channels of the network's first convolution."""
    profile: str = "head"
    """Profile of the transformations: head, paper, release-2019-11 or release-2019-09."""
    scheme: str = "unified"
    """Which of them: unified, distortion, painting, autoencoder, or the name of a single one."""
    seed: int = 0
    """Decides weights, boxes and transformations; in [0, 2^63)."""

    steps: int = 20_000
    """Training steps at most."""
    batch_size: int = 6
    """Patches a step."""
    loss: Loss = "mse"
    """Mean squared error as released, or L1 as in the paper."""
    optimizer: Optimizer = "adamw"
    """AdamW, or SGD with `momentum` as released."""
    lr: float = 1e-3
    """Learning rate at the start."""
    momentum: float = 0.9
    """Momentum of SGD, in [0, 1)."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    schedule: Schedule = "plateau"
    """plateau: half the learning rate after 10 validations without progress; step: after every 40; or constant."""
    validate_every_steps: int = 250
    """Steps from one validation to the next."""
    validation_patches: int = 48
    """Fixed patches that validate; rounded up to whole batches."""
    early_stop_validations: int = 50
    """Stop after so many validations without a better loss."""
    checkpoint_every_steps: int = 250
    """Steps from one last.pt to the next."""
    log_every_steps: int = 10
    """Steps from one log entry to the next; each waits for the device."""

    boxes: Boxes = "cubes"
    """cubes: of `patch` voxels, as in Models Genesis; scales: shares of the volume, resized to `patch`, as in the
    Universal Model."""
    scales: tuple[float, float, float] = (0.5, 0.25, 0.125)
    """Sides of the boxes as shares of the volume's sides."""
    scale_weights: tuple[int, int, int] = (1, 1, 2)
    """How often each scale is drawn."""
    order: int = 1
    """Order of the interpolation that resizes boxes: 0, 1 or 3."""
    antialias: bool = False
    """Smooth boxes that are larger than `patch` before resizing them."""
    mix: Mix = "balanced"
    """balanced: all modalities equally often; volumes: all volumes equally often."""
    borders: bool = False
    """Keep 100 voxels in x and y and 30 in z away from the ends of a volume, as released."""
    lung_content: bool = False
    """Take only boxes of CT that lung dominates, as released."""
    foreground: bool = False
    """Take only boxes of MRI that are brighter than a twentieth of the window in a quarter of their voxels or more."""
    content_grid: int = 4
    """Boxes under one of these two rules begin at multiples of so many voxels; 1 costs much memory."""
    split: Split = "auto"
    """auto: the split of the store, else every fifth patient, or the last fifth of the volumes of a single patient;
    patients: every fifth patient; fifth: the last fifth of each volume."""
    residence: ResidenceName = "device"
    """Where the volumes are: all in device memory; in host memory (pinned) or on disk, shards of them on the device."""
    budget_gib: float = 8.0
    """GiB of device memory for the shards."""
    samples_a_volume: int = 64
    """Samples from each volume before its shard makes room for the next."""

    modality: Modality | None = None
    """Modality of all files; without it, guessed for each. This and the next three are for files, not for a store."""
    spacing_mm: float | None = None
    """Voxel size to which files are resampled."""
    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    """HU that become 0 and 1."""
    mri_window: tuple[float, float] = (0.0, 4000.0)
    """Where MRI values are cut, before each scan is scaled by its own least and greatest value."""

    def __post_init__(self) -> None:
        if len(self.patch) != 3 or any(side < 8 or side % 8 for side in self.patch):
            raise ValueError(f"patch must be three positive multiples of 8, got {self.patch}")
        for name in _AT_LEAST_ONE:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be in [0, 2^63), got {self.seed}")
        if not self.lr > 0:
            raise ValueError(f"lr must be positive, got {self.lr}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative, got {self.weight_decay}")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in (*choices, *((None,) if name == "modality" else ())):
                raise ValueError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        if not self.budget_gib > 0:
            raise ValueError(f"budget_gib must be positive, got {self.budget_gib}")
        make_config(self.profile, self.scheme)
        self.sampling()
        self.preparation()

    def sampling(self) -> Sampling:
        """Which boxes are cut."""
        content: dict[Modality, ContentRule] = {}
        if self.lung_content:
            content["ct"] = LungContent()
        if self.foreground:
            content["mri"] = Foreground()
        return Sampling(
            out_shape=self.patch,
            scales=self.scales,
            scale_weights=self.scale_weights,
            cube=self.patch if self.boxes == "cubes" else None,
            borders=RELEASED_BORDERS if self.borders else (0, 0, 0),
            mix=self.mix,
            content=content,
            content_grid=self.content_grid,
            order=self.order,
            antialias=self.antialias,
        )

    def preparation(self) -> PrepareSettings:
        """How files become volumes of a store."""
        return PrepareSettings(
            spacing_mm=None if self.spacing_mm is None else (self.spacing_mm,) * 3,
            window=IntensityWindow(self.ct_window_hu, self.mri_window),
        )

    def as_dict(self) -> dict[str, Any]:
        """Names and plain values, for JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PretrainConfig":
        """The inverse of ``as_dict``; lists, as JSON gives them, count as tuples."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**plain)

    def difference(self, other: "PretrainConfig") -> list[str]:
        """Fields that change the weights and differ: "name: own value, other value"."""
        return [
            f"{option.name}: {getattr(self, option.name)!r}, not {getattr(other, option.name)!r}"
            for option in fields(self)
            if option.name not in _MAY_CHANGE and getattr(self, option.name) != getattr(other, option.name)
        ]


_AT_LEAST_ONE = (
    "width",
    "steps",
    "batch_size",
    "validate_every_steps",
    "validation_patches",
    "early_stop_validations",
    "checkpoint_every_steps",
    "log_every_steps",
    "samples_a_volume",
)
# What a resumed run may have otherwise: how long it runs and how often it writes, not what it computes.
_MAY_CHANGE = {"steps", "early_stop_validations", "checkpoint_every_steps", "log_every_steps"}

FOR_FILES = ("modality", "spacing_mm", "ct_window_hu", "mri_window")
"""Fields that tell how files are prepared; a store is as it was prepared."""

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    # Optimiser, rate and sampling of the released code; an epoch of its 445 training scans x 32 cubes is 2,373 steps.
    "released": {
        "optimizer": "sgd",
        "lr": 1.0,
        "borders": True,
        "lung_content": True,
        "validate_every_steps": 2_373,
        "checkpoint_every_steps": 2_373,
        "steps": 2_373 * 10_000,
    },
    # A narrow network on small patches: minutes on two CPU cores.
    "quick": {
        "patch": (32, 32, 16),
        "width": 8,
        "batch_size": 8,
        "lr": 5e-3,
        "steps": 400,
        "validate_every_steps": 50,
        "validation_patches": 64,
        "checkpoint_every_steps": 50,
    },
}
