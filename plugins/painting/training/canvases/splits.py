"""What the small network never sees in training, so that it can be measured there."""

from __future__ import annotations

from zlib import crc32

NOISE_HELD_OUT = (
    "Canon5D2_5_160_6400_circuit",
    "Canon600D_4-5_125_1600_toy",
    "NikonD800_4-5_160_1800_classroom",
    "NikonD800_6-3_125_5000_plant",
    "Sony_4-5_125_1600_toy",
)
"""Scenes of `restore_realnoise`, about every fifth, one of nearly every camera."""

ETH80_HELD_OUT = ("2", "9")
"""Last digits of the objects of `eth80` that are measured."""


def noise_group(key: str) -> str:
    """Return the scene of a picture of `restore_realnoise`."""
    return key.rstrip("0123456789").rstrip("_")


def held_out(folder: str, key: str) -> bool:
    """Say whether a picture is kept out of training.

    The answer depends on the name alone, so that a part of a set is cut in the same way.

    Args:
        folder: name of the packed set.
        key: its id.
    """
    if folder == "restore_realnoise":
        return noise_group(key) in NOISE_HELD_OUT
    if folder == "eth80":
        return key.split("-", 1)[0].endswith(ETH80_HELD_OUT)
    return crc32(f"{folder}/{key}".encode()) % 10 == 0
