# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Which volumes lie in device memory at which step: a pure function of (seed, step, layout).

Volumes are dealt to shards that fit a budget. In every round each shard serves once, in a newly drawn order, for as
many steps as its volumes deserve.
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from genesis_ext.data.sampling.settings import Sampling
from genesis_ext.data.store.entry import StoredVolume
from genesis_ext.data.volume import Modality
from genesis_ext.reference.philox import Purpose, words

_MIX_TOLERANCE = Fraction(5, 100)  # by which the share of a modality may differ from the mix without a note


class Turn(NamedTuple):
    """The steps [first, last) for which a shard serves; `number` counts all turns since step 0."""

    number: int
    shard: int
    first: int
    last: int


@dataclass(frozen=True)
class ShardLayout:
    """Shards and their turns.

    Attributes:
        shards: for each the numbers of its volumes in the store.
        steps: for how many steps each serves in a round.
        seed: 64 bits; decides the order within the rounds.
    """

    shards: tuple[tuple[int, ...], ...]
    steps: tuple[int, ...]
    seed: int

    def turn(self, step: int) -> Turn:
        """Whose turn a step is."""
        if len(self.shards) == 1:
            return Turn(0, 0, 0, sys.maxsize)
        round_number, within = divmod(step, sum(self.steps))
        order = self.order(round_number)
        ends = list(accumulate(self.steps[shard] for shard in order))
        place = next(i for i, end in enumerate(ends) if within < end)
        last = step - within + ends[place]
        shard = order[place]
        return Turn(round_number * len(self.shards) + place, shard, last - self.steps[shard], last)

    def order(self, round_number: int) -> list[int]:
        """The shards of one round, by rising word 0 of (seed, round, purpose rotation, shard)."""
        drawn = words(self.seed, round_number, Purpose.ROTATION, np.arange(len(self.shards)))[:, 0]
        return [int(shard) for shard in np.argsort(drawn, kind="stable")]


def lay_out(
    entries: Sequence[StoredVolume],
    volumes: Sequence[int],
    sizes: Sequence[int],
    most: int,
    samples_a_volume: int,
    batch_size: int,
    weights: Sequence[int] | None,
    seed: int,
) -> ShardLayout:
    """Deal volumes to as few shards as can hold them, each modality evenly over the shards.

    volumes: numbers in the store.   sizes: bytes of each of the store.   most: bytes of a shard.
    samples_a_volume: for so many samples a volume of weight 1 makes its shard serve.   batch_size: samples a step.
    weights: of each volume of the store (default: 1).

    Raises:
        ValueError: a volume alone is larger than `most`.
    """
    largest = max(volumes, key=lambda volume: sizes[volume])
    if sizes[largest] > most:
        raise ValueError(f"volume {entries[largest].name} takes {sizes[largest]:,} bytes, a shard {most:,}")
    count = max(1, math.ceil(sum(sizes[volume] for volume in volumes) / most))
    while True:
        shards = _deal(entries, volumes, sizes, count)
        if all(sum(sizes[volume] for volume in shard) <= most for shard in shards):
            break
        count += 1
    deserved = [sum(1 if weights is None else weights[volume] for volume in shard) for shard in shards]
    return ShardLayout(shards, tuple(max(1, -(-samples_a_volume * total // batch_size)) for total in deserved), seed)


def note_on_mix(
    entries: Sequence[StoredVolume], layout: ShardLayout, sampling: Sampling, weights: Sequence[int] | None
) -> str | None:
    """One sentence if shards lack modalities, so that some are drawn much less or more often than the mix says."""

    def mix(volumes: Sequence[int]) -> dict[Modality, Fraction]:
        own: Counter[Modality] = Counter()
        for volume in volumes:
            own[entries[volume].modality] += 1 if weights is None else weights[volume]
        parts = sampling.mix_weights(own)
        return {modality: Fraction(part, sum(parts)) for modality, part in zip(own, parts, strict=True)}

    wanted = mix([volume for shard in layout.shards for volume in shard])
    shares = dict.fromkeys(wanted, Fraction(0))
    for shard, steps in zip(layout.shards, layout.steps, strict=True):
        for modality, share in mix(shard).items():
            shares[modality] += share * steps / sum(layout.steps)
    if all(abs(shares[modality] - wanted[modality]) <= _MIX_TOLERANCE for modality in wanted):
        return None
    told = ", ".join(f"{name} {float(shares[name]):.0%} (wanted {float(wanted[name]):.0%})" for name in wanted)
    return f"not every shard has every modality, so batches hold in the long run {told}: a larger budget comes nearer"


def _deal(
    entries: Sequence[StoredVolume], volumes: Sequence[int], sizes: Sequence[int], count: int
) -> tuple[tuple[int, ...], ...]:
    """The largest first, each to the shard with the fewest of its modality, and of those to the emptiest."""
    shards: list[list[int]] = [[] for _ in range(count)]
    filled = [0] * count
    for modality in dict.fromkeys(entries[volume].modality for volume in volumes):
        own = [0] * count
        members = [volume for volume in volumes if entries[volume].modality == modality]
        for volume in sorted(members, key=lambda v: (-sizes[v], v)):
            shard = min(range(count), key=lambda s: (own[s], filled[s], s))
            shards[shard].append(volume)
            own[shard] += 1
            filled[shard] += sizes[volume]
    return tuple(tuple(sorted(shard)) for shard in shards if shard)
