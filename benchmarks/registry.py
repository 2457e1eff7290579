# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The list of benchmarks: what is measured, on which sizes, in batches of how many samples."""

import math

import torch

from . import affine, crops, loading, operators, resampling, shuffling, training
from .case import Benchmark, Size


def _batch_of_voxels(size: Size, device: torch.device, quick: bool) -> int:
    """Samples of some 4 million voxels on a CPU, 64 million on a GPU; at least 8, for what is drawn differs."""
    voxels = (2**26 if device.type == "cuda" else 2**22) // (16 if quick else 1)
    return max(2 if quick else 8, voxels // math.prod(size))


def _thousand(size: Size, device: torch.device, quick: bool) -> int:
    return 64 if quick else 1024


SIZES = ((64, 64, 32), (160, 160, 160))

OPERATORS = {
    "draw_plan": Benchmark(operators.draw_plan, SIZES[:1], _thousand, unit="samples"),
    "philox_words": Benchmark(operators.philox_words, SIZES[:1], _thousand, unit="calls of Philox"),
    "genesis_transform": Benchmark(
        operators.genesis_transform,
        SIZES,
        _batch_of_voxels,
        more=(
            operators.genesis_transform_float16,
            operators.genesis_transform_bfloat16,
            operators.genesis_transform_unshuffled,
            operators.genesis_transform_paper,
        ),
    ),
    "bezier_map": Benchmark(operators.bezier_map, SIZES, _batch_of_voxels),
    "local_shuffle": Benchmark(
        shuffling.local_shuffle, SIZES, _batch_of_voxels, more=(shuffling.sequential, shuffling.sequential_axes)
    ),
    "paint_boxes": Benchmark(operators.paint_boxes, SIZES, _batch_of_voxels),
    "spline_prefilter": Benchmark(resampling.prefilter, (resampling.SCAN,), resampling.one_scan),
    "resample": Benchmark(
        resampling.cubic,
        (resampling.SCAN,),
        resampling.one_scan,
        more=(resampling.cubic_stored, resampling.linear),
        gpu_sizes=(resampling.LARGE_SCAN,),
    ),
    "affine_sample": Benchmark(affine.affine_sample, SIZES, _batch_of_voxels, more=(affine.cubic,)),
    "crop_resize": Benchmark(crops.linear, SIZES[:1], crops.boxes_a_call, more=(crops.smoothed,)),
}
"""Operator -> benchmark, in the order of csrc/schema.cpp. A new operator adds a case and a line here."""

PIPELINES = {
    "store_to_batch": Benchmark(loading.store_to_batch, SIZES[:1], loading.samples_a_batch),
    "training_step": Benchmark(
        training.training_step,
        (training.CPU_PATCH,),
        training.samples_a_step,
        unit="samples",
        gpu_sizes=(training.GPU_PATCH,),
    ),
}
"""Several operators and what is between them, as a training step waits for it."""

BENCHMARKS = OPERATORS | PIPELINES
