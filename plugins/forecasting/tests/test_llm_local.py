"""Local models of transformers: sampling, chat layouts, constrained decoding."""

import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core.registry import load_card
from icl_forecasting.llm.cards import DIRECT_PROMPT, LLMP
from icl_forecasting.llm.writers.constrained import Vocabulary
from icl_forecasting.llm.writers.grammar import AnswerGrammar

pytest.importorskip("transformers")
sys.path.append(str(Path(__file__).parent))

from llm_cases import context, hourly, tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))


def load(card, model, **options):
    given = {"model": model, "samples": 3, **options}
    return load_card(card, device="cpu", dtype="float32", options=given)


def test_the_grammar():
    grammar = AnswerGrammar.of_forecast(["a", "b"])
    whole = "<forecast>\n(a, -12.5)\n(b, 3)\n</forecast>"
    assert grammar.ended(grammar.after(grammar.start, whole))
    for bad in ("<forecast>\n(a, )", "<forecast>\n(a, 1.)", "<forecast>\n(b", whole + "\n"):
        assert grammar.after(grammar.start, bad) is None
    assert grammar.after(grammar.start, "<forecast>\n(a, " + "1" * 16) is None
    assert not grammar.ended(grammar.after(grammar.start, whole[:-1]))


@pytest.mark.parametrize("kind", ["bytes", "sentencepiece"])
def test_the_characters_of_tokens(kind):
    import transformers as hf
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    grammar = AnswerGrammar.of_forecast(["2024-03-01 22:00:00", "2024-03-01 23:00:00"])
    answer = "<forecast>\n(2024-03-01 22:00:00, -12.5)\n(2024-03-01 23:00:00, 3)\n</forecast>"
    own = Tokenizer(models.BPE())
    parts = pre_tokenizers.ByteLevel, decoders.ByteLevel
    if kind == "sentencepiece":
        parts = pre_tokenizers.Metaspace, decoders.Metaspace
    own.pre_tokenizer, own.decoder = parts[0](), parts[1]()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"], show_progress=False)
    own.train_from_iterator([answer, "a 0123456789", "größer a\n"] * 20, trainer)
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=own, eos_token="</s>")
    vocabulary = Vocabulary(tokenizer)
    tokens = tokenizer.encode(f"a{answer}", add_special_tokens=False)
    written = "".join(vocabulary.words.get(token, "?") for token in tokens).lstrip()
    assert written == f"a{answer}"
    assert grammar.ended(grammar.after(grammar.start, answer))
    assert all(word.isascii() for word in vocabulary.words.values())


def test_a_random_model_that_is_held_to_the_form_forecasts(tiny):
    learner = load(DIRECT_PROMPT, tiny, constrained=True, parser="strict", max_tokens=400)
    forecast = icl.predict(learner, context(), 3)
    assert forecast.samples.shape == (3, 3) and len(np.unique(forecast.samples)) > 3
    assert forecast.meta["rejected"] == {} and forecast.meta["back_end"] == "transformers"
    assert forecast.meta["usage"]["completion_tokens"] > 100
    again = icl.predict(load(DIRECT_PROMPT, tiny, constrained=True, max_tokens=400), context(), 3)
    np.testing.assert_array_equal(again.samples, forecast.samples)
    assert again.meta["from_log"] == 1
    fresh = load(DIRECT_PROMPT, tiny, constrained=True, max_tokens=400, log=False)
    same = icl.predict(fresh, context(), 3)
    np.testing.assert_array_equal(same.samples, forecast.samples)
    other = load(DIRECT_PROMPT, tiny, constrained=True, max_tokens=400, seed=1)
    assert not np.array_equal(icl.predict(other, context(), 3).samples, forecast.samples)


def test_without_the_form_it_does_not(tiny):
    learner = load(DIRECT_PROMPT, tiny, max_tokens=20)
    with pytest.raises(icl.PluginError, match="0 of 3 samples are valid after 3 requests"):
        icl.predict(learner, context(), 3)


def test_models_without_a_chat_template(tmp_path):
    learner = load(DIRECT_PROMPT, tiny_model(tmp_path, template=False), constrained=True)
    assert icl.predict(learner, icl.Context(history=hourly(4)), 2).samples.shape == (3, 2)


def test_values_one_after_the_other(tiny):
    learner = load(LLMP, tiny, constrained=True, redraws=0)
    forecast = icl.predict(learner, context(), 3)
    assert forecast.samples.shape == (3, 3) and forecast.meta["decimals"] == 2
    assert np.abs(forecast.samples).max() < 1000 and forecast.meta["redrawn"] == 0
    again = icl.predict(load(LLMP, tiny, constrained=True), context(), 3)
    np.testing.assert_array_equal(again.samples, forecast.samples)
    assert again.meta["from_log"] == again.meta["requests"] == 3
    free = load(LLMP, tiny, redraws=1, failures="naive")
    assert "had 2 values in a row" in icl.predict(free, context(), 1).meta["fallback"]


def test_a_common_start_is_read_once_and_changes_nothing(tiny, monkeypatch):
    given = {"temperature": 0, "constrained": True, "log": False}
    learner = load(LLMP, tiny, **given)
    found = icl.predict(learner, context(), 3)
    assert learner.writer.starts.reads == 1
    plain = load(LLMP, tiny, **given)
    monkeypatch.setattr(plain.writer.starts, "_usable", False)
    np.testing.assert_array_equal(icl.predict(plain, context(), 3).samples, found.samples)
    rows = [[5] * 40 + [6, 7], [5] * 40 + [8]]
    together, alone = learner.writer.starts.inputs(rows), plain.writer.starts.inputs(rows)
    assert len(together) == 3 and together["input_ids"][1].tolist() == [5] * 40 + [0, 8]
    places = (together["attention_mask"].cumsum(1) - 1)[:, 40:]
    rest = {**together, "input_ids": together["input_ids"][:, 40:], "position_ids": places}
    found = learner.network(**rest).logits[:, -1]
    whole = learner.network(
        **alone, position_ids=(alone["attention_mask"].cumsum(1) - 1).clip(0)
    ).logits[:, -1]
    np.testing.assert_allclose(found.numpy(), whole.numpy(), atol=1e-5)


def test_a_prompt_that_is_too_long(tiny):
    long = icl.Context(history=hourly(400))
    with pytest.raises(icl.InputError, match=r"the prompt has \d+ tokens, and .* reads 4096"):
        icl.predict(load(DIRECT_PROMPT, tiny), long, 2)
    short = load(DIRECT_PROMPT, tiny, max_history=4, constrained=True)
    assert icl.predict(short, long, 2).samples.shape == (3, 2)


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ("/no/such/folder", icl.InputError, "no folder here and no name on the hub"),
        ("owner/name", icl.OfflineError, "owner/name is not here"),
    ],
)
def test_models_that_are_not_there(monkeypatch, model, error, message):
    monkeypatch.setenv("ICL_OFFLINE", "1")
    with pytest.raises(error, match=message):
        load(DIRECT_PROMPT, model)


def test_a_model_that_writes_nothing(tmp_path):
    import transformers as hf

    hf.ViTConfig().save_pretrained(tmp_path)
    with pytest.raises(icl.InputError, match="of the kind 'vit', which writes no text"):
        load(DIRECT_PROMPT, str(tmp_path))
