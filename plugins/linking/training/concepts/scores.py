"""Development scores: the one-shot runs of Omniglot, and episodes of signs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from icl_linking.encoder.network import SmallEncoder


def omniglot_runs(network: SmallEncoder, file: Path) -> float:
    """Accuracy of 20-way one-shot classification over the runs of a file."""
    with np.load(file, allow_pickle=False) as stored:
        support, query = _pictures(stored["support"]), _pictures(stored["query"])
        labels = stored["query_label"]
    right = []
    for shown, asked, label in zip(support, query, labels, strict=True):
        near = network.images(list(asked)) @ network.images(list(shown)).T
        right.append((near.argmax(dim=1).cpu().numpy() == label).mean())
    return round(float(np.mean(right)), 4)


def _pictures(bits: np.ndarray) -> np.ndarray:
    """Unpack ink as black on white, uint8 [..., 105, 105, 3]."""
    ink = np.unpackbits(bits, axis=-1)[..., : 105 * 105]
    grey = (255 * (1 - ink)).astype(np.uint8).reshape(*bits.shape[:-1], 105, 105, 1)
    return np.repeat(grey, 3, axis=-1)


def sign_episodes(network: SmallEncoder, folder: Path, ways: int = 4, episodes: int = 200) -> float:
    """Accuracy of one-shot episodes with 15 queries a class."""
    embedded = []
    for one in sorted(p for p in folder.iterdir() if p.is_dir()):
        pictures = [np.asarray(Image.open(f).convert("RGB")) for f in sorted(one.glob("*.jpg"))]
        if pictures:
            embedded.append(network.images(pictures).cpu().numpy())
    rng, right = np.random.default_rng(0), []
    for _ in range(episodes):
        chosen = rng.choice(len(embedded), ways, replace=False)
        rows = [rng.permutation(len(embedded[c]))[:16] for c in chosen]
        shown = np.stack([embedded[c][r[0]] for c, r in zip(chosen, rows, strict=True)])
        for place, (c, r) in enumerate(zip(chosen, rows, strict=True)):
            right.append(((embedded[c][r[1:]] @ shown.T).argmax(axis=1) == place).mean())
    return round(float(np.mean(right)), 4)
