# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Machine code of kernels: instructions with their pipes and schedules, basic blocks, and how often each is run."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_FUNCTION = re.compile(r"^\s*\.section\s+\.text\.(\w+),")
_LABEL = re.compile(r"^(\.L_\w+):")
_WORD = re.compile(r"/\* (0x[0-9a-f]{16}) \*/\s*$")
_INSTRUCTION = re.compile(r"^\s+/\*([0-9a-f]+)\*/\s+(?:@(!?U?P\w+)\s+)?([A-Z][\w.]*)\s*(.*?)\s*;")

_NAMES = """
fp64 DFMA DMUL DADD DSETP DMNMX
fma FFMA FMUL FADD
imad IMAD IDP
special MUFU F2F I2F F2I FRND POPC FLO BREV
shared LDS STS ATOMS LDSM SHFL
global LDG STG LD ST ATOM ATOMG RED LDL STL
constant LDC LDCU
control BRA BSSY BSYNC CALL RET EXIT WARPSYNC BAR BREAK BRX JMP YIELD NOP BMOV DEPBAR MEMBAR ERRBAR CCTL
other S2R CS2R S2UR R2UR VOTE VOTEU MATCH REDUX
"""
PIPES = {name: pipe for pipe, *names in map(str.split, _NAMES.strip().splitlines()) for name in names}


def pipe_of(operation: str) -> str:
    """The pipe that an operation is issued to; what is not listed is simple integer arithmetic, or uniform."""
    base = operation.partition(".")[0]
    if base == "IMAD" and (".WIDE" in operation or ".HI" in operation):
        return "imad wide"
    return PIPES.get(base, "uniform" if base.startswith("U") else "alu")


@dataclass(frozen=True)
class Instruction:
    """An instruction with what ptxas wrote into it: cycles to the next one, and barriers.

    Those that it sets when its result is there and when its operands have been read (7: none), and those it waits for.
    """

    operation: str
    operands: str
    conditional: bool
    stall: int
    sets: int
    reads: int
    waits: tuple[int, ...]

    @property
    def pipe(self) -> str:
        """Where it is issued."""
        return pipe_of(self.operation)

    @property
    def mark(self) -> int | None:
        """The number of the GX_PATH that stands here."""
        return int(self.operands, 16) if self.operation == "PMTRIG" else None


def _schedule(word: int) -> tuple[int, int, int, tuple[int, ...]]:
    """Read stall, sets, reads and waits from the upper half of an instruction."""
    waits = word >> 52 & 63
    return word >> 41 & 15, word >> 46 & 7, word >> 49 & 7, tuple(b for b in range(6) if waits >> b & 1)


@dataclass
class Block:
    """Instructions without a branch between them, and the blocks that may follow."""

    instructions: list[Instruction] = field(default_factory=list)
    follow: list[int] = field(default_factory=list)


def functions(listing: str) -> dict[str, list[Block]]:
    """Read `nvdisasm -c -hex`: basic blocks by the name of the kernel."""
    found: dict[str, list[tuple[Instruction, set[str]]]] = {}
    current: list[tuple[Instruction, set[str]]] | None = None
    labels: set[str] = set()
    pending: re.Match[str] | None = None
    for line in listing.splitlines():
        if match := _FUNCTION.match(line):
            current = found.setdefault(match[1], [])
        elif match := _LABEL.match(line):
            labels.add(match[1])
        elif match := _INSTRUCTION.match(line):
            pending = match
        elif pending and current is not None and (match := _WORD.search(line)):
            schedule = _schedule(int(match[1], 16))
            current.append((Instruction(pending[3], pending[4], pending[2] is not None, *schedule), labels))
            labels, pending = set(), None
    return {name: _blocks(code) for name, code in found.items()}


def _blocks(code: Sequence[tuple[Instruction, set[str]]]) -> list[Block]:
    leaders, ends = {0}, {"BRA", "EXIT", "RET", "BRX", "JMP"}
    for i, (instruction, labels) in enumerate(code):
        if labels:
            leaders.add(i)
        if instruction.operation.partition(".")[0] in ends:
            leaders.add(i + 1)
    starts = sorted(i for i in leaders if i < len(code))
    number = {start: b for b, start in enumerate(starts)}
    at = {label: number[i] for i, (_, labels) in enumerate(code) for label in labels}
    blocks = []
    for b, start in enumerate(starts):
        end = starts[b + 1] if b + 1 < len(starts) else len(code)
        block = Block([instruction for instruction, _ in code[start:end]])
        last = block.instructions[-1]
        base = last.operation.partition(".")[0]
        if base == "BRA" and (target := re.search(r"`\((\S+?)\)", last.operands)):
            block.follow.append(at[target[1]])
        if (base not in ends or last.conditional or "P" in last.operands.split(",")[0]) and b + 1 < len(starts):
            block.follow.append(b + 1)
        blocks.append(block)
    return blocks


def frequencies(blocks: Sequence[Block], counts: Mapping[int, float]) -> list[float]:
    """How often warps run each block, from how often they come by the marks.

    A place that the compiler copied (an unrolled loop) shares its count among the copies. A block without a mark is run
    as often as the one that dominates it; behind a loop, as the one before the loop. Arms of a switch are never run.

    Raises:
        ValueError: a loop that is run has no mark.
    """
    copies: dict[int, int] = defaultdict(int)
    for block in blocks:
        for mark in _marks(block):
            copies[mark] += 1
    dominator, loops = _dominators(blocks), _loops(blocks)
    result: list[float | None] = [None] * len(blocks)

    def share(block: int) -> list[float]:
        return [counts.get(mark, 0.0) / copies[mark] for mark in _marks(blocks[block])]

    def frequency(b: int) -> float:
        if (known := result[b]) is not None:
            return known
        d = dominator[b]
        while d is not None and (left := [body for body in loops if d in body and b not in body]):
            d = dominator[min(left[-1])]  # behind a loop
        before = counts.get(0, 0.0) if d is None else frequency(d)
        entered = [body for body in loops if b in body and d not in body]
        if here := share(b):
            before = max(here)
        elif entered and before > 0.0:
            inner = [x for x in entered[0] if not any(x in other and other < entered[0] for other in loops)]
            if not (marked := [value for x in inner for value in share(x)]):
                names = [instruction.operation for instruction in blocks[b].instructions[:6]]
                raise ValueError(f"a loop without GX_PATH, which begins with {names}")
            before = max(marked)
        result[b] = before
        return before

    for b in dominator:
        frequency(b)
    return [value or 0.0 for value in result]


def _marks(block: Block) -> Iterator[int]:
    return (mark for instruction in block.instructions if (mark := instruction.mark) is not None)


def _dominators(blocks: Sequence[Block]) -> dict[int, int | None]:
    """The immediate dominator of every block that can be reached."""
    order: list[int] = []
    seen: set[int] = set()
    stack = [(0, iter(blocks[0].follow))]
    seen.add(0)
    while stack:
        b, follow = stack[-1]
        step = next((f for f in follow if f not in seen), None)
        if step is None:
            order.append(b)
            stack.pop()
        else:
            seen.add(step)
            stack.append((step, iter(blocks[step].follow)))
    order.reverse()
    rank = {b: i for i, b in enumerate(order)}
    before = defaultdict(list)
    for b in order:
        for f in blocks[b].follow:
            before[f].append(b)
    dominator: dict[int, int | None] = {0: None}
    changed = True
    while changed:
        changed = False
        for b in order[1:]:
            new: int | None = None
            for p in before[b]:
                if p not in dominator:
                    continue
                if new is None:
                    new = p
                    continue
                one, other = new, p
                while one != other:
                    while rank[one] > rank[other]:
                        one = dominator[one]  # type: ignore[assignment]
                    while rank[other] > rank[one]:
                        other = dominator[other]  # type: ignore[assignment]
                new = one
            if dominator.get(b, -1) != new:
                dominator[b] = new
                changed = True
    return {b: dominator[b] for b in order}


def _loops(blocks: Sequence[Block]) -> list[frozenset[int]]:
    """The blocks of every loop, inner loops first: strongly connected parts, then those of their insides."""
    loops: list[frozenset[int]] = []

    def search(nodes: frozenset[int]) -> None:
        for part in _connected(blocks, nodes):
            if len(part) > 1 or any(b in blocks[b].follow for b in part):
                head = min(part)
                search(part - {head})
                loops.append(part)

    search(frozenset(range(len(blocks))))
    return loops


def _connected(blocks: Sequence[Block], nodes: frozenset[int]) -> list[frozenset[int]]:
    """Strongly connected parts of a graph (Tarjan), without recursion."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    parts: list[frozenset[int]] = []
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(blocks[root].follow))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while work:
            b, follow = work[-1]
            step = next((f for f in follow if f in nodes and f not in index), None)
            if step is not None:
                index[step] = low[step] = len(index)
                stack.append(step)
                work.append((step, iter(blocks[step].follow)))
                continue
            for f in blocks[b].follow:
                if f in nodes and f in stack:
                    low[b] = min(low[b], low[f], index[f])
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[b])
            if low[b] == index[b]:
                at = stack.index(b)
                parts.append(frozenset(stack[at:]))
                del stack[at:]
    return parts
