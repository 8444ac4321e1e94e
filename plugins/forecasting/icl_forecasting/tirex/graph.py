"""CUDA graphs of the network: one replay instead of some hundred launches.

A forward over few series is bound by the cost of launching its kernels. What this gains has not
been measured.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import torch
from torch import Tensor

from icl_core.errors import InputError
from icl_forecasting.tirex.cell import CellState
from icl_forecasting.tirex.network import TirexNetwork

_WARM_UPS = 2  # kernels are compiled and work spaces allocated before anything is recorded


class _Recorded(NamedTuple):
    graph: torch.cuda.CUDAGraph
    tokens: Tensor
    states: list[CellState] | None
    out: Tensor


class GraphedNetwork:
    """Runs a network through recorded CUDA graphs, one for each shape of its input.

    The graphs read the weights where they were when recorded: call `clear` after changing them.
    Every graph keeps its own memory, so only the most recently used are kept. Not for use from
    several threads at once.

    Args:
        network: in eval mode, on a CUDA device.
        limit: graphs kept.

    Raises:
        InputError: the network is not on a CUDA device.
    """

    def __init__(self, network: TirexNetwork, limit: int = 8) -> None:
        device = network.out_norm.weight.device
        if device.type != "cuda":
            raise InputError(
                f"CUDA graphs need a network on a CUDA device, this one is on {device}"
            )
        self.network = network
        self.limit = limit
        self._recorded: OrderedDict[tuple[object, ...], _Recorded] = OrderedDict()

    def __len__(self) -> int:
        return len(self._recorded)

    def clear(self) -> None:
        """Forget all graphs and free their memory."""
        self._recorded.clear()

    @torch.inference_mode()
    def __call__(self, tokens: Tensor, states: list[CellState] | None, last: int) -> Tensor:
        """The network's forecasts; arguments as in `TirexNetwork.forward`.

        Returns:
            [B, last, Q, p], a tensor of its own: the next call does not overwrite it.
        """
        autocast = torch.is_autocast_enabled("cuda") and torch.get_autocast_dtype("cuda")
        key = (*tokens.shape, last, states is None, autocast)
        found = self._recorded.get(key)
        if found is None:
            found = self._record(tokens, states, last)
            self._recorded[key] = found
            if len(self._recorded) > self.limit:
                self._recorded.popitem(last=False)
        self._recorded.move_to_end(key)
        found.tokens.copy_(tokens)
        for mine, given in zip(found.states or [], states or [], strict=True):
            for into, part in zip(mine, given, strict=True):
                into.copy_(part)
        found.graph.replay()
        return found.out.clone()

    def _record(self, tokens: Tensor, states: list[CellState] | None, last: int) -> _Recorded:
        tokens = tokens.clone()
        if states is not None:  # an expanded state becomes one that can be written
            states = [CellState(*(part.contiguous().clone() for part in s)) for s in states]
        stream = torch.cuda.Stream(tokens.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(tokens.device))
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self.network(tokens, states, last=last)
        torch.cuda.current_stream(tokens.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = self.network(tokens, states, last=last)
        return _Recorded(graph, tokens, states, out)


def cuda_graphed(network: TirexNetwork) -> GraphedNetwork:
    """A runner with the signature that `Rollout` takes as its `forward`."""
    return GraphedNetwork(network)
