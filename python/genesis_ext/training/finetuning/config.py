# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a fine-tuning run is made of: frozen dataclasses, one a subject, and `FinetuneConfig` that holds them."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from genesis_ext.training.engine.groups import FilesConfig, NetworkConfig
from genesis_ext.training.engine.options import OptimizerConfig, RunConfig
from genesis_ext.training.engine.settings import Settings
from genesis_ext.training.finetuning.groups import AugmentConfig, DataConfig, StartConfig, TaskOptions
from genesis_ext.training.finetuning.tasks import TASKS
from genesis_ext.training.finetuning.tasks.segmentation import TASK as DEFAULT

if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = Literal[tuple(TASKS)]


@dataclass(frozen=True)
class TaskConfig(TaskOptions):
    """What is learnt."""

    task: TaskName = DEFAULT.name


TaskConfig.__doc__ = f"""What is learnt.

Args:
    task: {"; ".join(f"{task.name}: {task.summary}" for task in TASKS.values())}.
"""


def _optimizer() -> OptimizerConfig:
    return OptimizerConfig(optimizer="adam", patience=6)


@dataclass(frozen=True)
class FinetuneConfig(Settings):
    """Everything that decides the weights of a run, and how often it reports.

    A run with the same config, source, data and machine gives the same weights. Optimiser, rate, patience and loss are
    those of both papers: Adam 1e-3, half after 6 validations without progress.

    Raises:
        ValueError: a field breaks its rule or contradicts another; the text names it.
    """

    task: TaskConfig = field(default_factory=TaskConfig)
    start: StartConfig = field(default_factory=StartConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    files: FilesConfig = field(default_factory=FilesConfig)
    optim: OptimizerConfig = field(default_factory=_optimizer)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if problem := TASKS[self.task.task].contradiction(self):
            raise ValueError(problem)
        staged = self.start.train == "staged"
        if staged and self.run.cuda_graph:
            raise ValueError("train must not be staged with cuda_graph, whose steps are all the same")
        if staged and self.start.frozen_steps >= self.run.steps > 1:
            raise ValueError(f"frozen_steps must be below steps, got {self.start.frozen_steps} of {self.run.steps}")
