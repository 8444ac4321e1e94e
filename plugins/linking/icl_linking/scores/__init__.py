"""Score linking learners on a folder of pictures, with the controls that show what they use."""

from __future__ import annotations
