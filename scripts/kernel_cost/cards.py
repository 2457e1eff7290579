# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Constants of the prediction: cards, pipes, latencies. Vendors' numbers, or assumptions where none is given."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Processor:
    """What a multiprocessor holds at once: warps, blocks, KB of shared memory. Its registers are 65,536."""

    warps: int
    blocks: int
    shared_kb: int

    def resident(self, registers: int, shared: int, threads: int) -> int:
        """Blocks that it holds, of so many registers a thread and bytes of shared memory a block."""
        warps = threads // 32
        by_registers = 65536 // (-(-registers * 32 // 256) * 256 * warps)
        by_shared = self.shared_kb * 1024 // (-(-(shared + 1024) // 128) * 128)
        return min(self.blocks, self.warps // warps, by_registers, by_shared)


PROCESSORS = {
    75: Processor(32, 16, 64),
    80: Processor(64, 32, 164),
    86: Processor(48, 16, 100),
    89: Processor(48, 24, 100),
    90: Processor(64, 32, 228),
    100: Processor(64, 32, 228),
}
"""By architecture: sm_75 and so on."""


@dataclass(frozen=True)
class Card:
    """A GPU: how many multiprocessors it has, its clock in GHz, and what a copy moves, in TB/s."""

    name: str
    architecture: int
    processors: int
    clock: float
    copy: float
    fp64_cycles: int


CARDS = (
    Card("H200", 90, 132, 1.98, 4.3, 2),
    Card("A100", 80, 108, 1.41, 1.4, 4),
    Card("RTX 4090", 89, 128, 2.52, 0.92, 64),
    Card("A10", 86, 72, 1.69, 0.5, 64),
)

CYCLES = {
    "alu": 2,
    "imad": 2,
    "imad wide": 4,
    "fma": 1,
    "special": 8,
    "shared": 4,
    "global": 4,
    "constant": 2,
    "uniform": 2,
    "control": 1,
    "other": 4,
}
"""Cycles for which a warp instruction keeps a pipe of a quarter multiprocessor busy."""

SHARING = (("alu",), ("imad", "imad wide"), ("fp64",), ("special",), ("shared", "global", "constant"))
"""Pipes that take turns."""

LATENCY = {"fp64": 16, "special": 24, "shared": 30, "constant": 30, "control": 20}
"""Cycles until a result with a barrier is there; 20 where nothing is said."""

LOAD = 40
"""Cycles of a load from the first-level cache; from the second-level cache 270, from memory 800."""

PLACES = {
    "voxel": 800,
    "shuffled": 270,
    "owned": 270,
    "permuted": 270,
    "axes": 270,
    "hop": 270,
    "test": 270,
    "candidates": 270,
    "index": 270,
    "list": 270,
    "samples inside": 400,  # from memory once, then twice an axis from the second-level cache
    "samples at ends": 400,
    "rows": 400,
    "inside": 120,  # neighbours share lines in the first-level cache
    "pair": 120,
}
"""Cycles of loads where they come from elsewhere, on average, by the name in GX_PATH."""

OVERLAP = 1.5
"""Pipes, waiting and memory overlap in part: the time is (pipes^p + waiting^p)^(1/p), and so on."""
