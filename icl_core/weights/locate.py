"""Which file a request for weights means, and where it is."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import as_file, files
from pathlib import Path, PurePosixPath

from icl_core.cards import LearnerCard, WeightCard
from icl_core.errors import InputError, UnknownNameError, WeightsError
from icl_core.settings import settings
from icl_core.weights import cache, hub
from icl_core.weights.digests import digest, recorded_digest
from icl_core.weights.download import fetch

SUFFIXES = frozenset({".safetensors", ".ckpt", ".pt", ".pth", ".bin"})

_unpacked = ExitStack()
atexit.register(_unpacked.close)


@dataclass(frozen=True)
class ResolvedWeights:
    """A weights file that is here.

    Args:
        name: the name on the card, or the path or address that was asked for.
        path: the file.
        card: its card; None for a file that no card describes.
        sha256: hex digest, where it is known without reading the file.
    """

    name: str
    path: Path
    card: WeightCard | None = None
    sha256: str | None = None

    def digest(self) -> str:
        """Return the sha256 of the file; it is read when the digest is not known yet."""
        return self.sha256 or digest(self.path)


def resolve_weights(card: LearnerCard, spec: str | Path | None = None) -> ResolvedWeights | None:
    """Find the file for a request; download it if it is not here.

    Args:
        card: the learner's card.
        spec: None for the default (bundled weights where there are some, else the official
            ones), a name on the card, `hf:owner/name[/path][@revision]`, a file, or a folder
            with one weights file. A name on the card wins over a file of the same name in the
            working folder; write `./name` for the file.

    Returns:
        The file; None for a learner that needs no weights.

    Raises:
        UnknownNameError: the text is neither a name on the card nor a file.
        InputError: the learner takes no weights, or the address is misspelt.
        WeightsError: the file is missing, cannot be fetched, or is not the one on the card.
        OfflineError: the file is not here and the network is switched off.
    """
    if not card.weights and spec is None:
        return None
    if not card.weights and not card.takes_file:
        raise InputError(f"{card.name} needs no weights, but weights={str(spec)!r} was given")
    if spec is None:
        return _from_card(_default(card), card.name)
    if isinstance(spec, Path):
        return _from_path(spec)
    named = next((weights for weights in card.weights if weights.name == spec), None)
    if named is not None:
        return _from_card(named, card.name)
    if spec.startswith(hub.PREFIX):
        return _from_hub(card, hub.HubAddress.parse(spec))
    if "://" in spec:
        raise InputError(
            f"weights are not loaded from an address such as {spec!r}",
            "download the file and give its path",
        )
    if spec.startswith("~") or {"/", "\\", os.sep} & set(spec) or _exists(spec):
        return _from_path(Path(spec))
    raise _unknown(card, spec)


def bundled_file(weights: WeightCard) -> Path | None:
    """Return the file inside the plugin that a card points to, or None when it is not there."""
    name = PurePosixPath(weights.file)
    if weights.package is None or name.is_absolute() or ".." in name.parts:
        return None
    try:
        resource = files(weights.package).joinpath("data", *name.parts)
    except ModuleNotFoundError:
        return None
    if not resource.is_file():
        return None
    # A package inside a zip file is unpacked, and stays so until the process ends.
    return resource if isinstance(resource, Path) else _unpacked.enter_context(as_file(resource))


def local_file(weights: WeightCard, learner: str) -> Path | None:
    """Return where a card's file is on this machine, or None; no connection is opened.

    Nothing is checked and nothing is written: this is for lists.

    Raises:
        WeightsError: the card's names cannot be places in the cache.
    """
    if (found := bundled_file(weights)) is not None or weights.url is None:
        return found
    path = cache.cache_path(weights, learner)
    if path.is_file():
        return path
    return hub.in_hub_cache(weights.url) if weights.url.startswith(hub.PREFIX) else None


def _default(card: LearnerCard) -> WeightCard:
    """Return bundled weights that are there, else "official", else the first on the card."""
    for weights in card.weights:
        if weights.package is not None and bundled_file(weights) is not None:
            return weights
    official = [weights for weights in card.weights if weights.name == "official"]
    fetched = [weights for weights in card.weights if weights.url is not None]
    return next(iter([*official, *fetched, *card.weights]))


def _from_card(weights: WeightCard, learner: str) -> ResolvedWeights:
    path = bundled_file(weights)
    if path is not None:
        _check_bundled(path, weights)
    elif weights.package is not None and weights.url is None:
        raise WeightsError(
            f"{weights.package}/data/{weights.file}, the weights {weights.name!r} of {learner}, "
            "are not in the installed package",
            "install the plugin again",
        )
    else:
        path = fetch(weights, learner)
    known = weights.sha256.lower() if weights.sha256 else recorded_digest(path)
    return ResolvedWeights(weights.name, path, weights, known)


def _check_bundled(path: Path, weights: WeightCard) -> None:
    hint = "install the plugin again"
    cache.check_size(path, weights, hint)
    if weights.sha256 and settings().strict_weights:
        found = digest(path)
        if found != weights.sha256.lower():
            raise cache.wrong_hash(path, weights.sha256.lower(), found, hint)


def _from_hub(card: LearnerCard, address: hub.HubAddress) -> ResolvedWeights:
    """Fetch what was asked for; a card with the same address adds its hash and options."""
    known = None
    for weights in card.weights:
        if weights.url is None or not weights.url.startswith(hub.PREFIX):
            continue
        its = hub.HubAddress.parse(weights.url)
        same_file = address.path in {None, its.path}
        if its.repo == address.repo and same_file and address.revision in {None, its.revision}:
            known = weights
            break
    if known is not None:
        return _from_card(known, card.name)
    if address.path is None:
        address = hub.only_file(address, SUFFIXES)
    file = PurePosixPath(address.path or "").name
    return _from_card(WeightCard(str(address), file, url=str(address)), card.name)


def _from_path(path: Path) -> ResolvedWeights:
    try:
        path = path.expanduser()
        if path.is_dir():
            path = _only_file(path)
        there, is_file = path.exists(), path.is_file()
    except (OSError, RuntimeError) as error:  # no such home folder, no right to look, too long
        raise WeightsError(f"cannot read {path}: {error}") from error
    if not there:
        parts = path.as_posix().split("/")
        hint = f"on the hub? write hf:{path.as_posix()}" if len(parts) == 2 and parts[0] else None
        raise WeightsError(f"there is no weights file {path}", hint)
    if not is_file:
        raise WeightsError(f"{path} is not a file")
    return ResolvedWeights(str(path), path)


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except OSError:  # too long for a file name
        return False


def _only_file(folder: Path) -> Path:
    names = sorted(
        entry.name
        for entry in folder.iterdir()
        if entry.suffix in SUFFIXES and entry.is_file() and not entry.name.startswith(".")
    )
    if len(names) == 1:
        return folder / names[0]
    kinds = ", ".join(sorted(SUFFIXES))
    if not names:
        raise WeightsError(f"the folder {folder} holds no weights file ({kinds})")
    raise WeightsError(
        f"the folder {folder} holds {len(names)} weights files, expected one: "
        + ", ".join(names[:8]),
        "name the file",
    )


def _unknown(card: LearnerCard, spec: str) -> UnknownNameError:
    names = [weights.name for weights in card.weights]
    close = get_close_matches(spec, names, n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
    choice = f"one of {', '.join(names)}, " if names else ""
    return UnknownNameError(
        f"{card.name} has no weights {spec!r}, and there is no such file{meant}",
        f"write {choice}a path such as ./{spec or 'FILE'}, or {hub.SPELLING}",
    )
