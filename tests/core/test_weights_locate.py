"""Which file a request for weights means."""

from __future__ import annotations

import ast
import hashlib
import importlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from icl_core.cards import LearnerCard, WeightCard
from icl_core.errors import IclError, InputError, OfflineError, UnknownNameError, WeightsError
from icl_core.types import Task
from icl_core.weights import ResolvedWeights, local_file, locate, resolve_weights
from icl_core.weights.locate import bundled_file

REPO = Path(__file__).resolve().parents[2]
BUNDLED = WeightCard("bundled", "small.safetensors", package="probe_plugin")
OFFICIAL = WeightCard("official", "net.ckpt", url="https://example.org/net.ckpt")


def learner(*weights: WeightCard) -> LearnerCard:
    return LearnerCard("probe", Task.FORECASTING, "A probe.", "m:C", weights=weights)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "ICL_STRICT_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ICL_OFFLINE", "1")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin package with one bundled file; returns its data folder."""
    data = tmp_path / "site" / "probe_plugin" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("")
    (data / BUNDLED.file).write_bytes(b"weights")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    importlib.invalidate_caches()
    yield data
    sys.modules.pop("probe_plugin", None)


def cached(tmp_path: Path, card: WeightCard = OFFICIAL) -> Path:
    path = tmp_path / "home" / "weights" / "probe" / "unverified" / card.name / card.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    return path


def test_learner_without_weights_needs_none() -> None:
    """W7"""
    assert resolve_weights(learner(), None) is None
    with pytest.raises(InputError, match="needs no weights"):
        resolve_weights(learner(), "official")


def test_a_learner_whose_card_lists_nothing_may_still_take_a_file(tmp_path: Path) -> None:
    card = replace(learner(), takes_file=True)
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"weights")
    assert resolve_weights(card, None) is None
    found = resolve_weights(card, str(path))
    assert found is not None and found.path == path
    with pytest.raises(UnknownNameError, match="no weights 'official'") as raised:
        resolve_weights(card, "official")
    assert raised.value.hint is not None and raised.value.hint.startswith("write a path such as")


@pytest.mark.parametrize("cards", [(BUNDLED, OFFICIAL), (OFFICIAL, BUNDLED)])
def test_default_is_what_is_bundled(package: Path, cards: tuple[WeightCard, ...]) -> None:
    """W9"""
    found = resolve_weights(learner(*cards), None)
    assert found == ResolvedWeights("bundled", package / BUNDLED.file, BUNDLED)


def test_default_is_the_official_release_where_nothing_is_bundled(tmp_path: Path) -> None:
    """W7"""
    other = WeightCard("other", "other.ckpt", url="https://example.org/other.ckpt")
    path = cached(tmp_path)
    for cards in ((BUNDLED, other, OFFICIAL), (OFFICIAL, other)):
        found = resolve_weights(learner(*cards), None)
        assert found is not None and (found.name, found.path) == ("official", path)


def test_default_is_the_first_where_none_is_official(tmp_path: Path) -> None:
    """W7"""
    first = WeightCard("large", "large.ckpt", url="https://example.org/large.ckpt")
    second = WeightCard("tiny", "tiny.ckpt", url="https://example.org/tiny.ckpt")
    cached(tmp_path, first)
    found = resolve_weights(learner(first, second), None)
    assert found is not None and found.name == "large"


def test_bundled_comes_before_the_cache_and_the_cache_before_the_network(
    package: Path, tmp_path: Path
) -> None:
    """W7, W8"""
    both = WeightCard("bundled", BUNDLED.file, package="probe_plugin", url=OFFICIAL.url)
    kept = cached(tmp_path, both)
    found = resolve_weights(learner(both), "bundled")
    assert found is not None and found.path == package / BUNDLED.file
    (package / BUNDLED.file).unlink()
    found = resolve_weights(learner(both), "bundled")
    assert found is not None and found.path == kept
    kept.unlink()
    with pytest.raises(OfflineError):
        resolve_weights(learner(both), "bundled")


def test_bundled_file_that_is_gone_is_a_sentence() -> None:
    """W9"""
    with pytest.raises(WeightsError, match=r"probe_plugin/data/small\.safetensors"):
        resolve_weights(learner(BUNDLED), "bundled")


def test_bundled_hash_is_checked_when_strict(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W9"""
    right = hashlib.sha256(b"weights").hexdigest()
    for sha256, fits in ((right.upper(), True), ("0" * 64, False)):
        card = WeightCard("bundled", BUNDLED.file, sha256=sha256, package="probe_plugin")
        monkeypatch.delenv("ICL_STRICT_WEIGHTS", raising=False)
        found = resolve_weights(learner(card), "bundled")
        assert found is not None and found.sha256 == sha256.lower()
        monkeypatch.setenv("ICL_STRICT_WEIGHTS", "1")
        if fits:
            resolve_weights(learner(card), "bundled")
        else:
            with pytest.raises(WeightsError, match=f"{right}, expected {sha256}"):
                resolve_weights(learner(card), "bundled")


def test_bundled_size_is_always_checked(package: Path) -> None:
    """W9"""
    card = WeightCard("bundled", BUNDLED.file, size=8, package="probe_plugin")
    with pytest.raises(WeightsError, match="7 bytes, expected 8"):
        resolve_weights(learner(card), "bundled")


def test_bundled_file_in_a_zipped_package_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W9"""
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.writestr("zipped_plugin/__init__.py", "")
        archive.writestr("zipped_plugin/data/w.safetensors", b"weights")
    monkeypatch.syspath_prepend(str(tmp_path / "site.zip"))
    found = bundled_file(WeightCard("bundled", "w.safetensors", package="zipped_plugin"))
    assert found is not None and found.read_bytes() == b"weights"


def test_bundled_file_never_leaves_the_package(package: Path) -> None:
    """W9"""
    for file in ("../__init__.py", "/etc/hostname"):
        assert bundled_file(WeightCard("bundled", file, package="probe_plugin")) is None


@pytest.mark.parametrize("spelling", ["./w.pt", "w.pt", "sub/../w.pt", "absolute", "path", "home"])
def test_local_file_is_taken_as_it_is(
    spelling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W7"""
    work = tmp_path / "work"
    (work / "sub").mkdir()
    (work / "w.pt").write_bytes(b"weights")
    monkeypatch.setenv("HOME", str(work))
    monkeypatch.setenv("USERPROFILE", str(work))
    special: dict[str, Any] = {
        "absolute": str(work / "w.pt"),
        "path": Path("w.pt"),
        "home": "~/w.pt",
    }
    found = resolve_weights(learner(OFFICIAL), special.get(spelling, spelling))
    assert found is not None and found.path.samefile(work / "w.pt")
    assert found.card is None and found.sha256 is None
    assert found.digest() == hashlib.sha256(b"weights").hexdigest()


def test_name_on_the_card_wins_over_a_file_of_that_name(tmp_path: Path) -> None:
    """W7"""
    path = cached(tmp_path)
    (tmp_path / "work" / "official").write_bytes(b"mine")
    found = resolve_weights(learner(OFFICIAL), "official")
    mine = resolve_weights(learner(OFFICIAL), "./official")
    assert found is not None and found.path == path
    assert mine is not None and mine.path == Path("official")


def test_folder_gives_its_only_weights_file(tmp_path: Path) -> None:
    """W7"""
    folder = tmp_path / "work" / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / ".hidden.pt").write_text("")
    with pytest.raises(WeightsError, match="holds no weights file"):
        resolve_weights(learner(OFFICIAL), "folder")
    (folder / "net.ckpt").write_bytes(b"weights")
    found = resolve_weights(learner(OFFICIAL), folder)
    assert found is not None and found.path == folder / "net.ckpt"
    (folder / "net.safetensors").write_bytes(b"weights")
    with pytest.raises(WeightsError, match=r"expected one: net\.ckpt, net\.safetensors"):
        resolve_weights(learner(OFFICIAL), folder)


def test_bare_unknown_string_names_the_closest_and_the_spellings() -> None:
    """W7"""
    with pytest.raises(UnknownNameError) as caught:
        resolve_weights(learner(BUNDLED, OFFICIAL), "oficial")
    text = str(caught.value)
    for part in ("'oficial'", "did you mean 'official'", "./oficial", "hf:owner/name", "bundled"):
        assert part in text


def test_local_file_is_found_without_a_connection(package: Path, tmp_path: Path) -> None:
    """W8"""
    assert local_file(BUNDLED, "probe") == package / BUNDLED.file
    assert local_file(OFFICIAL, "probe") is None
    path = cached(tmp_path)
    assert local_file(OFFICIAL, "probe") == path
    hub = WeightCard("hub", "net.ckpt", url="hf:no-such-owner/no-such-name/net.ckpt")
    assert local_file(hub, "probe") is None
    assert list(path.parent.iterdir()) == [path]


def test_path_that_does_not_exist_is_a_sentence() -> None:
    """W7"""
    with pytest.raises(WeightsError, match="no weights file"):
        resolve_weights(learner(OFFICIAL), "./nowhere.pt")
    with pytest.raises(WeightsError, match="hf:NX-AI/TiRex"):
        resolve_weights(learner(OFFICIAL), "NX-AI/TiRex")
    with pytest.raises(InputError, match="download the file"):
        resolve_weights(learner(OFFICIAL), "https://example.org/net.ckpt")


def test_hub_address_of_a_card_takes_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """W7"""
    card = WeightCard("official", "net.ckpt", url="hf:owner/name/sub/net.ckpt@v1")
    asked: list[WeightCard] = []

    def fake(card: WeightCard, learner: str) -> Path:
        asked.append(card)
        return Path("net.ckpt")

    monkeypatch.setattr(locate, "fetch", fake)
    for spec in ("hf:owner/name", "hf:owner/name@v1", "hf:owner/name/sub/net.ckpt"):
        found = resolve_weights(learner(card), spec)
        assert found is not None and found.card is card
    found = resolve_weights(learner(card), "hf:owner/name/sub/net.ckpt@v2")
    assert found is not None and found.name == "hf:owner/name/sub/net.ckpt@v2"
    assert asked[-1].url == "hf:owner/name/sub/net.ckpt@v2" and asked[-1].sha256 is None


def test_hub_repository_with_one_weights_file_needs_no_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """W7, W8"""
    huggingface_hub = pytest.importorskip("huggingface_hub")
    with pytest.raises(OfflineError, match="cannot be listed"):
        resolve_weights(learner(OFFICIAL), "hf:owner/name")
    monkeypatch.setenv("ICL_OFFLINE", "0")
    monkeypatch.setattr(locate, "fetch", lambda card, learner: Path(card.file))
    files = ["README.md", "net.safetensors"]
    monkeypatch.setattr(
        huggingface_hub.HfApi, "list_repo_files", lambda self, repo, revision=None: files
    )
    found = resolve_weights(learner(OFFICIAL), "hf:owner/name@v1")
    assert found is not None and found.name == "hf:owner/name/net.safetensors@v1"
    files.append("net.bin")
    with pytest.raises(WeightsError, match=r"expected one: net\.bin, net\.safetensors"):
        resolve_weights(learner(OFFICIAL), "hf:owner/name@v1")


@given(st.text(max_size=30) | st.sampled_from(["x" * 5000, "./" + "x" * 5000, "~nobody0/x"]))
def test_any_text_gives_a_file_or_a_typed_error(text: str) -> None:
    """W7"""
    try:
        resolve_weights(learner(BUNDLED, OFFICIAL), text)
    except IclError as error:
        assert error.message


def test_finding_weights_imports_neither_torch_nor_safetensors() -> None:
    """W1: listing and finding stay light; torch is imported to read."""
    code = (
        "import sys, icl_core.weights as w; w.resolve_weights; w.fetch; w.digest; w.verify;"
        "print(sorted({'torch', 'safetensors', 'huggingface_hub', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_itself_whatever_was_imported_before() -> None:
    """W1"""
    import icl_core.weights as package

    for module in package._HOME.values():
        importlib.import_module(f"icl_core.weights.{module}")
    for name in package.__all__:
        assert callable(getattr(package, name))
    with pytest.raises(AttributeError):
        _ = package.nothing


def test_every_bundled_file_has_the_hash_on_its_card() -> None:
    """W9"""
    registry = pytest.importorskip("icl_core.registry", exc_type=ImportError)
    for card in registry.learners():
        for weights in card.weights:
            path = bundled_file(weights)
            if path is None:
                continue
            content = path.read_bytes()
            assert weights.sha256 == hashlib.sha256(content).hexdigest(), (card.name, weights.name)
            assert weights.size == len(content), (card.name, weights.name)


def _calls(tree: ast.AST) -> list[tuple[str, dict[str, str], int]]:
    """Return (dotted name, keyword -> source, line) of each call."""
    return [
        (
            ast.unparse(node.func),
            {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg},
            node.lineno,
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    ]


def test_no_pickle_is_read_or_written_anywhere() -> None:
    """W11: exceptions are `convert`, after explicit consent, and Ray's own transport.

    The processes of a Ray cluster exchange objects that way whatever we do; no file and nothing
    from outside of the cluster is read so.
    """
    allowed = {
        REPO / "icl_core" / "weights" / "conversion.py",
        REPO / "benchmarks" / "icl_bench" / "ray_predict.py",
    }
    folders = ("icl_core", "entrypoints", "benchmarks", "plugins")
    sources = [p for folder in folders for p in (REPO / folder).rglob("*.py")]
    wrong: list[str] = []
    for path in sources:
        if "tests" in path.parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for name, words, line in _calls(tree):
            pickled = name.startswith(("pickle.", "cPickle.", "dill.", "cloudpickle.", "joblib."))
            arrays = (
                name in {"np.load", "numpy.load"} and words.get("allow_pickle", "False") != "False"
            )
            network = name == "torch.load" and words.get("weights_only") != "True"
            hidden = name.endswith((".read_pickle", ".to_pickle"))
            if (pickled or arrays or network or hidden) and path not in allowed:
                wrong.append(f"{path.relative_to(REPO)}:{line} {name}")
    assert wrong == []


def test_object_array_in_a_cache_is_refused_by_numpy(tmp_path: Path) -> None:
    """W11: the fact that the rule above rests on."""
    np.savez(tmp_path / "a.npz", good=np.ones(2), bad=np.array([{}], dtype=object))
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        assert arrays["good"].sum() == 2
        with pytest.raises(ValueError, match="allow_pickle"):
            _ = arrays["bad"]
