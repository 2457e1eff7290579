# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a pre-training run is made of: one frozen dataclass, and presets that change some of its defaults."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from genesis_ext.data import IntensityWindow, Modality, Split
from genesis_ext.transforms import make_config

Loss = Literal["mse", "l1"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["plateau", "step", "constant"]

CHOICES: dict[str, tuple[str, ...]] = {
    "loss": get_args(Loss),
    "optimizer": get_args(Optimizer),
    "schedule": get_args(Schedule),
    "modality": get_args(Modality),
    "split": get_args(Split),
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
    """Size of a patch in voxels along x, y, z; multiples of 8."""
    width: int = 32
    """Channels of the network's first convolution."""
    profile: str = "head"
    """Profile of the transformations: head, paper, release-2019-11 or release-2019-09."""
    scheme: str = "unified"
    """Which of them: unified, distortion, painting, autoencoder, or the name of a single one."""
    seed: int = 0
    """Decides weights, patches and transformations; in [0, 2^63)."""

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

    borders: bool = False
    """Keep 100 voxels in x and y and 30 in z away from the ends of a scan, as released."""
    lung_content: bool = False
    """Cut lung-dominated patches from CT, as released."""
    modality: Modality | None = None
    """Modality of all scans; without it, guessed for each."""
    ct_window_hu: tuple[float, float] = (-1000.0, 1000.0)
    """HU that become 0 and 1."""
    mri_window: tuple[float, float] = (0.0, 4000.0)
    """Where MRI values are cut, before each scan is scaled by its own least and greatest value."""
    split: Split = "auto"
    """scans: every fifth validates; fifth: the last fifth of each; auto: fifth for a single scan, else scans."""

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
        make_config(self.profile, self.scheme)
        self.window()

    def window(self) -> IntensityWindow:
        """The intensity windows as the data layer takes them."""
        return IntensityWindow(self.ct_window_hu, self.mri_window)

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
)
# What a resumed run may have otherwise: how long it runs and how often it writes, not what it computes.
_MAY_CHANGE = {"steps", "early_stop_validations", "checkpoint_every_steps", "log_every_steps"}

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
