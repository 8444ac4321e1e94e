"""The learner `dcsam`, as plain data.

Its authors published no weights, and none is bundled: a prompt generator is of use with a SAM
alone, and no SAM small enough for a package was trained here. A user names a file.
"""

from __future__ import annotations

from icl_core import LearnerCard, Task

CARD = LearnerCard(
    name="dcsam",
    task=Task.SEGMENTATION,
    summary="In-context segmentation: examples become positive and negative prompts of SAM.",
    cls="icl_segmentation.dcsam.learner:DcSamLearner",
    paper="arXiv 2504.12080",
    takes_file=True,
    options={
        "sam_weights": "file of SAM or SAM 2; default: the released one of sam_type, downloaded",
        "sam_type": "'vit_b', 'vit_l', 'vit_h', 'sam2.1_hiera_l', ...; default: as in the file",
        "backbone_weights": "file of the ResNet or VGG-16, for checkpoints without it",
        "shots": "several examples of one object: 'concatenate' their prompts or 'average' logits",
        "paper_negative_branch": "True for weights trained as in the paper; default: by the file",
        "batch_leak": "True mixes up labels in batches of episodes as the released code does",
        "batch_size": "pictures encoded in one pass; default 1 on a CPU, 8 elsewhere",
        "calibration": "curve to true IoU, or its JSON file; default: the one beside the weights",
    },
    preprocessing={
        "image_size": 512,
        "sam_size": 1024,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    },
)
