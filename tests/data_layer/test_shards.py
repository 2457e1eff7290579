# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0

from itertools import pairwise

import pytest

from genesis_ext.data.placement.shards import ShardLayout, lay_out, note_on_mix
from genesis_ext.data.sampling.settings import Sampling
from tests.data_layer.stores import entry_of

ENTRIES = [entry_of(f"c{i}", (1, 1, 1), "ct") for i in range(6)] + [
    entry_of(f"m{i}", (1, 1, 1), "mri") for i in range(3)
]
SIZES = [10, 20, 30, 10, 20, 30, 40, 40, 40]


def layout(most: int, **options: object) -> ShardLayout:
    arguments = {"samples_a_volume": 2, "batch_size": 1, "weights": None, "seed": 0, **options}
    return lay_out(ENTRIES, range(9), SIZES, most, **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("most", [40, 41, 80, 100, 239, 240])
def test_every_volume_is_in_one_shard_and_every_shard_fits(most: int) -> None:
    shards = layout(most).shards
    assert sorted(volume for shard in shards for volume in shard) == list(range(9))
    assert all(sum(SIZES[volume] for volume in shard) <= most for shard in shards)
    assert len(shards) >= -(-sum(SIZES) // most)


def test_modalities_are_spread_evenly() -> None:
    shards = layout(90).shards
    assert len(shards) == 3
    for shard in shards:
        assert sum(volume < 6 for volume in shard) == 2
        assert sum(volume >= 6 for volume in shard) == 1


def test_a_shard_serves_as_long_as_its_volumes_deserve() -> None:
    weights = [1, 1, 1, 1, 1, 1, 3, 3, 3]
    given = layout(60, weights=weights, samples_a_volume=3, batch_size=4)
    for shard, steps in zip(given.shards, given.steps, strict=True):
        assert steps == max(1, -(-3 * sum(weights[volume] for volume in shard) // 4))


def test_every_round_each_shard_has_one_turn_and_turns_follow_each_other() -> None:
    given = layout(60)
    turns = [given.turn(step) for step in range(5 * sum(given.steps))]
    for step, turn in enumerate(turns):
        assert turn.first <= step < turn.last
        assert turn.last - turn.first == given.steps[turn.shard]
    distinct = list(dict.fromkeys(turns))
    assert [turn.number for turn in distinct] == list(range(5 * len(given.shards)))
    assert all(a.last == b.first for a, b in pairwise(distinct))
    for start in range(0, len(distinct), len(given.shards)):
        assert sorted(turn.shard for turn in distinct[start : start + len(given.shards)]) == list(
            range(len(given.shards))
        )


def test_the_order_changes_from_round_to_round_and_with_the_seed() -> None:
    orders = {tuple(layout(60).order(round_number)) for round_number in range(10)}
    assert len(orders) > 3
    assert [layout(60).order(r) for r in range(4)] != [layout(60, seed=1).order(r) for r in range(4)]
    assert layout(60).order(10**9) == layout(60).order(10**9)


def test_a_single_shard_serves_for_ever() -> None:
    turn = layout(240).turn(10**12)
    assert (turn.number, turn.shard, turn.first) == (0, 0, 0)


def test_a_volume_larger_than_a_shard_is_refused() -> None:
    with pytest.raises(ValueError, match="volume m0 takes 40 bytes, a shard 39"):
        layout(39)


def test_shards_without_a_modality_change_the_mix_and_that_is_told() -> None:
    def told(shards: tuple[tuple[int, ...], ...], steps: tuple[int, ...], mix: str = "balanced") -> str | None:
        return note_on_mix(ENTRIES, ShardLayout(shards, steps, 0), Sampling(mix=mix), None)  # type: ignore[arg-type]

    apart = ((0, 1, 2, 6, 7), (3, 4, 5, 8))
    assert told(apart, (5, 4)) is None
    lacking = ((0, 1, 6, 7, 8), (2, 3, 4, 5))
    note = told(lacking, (5, 3))
    assert note is not None
    assert "ct 69% (wanted 50%), mri 31% (wanted 50%)" in note
    assert told(lacking, (5, 4), "volumes") is None
