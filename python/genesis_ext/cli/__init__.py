# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""The `genesis` command: one module a subcommand, each with `add_parser(subparsers)` and `run(args) -> int`."""
