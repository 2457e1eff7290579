# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Text of files on a terminal: names may hold escape sequences, which would act there, and bytes that are no UTF-8."""


def plain(text: object) -> str:
    """The text with what cannot be printed written out, as in ``\\x1b``."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in str(text))
