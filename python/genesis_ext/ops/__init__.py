# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The operators: one file each, with its wrapper, its fake kernel and its gradient.

Importing this package registers fakes and gradients, so the operator libraries must be loaded before and no operator
called in between; `import genesis_ext` does all of it in this order.
"""

from genesis_ext.ops.affine_sample import affine_sample
from genesis_ext.ops.bezier_map import bezier_map
from genesis_ext.ops.crop_resize import PackedVolumes, crop_resize
from genesis_ext.ops.draw_plan import draw_plan
from genesis_ext.ops.genesis_transform import genesis_transform
from genesis_ext.ops.local_shuffle import local_shuffle
from genesis_ext.ops.paint_boxes import paint_boxes
from genesis_ext.ops.philox_words import philox_words
from genesis_ext.ops.plan import Plan, PlanSpec
from genesis_ext.ops.resample import resample
from genesis_ext.ops.spline_prefilter import spline_prefilter

__all__ = [
    "PackedVolumes",
    "Plan",
    "PlanSpec",
    "affine_sample",
    "bezier_map",
    "crop_resize",
    "draw_plan",
    "genesis_transform",
    "local_shuffle",
    "paint_boxes",
    "philox_words",
    "resample",
    "spline_prefilter",
]
