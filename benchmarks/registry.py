# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The list of benchmarks: what is measured, on which sizes, in batches of how many samples, at which level."""

from collections.abc import Mapping

import torch

from genesis_ext._types import Shape3

from . import affine, augmenting, crops, latency, loading, operators, resampling, shuffling, training
from .case import Benchmark
from .scaling import SERIES
from .sizes import PATCH, SIZES, batch_of_voxels
from .startup import STARTUP


def _thousand(size: Shape3, device: torch.device, quick: bool) -> int:
    return 64 if quick else 1024


OPERATORS = {
    "draw_plan": Benchmark(operators.draw_plan, SIZES[:1], _thousand, unit="samples"),
    "philox_words": Benchmark(operators.philox_words, SIZES[:1], _thousand, unit="calls of Philox"),
    "genesis_transform": Benchmark(
        operators.genesis_transform,
        SIZES,
        batch_of_voxels,
        more=(
            operators.genesis_transform_float16,
            operators.genesis_transform_bfloat16,
            operators.genesis_transform_unshuffled,
            operators.genesis_transform_paper,
        ),
    ),
    "bezier_map": Benchmark(operators.bezier_map, SIZES, batch_of_voxels),
    "local_shuffle": Benchmark(
        shuffling.local_shuffle, SIZES, batch_of_voxels, more=(shuffling.sequential, shuffling.sequential_axes)
    ),
    "paint_boxes": Benchmark(operators.paint_boxes, SIZES, batch_of_voxels),
    "spline_prefilter": Benchmark(resampling.prefilter, (resampling.SCAN,), resampling.one_scan),
    "resample": Benchmark(
        resampling.cubic,
        (resampling.SCAN,),
        resampling.one_scan,
        more=(resampling.cubic_stored, resampling.linear),
        gpu_sizes=(resampling.LARGE_SCAN,),
    ),
    "affine_sample": Benchmark(affine.affine_sample, SIZES, batch_of_voxels, more=(affine.cubic,)),
    "crop_resize": Benchmark(crops.linear, SIZES[:1], crops.boxes_a_call, more=(crops.smoothed,)),
}
"""Operator -> benchmark, in the order of csrc/schema.cpp. A new operator adds a case and a line here."""

PIPELINES = {
    "store_to_batch": Benchmark(loading.store_to_batch, SIZES[:1], loading.samples_a_batch),
    "finetune_transform": Benchmark(augmenting.finetune_transform_of, (PATCH, augmenting.CUBE), batch_of_voxels),
    "training_step": Benchmark(
        training.training_step,
        (training.CPU_PATCH,),
        training.samples_a_step,
        unit="samples",
        gpu_sizes=(training.GPU_PATCH,),
    ),
}
"""Several operators and what is between them, as a training step waits for it."""

LATENCY = {
    "transform_of_1": Benchmark(latency.transform, SIZES[:1], latency.samples(1), unit="calls"),
    "transform_of_8": Benchmark(latency.transform, SIZES[:1], latency.samples(8), unit="calls"),
    "plan_of_1024": Benchmark(latency.plan, SIZES[:1], latency.samples(1024), unit="calls"),
}
"""What a call costs that has little to do: times are those of a call, not of a sample."""

BENCHMARKS = OPERATORS | PIPELINES
"""What others have something beside."""

CASES = BENCHMARKS | LATENCY
"""All that is measured case by case, in this process."""

LEVELS: Mapping[str, tuple[str, ...]] = {
    "operators": tuple(OPERATORS),
    "pipelines": tuple(PIPELINES),
    "latency": tuple(LATENCY),
    "scaling": tuple(SERIES),
    "startup": tuple(STARTUP),
}
"""Level -> names of what is measured there; no name is given twice."""

NAMES = tuple(name for names in LEVELS.values() for name in names)
