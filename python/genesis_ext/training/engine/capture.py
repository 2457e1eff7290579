# SPDX-FileCopyrightText: 2026 The genesis_ext authors
# SPDX-License-Identifier: Apache-2.0
"""Whole training steps from one CUDA graph: making the batch, forward, backward and every update, in one launch."""

from collections.abc import Callable, Iterator

import torch

from genesis_ext.data.steps import StepLoader
from genesis_ext.training.engine.objective import Batch, Metrics

_FIRST = 3  # steps as usual: cuDNN chooses its algorithms in them, and optimisers make their state


class CapturedStep:
    """Takes a step at each call: the first ones as usual, then one is captured, and it and all others are replayed.

    Nothing but the sample ids and the learning rates, which are tensors, differs from one step to the next. After
    weights or states of optimisers are given other tensors, a new one is needed.

    Args:
        batches: whose volumes all lie on the device.
        update: learns from a batch without waiting for the device, and returns scalars. After a capture they are the
            same tensors at each call.
    """

    def __init__(self, batches: Iterator[Batch], update: Callable[[Batch], Metrics]) -> None:
        if not isinstance(batches, StepLoader) or len(batches.placement.layout.shards) > 1:
            raise ValueError("CapturedStep: batches must be of a loader all of whose volumes lie on the device")
        self._loader, self._update = batches, update
        self._ids = batches.ids(batches.step)
        self._taken = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._metrics: Metrics = {}

    def __call__(self) -> Metrics:
        """Take the loader's next step."""
        self._ids.copy_(self._loader.ids(self._loader.step))
        if self._graph is not None:
            self._graph.replay()
        elif self._taken < _FIRST:
            self._aside()
        else:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._metrics = self.take()
            self._graph.replay()
        self._taken += 1
        self._loader.step += 1
        return self._metrics

    def take(self) -> Metrics:
        """What is captured: a step on the samples that the tensor of ids holds."""
        return self._update(self._loader.make(self._loader.step, self._ids))

    def _aside(self) -> None:
        """On a stream of its own, since backward goes on where forward was, and a capture has its own stream too."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            self._metrics = self.take()
        torch.cuda.current_stream().wait_stream(stream)
