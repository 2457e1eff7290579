# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""From counts and machine code to instructions, occupancy and a predicted time."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cards import CYCLES, LATENCY, LOAD, OVERLAP, PLACES, PROCESSORS, SHARING, Card
from sass import Block, frequencies


@dataclass(frozen=True)
class Launch:
    """A launch as the emulated kernel counted it: for all warps, for the slowest one of a block on average, and of the
    block that takes longest."""

    case: str
    kernel: str
    blocks: float
    threads: int
    all: Mapping[str, float]
    slowest: Mapping[str, float]
    longest: Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """Of one launch on one card: warp instructions by pipe, resident warps of a multiprocessor, milliseconds."""

    instructions: Mapping[str, float]
    registers: int
    warps: int
    milliseconds: float


def path_number(name: str) -> int:
    """The number that GX_PATH leaves in machine code; mirrors csrc/math/hd.h."""
    value = 2166136261
    for byte in name.encode():
        value = ((value ^ byte) * 16777619) & 0xFFFFFFFF
    return (value ^ (value >> 16)) & 0xFFFF


_FAR = {path_number(name): cycles for name, cycles in PLACES.items()}


def _numbers(counts: Mapping[str, float]) -> dict[int, float]:
    numbers = {path_number(name): count for name, count in counts.items()}
    if len(numbers) != len(counts):
        raise ValueError(f"two names of GX_PATH have one number: {sorted(counts)}")
    return {**numbers, 0: counts.get("kernel", 0.0)}


def cycles_alone(block: Block) -> float:
    """Cycles that a warp takes for a block when nothing else runs: what ptxas wrote into it, and the waits."""
    load = max([_FAR.get(i.mark, LOAD) for i in block.instructions if i.mark is not None], default=LOAD)
    ready: dict[int, float] = defaultdict(float)
    now = 0.0
    for instruction in block.instructions:
        if instruction.mark is not None:
            continue
        now = max([now, *(ready[barrier] for barrier in instruction.waits)])
        latency = load if instruction.operation.startswith("LDG") else LATENCY.get(instruction.pipe, 20)
        ready[instruction.sets] = max(ready[instruction.sets], now + latency)
        ready[instruction.reads] = max(ready[instruction.reads], now + 15)
        now += max(1, instruction.stall) + (5 if instruction.operation == "BRA" else 0)
    return max([now, *(cycles for barrier, cycles in ready.items() if barrier != 7)])


def cost(launch: Launch, blocks: Sequence[Block], registers: int, shared: int, card: Card) -> Cost:
    """What a launch costs, given the machine code, registers a thread and shared memory of its kernel."""
    pipes: Counter[str] = Counter()
    for block, times in zip(blocks, frequencies(blocks, _numbers(launch.all)), strict=True):
        for instruction in block.instructions:
            if instruction.mark is None:
                pipes[instruction.pipe] += times  # type: ignore[assignment]
    rates = {**CYCLES, "fp64": card.fp64_cycles}
    busy = max(sum(pipes.values()), *(sum(pipes[p] * rates[p] for p in group) for group in SHARING))
    resident = PROCESSORS[card.architecture].resident(registers, shared, launch.threads)
    alone = [cycles_alone(block) for block in blocks]

    def waiting(counts: Mapping[str, float]) -> float:
        times = frequencies(blocks, _numbers(counts))
        return sum(n * cycles for n, cycles in zip(times, alone, strict=True))

    in_pipes = busy / card.processors / 4
    in_turns = waiting(launch.slowest) * launch.blocks / card.processors / resident
    total = (in_pipes**OVERLAP + max(in_turns, waiting(launch.longest)) ** OVERLAP) ** (1 / OVERLAP)
    return Cost(dict(pipes), registers, resident * launch.threads // 32, total / card.clock / 1e6)
