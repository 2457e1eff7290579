# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Calls with little to do: what a small batch costs from Python, and replayed as a CUDA graph."""

from collections.abc import Callable

import torch
from torch import Tensor

from genesis_ext import GenesisTransform, ops
from genesis_ext._types import Shape3
from genesis_ext.transforms import make_config, resolve

from .case import OURS, Case, Contender, Setup, name_of, voxels
from .inputs import SEED

SETS = 16  # of sample ids, made before: what is drawn differs from call to call, and no call waits for new ids

Step = Callable[[Tensor], tuple[Tensor, ...]]


def samples(count: int) -> Callable[[Shape3, torch.device, bool], int]:
    return lambda size, device, quick: count


def transform(setup: Setup) -> Case:
    """Plan and transformation, profile head, as `GenesisTransform` does them."""
    x = voxels(setup)
    seed = torch.tensor([SEED], device=setup.device)
    module = GenesisTransform(profile="head", seed=seed)

    def step(ids: Tensor) -> tuple[Tensor, ...]:
        distorted, target = module(x, ids)
        return distorted, target

    def expected(ids: Tensor) -> tuple[Tensor, ...]:
        with_int = GenesisTransform(profile="head", seed=SEED)
        return ops.genesis_transform(x, with_int.plan(ids, setup.size))

    return _case(setup, step, expected, "draw_plan and genesis_transform", name_of(setup.dtype))


def plan(setup: Setup) -> Case:
    """`draw_plan` alone, profile head."""
    spec = resolve(make_config("head"), setup.size)
    seed = torch.tensor([SEED], device=setup.device)

    def step(ids: Tensor) -> tuple[Tensor, ...]:
        return (ops.draw_plan(ids, seed, spec).tensor,)

    def expected(ids: Tensor) -> tuple[Tensor, ...]:
        return (ops.draw_plan(ids, SEED, spec).tensor,)

    return _case(setup, step, expected, "draw_plan", "float32")


def _case(setup: Setup, step: Step, expected: Step, setting: str, dtype: str) -> Case:
    """step: with the seed on the device, as a captured graph needs it; expected: with an int."""
    device, batch = setup.device, setup.batch
    sets = torch.arange(SETS * batch, device=device).view(SETS, batch)

    def ours(call: int) -> tuple[Tensor, ...]:
        return step(sets[call % SETS])

    contenders = [Contender(OURS, ours, 1)]
    if device.type == "cuda":

        def waited_for(call: int) -> None:
            ours(call)
            torch.cuda.synchronize(device)

        replay = captured(step, sets[0])
        contenders += [
            Contender(f"{OURS}, waited for", waited_for, 1, "the host waits for each call"),
            Contender(f"{OURS}, CUDA graph", replay, 1, "captured together with the step to the next ids, replayed"),
        ]

    def verify() -> None:
        for number in (1, 2):
            torch.testing.assert_close(ours(number), expected(sets[number]), rtol=0, atol=0)
        if device.type == "cuda":
            again = captured(step, sets[0])
            for number in (1, 2):
                torch.testing.assert_close(again(number), expected(sets[number]), rtol=0, atol=0)

    return Case(setup.size, 1, 0, tuple(contenders), verify, setting, dtype)


def captured(step: Step, ids: Tensor) -> Callable[[int], tuple[Tensor, ...]]:
    """A step on the ids after `ids`, then on those after them, and so on: captured once, replayed by each call."""
    now = ids.clone()

    def advance() -> tuple[Tensor, ...]:
        now.add_(len(now))
        return step(now)

    stream = torch.cuda.Stream(ids.device)  # warm-up on a stream of its own, as torch.cuda.graph asks for
    stream.wait_stream(torch.cuda.current_stream(ids.device))
    with torch.cuda.stream(stream):
        for _ in range(3):
            advance()
    torch.cuda.current_stream(ids.device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = advance()
    now.copy_(ids)

    def replay(call: int) -> tuple[Tensor, ...]:
        graph.replay()
        return out

    return replay
