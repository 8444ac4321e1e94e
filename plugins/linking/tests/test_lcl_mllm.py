"""The published LCL-MLLM: prompts, tokens, checkpoints, and answers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import icl_core as icl
from icl_core.registry import load_card
from icl_linking.lcl.card import CARD
from icl_linking.lcl.mllm.pictures import MEAN, STD, pixels, square
from icl_linking.lcl.mllm.prompts import expand, query_segment, segments, target
from icl_linking.lcl.mllm.tokenizer import read_tokenizer

sys.path.append(str(Path(__file__).parent))

from lcl_cases import context, golden, llama_pieces, pictures, write_mllm


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    return write_mllm(tmp_path_factory.mktemp("mllm") / "lcl")


def load(files, path=None, **options):
    folder, clip = files
    behaviour = options.pop("behaviour", "corrected")
    weights = folder / "pytorch_model.bin.index.json" if path is None else path
    return load_card(
        CARD,
        weights=weights,
        device="cpu",
        behaviour=behaviour,
        options={"vision_weights": clip, **options},
    )


def test_the_released_prompts():
    stored = golden("prompts.json")
    for episode in stored["evaluation"]:
        count = episode["shot_per_class"]
        found = [expand(s, 2) for s in segments(["cactihog", "hedgehog"] * count, "evaluation")]
        assert found == [one["text"] for one in episode["segments"]]
        answered = found[-1] + target("cactihog", True, "evaluation")
        assert answered == episode["segments"][-1]["label_text"]
    demo = [expand(one, 2) for one in segments(["cactihog", "hedgehog"], "demo")]
    assert demo == [one["text"] for one in stored["demo_lcl"]]
    assert expand(query_segment(False, "demo"), 2) == stored["demo_vqa"]


def test_tokens_of_a_segment(files):
    tokenizer = read_tokenizer(files[0], len(llama_pieces()) + 3)
    words = {number: piece for number, piece in enumerate(llama_pieces())}
    top = len(words)
    words |= {top: "<P>", top + 1: "<I>", top + 2: "</I>"}

    def said(text):
        return [words[one] for one in tokenizer.segment(expand(text, 2))]

    # Space beside pictures is dropped; every piece gets one space, also one that has one.
    assert said("a <image>?") == ["<s>", "▁", "a", "<I>", "<P>", "<P>", "</I>", "▁", "?"]
    assert said(" USER: x</s>") == ["<s>", "▁", "▁U", "SE", "R", ":", "▁", "x", "</s>"]
    assert said("é</s>") == ["<s>", "▁", "<0xC3>", "<0xA9>", "</s>"]
    ids = tokenizer.answer("x:", " the image</s>")
    assert [words[one] for one in ids] == ["▁the", "▁i", "ma", "ge", "</s>"]
    assert tokenizer.decode(ids) == "the image"
    assert len(tokenizer.segment("a" * 3000)) == 2048


def test_both_readers_of_the_tokenizer_agree(tmp_path):
    sentencepiece = pytest.importorskip("sentencepiece")
    from tokenizers import Tokenizer, models

    from icl_linking.lcl.mllm import tokenizer as own

    lines = [s for n in (1, 2) for s in segments(["cactihog", "hedgehog"] * n, "evaluation")]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines * 4),
        model_prefix=str(tmp_path / "tokenizer"),
        vocab_size=340,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        minloglevel=2,
    )
    read = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    pieces = [read.id_to_piece(n) for n in range(read.vocab_size())]
    ids = {piece: n for n, piece in enumerate(pieces)}
    merges = [
        (piece[:cut], piece[cut:])
        for piece in pieces
        for cut in range(1, len(piece))
        if piece[:cut] in ids and piece[cut:] in ids and not piece.startswith("<")
    ]
    merges.sort(key=lambda pair: -read.get_score(ids["".join(pair)]))
    inner = models.BPE(vocab=ids, merges=merges, unk_token="<unk>", byte_fallback=True)
    Tokenizer(inner).save(str(tmp_path / "tokenizer.json"))
    one, words = own._sentencepiece(tmp_path / "tokenizer.model")
    other, others = own._tokenizers(tmp_path / "tokenizer.json")
    for text in [*lines, " two  spaces", "cactihog's é"]:
        assert one(text) == other(text)
        assert words(one(text)).strip() == others(other(text)).strip()


def test_pictures_are_padded_with_white_and_scaled():
    picture = np.zeros((20, 11, 3), np.uint8)
    padded = square(picture)
    assert padded.shape == (20, 20, 3)
    assert padded[:, :4].min() == 255 and padded[:, 4:15].max() == 0 and padded[:, 15:].min() == 255
    found = pixels(np.full((28, 28, 3), 255, np.uint8), 28)
    white = (1 - torch.tensor(MEAN)) / torch.tensor(STD)
    assert torch.allclose(found, white[:, None, None].expand(3, 28, 28), atol=1e-6)


@pytest.mark.parametrize("merge", ["last", "all"])
def test_reuse_changes_no_score_and_each_answer_says_what_was_seen(files, merge):
    shown, queries = context(2), pictures(3, seed=8)
    found = [
        load(files, image_merge=merge, reuse=reuse).prepare(shown).predict(queries)
        for reuse in (True, False)
    ]
    for one, other in zip(*found, strict=True):
        scores = [list(a.meta["scores"].values()) for a in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-4)
        assert one.meta["image_merge"] == merge
        assert one.meta["support_images_used"] == (merge == "all")
    assert len({tuple(a.meta["scores"].values()) for a in found[0]}) == 3


def test_support_pictures_count_with_all_and_not_with_last(files):
    shown, query = context(2), pictures(1, seed=5)[0]
    grey = [(np.full_like(picture, 128), label) for picture, label in shown]
    apart = {}
    for merge in ("last", "all"):
        learner = load(files, image_merge=merge)
        one, other = (
            icl.predict(learner, c, query).meta["scores"]["hedgehog"] for c in (shown, grey)
        )
        apart[merge] = abs(one - other)
    assert apart["last"] == 0 and apart["all"] > 1e-4


def test_with_last_support_pictures_are_not_encoded(files, monkeypatch):
    learner, counted = load(files), []
    features = learner.back_end.features

    def count(given):
        counted.append(len(given))
        return features(given)

    monkeypatch.setattr(learner.back_end, "features", count)
    learner.prepare(context(2)).predict(pictures(2))
    assert counted == [1, 1]


def test_the_network_has_the_official_names(files):
    state = load(files).network.state_dict()
    index = json.loads((files[0] / "pytorch_model.bin.index.json").read_text())["weight_map"]
    assert set(state) == {name for name in index if not name.endswith("inv_freq")}


@pytest.mark.parametrize("how", ["sum", "mean", "calibrated"])
def test_options(files, how):
    answer = icl.predict(load(files, answers=how), context(1), pictures(1)[0])
    assert answer.probabilities.sum() == pytest.approx(1) and answer.meta["answers"] == how


def test_the_official_behaviour_generates(files):
    learner = load(files, behaviour="official", max_new_tokens=4)
    answer = icl.predict(learner, context(1), pictures(1)[0])
    assert answer.answer is not None and answer.meta["tokens"] <= 4
    assert load(files, behaviour="official").back_end._most == 1024


def test_a_folder_of_that_layout_is_recognised_as_a_model(files):
    folder, clip = files
    options = {"model": str(folder), "vision_weights": clip}
    learner = load_card(CARD, device="cpu", options=options)
    scores = [
        icl.predict(one, context(1), pictures(1)[0]).meta["scores"]
        for one in (learner, load(files))
    ]
    assert scores[0] == scores[1]
    assert icl.predict(learner, [], pictures(1)[0], labels=["a", "b"]).label in ("a", "b")
    with pytest.raises(icl.InputError, match="expected one of the two"):
        load(files, model=str(folder))


def test_one_file_of_safetensors_is_read_as_well(files, tmp_path):
    import shutil

    from safetensors.torch import save_file

    folder, _ = files
    single = tmp_path / "single"
    shutil.copytree(folder, single)
    tensors = {}
    for part in single.glob("pytorch_model*"):
        if part.suffix == ".bin":
            tensors |= torch.load(part, weights_only=True)
        part.unlink()
    save_file({n: t.contiguous() for n, t in tensors.items()}, single / "model.safetensors")
    expected = icl.predict(load(files), context(1), pictures(1)[0]).meta["scores"]
    found = icl.predict(load(files, path=single), context(1), pictures(1)[0]).meta["scores"]
    assert found == expected


def copied(files, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(files[0], folder)
    return folder, folder / "pytorch_model.bin.index.json"


def test_checkpoints_that_do_not_fit(files, tmp_path):
    folder, index = copied(files, tmp_path)
    stored = json.loads(index.read_text())
    part = folder / "pytorch_model-00002-of-00002.bin"
    tensors = torch.load(part, weights_only=True)
    name = next(n for n in tensors if n.endswith("k_proj.weight"))
    del tensors[name]
    torch.save(tensors, part)
    with pytest.raises(icl.WeightsError, match=f"1 missing.*{name}"):
        load(files, path=index)
    part.write_bytes(b"<html>sign in</html>")
    with pytest.raises(icl.WeightsError, match="web page"):
        load(files, path=index)
    part.unlink()
    with pytest.raises(icl.WeightsError, match=part.name):
        load(files, path=index)
    index.write_text(json.dumps({"weight_map": {**stored["weight_map"], "x": "../evil.bin"}}))
    with pytest.raises(icl.WeightsError, match="expected one beside it"):
        load(files, path=index)
    index.write_text("[]")
    with pytest.raises(icl.WeightsError, match="holds a list"):
        load(files, path=index)


def test_a_part_that_wants_to_run_code_is_refused(files, tmp_path):
    folder, index = copied(files, tmp_path)

    class Evil:
        def __reduce__(self):
            return (print, ("this was run",))

    torch.save({"model.norm.weight": Evil()}, folder / "pytorch_model-00001-of-00002.bin")
    with pytest.raises(icl.UntrustedFileError, match="nothing of it was executed"):
        load(files, path=index)


def test_a_tokenizer_and_a_picture_encoder_are_needed(files, tmp_path):
    folder, index = copied(files, tmp_path)
    with pytest.raises(icl.InputError, match="no picture encoder of CLIP"):
        load(files, path=index, vision_weights=folder / "pytorch_model-00001-of-00002.bin")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(icl.WeightsError, match=r"no tokenizer\.model"):
        load(files, path=index)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(icl.WeightsError, match="is no tokenizer"):
        load(files, path=index)


def test_labels_that_are_words_of_the_model_are_refused(files):
    with pytest.raises(icl.InputError, match="holds '<image>'"):
        load(files).prepare(context(1, ("<image>", "dog")))


def test_published_weights_are_fetched_part_by_part(files, monkeypatch, tmp_path):
    from icl_linking.lcl.card import PUBLISHED
    from icl_linking.lcl.mllm import checkpoint

    folder, clip = files
    asked = []

    def fetch(card, learner):
        asked.append(card.url)
        file = folder / card.file
        if not file.is_file():
            raise icl.WeightsError(f"cannot fetch {card.url}")
        return file

    monkeypatch.setattr(checkpoint, "fetch", fetch)
    index = folder / PUBLISHED[0].file
    found = checkpoint.read_mllm(index, PUBLISHED[0], clip)
    start = "hf:ISEKAI-Portal/LCL_2WAY_WEIGHT/"
    parts = [f"{start}pytorch_model-0000{n}-of-00002.bin" for n in (1, 2)]
    # What is beside the index already is not fetched again.
    assert asked == [*parts, f"{start}tokenizer.model", f"{start}added_tokens.json"]
    assert found.network.config.heads == 4


def test_without_a_model_the_published_weights_are_meant(monkeypatch, tmp_path):
    monkeypatch.setenv("ICL_OFFLINE", "1")
    monkeypatch.setenv("ICL_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(icl.OfflineError, match=r"bin\.index\.json"):
        load_card(CARD, device="cpu")
