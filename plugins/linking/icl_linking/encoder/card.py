"""The learner `encoder`, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task

CARD = LearnerCard(
    name="encoder",
    task=Task.LINKING,
    summary="Few-shot labels from a frozen image encoder: NCM, Tip-Adapter, GDA, kernel ridge.",
    cls="icl_linking.encoder.learner:EncoderLearner",
    paper="arXiv 2111.03930 (Tip-Adapter), 2402.04087 (GDA), 2103.00020 (CLIP)",
    takes_file=True,
    options={
        "encoder": "'bundled', 'pixels' (no weights) or 'open_clip:ARCHITECTURE/PRETRAINED'",
        "encoder_weights": "file of the open_clip model, instead of a pretrained tag",
        "head": "'ncm' (default), 'tip-adapter', 'tip-adapter-f', 'gda' or 'ridge'",
        "text": "weight of text prototypes; default 1 for tip-adapter(-f) and gda, else 0",
        "templates": "sentences with {} for the label; default: 'a photo of a {}.'",
        "alpha": "weight of the cache (tip-adapter; 1.17) or of the logits (gda; 1)",
        "beta": "sharpness of tip-adapter (default 1 with text, else 5.5) and of ridge (5.5)",
        "penalty": "lambda of ridge; default 0.1",
        "augment": "crops of each support, mirrored at random; default 0; published: 10",
        "temperature": "divides the logits before the softmax; default: found from the supports",
        "reject": "True, or the least probability of being known: other queries are 'unknown'",
        "unknown": "what a rejected query is called; default 'unknown'",
    },
)
