"""Names and shapes of the published segmentation networks, and what one pass of them costs.

Written down here rather than asked of the networks: the stand-in weights then show that the
released files fit them, and the official code gets the same file.
"""

from __future__ import annotations

from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]

WIDTH = 256
"""Channels of SAM's map, of its prompts and of DC-SAM's."""


@dataclass(frozen=True)
class SamSize:
    """Sizes of SAM's image encoder.

    Args:
        width: C.
        depth: number of blocks.
        heads: heads of each attention.
        global_blocks: blocks that attend to the whole map.
        side: of the square input in pixels.
        window: side of the windows in patches.
        patch: side of a patch in pixels.
    """

    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]
    side: int = 1024
    window: int = 14
    patch: int = 16

    @property
    def grid(self) -> int:
        """Patches a side."""
        return self.side // self.patch


@dataclass(frozen=True)
class SegicSize:
    """Sizes of SEGIC's encoders: DINOv2 and the text tower of CLIP.

    Args:
        width: C of DINOv2.
        depth: its blocks.
        table: patches a side in its position table.
        text_width: C of the text tower.
        text_depth: its layers.
        side: of the square input in pixels.
        patch: side of a patch in pixels.
    """

    width: int
    depth: int
    table: int
    text_width: int
    text_depth: int
    side: int = 896
    patch: int = 14

    @property
    def grid(self) -> int:
        """Patches a side."""
        return self.side // self.patch


@dataclass(frozen=True)
class Size:
    """Everything that one value of `--size` stands for.

    Args:
        sam: image encoder, alone and under DC-SAM.
        segic: encoders of SEGIC.
        blocks: blocks of the four stages of DC-SAM's ResNet.
        picture: (H, W) of context and queries.
    """

    sam: SamSize
    segic: SegicSize
    blocks: tuple[int, int, int, int]
    picture: tuple[int, int]


SAM_B = SamSize(768, 12, 12, (2, 5, 8, 11))
SAM_H = SamSize(1280, 32, 16, (7, 15, 23, 31))
SEGIC_L = SegicSize(1024, 24, 37, 768, 12)

SIZES = {
    "published": Size(SAM_B, SEGIC_L, (3, 4, 6, 3), (480, 640)),
    "small": Size(
        SamSize(192, 4, 3, (1, 3), side=512),
        SegicSize(192, 4, 16, 64, 2, side=448),
        (1, 1, 1, 1),
        (240, 320),
    ),
}


def sam_shapes(size: SamSize) -> Shapes:
    """A whole SAM: 314 tensors for ViT-B, as in `sam_vit_b_01ec64.pth`."""
    width, found = size.width, Shapes()
    found["image_encoder.pos_embed"] = (1, size.grid, size.grid, width)
    _weights(found, "image_encoder.patch_embed.proj", width, 3, size.patch, size.patch)
    for number in range(size.depth):
        block = f"image_encoder.blocks.{number}"
        side = size.grid if number in size.global_blocks else size.window
        for axis in "hw":
            found[f"{block}.attn.rel_pos_{axis}"] = (2 * side - 1, width // size.heads)
        _weights(found, f"{block}.attn.qkv", 3 * width, width)
        _weights(found, f"{block}.attn.proj", width, width)
        _weights(found, f"{block}.mlp.lin1", 4 * width, width)
        _weights(found, f"{block}.mlp.lin2", width, 4 * width)
        for norm in ("norm1", "norm2"):
            _weights(found, f"{block}.{norm}", width)
    _neck(found, "image_encoder.neck", width)
    return found | _prompt_encoder((2, 2)) | _mask_decoder()


def segic_shapes(size: SegicSize) -> Shapes:
    """SEGIC in one file: the 148 trained tensors, DINOv2 and the text tower."""
    width, dino, found = size.width, "encoder.dinov2", Shapes()
    found[f"{dino}.cls_token"] = (1, 1, width)
    found[f"{dino}.pos_embed"] = (1, size.table**2 + 1, width)
    found[f"{dino}.mask_token"] = (1, width)
    _weights(found, f"{dino}.patch_embed.proj", width, 3, size.patch, size.patch)
    for number in range(size.depth):
        block = f"{dino}.blocks.{number}"
        _weights(found, f"{block}.attn.qkv", 3 * width, width)
        _weights(found, f"{block}.attn.proj", width, width)
        _weights(found, f"{block}.mlp.fc1", 4 * width, width)
        _weights(found, f"{block}.mlp.fc2", width, 4 * width)
        for part in (1, 2):
            _weights(found, f"{block}.norm{part}", width)
            found[f"{block}.ls{part}.gamma"] = (width,)
    _weights(found, f"{dino}.norm", width)
    _text(found, "encoder.text_model.text_model", size.text_width, size.text_depth)
    _neck(found, "neck", width)
    found["inst_type_embed.weight"] = (2, WIDTH)
    _weights(found, "prompt_proj", WIDTH, size.text_width)
    _weights(found, "inst_proj", WIDTH, width)
    return found | _prompt_encoder((size.patch // 2, 2)) | _mask_decoder()


def dcsam_shapes(blocks: tuple[int, ...]) -> Shapes:
    """DC-SAM's prompt generator with its ResNet: 373 tensors for ResNet-50."""
    found = Shapes()
    for place, (outputs, inputs) in enumerate(((64, 3), (64, 64), (128, 64))):
        found[f"layer0.{3 * place}.weight"] = (outputs, inputs, 3, 3)
        _batch_norm(found, f"layer0.{3 * place + 1}", outputs)
    inputs = 128
    for stage, count in enumerate(blocks, 1):
        inner = 32 * 2**stage
        for number in range(count):
            block = f"layer{stage}.{number}"
            sides = ((inner, inputs, 1), (inner, inner, 3), (4 * inner, inner, 1))
            for part, (outputs, channels, kernel) in enumerate(sides, 1):
                found[f"{block}.conv{part}.weight"] = (outputs, channels, kernel, kernel)
                _batch_norm(found, f"{block}.bn{part}", outputs)
            if number == 0:
                found[f"{block}.downsample.0.weight"] = (4 * inner, inputs, 1, 1)
                _batch_norm(found, f"{block}.downsample.1", 4 * inner)
            inputs = 4 * inner
    found["downsample_query.0.weight"] = (WIDTH, 512 + 1024, 1, 1)
    for part in (1, 2):
        found[f"merge_{part}.0.weight"] = (WIDTH, 3 * WIDTH + 1, 1, 1)
    for branch in ("transformer_decoder", "neg_transformer_decoder"):
        for layers, attention in (
            ("transformer_self_attention_layers", "self_attn"),
            ("transformer_cross_attention_layers", "multihead_attn"),
            ("transformer_cross_attention_layers_0", "multihead_attn"),
        ):
            layer = f"{branch}.{layers}.0"
            found[f"{layer}.{attention}.in_proj_weight"] = (3 * WIDTH, WIDTH)
            found[f"{layer}.{attention}.in_proj_bias"] = (3 * WIDTH,)
            _weights(found, f"{layer}.{attention}.out_proj", WIDTH, WIDTH)
            _weights(found, f"{layer}.norm", WIDTH)
        for table in ("supp_q_feat", "q_embed"):
            found[f"{branch}.{table}.weight"] = (25, WIDTH)
    return found


def sam_operations(size: SamSize) -> float:
    """Floating-point operations of the image encoder for one picture, two a multiplication."""
    tokens, width = size.grid**2, size.width
    total = tokens * (3 * size.patch**2 * width + width * WIDTH + 9 * WIDTH**2)
    for number in range(size.depth):
        side = size.grid if number in size.global_blocks else size.window
        # the linear layers; scores and mixture; the two position terms
        total += tokens * width * (12 * width + 2 * side**2 + 2 * side)
    return 2.0 * total


def segic_operations(size: SegicSize) -> float:
    """Floating-point operations of DINOv2 for one picture, two a multiplication."""
    tokens, width = size.grid**2 + 1, size.width
    block = tokens * width * (12 * width + 2 * tokens)
    return 2.0 * (tokens * 3 * size.patch**2 * width + size.depth * block)


def _weights(found: Shapes, name: str, outputs: int, *inner: int) -> None:
    found[f"{name}.weight"] = (outputs, *inner)
    found[f"{name}.bias"] = (outputs,)


def _batch_norm(found: Shapes, name: str, channels: int) -> None:
    for part in ("weight", "bias", "running_mean", "running_var"):
        found[f"{name}.{part}"] = (channels,)
    found[f"{name}.num_batches_tracked"] = ()


def _neck(found: Shapes, name: str, channels: int) -> None:
    found[f"{name}.0.weight"] = (WIDTH, channels, 1, 1)
    found[f"{name}.2.weight"] = (WIDTH, WIDTH, 3, 3)
    for norm in (1, 3):
        _weights(found, f"{name}.{norm}", WIDTH)


def _text(found: Shapes, name: str, width: int, depth: int) -> None:
    found[f"{name}.embeddings.token_embedding.weight"] = (49408, width)
    found[f"{name}.embeddings.position_embedding.weight"] = (77, width)
    for number in range(depth):
        layer = f"{name}.encoder.layers.{number}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            _weights(found, f"{layer}.self_attn.{part}", width, width)
        _weights(found, f"{layer}.mlp.fc1", 4 * width, width)
        _weights(found, f"{layer}.mlp.fc2", width, 4 * width)
        for norm in ("layer_norm1", "layer_norm2"):
            _weights(found, f"{layer}.{norm}", width)
    _weights(found, f"{name}.final_layer_norm", width)


def _prompt_encoder(kernels: tuple[int, int]) -> Shapes:
    name, found = "prompt_encoder", Shapes()
    found[f"{name}.pe_layer.positional_encoding_gaussian_matrix"] = (2, WIDTH // 2)
    for part in range(4):
        found[f"{name}.point_embeddings.{part}.weight"] = (1, WIDTH)
    for token in ("not_a_point_embed", "no_mask_embed"):
        found[f"{name}.{token}.weight"] = (1, WIDTH)
    first, second = kernels
    _weights(found, f"{name}.mask_downscaling.0", 4, 1, first, first)
    _weights(found, f"{name}.mask_downscaling.1", 4)
    _weights(found, f"{name}.mask_downscaling.3", 16, 4, second, second)
    _weights(found, f"{name}.mask_downscaling.4", 16)
    _weights(found, f"{name}.mask_downscaling.6", WIDTH, 16, 1, 1)
    return found


def _mask_decoder() -> Shapes:
    name, found = "mask_decoder", Shapes()
    layers = f"{name}.transformer.layers"
    cross = ("cross_attn_token_to_image", "cross_attn_image_to_token")
    attentions = [(f"{layers}.{n}.self_attn", WIDTH) for n in (0, 1)]
    attentions += [(f"{layers}.{n}.{part}", WIDTH // 2) for n in (0, 1) for part in cross]
    attentions.append((f"{name}.transformer.final_attn_token_to_image", WIDTH // 2))
    for attention, inner in attentions:
        for part in ("q_proj", "k_proj", "v_proj"):
            _weights(found, f"{attention}.{part}", inner, WIDTH)
        _weights(found, f"{attention}.out_proj", WIDTH, inner)
    for number in (0, 1):
        _weights(found, f"{layers}.{number}.mlp.lin1", 2048, WIDTH)
        _weights(found, f"{layers}.{number}.mlp.lin2", WIDTH, 2048)
        for norm in range(1, 5):
            _weights(found, f"{layers}.{number}.norm{norm}", WIDTH)
    _weights(found, f"{name}.transformer.norm_final_attn", WIDTH)
    found[f"{name}.iou_token.weight"] = (1, WIDTH)
    found[f"{name}.mask_tokens.weight"] = (4, WIDTH)
    for place, inputs, outputs in ((0, 256, 64), (3, 64, 32)):
        found[f"{name}.output_upscaling.{place}.weight"] = (inputs, outputs, 2, 2)
        found[f"{name}.output_upscaling.{place}.bias"] = (outputs,)
    _weights(found, f"{name}.output_upscaling.1", 64)
    heads = [(f"output_hypernetworks_mlps.{n}", 32) for n in range(4)]
    for head, outputs in [*heads, ("iou_prediction_head", 4)]:
        for number, last in enumerate((WIDTH, WIDTH, outputs)):
            _weights(found, f"{name}.{head}.layers.{number}", last, WIDTH)
    return found
