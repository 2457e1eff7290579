# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of one's own, in place of what a configuration says: what they must have, and how a run remembers them."""

from typing import Any, TypeVar

from torch import nn

from genesis_ext.models import UNetLike
from genesis_ext.training.engine.groups import PatchConfig
from genesis_ext.training.engine.objective import Objective

_Objective = TypeVar("_Objective", bound=Objective)


def described(network: object, transform: object, objective: object) -> dict[str, str]:
    """Kind -> description of what was handed in, which is the same when the run is resumed; None was not.

    Raises:
        TypeError: one of them is of another kind.
    """
    if network is not None and not isinstance(network, nn.Module):
        raise TypeError(f"network must be a module, got {type(network).__name__}")
    for name, part in (("transform", transform), ("objective", objective)):
        if part is not None and not callable(part):
            raise TypeError(f"{name} must be a function, a module or a class, got {type(part).__name__}")
    given = {"network": network, "transform": transform, "objective": objective}
    return {kind: _described(kind, part) for kind, part in given.items() if part is not None}


def check_patch(network: nn.Module, patch: PatchConfig) -> None:
    """Raise a ValueError where a network takes no patches of this shape."""
    if isinstance(network, UNetLike) and any(side % network.stride for side in patch.patch_shape):
        raise ValueError(f"patch must be multiples of {network.stride} for this network, got {patch.patch}")


def checked(objective: _Objective, *further: str) -> _Objective:
    """The objective, if it has what the engine asks of it; further: what else it must have."""
    wanted = ("network", "modules", "learning_rates", "updates", *further)
    if missing := [name for name in wanted if not hasattr(objective, name)]:
        raise TypeError(f"objective must have {', '.join(wanted)}, got {type(objective).__name__} without {missing[0]}")
    names = list(objective.modules)
    if names[:1] != ["network"] or set(names) != set(objective.learning_rates):
        raise ValueError(
            f'objective must have modules, "network" first, and a learning rate for each, got {names} and '
            f"{list(objective.learning_rates)}"
        )
    return objective


def _described(kind: str, part: Any) -> str:
    """Class or function by its full name; of a transform that is a module what it prints, rates included."""
    if kind == "transform" and isinstance(part, nn.Module):
        return repr(part)
    named = part if hasattr(part, "__qualname__") else type(part)
    return f"{named.__module__}.{named.__qualname__}"
