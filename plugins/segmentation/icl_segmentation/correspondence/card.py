"""The learner `correspondence`, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task

CARD = LearnerCard(
    name="correspondence",
    task=Task.SEGMENTATION,
    summary="Training-free: dense matching of frozen features (DINOv2, DINOv3, any of timm).",
    cls="icl_segmentation.correspondence.learner:CorrespondenceLearner",
    paper="recipe after arXiv 2603.28480 (INSID3), 2410.06964 (GF-SAM), 2305.13310 (Matcher)",
    options={
        "backbone": "name of a timm model, or 'colour-texture' (default), which needs no weights",
        "backbone_weights": "file of the backbone or hf:owner/name; default: timm's own, fetched",
        "image_size": "side of the square that pictures are brought to; default: the backbone's",
        "debias": "True removes what position alone predicts; default: for timm models",
        "location_prior": "True adds weak evidence of place; default: for colour-texture",
        "regions": "False leaves out the vote of the query's regions",
        "edges": "False enlarges the answer without the guidance of the picture's edges",
        "sam_weights": "file of SAM 1, which then refines the masks",
        "sam_type": "'vit_b', 'vit_l' or 'vit_h': refine with the released file of that size",
        "calibration": "curve to true IoU, or its JSON file; default: ours, where it applies",
    },
)
