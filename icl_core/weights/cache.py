"""The place of downloaded weights: `<home>/weights/<learner>/<start of the sha256>/<file>`."""

from __future__ import annotations

import logging
import os
import shutil
from hashlib import sha256
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from icl_core.cards import WeightCard
from icl_core.errors import OfflineError, WeightsError
from icl_core.settings import settings
from icl_core.weights.digests import digest, record_digest, recorded_digest, write_atomically

_log = logging.getLogger("icl.weights")

SPARE = 16 << 20
"""Bytes that a download leaves free on the disk."""


def cache_folder(card: WeightCard, learner: str) -> Path:
    """Return the folder of a card's file; weights without a known hash are kept apart by name.

    Raises:
        WeightsError: a name in the card would lead out of the cache.
    """
    known = card.sha256.lower() if card.sha256 else None
    parts = [known[:12]] if known else ["unverified", quote(card.name, safe="")]
    for part in (learner, *parts):
        if part in {"", ".", ".."} or "/" in part or "\\" in part:
            raise WeightsError(f"{learner}: {part!r} cannot be the name of a folder")
    return settings().home.joinpath("weights", learner, *parts)


def cache_path(card: WeightCard, learner: str) -> Path:
    """Return where a card's file is kept once it is here.

    Raises:
        WeightsError: the card's file name would lead out of the cache.
    """
    name = PurePosixPath(card.file)
    if name.is_absolute() or "\\" in card.file or not name.parts or ".." in name.parts:
        raise WeightsError(f"{learner}: {card.file!r} cannot be the name of a file in the cache")
    return cache_folder(card, learner) / name.name


def cached_file(card: WeightCard, learner: str) -> Path | None:
    """Return a card's file from the cache, or None when it is not there.

    The size is compared each time. The hash is computed the first time a file is seen, so that
    one copied there by hand is checked too, and each time with `ICL_STRICT_WEIGHTS=1`.

    Raises:
        WeightsError: the file is there and is not the one the card describes.
    """
    path = cache_path(card, learner)
    if not path.is_file():
        return None
    hint = f"delete {path} and fetch it again"
    check_size(path, card, hint)
    noted = recorded_digest(path)
    wanted = card.sha256.lower() if card.sha256 else noted
    if noted is None or noted != wanted or settings().strict_weights:
        found = digest(path)
        if wanted is not None and found != wanted:
            raise wrong_hash(path, wanted, found, hint)
        if noted != found:
            record_digest(path, found)
    return path


def check_size(path: Path, card: WeightCard, hint: str | None = None) -> None:
    """Compare a file's size with the card's.

    Raises:
        WeightsError: they differ.
    """
    size = path.stat().st_size
    if card.size is not None and size != card.size:
        raise WeightsError(f"{path} has {size} bytes, expected {card.size}", hint)


def wrong_hash(
    path: Path, expected: str, found: str, hint: str | None = None, note: str = ""
) -> WeightsError:
    """Return the error that names a file and both hashes."""
    return WeightsError(f"{path} has sha256 {found}, expected {expected}{note}", hint)


def require_space(folder: Path, size: int) -> None:
    """Check that a file of `size` bytes fits on the disk.

    Raises:
        WeightsError: it does not.
    """
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise WeightsError(
            f"{folder} has {free >> 20} MiB free, the weights need {(size + SPARE) >> 20} MiB",
            "free some space, or set ICL_HOME to a folder on a larger disk",
        )


def make_folder(folder: Path) -> None:
    """Create the folder of a download.

    Raises:
        WeightsError: it cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"cannot create {folder}: {error.strerror or error}",
            "set ICL_HOME to a folder that can be written to",
        ) from error
    if not os.access(folder, os.W_OK):
        raise WeightsError(
            f"cannot write to {folder}", "set ICL_HOME to a folder that can be written to"
        )


def show_notice(card: WeightCard, learner: str) -> None:
    """Log the licence notice of a download, once for each file and wording."""
    if not card.notice:
        return
    marker = cache_path(card, learner)
    marker = marker.with_name(marker.name + ".notice")
    fingerprint = sha256(card.notice.encode()).hexdigest()
    try:
        if marker.read_text("utf-8").strip() == fingerprint:
            return
    except (OSError, UnicodeDecodeError):
        pass
    # A warning, since that reaches stderr even where nobody configured logging.
    _log.warning("%s weights %s: %s", learner, card.name, card.notice.strip())
    try:
        make_folder(marker.parent)
        write_atomically(marker, fingerprint + "\n")
    except (OSError, WeightsError):
        _log.debug("cannot note that the notice of %s was shown", card.name)


def offline_error(card: WeightCard, learner: str, searched: list[Path], command: str) -> Exception:
    """Return the error for a file that is not here while the network is switched off."""
    places = " and ".join(str(place) for place in searched)
    return OfflineError(
        f"the network is switched off (ICL_OFFLINE or HF_HUB_OFFLINE) and {card.file}, the weights "
        f"{card.name!r} of {learner}, are not in {places}",
        f"where there is a network run `{command}` and copy the file to {searched[0]}, "
        f"or unset the variable and run `icl weights pull {learner} --weights {card.name}`",
    )
