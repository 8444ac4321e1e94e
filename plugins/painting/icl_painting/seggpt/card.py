"""The learner `seggpt` and its published weights, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

CARD = LearnerCard(
    name="seggpt",
    task=Task.SEGMENTATION,
    summary="Segments in pictures and videos what the masks of examples show, by painting it.",
    cls="icl_painting.seggpt.learner:SegGptLearner",
    paper="arXiv 2304.03284",
    weights=(
        WeightCard(
            name="official",
            file="seggpt_vit_large.pth",
            url="hf:BAAI/SegGPT/seggpt_vit_large.pth",
            licence="MIT",
            source="baaivision/Painter (SegGPT), 371 M parameters, arXiv 2304.03284",
        ),
        WeightCard(
            name="official-transformers",
            file="seggpt-vit-large.safetensors",
            url="hf:BAAI/seggpt-vit-large/model.safetensors",
            licence="Apache-2.0",
            source="BAAI/seggpt-vit-large, the same weights under the names of transformers",
        ),
    ),
    options={
        "type": "'instance' or 'semantic', what the examples show; default 'instance'",
        "classes": "several objects: 'separate' asks for one at a time, 'colours' for all at once",
        "memory": "frames of a video that prompt the next; 0 = none; default 8, official 0",
        "most_prompts": "prompts that answer together; more answer in groups, averaged",
        "prompt": "file of a prompt tuned by icl_painting.seggpt.tuning; no examples needed then",
        "image_size": "side of the square that pictures are brought to; default 448",
        "resample": "from the square to the query: 'nearest' as released, or 'bilinear'",
        "batch_size": "pairs of query and prompt in one pass; default 1 on a CPU, 8 elsewhere",
    },
    preprocessing={
        "image_size": 448,
        "patch": 16,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
)
