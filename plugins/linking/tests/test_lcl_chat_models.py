"""The learner `lcl` with transformers models: layouts, scores, reuse, and refusals."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import icl_core as icl
from icl_linking.lcl.card import CARD

sys.path.append(str(Path(__file__).parent))

from lcl_cases import context, pictures, write_model

from icl_core.registry import load_card

KINDS = ("llava", "idefics3", "qwen2_5_vl")


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {kind: write_model(kind, root / kind) for kind in KINDS}


def load(model, **options):
    load_options = {k: options.pop(k) for k in ("weights", "behaviour") if k in options}
    return load_card(CARD, device="cpu", options={"model": str(model), **options}, **load_options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layout", ["turns", "single"])
def test_reuse_changes_no_score(folders, kind, layout):
    shown, queries = context(3), pictures(3, seed=9)
    found = {
        reuse: load(folders[kind], layout=layout, reuse=reuse).prepare(shown).predict(queries)
        for reuse in (True, False)
    }
    for one, other in zip(found[True], found[False], strict=True):
        assert one.meta["context_reused"] and not other.meta["context_reused"]
        assert one.label == other.label
        scores = [list(a.meta["scores"].values()) for a in (one, other)]
        assert scores[0] == pytest.approx(scores[1], abs=1e-3)
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-3)
    assert len({tuple(a.meta["scores"].values()) for a in found[True]}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_the_same_alone_in_a_list_and_among_episodes(folders, kind):
    learner, shown, queries = load(folders[kind]), context(2), pictures(2, seed=4)
    prepared = learner.prepare(shown)
    together = prepared.predict(queries)
    episodes = [icl.Episode(icl.Context(tuple(icl.Example(*e) for e in shown)), q) for q in queries]
    for others in (
        [prepared.predict(query) for query in queries],
        [icl.predict(learner, shown, query) for query in queries],
        list(learner.predict_episodes(episodes)),
    ):
        assert [a.meta["scores"] for a in others] == [a.meta["scores"] for a in together]


@pytest.mark.parametrize("kind", KINDS)
def test_support_pictures_count(folders, kind):
    learner, query = load(folders[kind]), pictures(1, seed=5)[0]
    shown = context(2)
    grey = [(np.full_like(picture, 128), label) for picture, label in shown]
    scores = [icl.predict(learner, c, query).meta["scores"]["hedgehog"] for c in (shown, grey)]
    assert abs(scores[0] - scores[1]) > 1e-4


def test_the_first_answer_is_tried_both_ways_for_kinds_that_were_never_tested(folders, monkeypatch):
    from icl_linking.lcl.chat_models import answers

    monkeypatch.setattr(answers, "TESTED", frozenset())
    learner, shown, query = load(folders["llava"]), context(1), pictures(1)[0]
    assert icl.predict(learner, shown, query).meta["context_reused"]
    monkeypatch.setattr(answers.ChatModel, "_agrees", lambda *_: False)
    learner = load(folders["llava"])
    first, second = learner.prepare(shown).predict([query, query])
    assert not first.meta["context_reused"] and first.meta["scores"] == second.meta["scores"]


def test_a_processor_that_reads_one_picture_otherwise_is_noticed(folders, monkeypatch):
    from icl_linking.lcl.chat_models import texts

    plain = texts.Texts.after

    def other(self, text):
        found = plain(self, text)
        return {**found, "pixel_values": found["pixel_values"] + 1}

    monkeypatch.setattr(texts.Texts, "after", other)
    learner = load(folders["llava"])
    answer = icl.predict(learner, context(1), pictures(1)[0])
    assert not answer.meta["context_reused"]


def test_sum_mean_and_calibrated_are_what_they_say(folders):
    shown, query = context(2, labels=("fox", "fox terrier")), pictures(1, seed=7)[0]
    found = {
        how: icl.predict(load(folders["llava"], answers=how), shown, query).meta["scores"]
        for how in ("sum", "mean", "calibrated")
    }
    # One token a letter, and one for the end.
    for label in ("fox", "fox terrier"):
        assert found["mean"][label] == pytest.approx(found["sum"][label] / (len(label) + 1))
    grey = icl.predict(load(folders["llava"]), shown, np.full_like(query, 128)).meta["scores"]
    for label in ("fox", "fox terrier"):
        wanted = found["sum"][label] - grey[label]
        assert found["calibrated"][label] == pytest.approx(wanted, abs=1e-5)


def test_generated_words_become_a_label_or_none(folders, monkeypatch):
    learner = load(folders["llava"], answers="generate", max_new_tokens=5)
    answer = icl.predict(learner, context(1), pictures(1)[0])
    assert answer.answer is not None and answer.meta["tokens"] == 5
    from icl_linking.lcl.chat_models import answers

    said = iter(["It is a Cactihog.", "a cactihog or a hedgehog", "a cat"])
    tokenizer = learner.back_end.texts.tokenizer
    monkeypatch.setattr(type(tokenizer), "decode", lambda *_, **__: next(said))
    monkeypatch.setattr(answers, "greedy", lambda *_: [1])
    found = learner.prepare(context(1)).predict(pictures(3))
    assert [a.label for a in found] == ["cactihog", "", ""]
    assert [a.meta["decided"] for a in found] == [True, False, False]
    assert found[1].labels == () and found[1].answer == "a cactihog or a hedgehog"


def test_without_examples_labels_are_named(folders):
    learner = load(folders["llava"])
    with pytest.raises(icl.InputError, match="no labels to choose from"):
        learner.prepare([]).predict(pictures(1)[0])
    answer = learner.prepare([]).predict(pictures(1)[0], labels=["cat", "dog"])
    assert answer.label in ("cat", "dog")


def test_the_text_of_a_context_is_read(folders):
    learner, query = load(folders["llava"]), pictures(1)[0]
    shown = tuple(icl.Example(*e) for e in context(1))
    scores = [
        icl.predict(learner, icl.Context(shown, text=text), query).meta["scores"]
        for text in (None, "Names of new animals.")
    ]
    assert scores[0] != scores[1]


def test_video_queries_have_one_answer_a_frame(folders):
    learner = load(folders["llava"])
    frames = np.stack(pictures(2))
    found = learner.prepare(context(1)).predict(icl.Video(frames))
    assert [a.label in ("cactihog", "hedgehog") for a in found] == [True, True]


def test_labels_with_quotes_and_dots_work(folders):
    labels = ('st. bernard "big"', "pekin's dog")
    answer = icl.predict(load(folders["llava"]), context(1, labels), pictures(1)[0])
    assert answer.labels == labels


@pytest.mark.parametrize(
    ("shown", "options", "message"),
    [
        (lambda: context(2, labels=("fox",)), {}, "one class only, 'fox'"),
        (lambda: context(1), {"labels": ["cactihog"]}, "1 words, expected two"),
        (lambda: context(1), {"labels": "cactihog"}, "expected a list"),
        (lambda: context(1), {"labels": ["a", "b"]}, "no 'cactihog', which the context shows"),
        (lambda: context(1), {"labels": ["cactihog", "cactihog", "hedgehog"]}, "twice"),
        (lambda: [("nowhere.jpg", "fox"), ("no.jpg", "dog")], {}, "example 1: .*nowhere.jpg"),
        (lambda: context(1, ("fox</s>", "dog")), {}, "'fox</s>' holds '</s>'"),
    ],
)
def test_contexts_that_cannot_be_used(folders, shown, options, message):
    learner = load(folders["llava"])
    with pytest.raises(icl.InputError, match=message):
        learner.prepare(shown()).predict(pictures(1)[0], **options)


def test_labels_that_words_cannot_tell_apart_are_refused_for_words_alone(folders):
    shown = context(1, ("Fox", "fox"))
    assert icl.predict(load(folders["llava"]), shown, pictures(1)[0]).label in ("Fox", "fox")
    with pytest.raises(icl.InputError, match="cannot be told apart"):
        icl.predict(load(folders["llava"], answers="generate"), shown, pictures(1)[0])


def config(folder, **content):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def test_models_that_cannot_be_used(tmp_path, monkeypatch):
    text_only = config(tmp_path / "text", model_type="llama", architectures=["LlamaForCausalLM"])
    with pytest.raises(icl.InputError, match="'llama', which reads no pictures"):
        load(text_only)
    single = config(tmp_path / "single", model_type="blip-2")
    with pytest.raises(icl.InputError, match="reads one picture a text"):
        load(single)
    beside = config(tmp_path / "beside", model_type="mllama")
    with pytest.raises(icl.InputError, match="as one text"):
        load(beside)
    code = config(
        tmp_path / "code", model_type="own", auto_map={"AutoConfig": "configuration_own.OwnConfig"}
    )
    (code / "configuration_own.py").write_text("raise SystemExit('this was run')")
    with pytest.raises(icl.UntrustedFileError, match="which is never run here"):
        load(code)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    with pytest.raises(icl.WeightsError, match="is not JSON"):
        load(broken)
    with pytest.raises(icl.InputError, match="no folder here"):
        load("./nowhere")
    monkeypatch.setenv("ICL_OFFLINE", "1")
    with pytest.raises(icl.OfflineError, match="is not here"):
        load("owner/name")


def test_a_model_without_a_chat_template_is_refused(folders, tmp_path):
    import shutil

    folder = tmp_path / "plain"
    shutil.copytree(folders["llava"], folder)
    for file in ("chat_template.jinja", "chat_template.json"):
        (folder / file).unlink(missing_ok=True)
    with pytest.raises(icl.InputError, match="no chat template"):
        load(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"answers": "loud"}, "answers is 'loud'"),
        ({"answers": "first-token"}, "a local model can do"),
        ({"layout": 1}, "layout is 1"),
        ({"reuse": "yes"}, "reuse is 'yes'"),
        ({"question": " "}, "question is ' '"),
        ({"max_new_tokens": 0}, "max_new_tokens is 0"),
        ({"timeout": True}, "timeout is True"),
        ({"price": [1]}, "price is"),
        ({"nothing": 1}, "no option 'nothing'"),
        ({"api_key": "sk-1"}, "no option 'api_key'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(icl.InputError, match=message):
        load("api:none", base_url="http://127.0.0.1:1/v1", log=False, **options) if (
            "answers" not in options
        ) else load(
            "./nowhere" if options["answers"] == "loud" else Path(__file__).parent, **options
        )


@pytest.mark.parametrize(
    ("option", "value"),
    [("image_merge", "all"), ("base_url", "http://127.0.0.1/v1"), ("log", False)],
)
def test_options_of_another_kind_of_model_are_refused(folders, option, value):
    if option == "base_url":
        with pytest.raises(
            icl.InputError, match="reuse is given, which is nothing for an endpoint"
        ):
            load("fake", base_url=value, reuse=False)
        return
    with pytest.raises(icl.InputError, match=f"{option} is given, which is nothing for a trans"):
        load(folders["llava"], **{option: value})


def test_the_global_state_stays(folders):
    learner = load(folders["llava"])
    before = torch.get_rng_state()
    icl.predict(learner, context(1), pictures(1)[0])
    assert torch.equal(before, torch.get_rng_state())


def test_a_text_that_is_too_long_is_told_once(folders, caplog):
    learner = load(folders["llava"])
    learner.back_end._longest = 100
    learner.prepare(context(2)).predict(pictures(2))
    assert sum("made for 100" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("kind", KINDS)
def test_a_gpu_gives_the_scores_of_the_cpu(folders, kind):
    shown, queries, found = context(2), pictures(2, seed=6), {}
    for device, dtype in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16")):
        for reuse in (True, False):
            options = {"model": str(folders[kind]), "reuse": reuse}
            learner = load_card(CARD, device=device, dtype=dtype, options=options)
            answers = learner.prepare(shown).predict(queries)
            scores = [[*answer.meta["scores"].values()] for answer in answers]
            found[device, dtype, reuse] = np.array(scores)
    expected = found["cpu", "float32", True]
    for (_, dtype, _), scores in found.items():
        assert np.abs(scores - expected).max() < (1e-2 if dtype == "float32" else 3.0)
