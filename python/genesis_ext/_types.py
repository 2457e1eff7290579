# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Small types that every layer shares."""

from typing import TypeAlias

Shape3: TypeAlias = tuple[int, int, int]
"""Voxels along x, y, z."""

Spacing3: TypeAlias = tuple[float, float, float]
"""Size of a voxel along x, y, z, mm."""
