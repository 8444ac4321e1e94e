"""Where a run begins: new weights, or those of a file as far as they fit."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

from icl_core.errors import WeightsError
from icl_core.weights import read_checkpoint
from icl_painting.network.checkpoint import official_names
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork
from stitched.identity import paint_the_query


def begin(
    config: PainterConfig,
    drop_path: float,
    seed: int,
    start: Path | None = None,
    identity: bool = False,
) -> PainterNetwork:
    """Make the network of a run.

    Args:
        config: its sizes.
        drop_path: of the last block.
        seed: of the new weights.
        start: weights of an MAE encoder, of Painter, SegGPT or an own run; what does not fit, by
            its name or its shape, is left out.
        identity: new weights paint the query as it is, about; see `paint_the_query`.

    Raises:
        WeightsError: the file is damaged, or nothing in it fits.
        InputError: the network is too narrow for the identity.
    """
    torch.manual_seed(seed)
    network = PainterNetwork(config, drop_path)
    initialise(network)
    if identity:
        paint_the_query(network)
    if start is None:
        return network
    stored = official_names(read_checkpoint(start).tensors)
    own = network.state_dict()
    fitting = {n: t for n, t in stored.items() if n in own and t.shape == own[n].shape}
    if not fitting:
        raise WeightsError(f"{start} holds {len(stored)} tensors, and none of them fits")
    network.load_state_dict({**own, **fitting})
    left = ", ".join(sorted(own.keys() - fitting.keys())[:6])
    print(
        f"{len(fitting)} of {len(own)} tensors are from {start}"
        + (f"; new: {left}" if left else ""),
        file=sys.stderr,
    )
    return network


@torch.no_grad()
def initialise(network: PainterNetwork) -> None:
    """Draw new weights.

    Tokens and position tables are normal with deviation 0.02, cut at two deviations; linear layers
    likewise, biases 0; convolutions as torch draws them.
    """
    for name, parameter in network.named_parameters():
        if name.endswith("_token") or "token_" in name or "pos" in name:
            nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
            nn.init.zeros_(module.bias)
