"""The learner `painter` and its published weights, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

BUNDLED_SCORES = {
    "what": "held-out pictures, one pair as the prompt; PSNR in dB, or IoU of masks in percent, "
    "with 95 % intervals over pictures; beside it the query as it is, or the pair's mask copied",
    "noise of deviation 15": "31.1 [30.7, 31.5] (24.8)",
    "noise of deviation 25": "28.1 [27.7, 28.6] (20.5; non-local means 26.9, DCT 28.6)",
    "noise of deviation 50": "24.7 [24.2, 25.1] (15.0; non-local means 22.9, DCT 24.4)",
    "low light": "27.3 [26.7, 28.0] (9.0; curves of the pair 22.8)",
    "blur of 1.6 pixels": "26.1 [25.2, 26.9] (24.4)",
    "x4, brightness": "25.89 [24.66, 27.06] (25.64, bicubic)",
    "edges": "19.7 [19.3, 20.1] (10.4)",
    "masks of drawn shapes by colour": "60 [50, 68] (7)",
    "masks of things on a plain ground, eth80": "89 [87, 91] (70)",
    "rain and the negative, never trained": "26.9 (25.5) and 28.2 (6.0)",
    "not good enough": "noise of cameras, holes, grey to colour, objects in scenes of many",
    "with": "plugins/painting/training/evaluate_small.py; see docs/painting.md",
}
"""What the small network was measured to do."""

BUNDLED_SOURCE = (
    "trained by us (plugins/painting/training) on pascal_voc (annotations for research, "
    "photographs under the Flickr terms), clothing_ccp (Apache-2.0), dsb2018_nuclei (CC0), "
    "restore_realnoise (PolyU, BSD), emoji_sprites (MIT and Apache-2.0), retina_vessels (DRIVE, "
    "for research), the public research sets car_parts, camvid, eth80, neu_steel and "
    "magnetic_tile, which state no licence, and drawings of our own; no picture of them is in the "
    "package"
)
"""Where the small network comes from."""

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
        "fit": "'squash': pictures are resized to the network's square, as published; 'pad': they "
        "keep their scale and are continued by their mirror image; default: the file's own",
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
            size=15_977_726,
            sha256="2cd21205001fc987a2b87ad532645db427235a521bb071f2297745ee6db4504f",
            package="icl_painting",
            licence="Apache-2.0",
            source=BUNDLED_SOURCE,
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
