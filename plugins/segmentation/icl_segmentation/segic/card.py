"""The learner `segic` and its published weights, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

_SOURCE = "menglc/SEGIC, 5.4 M trained parameters, arXiv 2311.14671"

BACKBONES = {
    channels: WeightCard(
        name=f"dinov2-{size}",
        file=f"dinov2_vit{size}14_pretrain.pth",
        url=f"https://dl.fbaipublicfiles.com/dinov2/dinov2_vit{size}14/"
        f"dinov2_vit{size}14_pretrain.pth",
        licence="Apache-2.0",
        source="facebookresearch/dinov2, arXiv 2304.07193",
    )
    for channels, size in ((384, "s"), (768, "b"), (1024, "l"), (1536, "g"))
}
"""Official backbones by their channels."""

TEXT = WeightCard(
    name="clip-text-l",
    file="clip-vit-large-patch14.safetensors",
    url="hf:openai/clip-vit-large-patch14/model.safetensors",
    licence="MIT",
    source="openai/clip-vit-large-patch14, arXiv 2103.00020",
)

CARD = LearnerCard(
    name="segic",
    task=Task.SEGMENTATION,
    summary="In-context segmentation by correspondence in a frozen DINOv2, with a text prompt.",
    cls="icl_segmentation.segic.learner:SegicLearner",
    paper="arXiv 2311.14671",
    weights=(
        WeightCard(
            name="official",
            file="segic_dinov2_l_80kx12e.pth",
            url="hf:menglc/SEGIC/segic_dinov2_l_80kx12e.pth",
            licence="MIT",
            source=_SOURCE,
        ),
        WeightCard(
            name="official-160k",
            file="segic_dinov2_l_160kx12e.pth",
            url="hf:menglc/SEGIC/segic_dinov2_l_160kx12e.pth",
            licence="MIT",
            source=_SOURCE,
        ),
    ),
    options={
        "backbone": "'dinov2' (b, l or g by its weights), or 'timm:NAME' for a model of timm",
        "backbone_weights": "file of the vision backbone; default: the official DINOv2 that fits",
        "text_weights": "file of the CLIP text tower; default: CLIP ViT-L/14, downloaded once",
        "backbone_heads": "attention heads of the backbone, for sizes that were never published",
        "text_heads": "attention heads of the text tower, for sizes that were never published",
        "image_size": "side of the square that pictures are brought to; default 896",
        "batch_size": "pictures encoded in one pass; default 4",
        "shots": "several examples of one object: 'tokens', 'pool' or 'logits'",
        "calibration": "curve to true IoU, or its JSON file; default: the one beside the weights",
        "instances": "True prompts for instances instead of the class name",
    },
    preprocessing={
        "image_size": 896,
        "patch": 14,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    takes_text=True,
)
