# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m benchmarks`, from a checkout: what `genesis bench` does from an installed package."""

import sys

from .command import main

sys.exit(main())
