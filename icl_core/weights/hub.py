"""Files of the Hugging Face Hub, fetched and kept by `huggingface_hub` in its own cache."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from icl_core.cards import WeightCard
from icl_core.errors import IclError, InputError, MissingExtraError, OfflineError, WeightsError
from icl_core.runtime.progress import Progress
from icl_core.settings import settings
from icl_core.weights import cache
from icl_core.weights.digests import digest

PREFIX = "hf:"
SPELLING = "hf:owner/name[/path/of/file][@revision]"


@dataclass(frozen=True)
class HubAddress:
    """A place on the hub.

    Args:
        repo: "owner/name".
        path: the file inside it; None = its only weights file.
        revision: branch, tag or commit; None = the main branch.
    """

    repo: str
    path: str | None = None
    revision: str | None = None

    @classmethod
    def parse(cls, text: str) -> HubAddress:
        """Read `hf:owner/name[/path][@revision]`.

        Raises:
            InputError: the text is spelled differently.
        """
        place, at, revision = text.removeprefix(PREFIX).partition("@")
        parts = place.split("/")
        odd = any(part in {"", ".", ".."} for part in parts) or "\\" in text
        if len(parts) < 2 or odd or (at and not revision):
            raise InputError(f"{text!r} is no address on the hub, expected {SPELLING}")
        return cls("/".join(parts[:2]), "/".join(parts[2:]) or None, revision or None)

    def __str__(self) -> str:
        path = f"/{self.path}" if self.path else ""
        return f"{PREFIX}{self.repo}{path}{f'@{self.revision}' if self.revision else ''}"


def fetch_from_hub(card: WeightCard, learner: str) -> Path:
    """Return a card's file from the hub's cache, or download it there.

    Raises:
        OfflineError: the file is not here and the network is switched off.
        WeightsError: the hub does not give it, or it is not the one the card describes.
        MissingExtraError: `huggingface_hub` is not installed.
    """
    address = HubAddress.parse(card.url or "")
    if address.path is None:
        raise WeightsError(f"{learner}: the address {card.url} names no file, expected {SPELLING}")
    hub = _library()
    if (found := _local(hub, address)) is not None:
        cache.check_size(found, card, f"delete {found} and fetch it again")
        if card.sha256 and settings().strict_weights:
            _check_hash(found, card, delete=False)
        return found
    if settings().offline:
        folders = [cache.cache_folder(card, learner), Path(hub.constants.HF_HUB_CACHE)]
        raise cache.offline_error(card, learner, folders, _by_hand(address))
    if card.size is not None:
        cache.require_space(Path(hub.constants.HF_HUB_CACHE), card.size)
    cache.show_notice(card, learner)
    path = _download(hub, address, cache.cache_folder(card, learner))
    cache.check_size(path, card)
    if card.sha256:
        _check_hash(path, card, delete=True)
    return path


def in_hub_cache(url: str) -> Path | None:
    """Return the file of an address if it is in the hub's cache; no connection is opened."""
    address = HubAddress.parse(url)
    try:
        return _local(_library(), address) if address.path else None
    except MissingExtraError:
        return None


def only_file(address: HubAddress, suffixes: frozenset[str]) -> HubAddress:
    """Return the address of the one weights file of a repository.

    Raises:
        OfflineError: the network is switched off, so that the repository cannot be listed.
        WeightsError: it holds none or several, or cannot be reached.
    """
    if settings().offline:
        raise OfflineError(
            f"the network is switched off (ICL_OFFLINE or HF_HUB_OFFLINE), so the files of "
            f"{address} cannot be listed",
            f"name the file: {PREFIX}{address.repo}/FILE",
        )
    hub = _library()
    try:
        files = hub.HfApi().list_repo_files(address.repo, revision=address.revision)
    except Exception as error:
        raise _sentence(address, error) from error
    names = sorted(f for f in files if Path(f).suffix in suffixes)
    if len(names) != 1:
        held = ", ".join(names[:8]) or "none"
        raise WeightsError(
            f"{address} holds {len(names)} weights files, expected one: {held}",
            f"name one: {PREFIX}{address.repo}/FILE",
        )
    return HubAddress(address.repo, names[0], address.revision)


def _library() -> Any:
    try:
        import huggingface_hub
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "weights on the Hugging Face Hub need huggingface_hub", "pip install huggingface_hub"
        ) from error
    return huggingface_hub


def _local(hub: Any, address: HubAddress) -> Path | None:
    """Look into the hub's cache only; no connection is opened."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = hub.hf_hub_download(
            address.repo, address.path, revision=address.revision, local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    except Exception as error:
        raise _sentence(address, error) from error
    return Path(found)


def _download(hub: Any, address: HubAddress, folder: Path) -> Path:
    """Download into the hub's cache; `folder` is where a file fetched by hand would go."""
    with Progress(Path(address.path or "").name, unit="bytes") as bar:
        try:
            return Path(
                hub.hf_hub_download(
                    address.repo,
                    address.path,
                    revision=address.revision,
                    tqdm_class=_bridge(hub, bar),
                )
            )
        except IclError:
            raise
        except Exception as error:
            # The hub's own errors, its HTTP client's, and OSError: all end in one sentence.
            elsewhere = f"where there is a network, run `{_by_hand(address)}` and copy the file to "
            raise _sentence(address, error, elsewhere + str(folder)) from error


def _bridge(hub: Any, bar: Progress) -> Any:
    """Return a silent bar class for the hub that passes its news to our one progress bar."""

    class Bridge(hub.utils.tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "disable": True})
            # Some transfers open a second bar for the same bytes; the first one is enough.
            self._speaks = bar.total is None
            if self._speaks:
                bar.total = kwargs.get("total") or 0
                bar.advance(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> None:
            if self._speaks and n:
                bar.advance(n)

    return Bridge


def _check_hash(path: Path, card: WeightCard, *, delete: bool) -> None:
    found = digest(path)
    expected = (card.sha256 or "").lower()
    if found == expected:
        return
    if not delete:
        raise cache.wrong_hash(path, expected, found, f"delete {path} and fetch it again")
    path.resolve().unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    raise cache.wrong_hash(path, expected, found, note=f"; what {card.url} gave was deleted")


def _by_hand(address: HubAddress) -> str:
    """Return the command that fetches a file of the hub without us."""
    command = f"hf download {address.repo} {shlex.quote(address.path or '')} --local-dir ."
    return command + (f" --revision {shlex.quote(address.revision)}" if address.revision else "")


def _sentence(address: HubAddress, error: Exception, hint: str | None = None) -> WeightsError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = lines[0] if lines else type(error).__name__
    gated = type(error).__name__ in {"GatedRepoError", "RepositoryNotFoundError"}
    return WeightsError(
        f"cannot fetch {address}: {reason}",
        "if it needs a login, run `hf auth login`" if gated else hint,
    )
