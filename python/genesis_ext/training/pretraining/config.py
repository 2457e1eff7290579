# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a pre-training run is made of: frozen dataclasses, one a subject, and `PretrainConfig` that holds them.

The name of a field is that of its option on the command line, and its docstring the help. No name is used twice, so a
field can be named without its group: ``PretrainConfig.of(width=8, lr=1e-2)``, ``config.but(steps=10)``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

from genesis_ext._renamed import warn_renamed
from genesis_ext._settings import check_kinds
from genesis_ext.models.build import OWN, NetworkSpec
from genesis_ext.training.engine.options import MAY_CHANGE, OptimizerConfig, RunConfig, check
from genesis_ext.training.pretraining.groups import DataConfig, FilesConfig, NetworkConfig
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.genesis import METHOD as DEFAULT
from genesis_ext.training.pretraining.methods.universal import UniversalOptions
from genesis_ext.transforms import TransformConfig

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]


@dataclass(frozen=True)
class MethodConfig(UniversalOptions):
    """What is learnt: the options of all methods."""

    method: MethodName = DEFAULT.name


MethodConfig.__doc__ = f"""What is learnt: the options of all methods.

Args:
    method: {"; ".join(f"{method.name}: {method.summary}" for method in METHODS.values())}.
"""


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
        data = self.data
        if problem := METHODS[self.method.method].contradiction(self):
            raise ValueError(problem)
        own = self.network.network == OWN
        if own:
            cube, square = (NetworkSpec(spatial_dims=dims).stride for dims in (3, 2))
            stride = cube if len(data.patch_shape) == 3 else square
            fits = all(side % stride == 0 for side in data.patch_shape)
            check(data, "patch", fits, f"be three positive multiples of {cube}, or for 2D two of {square} and then 1")
        if own and self.network.sync_batch_norm and self.network.bn_mode != "running":
            raise ValueError(
                f"bn_mode must be running with sync_batch_norm, which has no other, got {self.network.bn_mode}"
            )
        if self.run.cuda_graph and data.placement != "device":
            raise ValueError(f"placement must be device with cuda_graph, got {data.placement}")
        if self.run.cuda_graph and self.run.precision == "fp16":
            raise ValueError(
                "precision must not be fp16 with cuda_graph, since its loss scale needs the host: use bf16"
            )
        if own and len(data.patch_shape) == 2 and self.network.norm != "batch":
            raise ValueError(f"norm must be batch for a 2D network, got {self.network.norm}")
        if self.optim.warmup >= self.run.steps > 1:
            raise ValueError(f"warmup must be below steps, got {self.optim.warmup} of {self.run.steps}")
        if data.lung_content and self.method.modalities not in ("all", "ct"):
            raise ValueError(f"lung_content is for CT, got modalities {self.method.modalities}")

    @classmethod
    def of(cls, **values: Any) -> "PretrainConfig":
        """The config with fields given without their groups.

        Raises:
            ValueError: an unknown field.
        """
        return cls().but(**values)

    def but(self, **values: Any) -> "PretrainConfig":
        """This config with some fields changed, as for ``of``."""
        values = by_new_names(values)
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
        return asdict(self, dict_factory=lambda pairs: {name: _plain(value) for name, value in pairs})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PretrainConfig":
        """The inverse of ``as_dict``; what is missing has its default, and fields may stand outside their groups.

        Raises:
            ValueError: an unknown or misplaced field, or a value that breaks its rule.
        """
        return cls.of(**without_groups(values))

    def difference(self, other: "PretrainConfig") -> list[str]:
        """Fields that change the weights and differ: "name: own value, other value"."""
        others = other.flat()
        counts = {name: value for name, value in self.flat().items() if name not in MAY_CHANGE - _shapes_rates(self)}
        return _differences("", counts, others)


def without_groups(values: Mapping[str, Any]) -> dict[str, Any]:
    """Field -> value of settings that may stand in their groups, as ``PretrainConfig.of`` takes them.

    Raises:
        ValueError: an unknown or misplaced field.
    """
    given: dict[str, Any] = {}
    for name, value in values.items():
        if name in _GROUPS and isinstance(value, Mapping):
            value = by_new_names(value)
            misplaced = [str(inner) for inner in value if _GROUP_OF.get(inner) != name]
            if misplaced:
                raise ValueError(f"unknown settings in {name}: {', '.join(misplaced)}")
            given |= value
        else:
            given[str(name)] = value
    return given


def by_new_names(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """Settings of earlier versions by their names of today, which a warning tells."""
    for old in values.keys() & RENAMED.keys():
        warn_renamed(f"the setting {old}", RENAMED[old])
    return {RENAMED.get(name, name): value for name, value in values.items()}


def _differences(where: str, own: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """What differs, in words; of two transforms of one's own the rates and sizes that do."""
    found = []
    for name in own:
        pair = own[name], others[name]
        if pair[0] == pair[1]:
            continue
        if all(isinstance(value, TransformConfig) for value in pair):
            found += _differences(f"{name}.", *map(asdict, pair))
        else:
            one, other = ("rates of one's own" if isinstance(value, TransformConfig) else repr(value) for value in pair)
            found.append(f"{where}{name}: {one}, not {other}")
    return found


def _plain(value: Any) -> Any:
    """The value without fractions, which a ``TransformConfig`` makes of floats again."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return float(value) if isinstance(value, Fraction) else value


def _shapes_rates(config: PretrainConfig) -> set[str]:
    """Lengths that the learning rates depend on."""
    return {"steps"} if config.optim.schedule in ("cosine", "polynomial") else set()


RENAMED = {"residence": "placement"}
"""Old names of fields -> new ones."""

_GROUPS = {group.name: get_type_hints(PretrainConfig)[group.name] for group in fields(PretrainConfig)}
_GROUP_OF = {option.name: group for group, kind in _GROUPS.items() for option in fields(kind)}
