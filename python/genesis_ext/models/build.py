# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Networks by name: those of this package, of nnU-Net, of MONAI, and any other by the path of its class."""

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from genesis_ext._arguments import check_choice, check_positive
from genesis_ext._settings import check_kinds
from genesis_ext.models import dynamic
from genesis_ext.models.interface import UNetLike
from genesis_ext.models.resnet_unet import ResNetUNet
from genesis_ext.models.unet import Activation, UNet
from genesis_ext.models.unet2d import UNet2D
from genesis_ext.models.unet3d import UNet3D

OWN = "unet"
"""Name of the networks of this package: ``UNet3D``, or ``UNet2D`` for two dimensions."""

_MONAI = "monai.networks.nets"
_KNOWN = ("genesis_ext.", f"{_MONAI}.")  # packages whose classes a file alone may lead to
_OFFERED = ("spatial_dims", "in_channels", "out_channels", "num_classes", "input_channels", "activation")
_OWN: dict[int, type[UNet]] = {2: UNet2D, 3: UNet3D}
_NAMED: dict[str, type[nn.Module]] = {"ResNetUNet": ResNetUNet}


class _OneOutput(nn.Module):
    """Goes before a class of another library: its output must be one tensor, and gets the activation."""

    _activation: Activation

    def forward(self, *inputs: Tensor) -> Tensor:
        output = super().forward(*inputs)
        if not isinstance(output, Tensor):
            raise ValueError(
                f"{type(self).__name__} must give one tensor, got {type(output).__name__}: switch off deep supervision "
                "and what else it returns"
            )
        return output.sigmoid() if self._activation == "sigmoid" else output


@dataclass(frozen=True)
class NetworkSpec:
    """All that is needed to build a network again, in plain values.

    Attributes:
        name, spatial_dims, in_channels, out_channels, activation: what ``build_network`` takes.
        arguments: the others, which must be plain values.
    """

    name: str = OWN
    spatial_dims: int = 3
    in_channels: int = 1
    out_channels: int = 1
    activation: Activation = "sigmoid"
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kinds(self, "NetworkSpec: ")
        check_choice("NetworkSpec", "spatial_dims", self.spatial_dims, tuple(_OWN))
        check_positive("NetworkSpec", in_channels=self.in_channels, out_channels=self.out_channels)
        if fixed := [name for name in _OFFERED if name in self.arguments]:
            raise ValueError(f"NetworkSpec: arguments must leave out what has a field of its own, got {fixed[0]}")
        object.__setattr__(self, "arguments", plain_arguments(self.arguments))

    @property
    def is_known(self) -> bool:
        """Whether it is a network of this package, of nnU-Net or of MONAI: no other code runs when it is built."""
        return "." not in self.name or self.name.startswith(_KNOWN)

    @property
    def stride(self) -> int:
        """By which every side of the input must be divisible; 1 where the network does not say."""
        if self.name == OWN:
            return _OWN[self.spatial_dims].stride
        with torch.device("meta"):
            network = self.build()
        return network.stride if isinstance(network, UNetLike) else 1

    def build(self) -> nn.Module:
        """The network, with new weights."""
        return build_network(
            self.name, self.spatial_dims, self.in_channels, self.out_channels, self.activation, **self.arguments
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def build_network(
    name: str = OWN,
    spatial_dims: int = 3,
    in_channels: int = 1,
    out_channels: int = 1,
    activation: Activation = "sigmoid",
    **arguments: Any,
) -> nn.Module:
    """Build a network: (N, in_channels, *spatial) -> (N, out_channels, *spatial), its weights from torch's generator.

    ===========================================  =====================================================================
    name                                         network
    ===========================================  =====================================================================
    ``unet``                                     ``UNet3D`` or ``UNet2D`` of this package
    ``ResNetUNet``                               that of this package, for weights of MedicalNet and ImageNet
    ``PlainConvUNet``, ``ResidualEncoderUNet``   those of nnU-Net (dynamic-network-architectures); arguments as in
                                                 ``arch_kwargs`` of a plans file, classes by their paths
    a class of ``monai.networks.nets``           that class, such as ``SegResNet``
    ``package.module.Class``                     any ``nn.Module``
    ===========================================  =====================================================================

    The first three kinds are ``UNetLike``, so every method can train them; others can be trained to restore, unless
    they are ``UNetLike`` themselves. Of ``spatial_dims``, ``in_channels``, ``out_channels``, ``num_classes`` and
    ``activation`` a class gets those that its constructor names; where it names no ``activation``, its output gets it.
    Names of weights are those of the class.

    Args:
        name: see above.
        spatial_dims: 3 or 2.
        in_channels: of the input.
        out_channels: of the output; 1 restores a patch.
        activation: ``"sigmoid"`` of the output, for restoration; ``None`` leaves it, for fine-tuning.
        arguments: for the constructor.

    Raises:
        ValueError: no such network, or its constructor refuses the arguments; the text names both.
        ImportError: its library is not installed; the text names the extra.
    """
    check_choice("build_network", "spatial_dims", spatial_dims, tuple(_OWN))
    check_choice("build_network", "activation", activation, ("sigmoid", None))
    check_positive("build_network", in_channels=in_channels, out_channels=out_channels)
    if name in dynamic.NAMES:
        with _in_words(name):
            return dynamic.build_dynamic(name, spatial_dims, in_channels, out_channels, activation, arguments)
    kind: type[nn.Module] = _OWN[spatial_dims] if name == OWN else _class_of(name)
    offered = {
        "spatial_dims": spatial_dims,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "num_classes": out_channels,
        "activation": activation,
    }
    signature = inspect.signature(kind)
    given = {key: value for key, value in offered.items() if key in signature.parameters} | arguments
    with _in_words(name):
        try:
            signature.bind(**given)
        except TypeError as error:
            raise ValueError(f"{error}; it takes {', '.join(signature.parameters)}") from error
        if "activation" in given:
            return kind(**given)
        network: nn.Module = type(kind.__name__, (_OneOutput, kind), {"_activation": activation})(**given)
        if isinstance(network, UNetLike):
            raise ValueError("a class with encode and decode must take activation, and apply it in out_tr")
        return network


def plain_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they come back from YAML and JSON, tuples as lists; a ValueError for what those cannot hold."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(arguments, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"arguments of a network must be plain values ({error})") from error
    return plain


def options_of(name: str, spatial_dims: int) -> frozenset[str]:
    """Which of the options of this package's U-Nets a network has too, ``width`` say: all, one or none.

    Raises:
        ValueError: no such network. Paths are not followed.
    """
    if name == OWN:
        return frozenset(inspect.signature(_OWN[spatial_dims]).parameters) - set(_OFFERED)
    if name not in dynamic.NAMES and "." not in name:
        _class_of(name)
    return frozenset({"width"} if name in dynamic.NAMES else ())


@contextmanager
def _in_words(name: str) -> Iterator[None]:
    """Errors of a constructor become one that names the network."""
    try:
        yield
    except (ValueError, TypeError, AssertionError, IndexError, KeyError, RuntimeError) as error:
        raise ValueError(f"network {name}: {error or type(error).__name__}") from error


def _class_of(name: str) -> type[nn.Module]:
    """The class of another library, by its path or its name in MONAI."""
    module, _, short = name.rpartition(".")
    if module:
        try:
            found = getattr(import_module(module), short, None)
        except ModuleNotFoundError as error:
            raise ImportError(f"network {name}: {error}: install the library that has it") from error
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise ValueError(f"network {name} must be the path of a class of nn.Module, got {found!r}")
        return found
    if name in _NAMED:
        return _NAMED[name]
    names, monai = [OWN, *_NAMED, *dynamic.NAMES], "a class of monai.networks.nets"
    try:
        nets = import_module(_MONAI)
    except ImportError:
        monai += " (not installed: pip install 'genesis_ext[monai]')"
    else:
        found = getattr(nets, name, None)
        if isinstance(found, type) and issubclass(found, nn.Module):
            return found
        names += [other for other in vars(nets) if isinstance(getattr(nets, other), type)]
    close = get_close_matches(name, names, n=3)
    ours = ", ".join((OWN, *_NAMED, *dynamic.NAMES))
    raise ValueError(
        f"network must be {ours}, {monai}, or a path such as package.module.Class, got {name!r}"
        + (f": did you mean {' or '.join(close)}?" if close else "")
    )
