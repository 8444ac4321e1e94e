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

BUNDLED_SCORES = {
    "what": "class-mean IoU, one example, on pictures that were not trained on, with the 95 % "
    "interval over episodes; behind it that of an example of another class",
    "pascal-voc, classes never seen": "47.8 (44.2 to 52.0), five examples 54.3, "
    "wrong 35.1; copied mask 23.4, centre box 33.1",
    "davis2016-val, mean J of 13 videos": "58.9; copied mask 23.2",
    "wbc, a set never seen": "64.5, wrong 10.8; copied mask 37.8",
    "car-parts": "46.6, wrong 4.6; copied mask 12.2",
    "camvid": "68.5, wrong 1.7; copied mask 23.5",
    "clothing-ccp": "36.8, wrong 7.3; copied mask 23.7",
    "with": "plugins/segmentation/training; see docs/segmentation.md",
}
"""What the small network was measured to do."""

CARD = LearnerCard(
    name="segic",
    task=Task.SEGMENTATION,
    summary="In-context segmentation by correspondence in a frozen DINOv2, with a text prompt.",
    cls="icl_segmentation.segic.learner:SegicLearner",
    paper="arXiv 2311.14671",
    weights=(
        WeightCard(
            name="bundled",
            file="segic-small.safetensors",
            size=10_785_636,
            sha256="71450ae3dc0621f30601ab235a92ea724b136ba5d2abd9a49a35ad461b840f07",
            package="icl_segmentation",
            licence="Apache-2.0",
            source="5.4 M parameters, trained by us (plugins/segmentation/training) on drawn "
            "scenes with emoji (MIT, Apache-2.0), and on PASCAL VOC (annotations for research, "
            "photographs under Flickr's terms), clothing CCP (Apache-2.0), DSB 2018 (CC0), DRIVE "
            "(research), CamVid, car parts, ETH-80, NEU steel, magnetic tiles (public, no licence "
            "stated); no picture of them is in the package",
            scores=BUNDLED_SCORES,
        ),
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
        "image_size": "side of the square that pictures are brought to; default: that of the "
        "weights, 896 or 256",
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
