# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Networks as plain ``nn.Module``s, and the loading of stored weights."""

from genesis_ext.models.checkpoints import LoadAccount, load_weights
from genesis_ext.models.unet3d import UNet3D

__all__ = ["LoadAccount", "UNet3D", "load_weights"]
