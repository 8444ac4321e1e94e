"""Segment Anything 2 and 2.1 (arXiv 2408.00714) with the parameter names of the released files.

```python
from icl_segmentation.sam2.build import load_sam2
from icl_segmentation.sam2.image import Sam2ImageModel

model = Sam2ImageModel(load_sam2("sam2.1_hiera_large.pt"))
embed, high_res = model.encode(pictures)  # [B, 3, 1024, 1024], normalised
logits = model.decode(embed, high_res, sparse)  # [B, 1, 256, 256]
```

`sam2.tracking` follows objects through a video. torch is imported by the modules, not here.
"""
