"""Initial weights for an sLSTM stack (xLSTM, arXiv 2405.04517, appendix on initialisation)."""

from __future__ import annotations

from typing import cast

import torch

from icl_forecasting.tirex.network import Block, TirexNetwork


@torch.no_grad()
def initialise(network: TirexNetwork, generator: torch.Generator) -> None:
    """Fill all weights: small gates, no recurrence at first, forget biases spread over scales."""
    config = network.config
    dim, blocks = config.head_dim, config.num_blocks
    for name, p in network.named_parameters():
        if p.ndim == 2:
            fan_in = p.shape[1]
            gain = 1.0 if "proj_down" not in name else 1.0 / blocks**0.5
            p.normal_(0.0, gain * (2.0 / (5.0 * fan_in)) ** 0.5, generator=generator)
        elif name.endswith("bias"):
            p.zero_()
    # A missing token is all zeros; without a bias its embedding would be zero too, and a norm of
    # zero multiplies gradients by 1 / sqrt(eps), block after block, until they overflow.
    network.input_patch_embedding.output_layer.bias.normal_(0.0, 0.5, generator=generator)
    places = torch.arange(dim) / max(1, dim - 1)
    for index, module in enumerate(network.blocks):
        layer = cast(Block, module).slstm_layer
        for gate in (layer.fgate, layer.igate, layer.zgate, layer.ogate):
            gate.weight.normal_(0.0, (2.0 / (5.0 * dim)) ** 0.5, generator=generator)
        layer.slstm_cell._recurrent_kernel_.zero_()
        bias = layer.slstm_cell._bias_.view(config.num_heads, 4, dim)
        bias.zero_()
        exponent = 0.3 + 1.3 * index / max(1, blocks - 1)
        # the forget gate is slot 1 of the cell, whatever the gate maps are called
        bias[:, 1] = 5.0 - 12.0 * places**exponent
