# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Hold torch's convolutions on this CPU against a plain computation, and the rule of framework_faults.py with them.

Layers are drawn at random: shapes, layouts, dtypes. Result and gradients of each are compared with those in float64,
which torch computes by other code. What runs may corrupt memory, so it runs in child processes, with guard pages around
memory (where there is a C compiler), and alone once anything went wrong. It is done for each instruction set.

Fails if a layer that the rule admits is wrong. The faults that were found are tried too: which of them are there is
said, and none may mean that the framework has been mended.
"""

import argparse
import faulthandler
import itertools
import math
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from genesis_ext.training.engine.framework_faults import fault_of

_ATEN = {"SSE41": "default", "AVX2": "avx2"}  # the same limit for torch's own kernels; none: what the CPU has
_ISAS = ("SSE41", "AVX2", "AVX512_CORE", "DEFAULT")
_TOGETHER = 25  # layers in one process
_TIMEOUT_S = 120
_TOLERANCE = {torch.float32: 2e-4, torch.bfloat16: 0.1}  # of the largest value, or of 1: some sum in bfloat16
_LARGEST = 2**17  # values of an input or output: more take long


@dataclass(frozen=True)
class Layer:
    """A convolution and its input; sides, kernel, stride, padding and dilation by axis."""

    dtype: torch.dtype
    channels_last: bool
    batch: int
    sides: tuple[int, ...]
    channels: tuple[int, int]
    groups: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False

    @property
    def out_sides(self) -> tuple[int, ...]:
        """Sides of the output; not positive where there is none."""
        whole = zip(self.sides, self.kernel, self.stride, self.padding, self.dilation, strict=True)
        if self.transposed:
            return tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, k, s, p, d in whole)
        return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in whole)

    def values(self) -> tuple[Tensor, Tensor, Tensor]:
        """Input, weights and the gradient of the output."""
        generator = torch.Generator().manual_seed(0)
        last = {4: torch.channels_last, 5: torch.channels_last_3d}[2 + len(self.sides)]
        inner, outer = self.channels if self.transposed else self.channels[::-1]
        shapes = (
            (self.batch, self.channels[0], *self.sides),
            (inner, outer // self.groups, *self.kernel),
            (self.batch, self.channels[1], *self.out_sides),
        )
        layout = last if self.channels_last else torch.contiguous_format
        x, weight, gradient = (
            torch.randn(shape, generator=generator).to(self.dtype).to(memory_format=layout) for shape in shapes
        )
        return x, weight, gradient

    @property
    def refused(self) -> bool:
        """Whether the rule refuses it."""
        x, weight, _ = self.values()
        none = (0,) * len(self.sides)
        return fault_of(x, weight, self.stride, self.padding, self.dilation, self.transposed, none) is not None

    def compute(self, x: Tensor, weight: Tensor, gradient: Tensor) -> list[Tensor]:
        """Output, and gradients of input, weights and bias."""
        bias, none = x.new_ones(self.channels[1]), (0,) * len(self.sides)
        inputs = [value.requires_grad_() for value in (x, weight, bias)]
        y = torch.convolution(
            x, weight, bias, self.stride, self.padding, self.dilation, self.transposed, none, self.groups
        )
        return [y.detach(), *torch.autograd.grad(y, inputs, gradient)]

    def wrong(self) -> str:
        """Names of what differs from the plain computation."""
        plain = self.compute(*(value.double().contiguous() for value in self.values()))
        given = self.compute(*self.values())
        found = []
        for name, a, b in zip(("output", "input", "weights", "bias"), given, plain, strict=True):
            if not float((a.double() - b).abs().max()) <= _TOLERANCE[self.dtype] * max(1.0, float(b.abs().max())):
                found.append(name)  # NaN too
        return " ".join(found)


_POINT = Layer(torch.float32, True, 2, (64, 64), (4, 8), 1, (1, 1), (2, 2), (0, 0), (1, 1))
_CUBE = Layer(torch.bfloat16, True, 2, (2, 2, 2), (16, 32), 1, (3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1))

KNOWN = {
    "gathered voxels": _POINT,
    "gathered voxels of 15 channels": replace(_POINT, channels=(15, 8)),
    "no kernel within the volume": _CUBE,
    "no kernel within the image": Layer(torch.bfloat16, False, 5, (1, 1), (24, 20), 1, (3, 3), (3, 3), (1, 1), (1, 1)),
    "dilated": Layer(torch.bfloat16, True, 2, (34, 34), (20, 4), 1, (3, 3), (1, 1), (2, 2), (2, 2)),
    "no large kernel within the volume": Layer(
        torch.float32, True, 5, (5, 5, 5), (24, 16), 1, (7, 7, 7), (2, 2, 2), (3, 3, 3), (1, 1, 1)
    ),
}
"""What was found: layers that the rule refuses, wrong or deadly on some CPUs."""


def layers(seed: int) -> Iterator[Layer]:
    """Layers without end."""
    draw = random.Random(seed)
    while True:
        dims = draw.choice((2, 3))
        channels = draw.choice((1, 2, 3, 4, 6, 8, 12, 15, 16, 20, 24, 32, 48)), draw.choice((1, 2, 4, 8, 16, 20, 32))
        grouped = channels[1] % channels[0] == 0 and draw.random() < 0.2
        kernels = [draw.choice(((1, 0), (1, 0), (2, 0), (3, 1), (3, 1), (3, 0), (3, 2), (4, 1), (5, 2), (7, 3)))] * dims
        strides = [draw.choice((1, 1, 2, 2, 3))] * dims
        if draw.random() < 0.3:  # another one along one axis
            axis = draw.randrange(dims)
            kernels[axis], strides[axis] = draw.choice(((1, 0), (3, 1), (4, 3))), draw.choice((1, 2))
        side = draw.choice((1, 2, 3, 4, 5, 8, 16) if dims == 3 else (1, 2, 3, 5, 8, 16, 33, 64, 128))
        layer = Layer(
            dtype=draw.choice((torch.float32, torch.bfloat16)),
            channels_last=draw.random() < 0.6,
            batch=draw.choice((1, 2, 5)),
            sides=tuple(side if draw.random() < 0.8 else draw.choice((1, 2, 4, 7)) for _ in range(dims)),
            channels=channels,
            groups=channels[0] if grouped else 1,
            kernel=tuple(kernel for kernel, _ in kernels),
            stride=tuple(strides),
            padding=tuple(padding for _, padding in kernels),
            dilation=(draw.choice((1, 1, 1, 2)),) * dims,
            transposed=draw.random() < 0.2,
        )
        sizes = (layer.batch * channels[0], *layer.sides), (layer.batch * channels[1], *layer.out_sides)
        if min(layer.out_sides) > 0 and max(map(math.prod, sizes)) <= _LARGEST:
            yield layer


def run(part: Sequence[Layer]) -> list[str]:
    """What went wrong with each layer, in one child process; short where the process died, which is the last word."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # glibc says that the heap is corrupt; so do we
        faulthandler.disable()
        for layer in part:
            os.write(outlet, f"{layer.wrong()}\n".encode())
        os._exit(0)
    os.close(outlet)
    text, until = b"", time.monotonic() + _TIMEOUT_S
    while select.select([inlet], [], [], max(0.0, until - time.monotonic()))[0]:
        read = os.read(inlet, 1 << 16)
        if not read:
            break
        text += read
    else:
        os.kill(child, signal.SIGKILL)
    os.close(inlet)
    _, status = os.waitpid(child, 0)
    found = text.decode().splitlines()
    if status:
        del found[len(part) - 1 :]  # a process that dies at its end has a last layer that did it
        found.append(f"process died: {signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else status}")
    return found


def sweep(tried: Sequence[Layer], together: int) -> list[tuple[Layer, str]]:
    """The layers that are wrong, and how; many in one process, and alone where one of them was."""
    failed: list[tuple[Layer, str]] = []
    for first in range(0, len(tried), together):
        part = tried[first : first + together]
        found = run(part)
        if together > 1 and any(found):
            failed += sweep(part, 1) or [(part[len(found) - 1], f"{found[-1]}, after the {len(found) - 1} before it")]
        else:
            failed += [(layer, how) for layer, how in zip(part, found, strict=True) if how]
    return failed


def work(seed: int, count: int) -> bool:
    """Sweep in this process and say what came out; whether all admitted layers are right."""
    torch.set_num_threads(1)  # a process with threads must not be forked
    admitted = list(itertools.islice((layer for layer in layers(seed) if not layer.refused), count))
    wrong = sweep(admitted, _TOGETHER)
    found = [name for name, layer in KNOWN.items() if any(run([layer]))]
    print(f"  {len(wrong)} of {len(admitted)} admitted layers wrong; known faults here: {', '.join(found) or 'none'}")
    for layer, how in wrong:
        print(f"  {how}: {layer}")
    return not wrong


def build_guard(folder: Path) -> Path | None:
    """The library that puts guard pages around memory; None where it cannot be built."""
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        return None
    library = folder / "guarded_memory.so"
    source = Path(__file__).with_name("guarded_memory.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(library)], check=True)
    return library


def environment_of(isa: str, guard: Path | None) -> dict[str, str]:
    """Variables of a process that is limited to an instruction set; new memory is filled with large numbers."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_PERTURB_": "165"}
    environment |= {} if guard is None else {"LD_PRELOAD": str(guard)}
    environment |= {} if isa == "DEFAULT" else {"ONEDNN_MAX_CPU_ISA": isa}
    return environment | ({"ATEN_CPU_CAPABILITY": _ATEN[isa]} if isa in _ATEN else {})


def main() -> int:
    """Sweep under each instruction set, in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", nargs="+", choices=_ISAS, default=_ISAS, help="of oneDNN, at most")
    parser.add_argument("--layers", type=int, default=5000, help="that the rule admits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here", action="store_true", help="in this process, as it is")
    given = parser.parse_args()
    if given.here:
        return 0 if work(given.seed, given.layers) else 1
    right = True
    with tempfile.TemporaryDirectory() as folder:
        guard = build_guard(Path(folder))
        if guard is None:
            print("no C compiler: overruns are seen only where they do harm")
        for isa in given.isa:
            print(f"torch {torch.__version__}, {isa}", flush=True)
            numbers = [f"--{name}={getattr(given, name)}" for name in ("layers", "seed")]
            done = subprocess.run([sys.executable, __file__, "--here", *numbers], env=environment_of(isa, guard))
            right &= done.returncode == 0
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
