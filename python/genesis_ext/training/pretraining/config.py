# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a pre-training run is made of: frozen dataclasses, one a subject, and `PretrainConfig` that holds them."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from genesis_ext.training.engine.groups import FilesConfig, NetworkConfig
from genesis_ext.training.engine.options import OptimizerConfig, RunConfig
from genesis_ext.training.engine.settings import Settings
from genesis_ext.training.pretraining.groups import DataConfig
from genesis_ext.training.pretraining.methods import METHODS
from genesis_ext.training.pretraining.methods.genesis import METHOD as DEFAULT
from genesis_ext.training.pretraining.methods.universal_options import UniversalOptions

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
class PretrainConfig(Settings):
    """Everything that decides the weights of a run, and how often it reports.

    A run with the same config, data and machine gives the same weights. Numbers from the released code are the
    defaults, except optimiser and learning rate: SGD at 1.0, as released, is known to collapse for some data (preset
    "released" has it).

    Raises:
        ValueError: a field breaks its rule or contradicts another; the text names it.
    """

    renamed = MappingProxyType({"residence": "placement"})

    method: MethodConfig = field(default_factory=MethodConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    optim: OptimizerConfig = field(default_factory=OptimizerConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if problem := METHODS[self.method.method].contradiction(self):
            raise ValueError(problem)
        if self.data.lung_content and self.method.modalities not in ("all", "ct"):
            raise ValueError(f"lung_content is for CT, got modalities {self.method.modalities}")
