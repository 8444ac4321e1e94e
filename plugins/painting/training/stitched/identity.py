"""First weights with which a network paints the query as it is, and looks targets up.

A short run has no time to find out how a picture gets through the tokens to the answer, nor how to
tell input and target apart once their streams are averaged. The structure stays as published; only
the first weights are other ones. An own addition, no paper has it. What it is worth is measured in
the README.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from icl_core.errors import InputError
from icl_painting.network.config import PainterConfig
from icl_painting.network.network import PainterNetwork

CONSTANT = 8
"""Channels of a token that hold a constant."""
GATE = 3.0
"""How far the units that move the target are open, or shut."""
SHARPNESS = 4.0
"""Of the look-up of similar patches."""
_STRENGTH, _OFFSET = 3.0, 6.0
_COLOURS = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
"""Brightness and two differences of colours, orthonormal."""


@torch.no_grad()
def paint_the_query(network: PainterNetwork) -> None:
    """Change new weights so that the answer is the query as it is, about.

    Each token holds the lowest cosine waves of its patch, and the decoder adds them up again.
    Constants in a few channels keep both layer norms on the way nearly linear, and gelu(a) -
    gelu(-a) = a. All other weights stay as they were drawn.

    Args:
        network: with new weights.

    Raises:
        InputError: there are too few channels.
    """
    config = network.config
    if config.decoder_width < 8 or config.width <= CONSTANT:
        raise InputError(
            f"the network has {config.width} channels and {config.decoder_width} in the decoder, "
            f"expected more than {CONSTANT} and at least 8 to start as the identity"
        )
    own = dict(network.named_parameters())
    for name, parameter in own.items():
        if name.endswith(("attn.proj.weight", "mlp.fc2.weight")):
            nn.init.zeros_(parameter)  # the blocks shall change nothing at first
    shown = (config.width - CONSTANT) * 3 // 5  # channels of the input; the rest is the target's
    waves, gains = _waves(config.patch, shown)
    kept = len(waves)
    embed = own["patch_embed.proj.weight"]
    embed.zero_()
    embed[:kept] = _tensor(waves * gains[:, None]).view(kept, *embed.shape[1:])
    own["patch_embed.proj.bias"].zero_()
    constant = _STRENGTH * torch.tensor([1.0, -1.0]).repeat(CONSTANT // 2)
    for name in ("segment_token_x", "segment_token_y"):
        own[name][..., -CONSTANT:] = constant
    own["segment_token_x"][..., -2:] *= -1
    own["mask_token"].zero_()
    count = min(kept, config.width - CONSTANT - shown, config.hidden // 2)
    _move_the_target(own, kept, count)
    _recall_the_target(own, config, kept, count)
    # Half of the token is left where the streams are averaged: those of the target are masked.
    size = np.sqrt((CONSTANT * _STRENGTH**2 + (0.5 * kept**0.5) ** 2) / config.width)
    back = _tensor((waves / gains[:, None]).T * 2 * size)
    back = back.view(3, config.patch**2, kept).permute(1, 0, 2)
    weight = own["decoder_embed.weight"].view(config.patch**2, config.decoder_width, -1)
    bias = own["decoder_embed.bias"].view(config.patch**2, config.decoder_width)
    last = slice(weight.shape[2] - config.width, weight.shape[2] - config.width + kept)
    weight[:, :8] = 0
    weight[:, 0:6:2, last], weight[:, 1:6:2, last] = back, -back
    bias[:, 6], bias[:, 7] = _OFFSET, -_OFFSET
    convolution, colours = own["decoder_pred.0.weight"], own["decoder_pred.3.weight"]
    convolution[:8] = 0
    own["decoder_pred.0.bias"][:8] = 0
    convolution[range(8), range(8), 1, 1] = 1
    spread = np.sqrt(2 * (_OFFSET**2 + 3) / config.decoder_width)
    colours[:, :8] = 0
    own["decoder_pred.3.bias"].zero_()
    for colour in range(3):
        colours[colour, 2 * colour] = spread
        colours[colour, 2 * colour + 1] = -spread


def _move_the_target(own: dict[str, nn.Parameter], shown: int, count: int) -> None:
    """Let the first block move the target's lowest waves to channels of their own.

    Both streams get the same weights, and their average would mix what they hold. A pair of hidden
    units is open for the target's tokens alone: gelu(g + a) - gelu(g - a) is about 2a for a gate g
    well above 0, and about 0 for one well below.

    Args:
        own: parameters by name.
        shown: channels of the input's waves.
        count: waves that are moved.
    """
    width = own["mask_token"].shape[-1]
    size = np.sqrt((CONSTANT * _STRENGTH**2 + shown**0.5) / width)  # by which the norm divides
    inner, outer = own["blocks.0.mlp.fc1.weight"], own["blocks.0.mlp.fc2.weight"]
    inner[: 2 * count] = 0
    gate = 0.5 * GATE * size / _STRENGTH
    inner[: 2 * count, -2], inner[: 2 * count, -1] = gate, -gate
    for place in range(count):
        inner[2 * place, place], inner[2 * place + 1, place] = 0.5, -0.5
        for channel, sign in ((shown + place, 1), (place, -1)):
            outer[channel, 2 * place], outer[channel, 2 * place + 1] = sign * size, -sign * size


def _recall_the_target(
    own: dict[str, nn.Parameter], config: PainterConfig, shown: int, count: int
) -> None:
    """Let half of the heads behind the average look up what became of patches like this one.

    A token asks for tokens with a similar input whose target is visible, and adds up their targets'
    waves. What the network has to learn is to make use of it.

    Args:
        own: parameters by name.
        config: sizes.
        shown: channels of the input's waves.
        count: channels of the target's waves, which follow.
    """
    width, head = config.width, config.head_width
    flag, constant = width - CONSTANT + 2, width - CONSTANT
    own["mask_token"][..., flag] = _STRENGTH
    name = f"blocks.{config.merge + 1}.attn"
    qkv = own[f"{name}.qkv.weight"].view(3, config.heads, head, width)
    out = own[f"{name}.proj.weight"].view(width, config.heads, head)
    size = np.sqrt((CONSTANT * _STRENGTH**2 + 0.25 * (shown + count) ** 0.5) / width)
    compared = min(head - 1, shown)
    for number in range(max(1, config.heads // 2)):
        qkv[:, number] = 0
        for place in range(compared):
            qkv[:2, number, place, place] = SHARPNESS
        qkv[0, number, -1, constant], qkv[1, number, -1, flag] = 1, -SHARPNESS
        for place in range(min(head, count - number * head)):
            channel = shown + number * head + place
            qkv[2, number, place, channel] = 1
            out[channel, number, place] = size


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values).float()


def _waves(patch: int, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest cosine waves of coloured patches, orthonormal, and a gain for each.

    Args:
        patch: side of a patch.
        most: how many waves at most.

    Returns:
        float64 [K, 3*p*p] in the order colour, row, column, and [K]; photographs have amplitudes
        that fall with the frequency, and the gains make up for half of that.
    """
    steps = np.arange(patch)
    table = np.cos(np.pi * np.outer(steps, steps + 0.5) / patch) * np.sqrt(2 / patch)
    table[0] /= np.sqrt(2)
    planes = np.einsum("ky,lx->klyx", table, table).reshape(patch**2, patch**2)
    waves = np.einsum("cr,kp->kcrp", _COLOURS, planes).reshape(patch**2 * 3, -1)
    height = np.hypot(*np.meshgrid(steps, steps)).reshape(-1)
    # Colours differ less between neighbours than brightness does.
    frequency = (height[:, None] + np.array([0, 1.5, 2])).reshape(-1)
    order = np.argsort(frequency, kind="stable")[:most]
    return waves[order], np.sqrt(1 + frequency[order]) / patch
