# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What a network starts from: fresh weights, a checkpoint, or a published file, with an account of it."""

import math
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from os import PathLike
from typing import Any, Literal, get_args

from torch import Tensor, nn

from genesis_ext._arguments import check_choice
from genesis_ext.models.checkpoints import LoadAccount, match_weights
from genesis_ext.models.interface import UNetLike
from genesis_ext.models.name_rules import NameRules
from genesis_ext.models.record import ModelRecord, bare_name
from genesis_ext.models.sources import Source
from genesis_ext.models.unet import ENCODER_PREFIXES

Parts = Literal["all", "encoder"]

SCRATCH = "scratch"
"""In place of a path: the fresh weights stay. A file of that name is given as ``./scratch``."""


@dataclass(frozen=True)
class Initialization:
    """What a network started from; ``str()`` is for people, ``to_dict()`` for reports.

    Attributes:
        source: path of the file, or ``scratch``.
        kind: what it was recognised as.
        parts: what was asked for.
        account: of every entry; None from scratch.
        share: of the encoder's weights, counted in numbers, that came from the file.
        remarks: sentences on what the file's network is used to, where no record says so.
        checksum: SHA-256 of the file's weights.
    """

    source: str
    kind: str
    parts: Parts = "all"
    account: LoadAccount | None = None
    share: float = 0.0
    remarks: tuple[str, ...] = ()
    checksum: str = ""

    @property
    def record(self) -> ModelRecord | None:
        """Of the file."""
        return None if self.account is None else self.account.record

    @property
    def loaded_parts(self) -> tuple[str, ...]:
        """Children of the network that hold weights of the file: trained, whether they are trained further or not."""
        names = () if self.account is None else (*self.account.loaded, *(name for name, _ in self.account.adapted))
        return tuple(dict.fromkeys(name.partition(".")[0] for name in names))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what was loaded as a count, all else by name."""
        plain = {"source": self.source, "kind": self.kind, "parts": self.parts}
        if self.account is None:
            return plain
        account = self.account
        return plain | {
            "share": self.share,
            "remarks": list(self.remarks),
            "checksum": self.checksum,
            "loaded": len(account.loaded),
            "adapted": [list(entry) for entry in account.adapted],
            "skipped": [list(entry) for entry in account.skipped],
            "missing": list(account.missing),
            "unused": list(account.unused),
        }

    def __str__(self) -> str:
        if self.account is None:
            return f"{SCRATCH}: {self.kind}"
        wanted = "the encoder alone" if self.parts == "encoder" else "encoder, decoder and head"
        lines = [str(self.account), f"  recognised as {self.kind}; asked for: {wanted}"]
        return "\n".join(lines + [f"  {remark}" for remark in self.remarks])


def initialize_from(
    network: nn.Module,
    source: str | PathLike[str] | Source,
    parts: Parts = "all",
    *,
    mapping: NameRules | str | PathLike[str] | None = None,
    at_least: float = 1.0,
    report: Callable[[str], object] | None = print,
) -> Initialization:
    """Give a network the weights that it starts from, in place; what a file does not have stays as it was drawn.

    Channels of the input are adapted, heads for other classes and what was never trained left out, as by
    ``load_weights``. But here the encoder must come whole, statistics of norms included: an encoder of another depth,
    norm or kind of shortcut shares many names, and would go on as a network that nobody trained.

    Args:
        network: a ``UNetLike``, or any network, before it is wrapped. One that is not ``UNetLike`` does not tell its
            encoder: all but a head for other classes counts as that.
        source: "scratch", a file, the folder of a run, or a ``Source``; ``Source.read`` says what is recognised.
        parts: "encoder" leaves the decoder and the head as they were.
        mapping: rules for the names in a file of another package, or the path of a file of them.
        at_least: the share of the encoder's weights, counted in numbers over those of file and network together, that
            must be taken over.
        report: gets the account as text; ``None`` for silence.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or does not fit as described; the message names it, and the network is untouched.
        ImportError: the library that reads it is not installed.
    """
    check_choice("initialize_from", "parts", parts, get_args(Parts))
    if not 0 < at_least <= 1:
        raise ValueError(f"initialize_from: at_least must lie in (0, 1], got {at_least}")
    if mapping is not None and (source == SCRATCH or isinstance(source, Source)):
        raise ValueError(f"initialize_from: mapping must be None for {SCRATCH} and for what was read, got {mapping}")
    if source == SCRATCH:
        start = Initialization(SCRATCH, "fresh weights", parts)
    else:
        found = source if isinstance(source, Source) else Source.read(source, mapping)
        start = _start_from(network, found, parts, at_least)
    if report is not None:
        report(str(start))
    return start


def _start_from(network: nn.Module, source: Source, parts: Parts, at_least: float) -> Initialization:
    """Copy what fits, or raise before anything is copied."""
    encoder = _encoder_entries(network)
    if encoder is None and parts == "encoder":
        raise ValueError(
            f"initialize_from: parts must be 'all' for {type(network).__name__}, which is not UNetLike and does not "
            "tell its encoder, got 'encoder'"
        )
    left_out: dict[str, str] = {}
    if encoder is not None and parts == "encoder":
        decoder = source.file.tensors.keys() - encoder
        left_out = dict.fromkeys(decoder, "not of the encoder, which alone was asked for")
    match = match_weights(network, source.file, left_out)
    skipped = {name for name, _ in match.account.skipped}
    if encoder is None:
        required, surplus = set(match.own.keys() - skipped), set[str]()
    else:
        required = set(encoder)
        own_parts = {_part(name) for name in encoder} - {_part(name) for name in match.own.keys() - encoder}
        unused = match.account.unused
        surplus = {name for name in unused if name.startswith(ENCODER_PREFIXES) or _part(name) in own_parts}
    missing = _sizes(required - match.copies.keys(), match.own)
    extra = _sizes(surplus, source.file.tensors)
    taken = sum(_sizes(required & match.copies.keys(), match.own).values())
    share = taken / max(1, taken + sum(missing.values()) + sum(extra.values()))
    if share < at_least:
        written_for = "" if source.network is None else f"; the file is of {source.network}"
        raise ValueError(
            f"initialize_from: {source.file.path} ({source.kind}) must fill {at_least:.4g} of the encoder of "
            f"{type(network).__name__}, got {math.floor(share * 1e4) / 1e4:g}; not filled: {_some(missing)}; "
            f"only in the file: {_some(extra)}{written_for}"
        )
    match.apply()
    checksum = source.checksum if source.record is None else source.record.checksum
    remarks = _remarks(network, source)
    return Initialization(str(source.file.path), source.kind, parts, match.account, share, remarks, checksum)


def _remarks(network: nn.Module, source: Source) -> tuple[str, ...]:
    """What the weights do not show."""
    said = [f"used to this input: {source.input}"] if source.input else []
    spec = source.network
    if spec is not None and spec.is_known and isinstance(network, UNetLike) and spec.stride != network.stride:
        said.append(
            f"the network goes down to 1/{network.stride} of the side, that of the file to 1/{spec.stride}: its "
            "filters were trained otherwise"
        )
    return tuple(said)


def _encoder_entries(network: nn.Module) -> Set[str] | None:
    """Bare names of what the encoder of a network has; None if the network does not tell."""
    if not isinstance(network, UNetLike):
        return None
    state = {bare_name(name): value for name, value in network.state_dict(keep_vars=True).items()}
    decoder = {id(value) for value in network.decoder_parameters()}
    modules = {_module(name) for name, value in state.items() if id(value) in decoder}  # with their statistics
    return {name for name in state if _module(name) not in modules}


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _part(name: str) -> str:
    return name.partition(".")[0]


def _sizes(names: Set[str], tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """How many numbers each has; counters do not count."""
    return {name: tensors[name].numel() for name in sorted(names) if tensors[name].is_floating_point()}


def _some(sizes: Mapping[str, int]) -> str:
    names = list(sizes)
    return (", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")) or "none"
