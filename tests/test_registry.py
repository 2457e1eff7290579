# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Every operator is complete: this test walks the list and fails on a gap."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import genesis_ext
from genesis_ext import _library, ops, reference
from tests.cases import CASES, ROWS, SHAPES, call, voxels

ROOT = Path(__file__).resolve().parent.parent
OPERATORS = [name for name in ops.__all__ if inspect.isfunction(getattr(ops, name))]
HELPERS = {
    "bezier_map_slope": "bezier_map",
    "affine_sample_adjoint": "affine_sample",
}  # registered, and called only by the operator named
every_operator = pytest.mark.parametrize("op", OPERATORS)


def has_kernel(op: str, key: str) -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key(f"genesis_ext::{op}", key)


def test_all_registered_operators_are_on_the_list():
    schema = (ROOT / "csrc" / "schema.cpp").read_text()
    defined = set(re.findall(r'"(\w+)\(', schema))
    assert defined == {*OPERATORS, *HELPERS}
    registered = {
        name.split("::")[1] for name in torch._C._dispatch_get_all_op_names() if name.startswith("genesis_ext::")
    }
    assert registered == defined


@pytest.mark.parametrize("op", [*OPERATORS, *HELPERS])
def test_it_has_a_cpu_kernel_a_fake_and_a_batching_rule(op):
    assert has_kernel(op, "CPU")
    assert has_kernel(op, "Meta")
    assert has_kernel(op, "FuncTorchBatched")


@pytest.mark.parametrize("op", [*OPERATORS, *HELPERS])
def test_it_has_a_cuda_kernel_where_the_library_is_loaded(op):
    assert has_kernel(op, "CUDA") == _library.cuda.loaded


@every_operator
def test_it_has_a_gradient_or_refuses_in_words(op):
    if has_kernel(op, "Autograd"):
        return
    name = ROWS.get(op, "x")
    arguments = next(iter(CASES[op].values()))(voxels(SHAPES["a patch"]))
    if arguments[name].is_floating_point():
        with pytest.raises(RuntimeError, match=rf"{op}: {name} must not require a gradient"):
            call(op, arguments | {name: arguments[name].requires_grad_()})


@every_operator
def test_it_has_its_own_file_in_every_layer(op):
    for path in (
        f"csrc/ops/{op}/{op}.h",
        f"csrc/ops/{op}/cpu.cpp",
        f"csrc/ops/{op}/cuda.cu",
        f"python/genesis_ext/ops/{op}.py",
        f"tests/ops/test_{op}.py",
    ):
        assert (ROOT / path).is_file(), path


@every_operator
def test_its_reference_has_its_arguments(op):
    wrapper = inspect.signature(getattr(ops, op)).parameters
    written = importlib.import_module(f"{reference.__name__}.{op}")
    names = list(inspect.signature(getattr(written, op)).parameters)
    # The wrapper's PlanSpec and Plan stand for what the reference takes one by one, and its x has any number of axes.
    together = {"spec": ["spatial_shape", "rates", "numbers"], "plan": ["plan", "numbers"], "spatial_dims": []}
    assert names == [name for parameter in wrapper for name in together.get(parameter, [parameter])]


@every_operator
def test_it_has_cases(op):
    assert CASES[op]


@pytest.mark.parametrize("op", [*OPERATORS, *HELPERS])
def test_its_launches_are_counted(op):
    assert f'("{op}", ' in (ROOT / "tests" / "csrc" / "test_launches.cpp").read_text()


@every_operator
def test_it_is_documented(op):
    text = (ROOT / "docs" / "operators.md").read_text()
    assert re.search(rf"^## {op}$", text, re.MULTILINE)


@every_operator
def test_it_is_benchmarked(op):
    registry = importlib.import_module("benchmarks.registry")
    assert op in registry.OPERATORS


def without_values(value, device):
    """Return tensors of the same shape, under FakeTensorMode; on a device that need not be there."""
    if isinstance(value, ops.PackedVolumes):
        return ops.PackedVolumes(*(without_values(part, device) for part in value))
    if isinstance(value, ops.Plan):
        return ops.Plan(without_values(value.tensor, device), value.spec)
    if isinstance(value, torch.Tensor):
        return torch.empty_strided(value.shape, value.stride(), dtype=value.dtype, device=device)
    return value


@every_operator
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_fakes_carry_shape_dtype_and_device(op, device):
    for arguments in (make(voxels(SHAPES["three channels"])) for make in CASES[op].values()):
        real = call(op, arguments)
        with FakeTensorMode():
            fakes = call(op, {name: without_values(value, device) for name, value in arguments.items()})
        for fake, out in zip(fakes, real, strict=True):
            assert (fake.shape, fake.dtype, fake.stride()) == (out.shape, out.dtype, out.stride())
            assert fake.device.type == device


def test_the_package_gives_the_names_that_users_type():
    assert genesis_ext.ops is ops
    assert {"GenesisTransform", "ops"} <= set(genesis_ext.__all__)
