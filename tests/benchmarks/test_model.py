# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The model of many GPUs says what its formula says, and asks for what was not measured."""

import pytest

from benchmarks.model import Constants, UnknownConstantError, markdown, throughput
from tests.benchmarks.results import contender, entry, result

GPU = Constants(making=100.0, network=50.0, device_bytes=10e9, host_bytes=100e9, transfer=1e9, disk=0.5e9)


def at(gpus, store_bytes, constants=GPU):
    return throughput(constants, gpus, store_bytes, volume_bytes=1e7, samples_a_volume=2.0)


def test_a_store_on_the_device_scales_with_the_gpus():
    one, eight = at(1, 1e9), at(8, 1e9)
    assert one.samples == pytest.approx(1 / (1 / 100 + 1 / 50))
    assert eight.samples == pytest.approx(8 * one.samples)
    assert (one.bound, one.placement, one.supply) == ("network", "device", float("inf"))


def test_the_slower_of_making_and_network_is_named():
    assert at(1, 1e9, Constants(making=10.0, network=50.0, device_bytes=1e10)).bound == "making"


def test_supply_from_host_and_disk_bounds_all_gpus_together():
    pinned, disk = at(64, 50e9), at(64, 500e9)
    assert (pinned.placement, pinned.bound, pinned.samples) == ("pinned", "supply", pytest.approx(200.0))
    assert (disk.placement, disk.bound, disk.samples) == ("disk", "supply", pytest.approx(100.0))
    assert at(128, 500e9).samples == disk.samples
    assert at(1, 500e9).bound == "network"


def test_a_disk_faster_than_the_transfer_does_not_help():
    fast = Constants(100.0, 50.0, 1.0, 1.0, transfer=1e9, disk=9e9)
    assert at(64, 1e9, fast).samples == pytest.approx(200.0)


def test_constants_come_from_a_result_and_from_what_is_given():
    made = result(
        entry("store_to_batch", [contender("genesis_ext", 0.001), contender("numpy", 0.1)], "pipelines"),
        entry(
            "training_step",
            [contender("genesis_ext", 0.5), contender("genesis_ext, resident batch", 0.25)],
            "pipelines",
        ),
        entry("training_step", [contender("genesis_ext, resident batch", 0.01)], "pipelines", size=[32, 32, 32]),
        device="cuda",
    )
    made["transfer_bytes_per_s"] = 5e10
    constants = Constants.of(made, disk=2e9)
    assert constants == Constants(1000.0, 4.0, 100e9, None, 5e10, 2e9)
    assert Constants.of(made, network=7.0).network == 7.0


def test_what_is_unknown_is_asked_for_only_where_it_matters():
    known = Constants(making=1.0, network=1.0, device_bytes=1e9)
    assert at(1, 1e9, known).placement == "device"
    with pytest.raises(UnknownConstantError, match="--transfer-gb"):
        at(1, 2e9, known)
    with pytest.raises(UnknownConstantError, match="--network"):
        at(1, 1e9, Constants(making=1.0))


def test_the_table_has_a_row_for_each_number_of_gpus():
    lines = markdown(GPU, [1, 64], 50e9, 1e7, 2.0).splitlines()[2:]
    assert lines == ["| 1 | pinned | 200 | 33.3 | network |", "| 64 | pinned | 200 | 200 | supply |"]
