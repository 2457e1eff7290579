# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""One build of the operator libraries serves every torch from 2.11 on: read from their symbols."""

import pytest

from genesis_ext import _library

audit = pytest.importorskip("torch_abi_audit")


@pytest.mark.parametrize("library", [_library.cpu, _library.cuda], ids=["_ops", "_ops_cuda"])
def test_an_operator_library_uses_the_stable_abi_of_torch_2_11_alone(library):
    if not library.path.exists():
        pytest.skip(f"{library.path.name} was not built")
    verdict = audit.inspect_extension(library.path).torch
    assert verdict.stable
    assert verdict.unstable_symbols == ()
    assert verdict.unknown_shim_symbols == ()
    newest = tuple(int(part) for part in verdict.min_torch_version.split(".")[:2])
    assert newest <= _library.OLDEST_TORCH, verdict.version_defining_symbols
