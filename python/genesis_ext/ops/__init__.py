# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The operators: one file each, with its wrapper, its fake kernel and its gradient.

Importing this package registers fakes and gradients, so the operator libraries must be loaded before and no operator
called in between; `import genesis_ext` does all of it in this order.
"""

from .bezier_map import bezier_map
from .draw_plan import draw_plan
from .genesis_transform import genesis_transform
from .local_shuffle import local_shuffle
from .paint_boxes import paint_boxes
from .plan import Plan, PlanSpec

__all__ = [
    "Plan",
    "PlanSpec",
    "bezier_map",
    "draw_plan",
    "genesis_transform",
    "local_shuffle",
    "paint_boxes",
]
