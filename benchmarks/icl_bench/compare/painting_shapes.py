"""Names and shapes of SegGPT's network, the names of transformers, and what an answer costs.

Written down here rather than asked of the network: the stand-in weights then show that the released
file fits it, and the official code gets the same file. Painter's is the same without two tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icl_bench.compare.segmentation_shapes import Shapes
from icl_bench.compare.segmentation_standin import write

MERGE, TAPS, TABLE = 2, (5, 11, 17, 23), 14
"""Block after which the streams are averaged, blocks the decoder reads, side of the table."""


@dataclass(frozen=True)
class PaintingSize:
    """Sizes of a network.

    Args:
        width: D, channels of a token.
        heads: of each attention.
        decoder: channels of the decoder's maps.
        side: of the square pictures in pixels.
        patch: side of a patch in pixels.
        depth: number of blocks.
    """

    width: int = 1024
    heads: int = 16
    decoder: int = 64
    side: int = 448
    patch: int = 16
    depth: int = 24

    @property
    def hidden(self) -> int:
        """Inner width of the feed-forward parts."""
        return 4 * self.width

    @property
    def rows(self) -> int:
        """Patches a side of a picture."""
        return self.side // self.patch


SIZES = {
    "published": PaintingSize(),
    "small": PaintingSize(width=192, heads=3, decoder=16, side=224),
}


def painting_shapes(size: PaintingSize) -> Shapes:
    """All tensors of SegGPT: 354 for the published size, 370,723,203 numbers."""
    width, found = size.width, Shapes()
    for token in ("mask_token", "segment_token_x", "segment_token_y"):
        found[token] = (1, 1, 1, width)
    for token in ("type_token_cls", "type_token_ins"):
        found[token] = (1, 1, 1, width)
    found["pos_embed"] = (1, TABLE**2 + 1, width)
    _weights(found, "patch_embed.proj", width, 3, size.patch, size.patch)
    for number in range(size.depth):
        block = f"blocks.{number}"
        found[f"{block}.attn.rel_pos_h"] = (4 * size.rows - 1, width // size.heads)
        found[f"{block}.attn.rel_pos_w"] = (2 * size.rows - 1, width // size.heads)
        _weights(found, f"{block}.attn.qkv", 3 * width, width)
        _weights(found, f"{block}.attn.proj", width, width)
        _weights(found, f"{block}.mlp.fc1", size.hidden, width)
        _weights(found, f"{block}.mlp.fc2", width, size.hidden)
        for norm in ("norm1", "norm2"):
            _weights(found, f"{block}.{norm}", width)
    _weights(found, "norm", width)
    _weights(found, "decoder_embed", size.patch**2 * size.decoder, len(TAPS) * width)
    _weights(found, "decoder_pred.0", size.decoder, size.decoder, 3, 3)
    _weights(found, "decoder_pred.1", size.decoder)
    _weights(found, "decoder_pred.3", 3, size.decoder, 1, 1)
    return found


def _weights(found: Shapes, name: str, *shape: int) -> None:
    found[f"{name}.weight"], found[f"{name}.bias"] = shape, shape[:1]


def write_seggpt(folder: Path, size: PaintingSize) -> Path:
    """Write the stand-in weights in the released layout; return their path."""
    path = folder / "seggpt.pth"
    return path if path.exists() else write(path, painting_shapes(size))


TRANSFORMERS = (
    ("type_token_cls", "model.embeddings.type_token_semantic"),
    ("type_token_ins", "model.embeddings.type_token_instance"),
    ("mask_token", "model.embeddings.mask_token"),
    ("segment_token_x", "model.embeddings.segment_token_input"),
    ("segment_token_y", "model.embeddings.segment_token_prompt"),
    ("pos_embed", "model.embeddings.position_embeddings"),
    ("patch_embed.proj", "model.embeddings.patch_embeddings.projection"),
    ("blocks", "model.encoder.layers"),
    ("norm", "model.encoder.layernorm"),
    ("decoder_embed", "decoder.decoder_embed"),
    ("decoder_pred.0", "decoder.decoder_pred.conv"),
    ("decoder_pred.1", "decoder.decoder_pred.layernorm"),
    ("decoder_pred.3", "decoder.decoder_pred.head"),
)
"""What a released name starts with, and what it starts with in transformers."""

_WITHIN = (
    ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"),
    ("attn", "attention"),
    ("mlp.fc1", "mlp.lin1"),
    ("mlp.fc2", "mlp.lin2"),
)


def transformers_name(name: str) -> str:
    """Return the name of a released tensor in transformers."""
    for start, theirs in TRANSFORMERS:
        if name == start or name.startswith(start + "."):
            rest = name.removeprefix(start)
            if start != "blocks":
                return theirs + rest
            _, number, inner = rest.split(".", 2)
            for ours, other in _WITHIN:
                if inner.startswith(ours + "."):
                    return f"{theirs}.{number}.{other}{inner.removeprefix(ours)}"
    raise ValueError(f"no such tensor: {name}")


def answer_operations(size: PaintingSize, prompts: int = 1) -> float:
    """Floating-point operations of one answer, with prompts that are prepared.

    Two for each weight and token that is needed, and those of attention; see the levers of
    `icl_painting.network.inference`.

    Args:
        size: of the network.
        prompts: N that answer together.
    """
    d, rows, tokens = size.width, size.rows, size.rows**2
    each = 4 * d * d + 2 * d * size.hidden
    # Scores and mixing against a prompt and the query, and the position terms of each head.
    attention = 2 * (2 * tokens) * d
    terms = 3 * rows * d
    # The query's tokens attend to their own keys once, and to those of each prompt.
    asked = (prompts + 1) * tokens * attention // 2
    block = (prompts + 1) * tokens * (each + terms) + prompts * tokens * attention + asked
    seen = tokens + rows
    last = (prompts + 1) * tokens * 2 * d * d + seen * (each - 2 * d * d + terms)
    last += asked + rows * attention
    pixels = size.side**2
    decoder = tokens * len(TAPS) * d * size.patch**2 * size.decoder
    decoder += rows * len(TAPS) * d * size.patch * size.decoder
    decoder += pixels * (9 * size.decoder**2 + 3 * size.decoder)
    embedding = tokens * 3 * size.patch**2 * d
    return 2.0 * ((size.depth - 1) * block + last + decoder + embedding)


def released_operations(size: PaintingSize, prompts: int = 1) -> float:
    """The same for the released code: whole canvases, both streams, the whole decoder."""
    d, rows, tokens = size.width, size.rows, 2 * size.rows**2
    each = 4 * d * d + 2 * d * size.hidden + 2 * tokens * d + 3 * rows * d
    passes = size.depth + MERGE + 1
    decoder = tokens * len(TAPS) * d * size.patch**2 * size.decoder
    decoder += 2 * size.side**2 * (9 * size.decoder**2 + 3 * size.decoder)
    embedding = 2 * tokens * 3 * size.patch**2 * d
    return 2.0 * prompts * (passes * tokens * each + decoder + embedding)
