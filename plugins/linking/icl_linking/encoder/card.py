"""The learner `encoder`, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

BUNDLED_SCORES = {
    "what": "per cent right; one example a class, head ncm",
    "Omniglot one-shot runs 1 to 12, 20-way, other alphabets": "95.0 (people 95.5)",
    "signs of hands, 5-way, trained without them for a fifth of the time": "81.4 (pixels 50.1)",
    "with": "python -m icl_linking.scores; see docs/linking.md",
}
"""What the bundled encoder was measured to do."""

CARD = LearnerCard(
    name="encoder",
    task=Task.LINKING,
    summary="Few-shot labels from a frozen image encoder: NCM, Tip-Adapter, GDA, kernel ridge.",
    cls="icl_linking.encoder.learner:EncoderLearner",
    paper="arXiv 2111.03930 (Tip-Adapter), 2402.04087 (GDA), 2103.00020 (CLIP)",
    takes_file=True,
    weights=(
        WeightCard(
            name="bundled",
            file="encoder_small.safetensors",
            size=2_134_648,
            sha256="66bb6269a88512c63dd531e49648140e45da72c938e1e5000867f865c026960f",
            package="icl_linking",
            licence="Apache-2.0",
            source="trained by us on drawn glyphs, fonts, Omniglot (MIT), emoji (MIT, Apache-2.0) "
            "and Sign Language Digits (Apache-2.0); plugins/linking/training",
            scores=BUNDLED_SCORES,
        ),
    ),
    options={
        "encoder": "'bundled' (default), 'pixels' (no weights) or "
        "'open_clip:ARCHITECTURE/PRETRAINED'",
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
