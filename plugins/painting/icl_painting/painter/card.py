"""The learner `painter` and its published weights, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

BUNDLED_SCORES = {
    "what": "PSNR in dB on drawn pictures of 64 x 64 that were not trained on; beside it the query "
    "unchanged, for masks an empty mask",
    "noise": "26.7 (19.0)",
    "colours": "28.0 (14.5)",
    "masks": "23.2 (12.5)",
    "with": "plugins/painting/training; see docs/painting.md",
}
"""What the small network was measured to do."""

CARD = LearnerCard(
    name="painter",
    task=Task.PAINTING,
    summary="Visual prompting: a pair of pictures shows what to do, and the query gets it done.",
    cls="icl_painting.painter.learner:PainterLearner",
    paper="arXiv 2212.02499",
    options={
        "task": "'semantic', 'panoptic', 'depth', 'keypoints', 'denoise', 'derain', 'low-light', "
        "or None: any picture to any picture",
        "image_size": "side of the network's squares; default: the file's own, panoptic 1.25 times",
        "batch_size": "queries painted in one pass; default 1 on a CPU, 8 elsewhere",
        "shots": "several examples: 'average' what each paints, or 'ensemble' in every block",
        "target_resize": "'bicubic' (default), 'bilinear' or 'nearest' for the examples' outputs",
        "query_resize": "'bicubic', 'bilinear', 'nearest', or 'opencv' as published for SIDD",
        "classes": "of the semantic task: 'ade20k', 'coco', their number, or a list of names",
        "distance": "between colours when labels are read: 'abs', 'square' or 'mean'",
        "unlabelled": "whether pixels may be of no class; default: with classes of your own",
        "farthest": "metres that white stands for in the depth task; default 10",
        "stuff_area": "fewest pixels of stuff in the panoptic task; default 8192",
        "flip": "whether keypoints are averaged with those of the mirrored query; default True",
    },
    preprocessing={
        "image_size": 448,
        "panoptic_image_size": 560,
        "resize": "bicubic",
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
    weights=(
        WeightCard(
            name="bundled",
            file="painter-small.safetensors",
            size=1_812_062,
            sha256="36c57072269e1d9bc5f6e07415016017f4314c9c95f77aba4d83fca726457e65",
            package="icl_painting",
            licence="Apache-2.0",
            source="trained by us on drawn pictures alone (plugins/painting/training)",
            scores=BUNDLED_SCORES,
        ),
        WeightCard(
            name="official",
            file="painter_vit_large.pth",
            url="hf:BAAI/Painter/painter_vit_large.pth",
            licence="MIT",
            source="baaivision/Painter, 371 M parameters, arXiv 2212.02499",
        ),
    ),
)
