# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""A model of the throughput of many GPUs and large stores, from the constants of one (docs/performance.md).

    samples/s = min(G / (t_network + t_making), supply)

G GPUs each make their own share of every batch and train on it, so both times add up. `supply` is how fast volumes
come to the device: without a limit where each GPU holds the whole store. Else each GPU is given every volume of the
store, one shard after the other, and all GPUs together make `samples_a_volume` samples of a volume before it makes
room: supply = samples_a_volume / volume_bytes x bytes/s to one GPU, whatever their number. The exchange of gradients is
left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from .case import OURS
from .numerals import significant

RESIDENT = f"{OURS}, resident batch"
"""The contender of training_step that trains on one batch again and again: the network alone."""


class UnknownConstantError(ValueError):
    """A constant that was not measured and not given; the text names the option that gives it."""


@dataclass(frozen=True)
class Constants:
    """What one GPU and its host can do; None: unknown.

    Attributes:
        making: samples/s that one GPU makes from a store that it holds, when it does nothing else.
        network: samples/s of a training step on batches that are there already.
        device_bytes: memory of a GPU for volumes.
        host_bytes: memory of a host for the pinned volumes of one rank.
        transfer: bytes/s from pinned memory to a GPU.
        disk: bytes/s from the disk to one rank.
    """

    making: float | None = None
    network: float | None = None
    device_bytes: float | None = None
    host_bytes: float | None = None
    transfer: float | None = None
    disk: float | None = None

    @classmethod
    def of(cls, result: Mapping[str, Any], **given: float) -> "Constants":
        """Those that a result file holds; what is given goes before."""
        making = _times(result, "store_to_batch").get(OURS, {})
        steps = _times(result, "training_step").get(RESIDENT, {})
        size = next(iter(making), None)
        found = {
            "making": 1.0 / making[size] if size in making else None,
            "network": 1.0 / steps[size] if size in steps else None,  # patches of another size tell nothing
            "device_bytes": result["machine"].get("gpu_bytes"),
            "transfer": result.get("transfer_bytes_per_s"),
        }
        return cls(**(found | given))

    def need(self, name: str, option: str) -> float:
        """A constant that must be known. UnknownConstantError otherwise."""
        value: float | None = getattr(self, name)
        if value is None:
            raise UnknownConstantError(f"{name} was not measured in this result: give it by {option}")
        return value


class Throughput(NamedTuple):
    """Samples/s of all GPUs together, what bounds them, and where the store lives."""

    samples: float
    bound: Literal["network", "making", "supply"]
    placement: Literal["device", "pinned", "disk"]
    supply: float


def throughput(
    constants: Constants, gpus: int, store_bytes: float, volume_bytes: float, samples_a_volume: float
) -> Throughput:
    """Evaluate the model.

    Raises:
        UnknownConstantError: a constant that matters here is unknown.
    """
    making = constants.need("making", "a result with the benchmark store_to_batch")
    network = constants.need("network", "--network")
    made = gpus / (1 / network + 1 / making)
    supply, placement = _supply(constants, store_bytes, volume_bytes, samples_a_volume)
    if supply < made:
        return Throughput(supply, "supply", placement, supply)
    return Throughput(made, "network" if network < making else "making", placement, supply)


def markdown(
    constants: Constants, gpus: Sequence[int], store_bytes: float, volume_bytes: float, samples_a_volume: float
) -> str:
    """The model for several numbers of GPUs, as a table. UnknownConstantError as above."""
    lines = ["| GPUs | store in | supply, samples/s | samples/s | bound by |", "| --- | --- | --- | --- | --- |"]
    for count in gpus:
        found = throughput(constants, count, store_bytes, volume_bytes, samples_a_volume)
        supply = "no limit" if found.supply == float("inf") else significant(found.supply, 3)
        lines.append(f"| {count} | {found.placement} | {supply} | {significant(found.samples, 3)} | {found.bound} |")
    return "\n".join(lines)


def _supply(
    constants: Constants, store_bytes: float, volume_bytes: float, samples_a_volume: float
) -> tuple[float, Literal["device", "pinned", "disk"]]:
    if store_bytes <= constants.need("device_bytes", "--device-gb"):
        return float("inf"), "device"
    samples_a_byte = samples_a_volume / volume_bytes
    transfer = constants.need("transfer", "--transfer-gb")
    if store_bytes <= constants.need("host_bytes", "--host-gb"):
        return samples_a_byte * transfer, "pinned"
    return samples_a_byte * min(transfer, constants.need("disk", "--disk-gb")), "disk"


def _times(result: Mapping[str, Any], name: str) -> dict[str, dict[tuple[int, ...], float]]:
    """Contender -> size -> seconds of a sample, of one benchmark."""
    times: dict[str, dict[tuple[int, ...], float]] = {}
    for entry in result["results"]:
        if entry["name"] == name:
            for contender in entry["contenders"]:
                times.setdefault(contender["name"], {})[tuple(entry["size"])] = float(contender["median_s"])
    return times
