"""Downloads against a server on this machine that misbehaves on request."""

from __future__ import annotations

import io
import logging
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from weights_server import BODY, SHA, Place, forbid_sockets

from icl_core.errors import OfflineError, WeightsError
from icl_core.weights import cache, fetch
from icl_core.weights.digests import recorded_digest
from icl_core.weights.https import TRIES, check_url


def test_file_arrives_whole_under_its_hash(place: Place) -> None:
    """W7"""
    path = place.fetch(place.card())
    assert path == place.folder / "net.safetensors"
    assert path.read_bytes() == BODY
    assert recorded_digest(path) == SHA
    assert not list(place.folder.glob("*.part")) and not list(place.folder.glob("*.tmp"))


def test_file_in_the_cache_is_not_fetched_again(place: Place) -> None:
    """W7"""
    assert place.fetch(place.card()) == place.fetch(place.card())
    assert place.server.methods == ["GET"]


def test_drop_in_the_middle_is_resumed_by_range(place: Place) -> None:
    """W7"""
    place.server.modes = ["drop", "drop"]
    assert place.fetch(place.card()).read_bytes() == BODY
    first, second, third = place.server.ranges
    assert first is None
    assert second == f"bytes={len(BODY) // 2}-"
    assert third is not None and third > second
    assert place.waits == [1.0, 2.0]


def test_server_that_ignores_range_is_read_from_the_start(place: Place) -> None:
    """W7"""
    place.server.modes = ["drop", "ignore range"]
    assert place.fetch(place.card()).read_bytes() == BODY


def test_server_that_sends_another_range_is_not_believed(place: Place) -> None:
    """W7"""
    place.server.modes = ["drop", "another range"]
    assert place.fetch(place.card()).read_bytes() == BODY
    assert place.server.ranges[-1] is None


def test_unknown_hash_resumes_only_the_same_version(place: Place) -> None:
    """W7: without a hash only a strong ETag can tell that both halves belong together."""
    card = place.card(sha256=None, size=None)
    place.server.modes = ["drop"]
    assert place.fetch(card).read_bytes() == BODY
    assert place.server.ranges[1] is not None
    shutil.rmtree(place.home)
    place.server.ranges.clear()
    place.server.modes, place.server.etag = ["drop"], None
    assert place.fetch(card).read_bytes() == BODY
    assert place.server.ranges == [None, None]


def test_what_an_earlier_run_left_is_continued(place: Place) -> None:
    """W7"""
    place.server.modes = ["drop"] * TRIES
    with pytest.raises(WeightsError, match="goes on from there"):
        place.fetch(place.card())
    left = next(place.folder.glob("*.part")).stat().st_size
    assert 0 < left < len(BODY)
    assert not (place.folder / "net.safetensors").exists()
    assert place.fetch(place.card()).read_bytes() == BODY
    assert place.server.ranges[-1] == f"bytes={left}-"


def test_leftover_of_another_file_is_thrown_away(place: Place) -> None:
    """W7"""
    place.folder.mkdir(parents=True)
    (place.folder / "net.safetensors.part").write_bytes(b"x" * 1000)
    assert place.fetch(place.card()).read_bytes() == BODY
    (place.folder / "net.safetensors").unlink()
    (place.folder / "net.safetensors.part").write_bytes(b"x" * (len(BODY) + 1))
    assert place.fetch(place.card()).read_bytes() == BODY


def test_whole_leftover_is_taken_without_a_request(place: Place) -> None:
    """W7"""
    place.folder.mkdir(parents=True)
    (place.folder / "net.safetensors.part").write_bytes(BODY)
    assert place.fetch(place.card()).read_bytes() == BODY
    assert place.server.methods == []


def test_leftover_past_the_end_starts_again(place: Place) -> None:
    """W7"""
    place.folder.mkdir(parents=True)
    (place.folder / "net.safetensors.part").write_bytes(BODY)
    place.server.modes = ["416"]
    assert place.fetch(place.card(size=None)).read_bytes() == BODY


def test_wrong_hash_deletes_the_file_and_names_both(place: Place) -> None:
    """W7"""
    wrong = "0" * 64
    with pytest.raises(WeightsError) as caught:
        place.fetch(place.card(sha256=wrong))
    assert wrong in str(caught.value) and SHA in str(caught.value)
    kept = [path.name for path in place.home.rglob("*") if path.is_file()]
    assert [name for name in kept if not name.endswith(".lock")] == []
    assert place.waits == []


@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_wrong_size_is_refused_with_both_sizes(place: Place, size: int) -> None:
    """W7"""
    with pytest.raises(WeightsError, match=rf"{len(BODY)} bytes, expected {size}"):
        place.fetch(place.card(size=size))


def test_busy_server_is_asked_again(place: Place) -> None:
    """W7"""
    place.server.modes = ["503", "429"]
    assert place.fetch(place.card()).read_bytes() == BODY
    assert place.waits == [1.0, 7.0]


def test_four_tries_then_a_sentence(place: Place) -> None:
    """W7"""
    place.server.modes = ["503"] * 9
    with pytest.raises(WeightsError, match=r"503.*4 tries"):
        place.fetch(place.card())
    assert place.waits == [1.0, 2.0, 4.0]
    assert len(place.server.methods) == TRIES == 4


def test_missing_file_is_not_asked_for_twice(place: Place) -> None:
    """W7"""
    place.server.modes = ["404"]
    with pytest.raises(WeightsError, match="404"):
        place.fetch(place.card())
    assert place.server.methods == ["GET"]


def test_closed_port_is_a_sentence(place: Place) -> None:
    """W7"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(WeightsError, match="cannot fetch"):
        place.fetch(place.card(url=f"http://127.0.0.1:{port}/net"))
    assert len(place.waits) == 3


def test_web_page_instead_of_weights_is_deleted(place: Place) -> None:
    """W4, W7"""
    place.server.modes = ["html"]
    with pytest.raises(WeightsError, match="web page"):
        place.fetch(place.card(sha256=None, size=None))
    assert not list(place.home.rglob("*.safetensors*.part"))


def test_redirect_is_followed_here_and_refused_elsewhere(place: Place) -> None:
    """W7"""
    place.server.modes = [f"to {place.server.root}/there"]
    assert place.fetch(place.card()).read_bytes() == BODY
    for target in ("http://example.org/net", "ftp://example.org/net", "file:///etc/hostname"):
        place.server.modes = [f"to {target}"]
        with pytest.raises(WeightsError):
            place.fetch(place.card(sha256="1" * 64))


@pytest.mark.parametrize(
    "url",
    ["http://example.org/net", "ftp://127.0.0.1/net", "file:///net", "https://me:pw@host/net"],
)
def test_only_https_is_fetched(place: Place, url: str) -> None:
    """W7"""
    with pytest.raises(WeightsError, match="https"):
        place.fetch(place.card(url=url))


def test_https_never_leads_to_http(place: Place) -> None:
    """W7"""
    with pytest.raises(WeightsError):
        check_url("http://127.0.0.1/net", loopback=False)
    check_url("https://example.org/net", loopback=False)


def test_free_space_is_checked_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W7"""
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda folder: usage)
    for size in (len(BODY), None):
        with pytest.raises(WeightsError, match=r"MiB free.*ICL_HOME"):
            place.fetch(place.card(size=size))
    assert not list(place.home.rglob("net.safetensors"))


def test_two_threads_fetch_once(place: Place) -> None:
    """W7"""
    place.server.delay = 0.2
    paths: list[Path] = []
    threads = [
        threading.Thread(target=lambda: paths.append(place.fetch(place.card()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(paths) == 3 and len(set(paths)) == 1
    assert place.server.methods == ["GET"]


def test_two_processes_fetch_once(place: Place) -> None:
    """W7"""
    place.server.delay = 0.5
    code = (
        "from icl_core.cards import WeightCard\nfrom icl_core.weights import fetch\n"
        f"print(fetch(WeightCard(**{vars(place.card())!r}), 'probe').stat().st_size)"
    )
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [run.communicate(timeout=60)[0].strip() for run in runs] == [str(len(BODY))] * 2
    assert place.server.methods == ["GET"]


def test_killed_download_leaves_no_file_of_the_final_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W7"""

    def die(*names: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", die)
    with pytest.raises(KeyboardInterrupt):
        place.fetch(place.card())
    monkeypatch.undo()
    assert not list(place.home.rglob("net.safetensors"))


def test_unknown_hash_is_recorded_and_held_against_the_file_later(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W7"""
    card = place.card(sha256=None)
    path = place.fetch(card)
    assert path == place.home / "weights/probe/unverified/official/net.safetensors"
    assert (path.parent / "net.safetensors.sha256").read_text() == f"{SHA}  net.safetensors\n"
    path.write_bytes(BODY[:-1] + b"!")
    assert place.fetch(card) == path
    monkeypatch.setenv("ICL_STRICT_WEIGHTS", "1")
    with pytest.raises(WeightsError, match=SHA):
        place.fetch(card)


def test_file_copied_into_the_cache_is_checked(place: Place) -> None:
    """W7, W8"""
    place.folder.mkdir(parents=True)
    path = place.folder / "net.safetensors"
    path.write_bytes(BODY[:-1] + b"!")
    with pytest.raises(WeightsError, match=SHA):
        place.fetch(place.card())
    path.write_bytes(BODY[:-1])
    with pytest.raises(WeightsError, match=rf"expected {len(BODY)}"):
        place.fetch(place.card())
    path.write_bytes(BODY)
    assert place.fetch(place.card()) == path
    assert place.server.methods == []


def test_notice_is_shown_once_at_download(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """W7"""
    card = place.card(notice="For research only.")
    with caplog.at_level(logging.WARNING, "icl.weights"):
        path = place.fetch(card)
        assert caplog.text.count("For research only.") == 1
        place.fetch(card)
        path.unlink()
        place.fetch(card)
    assert caplog.text.count("For research only.") == 1


def test_progress_counts_bytes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W7"""
    made: list[Any] = []

    class Spy:
        def __init__(self, label: str, total: float | None = None, **options: Any) -> None:
            self.label, self.total, self.done = label, total, 0.0
            made.append(self)

        def advance(self, amount: float = 1) -> None:
            self.done += amount

        def __enter__(self) -> Spy:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    monkeypatch.setattr("icl_core.weights.https.Progress", Spy)
    place.server.modes = ["drop"]
    place.fetch(place.card())
    assert [bar.total for bar in made] == [len(BODY)] * 2
    assert made[-1].done == len(BODY) and made[-1].label == "net.safetensors"


def test_nothing_is_written_outside_the_cache(place: Place) -> None:
    """W7"""
    for file in ("../net", "/etc/net", "a/../../net", "..", "", "a\\b"):
        with pytest.raises(WeightsError, match="cannot be the name"):
            place.fetch(place.card(file=file))
    with pytest.raises(WeightsError, match="cannot be the name"):
        fetch(place.card(), "../probe")


def test_folder_that_cannot_be_made_is_a_sentence(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """W7"""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "file"))
    with pytest.raises(WeightsError, match="ICL_HOME"):
        place.fetch(place.card())


@pytest.mark.parametrize("variable", ["ICL_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_opens_no_socket_and_says_how_to_get_the_file(
    place: Place, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """W8"""
    monkeypatch.setenv(variable, "1")
    forbid_sockets(monkeypatch)
    card = place.card()
    with pytest.raises(OfflineError) as caught:
        place.fetch(card)
    text = str(caught.value)
    assert "net.safetensors" in text and str(place.folder) in text
    assert f"curl -L --fail -o net.safetensors {card.url}" in text
    assert "icl weights pull probe" in text


def test_offline_uses_what_is_here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W8"""
    path = place.fetch(place.card())
    monkeypatch.setenv("ICL_OFFLINE", "1")
    forbid_sockets(monkeypatch)
    assert place.fetch(place.card()) == path


def test_card_without_address_is_a_sentence(place: Place) -> None:
    """W7"""
    with pytest.raises(WeightsError, match="no address"):
        place.fetch(place.card(url=None))


def test_disk_that_fills_up_is_a_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """W7"""

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("icl_core.weights.https._Transfer._part", lambda self, mode: Full())
    with pytest.raises(WeightsError, match="No space left"):
        place.fetch(place.card())
