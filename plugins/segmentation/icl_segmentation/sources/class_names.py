"""Names of the classes of PASCAL VOC and COCO in the order of the few-shot benchmarks."""

from __future__ import annotations

VOC_CLASSES: tuple[str, ...] = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle"),
    *("bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person"),
    *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)

_COCO_FOLDS: tuple[tuple[str, ...], ...] = (
    (
        *("person", "aeroplane", "boat", "parking meter", "dog", "elephant", "backpack"),
        *("suitcase", "sports ball", "skateboard", "wine glass", "spoon", "sandwich", "hot dog"),
        *("chair", "dining table", "mouse", "microwave", "refrigerator", "scissors"),
    ),
    (
        *("bicycle", "bus", "traffic light", "bench", "horse", "bear", "umbrella", "frisbee"),
        *("kite", "surfboard", "cup", "bowl", "orange", "pizza", "sofa", "toilet", "remote"),
        *("oven", "book", "teddy bear"),
    ),
    (
        *("car", "train", "fire hydrant", "bird", "sheep", "zebra", "handbag", "skis"),
        *("baseball bat", "tennis racket", "fork", "banana", "broccoli", "donut"),
        *("potted plant", "tvmonitor", "keyboard", "toaster", "clock", "hair drier"),
    ),
    (
        *("motorbike", "truck", "stop sign", "cat", "cow", "giraffe", "tie", "snowboard"),
        *("baseball glove", "bottle", "knife", "apple", "carrot", "cake", "bed", "laptop"),
        *("cell phone", "sink", "vase", "toothbrush"),
    ),
)

COCO_CLASSES: tuple[str, ...] = tuple(_COCO_FOLDS[n % 4][n // 4] for n in range(80))
"""Class n of COCO-20i, 0-based; fold f holds f, f + 4, f + 8, ..."""
