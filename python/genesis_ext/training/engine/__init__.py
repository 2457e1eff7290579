# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""What trains, whatever is learnt: options, loop, steps, checkpoints, logs and the folder of a run."""
