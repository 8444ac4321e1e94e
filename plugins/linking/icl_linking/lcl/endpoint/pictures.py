"""Pictures as the addresses that a request holds; each different one is encoded once."""

from __future__ import annotations

import base64
import hashlib
import io
import threading
from collections import OrderedDict

import numpy as np

KEPT = 256
"""Encoded pictures that are kept."""

QUALITY = 90


class DataUrls:
    """Encodes pictures.

    Args:
        kind: "jpeg" or "png".
        kept: the last so many different pictures are remembered.
    """

    def __init__(self, kind: str, kept: int = KEPT) -> None:
        self.kind = kind
        self.encoded = 0
        self._kept = kept
        self._known: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def url(self, picture: np.ndarray) -> str:
        """Return `data:image/...;base64,...` of a picture uint8 [H, W, 3]."""
        plain = np.ascontiguousarray(picture)
        key = hashlib.sha256(repr(plain.shape).encode() + plain.tobytes()).hexdigest()
        with self._lock:
            if key not in self._known:
                self._known[key] = self._encode(plain)
                self.encoded += 1
            self._known.move_to_end(key)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
            return self._known[key]

    def _encode(self, picture: np.ndarray) -> str:
        from PIL import Image

        stream = io.BytesIO()
        options = {"quality": QUALITY} if self.kind == "jpeg" else {}
        Image.fromarray(picture).save(stream, format=self.kind.upper(), **options)
        return f"data:image/{self.kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
