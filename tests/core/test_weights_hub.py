"""Files of the Hugging Face Hub, with a server on this machine in its role."""

from __future__ import annotations

import pytest
from weights_server import BODY, SHA, Place, forbid_sockets

from icl_core.errors import InputError, OfflineError, WeightsError
from icl_core.weights.digests import recorded_digest
from icl_core.weights.hub import HubAddress


@pytest.fixture
def hub(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The server in the role of the Hugging Face Hub, with an empty cache."""
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", place.server.root)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", place.server.root + "/{repo_id}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(place.home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_XET_CACHE", str(place.home / "xet"), raising=False)
    return place


def test_hub_file_stays_in_the_hub_cache(hub: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W7"""
    card = hub.card(url="hf:owner/name/sub/net.safetensors@v1")
    path = hub.fetch(card)
    assert path.read_bytes() == BODY and path.is_relative_to(hub.home / "hub")
    asked = len(hub.server.methods)
    forbid_sockets(monkeypatch)
    assert hub.fetch(card) == path
    assert len(hub.server.methods) == asked
    assert recorded_digest(path) == SHA


def test_hub_file_with_a_wrong_hash_is_deleted(hub: Place) -> None:
    """W7"""
    with pytest.raises(WeightsError) as caught:
        hub.fetch(hub.card(url="hf:owner/name/net.safetensors", sha256="0" * 64))
    assert "0" * 64 in str(caught.value) and SHA in str(caught.value)
    left = [p for p in (hub.home / "hub").rglob("*") if p.is_file() and p.stat().st_size > 1000]
    assert left == []


def test_offline_hub_opens_no_socket(hub: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W8"""
    monkeypatch.setenv("ICL_OFFLINE", "1")
    forbid_sockets(monkeypatch)
    with pytest.raises(OfflineError) as caught:
        hub.fetch(hub.card(url="hf:owner/name/net.safetensors@v1"))
    text = str(caught.value)
    assert "hf download owner/name net.safetensors --local-dir . --revision v1" in text
    assert str(hub.home / "hub") in text and str(hub.folder) in text


def test_hub_failure_is_a_sentence(hub: Place) -> None:
    """W7"""
    hub.server.head_status = 404
    with pytest.raises(WeightsError, match="cannot fetch hf:owner/name/net") as caught:
        hub.fetch(hub.card(url="hf:owner/name/net.safetensors"))
    command = "hf download owner/name net.safetensors --local-dir ."
    assert f"{command}` and copy the file to {hub.folder}" in str(caught.value)


def test_hub_address_is_read_and_written() -> None:
    """W7"""
    for text in ("hf:a/b", "hf:a/b/c.pt", "hf:a/b/c/d.pt@refs/pr/1", "hf:a/b@v1"):
        assert str(HubAddress.parse(text)) == text
    for text in ("hf:a", "hf:", "hf:a//c", "hf:a/b/../c", "hf:a/b@", "hf:a/b\\c"):
        with pytest.raises(InputError, match="owner/name"):
            HubAddress.parse(text)
