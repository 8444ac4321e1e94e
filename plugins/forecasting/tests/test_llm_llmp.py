"""The learner `llmp` with an endpoint for completions."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core.endpoints import EndpointError
from icl_core.registry import load_card
from icl_forecasting.llm.cards import LLMP
from icl_forecasting.llm.value_texts import decimals_of, lines_of, next_value, prefix, tokens_of

pytest.importorskip("openai")
sys.path.append(str(Path(__file__).parent))

from llm_cases import KEY, context, fake, hourly


@pytest.fixture(autouse=True)
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def endpoint():
    with fake() as found:
        yield found


def load(endpoint, behaviour="corrected", **options):
    given = {"model": "fake", "base_url": endpoint.url, "timeout": 5, "samples": 6, **options}
    learner = load_card(LLMP, behaviour=behaviour, options=given)
    learner.writer.asker.endpoint.sleep = lambda seconds: None
    return learner


def test_values_are_written_one_after_the_other(endpoint):
    forecast = icl.predict(load(endpoint, concurrency=1), context(), 4)
    assert forecast.samples.shape == (6, 4) and len(np.unique(forecast.samples)) > 15
    truth = hourly(72).values[48:52]
    assert np.abs(forecast.mean - truth).max() < 0.5
    first, second = endpoint.requests[0], endpoint.requests[2]
    assert first["path"] == "/v1/completions" and first["n"] == 5 and first["stop"] == ["\n"]
    assert first["top_p"] == 0.9 and first["temperature"] == 1.0
    assert first["max_tokens"] == 9 and first["prompt"].endswith("\n2024-03-01 22:00:00,")
    assert [len(second["prompt"]), "n" in second] == [5, False]
    assert len(endpoint.requests) == 4 * 2 and forecast.meta["requests"] == 8
    assert forecast.meta["decimals"] == 2
    value = second["prompt"][0].split("\n")[-2].rpartition(", ")[2]
    assert float(value) in [round(float(one), 2) for one in forecast.samples[:, 0]]


def test_the_prompt(endpoint):
    text = "Background: A pump.\nConstraints: Above 0.\nScenario: None."
    icl.predict(load(endpoint, samples=1), icl.Context(history=hourly(3), text=text), 1)
    prompt = endpoint.requests[0]["prompt"]
    lines = prompt.split("\n")
    assert lines[1:4] == ["Background: A pump.", "Scenario: None.", "Constraints: Above 0."]
    assert lines[5:] == [
        "2024-02-28 22:00:00, 20.00",
        "2024-02-28 23:00:00, 21.30",
        "2024-02-29 00:00:00, 22.52",
        "2024-02-29 01:00:00,",
    ]
    assert prefix("") == "" and "Background: Words.\nScenario: \n" in prefix("Words.")


def test_as_released(endpoint):
    endpoint.answer.completions = [" is 3.14159"]
    forecast = icl.predict(load(endpoint, "official", samples=1), context(None), 2)
    body = endpoint.requests[0]
    assert body["max_tokens"] == 7 and body["prompt"].startswith("2024-02-28 22:00:00, 20.00\n")
    assert forecast.samples[0, 0] == np.float32(3.14) and forecast.meta["decimals"] == 2


@pytest.mark.parametrize(
    ("values", "decimals", "tokens"),
    [
        ([1.0, 2.0, 30.0], 0, 6),
        ([1e7, 2e7], 0, 12),
        ([1.5, 2.25, 3.0], 2, 8),
        ([0.00012, 0.00018, 0.0003], 5, 11),
        ([0.1, 0.2, 0.30000001], 4, 10),
        ([4.0, 4.0], 0, 5),
        ([0.0, np.nan], 0, 5),
    ],
)
def test_decimals_follow_the_values(values, decimals, tokens):
    values = np.array(values)
    assert decimals_of(values) == decimals and tokens_of(values, decimals) == tokens
    assert lines_of(["a"] * len(values), values, decimals).count("\n") == np.isfinite(values).sum()


@pytest.mark.parametrize(
    ("words", "cut", "expected"),
    [
        (" 12.5", False, 12.5),
        (" -3\n2024", True, -3.0),
        (" 12", True, None),
        (" 12.5", True, None),
        (" 12.50", True, 12.5),
        (" .5", False, 0.5),
        ("", False, None),
        (" nan", False, None),
        (" is 4", False, None),
        (" " + "9" * 60, False, None),
    ],
)
def test_reading_a_value(words, cut, expected):
    assert next_value(words, cut, 2) == expected


def test_what_is_no_number_is_drawn_again(endpoint):
    endpoint.answer.completions = ["abc", (" 12", "length"), None]
    forecast = icl.predict(load(endpoint, samples=2, redraws=2), context(), 2)
    assert forecast.samples.shape == (2, 2) and forecast.meta["redrawn"] == 3
    endpoint.answer.completions = ["abc"] * 6
    with pytest.raises(EndpointError, match="0 of 2 samples are valid, since 2 had 3 values"):
        icl.predict(load(endpoint, samples=2, redraws=2, log=False), context(), 2)
    endpoint.answer.completions = ["abc"] * 3
    learner = load(endpoint, samples=2, batch_size=1, redraws=2, invalid="fewer", concurrency=1)
    endpoint.answer.completions = ["abc", "1", "abc", "abc"]
    few = icl.predict(learner, context("Else."), 1)
    assert few.samples.tolist() == [[1.0]] and few.meta["samples_missing"] == 1


def test_servers_that_answer_one_prompt_alone(endpoint):
    whole = endpoint.answer
    endpoint.answer = lambda body: whole(body)[:1]
    forecast = icl.predict(load(endpoint), context(), 2)
    assert forecast.samples.shape == (6, 2) and len(np.unique(forecast.samples)) > 8


def test_nothing_is_lost_and_nothing_is_paid_twice(endpoint, tmp_path):
    log = tmp_path / "log.jsonl"
    endpoint.plan = ["ok", "ok", "ok", "400"]
    with pytest.raises(EndpointError, match="llmp: 1 of 2 requests failed"):
        icl.predict(load(endpoint, log=str(log), concurrency=1), context(), 3)
    forecast = icl.predict(load(endpoint, log=str(log), concurrency=1), context(), 3)
    assert len(endpoint.requests) == 7 and forecast.meta["from_log"] == 3
    again = icl.predict(load(endpoint, log=str(log)), context(), 3)
    np.testing.assert_array_equal(again.samples, forecast.samples)
    assert len(endpoint.requests) == 7
    record = json.loads(log.read_text().splitlines()[0])
    assert record["prompt"][0]["end"].endswith("2024-03-01 22:00:00,")


def test_failures_can_be_answered_naively(endpoint):
    endpoint.plan = ["400"]
    learner = load(endpoint, failures="naive", concurrency=1, batch_size=10)
    pairs = [icl.Episode(context(text), 2) for text in ("One.", "Other.")]
    one, other = learner.predict_episodes(pairs)
    assert "error 400" in one.meta["fallback"] and one.samples.shape == (6, 2)
    assert "fallback" not in other.meta


def test_what_is_refused(endpoint):
    with pytest.raises(icl.InputError, match="llmp reads no examples"):
        given = icl.Context(history=hourly(3), examples=(icl.Example([1.0], [2.0]),))
        load(endpoint).prepare(given)
    with pytest.raises(icl.InputError, match="batch_size is 0"):
        load(endpoint, batch_size=0)
