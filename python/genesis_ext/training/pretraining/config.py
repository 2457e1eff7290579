# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a pre-training run is made of: frozen dataclasses, one a subject, and `PretrainConfig` that holds them.

The name of a field is that of its option on the command line, and its docstring the help. No name is used twice, so a
field can be named without its group: ``PretrainConfig.of(width=8, lr=1e-2)``, ``config.but(steps=10)``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from genesis_ext._settings import check_kinds
from genesis_ext.data.prepare.intensity import IntensityWindow
from genesis_ext.data.prepare.preprocess import PrepareSettings
from genesis_ext.data.residence.residence import ResidenceName
from genesis_ext.data.sampling.content import ContentRule, Foreground, LungContent
from genesis_ext.data.sampling.settings import RELEASED_BORDERS, Mix, Sampling
from genesis_ext.data.sampling.split import MODALITIES, Split
from genesis_ext.data.volume import Modality
from genesis_ext.models.unet3d import BatchNormMode, Norm, Upsample
from genesis_ext.transforms import make_config

Method = Literal["genesis", "universal", "rotation", "jigsaw"]
Loss = Literal["mse", "l1", "masked"]
Adversary = Literal["off", "alternating", "reversal"]
Confusion = Literal["uniform", "flipped", "negative"]
Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["plateau", "step", "cosine", "polynomial", "constant"]
Boxes = Literal["cubes", "scales"]
Modalities = Literal["all", "ct", "mri", "xray", "us"]
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
OnTrouble = Literal["stop", "rollback", "go-on"]


@dataclass(frozen=True)
class MethodConfig:
    """What is learnt."""

    method: Method = "genesis"
    """genesis: restore (Models Genesis); universal: restore, tell scales, and hide the modality (Universal Model);
    rotation, jigsaw: the baselines that both papers compare with."""
    profile: str = "head"
    """Profile of the transformations: head, paper, release-2019-11 or release-2019-09."""
    scheme: str = "unified"
    """Which of them: unified, distortion, painting, autoencoder, or the name of a single one."""
    loss: Loss = "mse"
    """Of the restoration: mean squared error as released, l1 as in the paper, or masked: mean squared error over what
    the transformations changed."""
    modalities: Modalities = "all"
    """Which volumes of the store train: all, or those of one modality (Model_CT, Model_MRI of the Universal Model)."""
    adversary: Adversary = "alternating"
    """Of `universal`: the modality discriminator takes turns with the encoder, or trains in the same step through a
    reversed gradient, or is off (Model_Multi, +SC)."""
    confusion: Confusion = "uniform"
    """How the encoder is to confuse the discriminator in its turn: towards answers of one half, towards the other
    modality, or by the negative of the discriminator's loss (the paper's Eq. 2 as written, which does not converge)."""
    tell_scales: bool = True
    """Of `universal`: train the scale classifier (off: Model_Multi, +MIAL)."""
    alpha: float = 1.0
    """Weight of the scale classifier's loss."""
    beta: float = 10.0
    """Weight of the restoration loss."""
    lr_scales: float = 0.1
    """Learning rate of the scale classifier."""
    lr_discriminator: float = 1e-3
    """Learning rate of the discriminator."""

    def __post_init__(self) -> None:
        check_kinds(self)
        make_config(self.profile, self.scheme)
        check(self, "alpha", self.alpha >= 0, "not be negative")
        check(self, "beta", self.beta > 0, "be positive")
        check(self, "lr_scales", self.lr_scales > 0, "be positive")
        check(self, "lr_discriminator", self.lr_discriminator > 0, "be positive")


@dataclass(frozen=True)
class NetworkConfig:
    """The network that is trained."""

    width: int = 32
    """Channels of the network's first convolution."""
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


@dataclass(frozen=True)
class DataConfig:
    """Which sub-volumes are cut, and where the volumes live."""

    patch: tuple[int, int, int] = (64, 64, 32)
    """Voxels along x, y, z that the network gets; multiples of 8. X Y 1 trains a 2D network on axial slices or
    radiographs: multiples of 32."""
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
    allow_constant: bool = False
    """Train on boxes that are constant, too: of blank background, say."""
    content_grid: int = 4
    """Boxes under lung_content or foreground begin at multiples of so many voxels; 1 costs much memory."""
    split: Split = "auto"
    """auto: the split of the store, else every fifth patient, or the last fifth of the volumes of a single patient;
    patients: every fifth patient; fifth: the last fifth of each volume."""
    residence: ResidenceName = "device"
    """Where the volumes are: all in device memory; in host memory (pinned) or on disk, shards of them on the device."""
    budget_gib: float = 8.0
    """GiB of device memory for the shards."""
    samples_a_volume: int = 64
    """Samples from each volume before its shard makes room for the next."""

    def __post_init__(self) -> None:
        check_kinds(self)
        stride = 8 if len(self.patch_shape) == 3 else 32
        fits = all(side >= stride and side % stride == 0 for side in self.patch_shape)
        check(self, "patch", fits, "be three positive multiples of 8, or for 2D two of 32 and then 1")
        check(self, "budget_gib", self.budget_gib > 0, "be positive")
        check(self, "samples_a_volume", self.samples_a_volume >= 1, "be at least 1")
        self.sampling()

    @property
    def patch_shape(self) -> tuple[int, int, int] | tuple[int, int]:
        """Sides of what the network gets: two for slices."""
        return self.patch[:2] if self.patch[2:] == (1,) else self.patch

    def sampling(self) -> Sampling:
        """Which boxes are cut."""
        content: dict[Modality, ContentRule] = {}
        if self.lung_content:
            content["ct"] = LungContent()
        if self.foreground:
            content["mri"] = Foreground()
        return Sampling(
            out_shape=self.patch_shape,
            scales=self.scales,
            scale_weights=self.scale_weights,
            cube=self.patch_shape if self.boxes == "cubes" else None,
            borders=RELEASED_BORDERS if self.borders else (0, 0, 0),
            mix=self.mix,
            content=content,
            content_grid=self.content_grid,
            allow_constant=self.allow_constant,
            order=self.order,
            antialias=self.antialias,
        )


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


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights change."""

    batch_size: int = 6
    """Samples a step, over all processes."""
    accumulate: int = 1
    """Parts into which each process cuts its samples of a step and learns from in turn: less memory, the same step."""
    optimizer: Optimizer = "adamw"
    """AdamW, or SGD with `momentum` as released."""
    lr: float = 1e-3
    """Learning rate at the start, of the network."""
    momentum: float = 0.9
    """Momentum of SGD, in [0, 1)."""
    weight_decay: float = 0.0
    """Weight decay of the optimiser."""
    warmup: int = 0
    """Steps in which the learning rates rise to their value."""
    schedule: Schedule = "plateau"
    """plateau: half the learning rate after `patience` validations without progress; step: after every 40; cosine and
    polynomial (power .9): down to 0 at the last step; or constant."""
    patience: int = 10
    """Validations of `plateau`."""
    clip: float = 0.0
    """Largest norm of the gradients of each network; 0: any."""
    ema: float = 0.0
    """Decay a step of the mean of the weights that validates and is kept as the best, in [0, 1); 0: none."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("batch_size", "accumulate", "patience"):
            check(self, name, getattr(self, name) >= 1, "be at least 1")
        for name in ("weight_decay", "warmup", "clip"):
            check(self, name, getattr(self, name) >= 0, "not be negative")
        check(self, "lr", self.lr > 0, "be positive")
        for name in ("momentum", "ema"):
            check(self, name, 0 <= getattr(self, name) < 1, "be in [0, 1)")


@dataclass(frozen=True)
class RunConfig:
    """How long a run is, how it computes, and how often it reports."""

    steps: int = 20_000
    """Training steps at most."""
    seed: int = 0
    """Decides weights, boxes and transformations; in [0, 2^63)."""
    precision: Precision = "fp32"
    """fp32; tf32: fp32 with faster products (CUDA); bf16, fp16: mixed."""
    compile: bool = False
    """Compile the networks by torch.compile."""
    cuda_graph: bool = False
    """Take whole steps, making batches included, from one CUDA graph: one launch a step. For one process whose volumes
    all lie on the device."""
    deterministic: bool = False
    """Use deterministic algorithms only, and say where there is none."""
    validate_every: int = 250
    """Steps from one validation to the next."""
    validation_patches: int = 48
    """Fixed patches that validate; rounded up to whole batches."""
    early_stop: int = 50
    """Stop after so many validations without a better loss."""
    checkpoint_every: int = 250
    """Steps from one last.pt to the next."""
    keep_every: int = 0
    """Steps from one checkpoint that is kept for good to the next; 0: none but last.pt, previous.pt and best.pt."""
    log_every: int = 10
    """Steps from one log entry to the next; each waits for the device."""
    on_trouble: OnTrouble = "stop"
    """What to do when a loss is not finite or gradients explode: stop; roll back to last.pt and halve the learning
    rates (three times at most); or go on where that is possible. It is always said."""

    def __post_init__(self) -> None:
        check_kinds(self)
        for name in ("steps", "validate_every", "validation_patches", "early_stop", "checkpoint_every", "log_every"):
            check(self, name, getattr(self, name) >= 1, "be at least 1")
        check(self, "keep_every", self.keep_every >= 0, "not be negative")
        check(self, "seed", 0 <= self.seed < 2**63, "be in [0, 2^63)")


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that decides the weights of a run, and how often it reports.

    A run with the same config, data and machine gives the same weights. Numbers from the released code are the
    defaults, except optimiser and learning rate: SGD at 1.0, as released, is known to collapse for some data (preset
    "released" has it).

    Raises:
        ValueError: a field breaks its rule or contradicts another; the text names it.
    """

    method: MethodConfig = field(default_factory=MethodConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    optim: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        check_kinds(self)
        method, data = self.method, self.data
        if method.method == "universal":
            if method.tell_scales and data.boxes != "scales":
                raise ValueError(
                    "boxes must be scales where universal tells scales, got cubes: set boxes to scales, or tell_scales "
                    "to false"
                )
            if method.adversary != "off" and method.modalities != "all":
                raise ValueError(
                    f"modalities must be all where a discriminator tells CT from MRI, got {method.modalities}: set "
                    "adversary to off"
                )
        if method.loss == "masked" and method.scheme == "autoencoder":
            raise ValueError("loss must not be masked with scheme autoencoder, which changes no voxel")
        if self.optim.ema and method.method in ("rotation", "jigsaw"):
            raise ValueError(
                f"ema must be 0 for method {method.method}, whose classifier has no mean: it is for U-Nets"
            )
        if self.network.sync_batch_norm and self.network.bn_mode != "running":
            raise ValueError(
                f"bn_mode must be running with sync_batch_norm, which has no other, got {self.network.bn_mode}"
            )
        if self.run.cuda_graph and data.residence != "device":
            raise ValueError(f"residence must be device with cuda_graph, got {data.residence}")
        if self.run.cuda_graph and self.run.precision == "fp16":
            raise ValueError(
                "precision must not be fp16 with cuda_graph, since its loss scale needs the host: use bf16"
            )
        if len(data.patch_shape) == 2 and self.network.norm != "batch":
            raise ValueError(f"norm must be batch for a 2D network, got {self.network.norm}")
        if self.optim.warmup >= self.run.steps > 1:
            raise ValueError(f"warmup must be below steps, got {self.optim.warmup} of {self.run.steps}")
        if data.lung_content and method.modalities not in ("all", "ct"):
            raise ValueError(f"lung_content is for CT, got modalities {method.modalities}")

    @classmethod
    def of(cls, **values: Any) -> "PretrainConfig":
        """The config with fields given without their groups.

        Raises:
            ValueError: an unknown field.
        """
        return cls().but(**values)

    def but(self, **values: Any) -> "PretrainConfig":
        """This config with some fields changed, as for ``of``."""
        unknown = sorted(values.keys() - _GROUP_OF.keys())
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            changed.setdefault(_GROUP_OF[name], {})[name] = value
        return replace(self, **{group: replace(getattr(self, group), **given) for group, given in changed.items()})

    def flat(self) -> dict[str, Any]:
        """Field -> value, without groups."""
        return {name: getattr(getattr(self, group), name) for name, group in _GROUP_OF.items()}

    def as_dict(self) -> dict[str, Any]:
        """Groups of names and plain values, for YAML, JSON and checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PretrainConfig":
        """The inverse of ``as_dict``; what is missing has its default, and fields may stand outside their groups.

        Raises:
            ValueError: an unknown or misplaced field, or a value that breaks its rule.
        """
        return cls.of(**without_groups(values))

    def difference(self, other: "PretrainConfig") -> list[str]:
        """Fields that change the weights and differ: "name: own value, other value"."""
        own, others = self.flat(), other.flat()
        return [
            f"{name}: {own[name]!r}, not {others[name]!r}"
            for name in own
            if own[name] != others[name] and (name not in _MAY_CHANGE or name in _shapes_rates(self))
        ]


def without_groups(values: Mapping[str, Any]) -> dict[str, Any]:
    """Field -> value of settings that may stand in their groups, as ``PretrainConfig.of`` takes them.

    Raises:
        ValueError: an unknown or misplaced field.
    """
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name in _GROUPS and isinstance(value, Mapping):
            misplaced = [str(inner) for inner in value if _GROUP_OF.get(inner) != name]
            if misplaced:
                raise ValueError(f"unknown settings in {name}: {', '.join(misplaced)}")
            given |= value
        else:
            given[str(name)] = value
    return given


def check(config: object, name: str, holds: bool, rule: str) -> None:
    """ValueError naming field, rule and value, unless it holds."""
    if not holds:
        raise ValueError(f"{name} must {rule}, got {getattr(config, name)}")


def _shapes_rates(config: PretrainConfig) -> set[str]:
    """Lengths that the learning rates depend on."""
    return {"steps"} if config.optim.schedule in ("cosine", "polynomial") else set()


_GROUPS = {group.name: get_type_hints(PretrainConfig)[group.name] for group in fields(PretrainConfig)}
_GROUP_OF = {option.name: group for group, kind in _GROUPS.items() for option in fields(kind)}

# What a resumed run may have otherwise: how long it runs and how often it writes, not what it computes.
_MAY_CHANGE = {"steps", "early_stop", "checkpoint_every", "keep_every", "log_every", "on_trouble"}

FOR_FILES = tuple(option.name for option in fields(FilesConfig))
"""Fields that tell how files are prepared; a store is as it was prepared."""

assert set(get_args(Modalities)) == {"all", *MODALITIES}
