"""Scores of painted answers.

Every metric is called with one answer, the truth and the episode's meta, and gives the numbers of
that episode, which can be stored; `aggregate` turns the stored rows into the score of a whole set.

| name | of what | main score |
|---|---|---|
| `psnr-ssim` | restored pictures | mean PSNR in dB, mean SSIM |
| `semantic-miou` | label maps | mean IoU over classes |
| `depth` | depth maps in millimetres | errors and shares of NYUv2 |
| `panoptic-quality` | segments with categories | PQ, SQ, RQ |
| `keypoint-oks` | keypoints of people | OKS, and AP with pycocotools |
| `painted-mask` | masks painted white on black, pictures and videos | mean IoU over classes |
"""

from __future__ import annotations

from collections.abc import Mapping

_HERE = __name__

METRICS: Mapping[str, str] = {
    "psnr-ssim": f"{_HERE}.restoration:psnr_ssim",
    "semantic-miou": f"{_HERE}.semantic:semantic_miou",
    "depth": f"{_HERE}.depth:depth",
    "panoptic-quality": f"{_HERE}.panoptic:panoptic_quality",
    "keypoint-oks": f"{_HERE}.keypoints:keypoint_oks",
    "painted-mask": f"{_HERE}.masks:painted_mask",
}
"""Metric name -> "module:object", as the hook `icl_metrics` returns it."""
