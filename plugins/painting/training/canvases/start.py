"""Sizes and first weights of the small network."""

from __future__ import annotations

import torch
from stitched.identity import paint_the_query
from torch import nn

from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

PATCH, SIDE = 12, 264

SMALL = PainterConfig(
    width=256,
    heads=4,
    hidden=1024,
    depth=7,
    patch=PATCH,
    grid=(2 * SIDE // PATCH, SIDE // PATCH),
    table=16,
    decoder_width=12,
    merge=1,
    taps=(2, 4, 6),
    detail=40,
)
"""7.7 M parameters. A picture of 256 pixels fits the square as it is."""


@torch.no_grad()
def new_network(config: PainterConfig, seed: int) -> PainterNetwork:
    """Draw first weights: the query is painted as it is, and nothing else is known.

    Args:
        config: sizes.
        seed: of the draws.
    """
    torch.manual_seed(seed)
    network = PainterNetwork(config)
    for name, parameter in network.named_parameters():
        if "_token" in name or "pos" in name:
            nn.init.trunc_normal_(parameter, std=0.02, a=-0.04, b=0.04)
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
            nn.init.zeros_(module.bias)
    dict(network.named_parameters())["decoder_pred.3.weight"].mul_(0.1)
    # Tokens start as the waves of their patch, with the target's kept apart from the picture's when
    # the streams are averaged: their sum alone would not tell what the target does to the picture.
    # What paints the query in the decoder is not taken over, since the branch beside it does so.
    painting = {
        name: parameter.clone()
        for name, parameter in network.named_parameters()
        if name.startswith(("decoder", "detail"))
    }
    paint_the_query(network)
    for name, parameter in network.named_parameters():
        if name in painting:
            parameter.copy_(painting[name])
    if network.detail is not None:
        network.detail.start_as_query()
    return network
