# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What the configurations of all kinds of run have in common: groups of settings, each a frozen dataclass.

The name of a field is that of its option on the command line, and its docstring the help. No name is used twice, so a
field can be named without its group: ``Settings.of(width=8, lr=1e-2)``, ``config.but(steps=10)``.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from fractions import Fraction
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from genesis_ext._renamed import warn_renamed
from genesis_ext._settings import check_kinds
from genesis_ext.training.engine.config_file import read_yaml, write_yaml
from genesis_ext.training.engine.groups import FilesConfig, NetworkConfig, PatchConfig
from genesis_ext.training.engine.options import LENGTH_DECIDES, MAY_CHANGE, OptimizerConfig, RunConfig


@dataclass(frozen=True)
class Settings:
    """Everything that decides the weights of a run, and how often it reports. The fields of a subclass are its groups.

    Raises:
        ValueError: a field breaks its rule or contradicts another; the text names it.
    """

    renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of fields -> new ones."""

    if TYPE_CHECKING:  # every subclass has these groups, in the order in which it wants them

        @property
        def network(self) -> NetworkConfig:
            """The network."""

        @property
        def data(self) -> PatchConfig:
            """Patches and volumes."""

        @property
        def files(self) -> FilesConfig:
            """How scans become volumes."""

        @property
        def optim(self) -> OptimizerConfig:
            """How weights change."""

        @property
        def run(self) -> RunConfig:
            """How long, and how often."""

    def __post_init__(self) -> None:
        check_kinds(self)
        self.network.check_patch(self.data)
        if self.run.cuda_graph and self.data.placement != "device":
            raise ValueError(f"placement must be device with cuda_graph, got {self.data.placement}")
        if self.run.cuda_graph and self.run.precision == "fp16":
            raise ValueError(
                "precision must not be fp16 with cuda_graph, since its loss scale needs the host: use bf16"
            )
        if self.optim.warmup >= self.run.steps > 1:
            raise ValueError(f"warmup must be below steps, got {self.optim.warmup} of {self.run.steps}")

    @classmethod
    def of(cls, **values: Any) -> Self:
        """The config with fields given without their groups.

        Raises:
            ValueError: an unknown field.
        """
        return cls().but(**values)

    def but(self, **values: Any) -> Self:
        """This config with some fields changed, as for ``of``."""
        values, group_of = self._by_new_names(values), self._group_of()
        unknown = sorted(values.keys() - group_of.keys())
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(unknown)}")
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            changed.setdefault(group_of[name], {})[name] = value
        return replace(self, **{group: replace(getattr(self, group), **given) for group, given in changed.items()})

    def flat(self) -> dict[str, Any]:
        """Field -> value, without groups."""
        return {name: getattr(getattr(self, group), name) for name, group in self._group_of().items()}

    def as_dict(self) -> dict[str, Any]:
        """Groups of names and plain values, for YAML, JSON and checkpoints."""
        return asdict(self, dict_factory=lambda pairs: {name: _plain(value) for name, value in pairs})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of ``as_dict``; what is missing has its default, and fields may stand outside their groups.

        Raises:
            ValueError: an unknown or misplaced field, or a value that breaks its rule.
        """
        return cls.of(**cls.without_groups(values))

    def write(self, path: str | PathLike[str]) -> None:
        """Write all settings, resolved, in their groups, as YAML (extra ``train``)."""
        write_yaml(path, self.as_dict())

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Self:
        """Read what ``write`` wrote, or a part of it written by hand: what is missing has its default.

        1e-3 is a number, as in YAML 1.2.

        Raises:
            ValueError: no YAML, or an unknown or wrong setting; the text names the file.
            OSError: it cannot be read.
        """
        return cls.of(**cls.named_in(path))

    @classmethod
    def named_in(cls, path: str | PathLike[str]) -> dict[str, Any]:
        """The settings that a file names, without their groups; raises what ``read`` does."""
        try:
            given = cls.without_groups(read_yaml(path))
            cls.of(**given)
        except ValueError as error:
            raise ValueError(f"{path} is no config: {' '.join(str(error).split())}") from error
        return given

    def difference(self, other: Self) -> list[str]:
        """Fields that change the weights and differ: "name: own value, other value"."""
        # The learning rates of these schedules depend on the length.
        may_change = MAY_CHANGE - ({"steps"} if self.optim.schedule in LENGTH_DECIDES else set())
        counts = {name: value for name, value in self.flat().items() if name not in may_change}
        return _differences("", counts, other.flat())

    @classmethod
    def without_groups(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Field -> value of settings that may stand in their groups, as ``of`` takes them.

        Raises:
            ValueError: an unknown or misplaced field.
        """
        given: dict[str, Any] = {}
        groups, group_of = {each.name for each in fields(cls)}, cls._group_of()
        for name, value in values.items():
            if name in groups and isinstance(value, Mapping):
                value = cls._by_new_names(value)
                misplaced = [str(inner) for inner in value if group_of.get(inner) != name]
                if misplaced:
                    raise ValueError(f"unknown settings in {name}: {', '.join(misplaced)}")
                given |= value
            else:
                given[str(name)] = value
        return given

    @classmethod
    def _group_of(cls) -> dict[str, str]:
        """Field -> its group."""
        hints = get_type_hints(cls)
        return {option.name: group.name for group in fields(cls) for option in fields(hints[group.name])}

    @classmethod
    def _by_new_names(cls, values: Mapping[Any, Any]) -> dict[Any, Any]:
        """Settings of earlier versions by their names of today, which a warning tells."""
        for old in values.keys() & cls.renamed.keys():
            warn_renamed(f"the setting {old}", cls.renamed[old])
        return {cls.renamed.get(name, name): value for name, value in values.items()}


def _differences(where: str, own: Mapping[str, Any], others: Mapping[str, Any]) -> list[str]:
    """What differs, in words; of two settings that are rates and sizes of one's own, those of them that do."""
    found = []
    for name in own:
        pair = own[name], others[name]
        if pair[0] == pair[1]:
            continue
        if all(is_dataclass(value) for value in pair):
            found += _differences(f"{name}.", *map(asdict, pair))
        else:
            one, other = ("rates of one's own" if is_dataclass(value) else repr(value) for value in pair)
            found.append(f"{where}{name}: {one}, not {other}")
    return found


def _plain(value: Any) -> Any:
    """The value without fractions, of which a setting makes floats and back."""
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    return float(value) if isinstance(value, Fraction) else value
