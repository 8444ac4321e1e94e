"""The learner `direct-prompt` with an OpenAI-compatible endpoint."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import icl_core as icl
from icl_core.endpoints import EndpointError
from icl_core.registry import load_card
from icl_core.testing import check_plugin
from icl_forecasting.llm.cards import DIRECT_PROMPT, LLM_CARDS

pytest.importorskip("openai")
sys.path.append(str(Path(__file__).parent))

from llm_cases import KEY, context, fake, golden, hourly


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
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    given = {"model": "fake", "base_url": url, "timeout": 5, **options}
    learner = load_card(DIRECT_PROMPT, behaviour=behaviour, options=given)
    learner.slept = []
    learner.writer.asker.endpoint.sleep = learner.slept.append
    return learner


def records(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_a_forecast_of_25_samples(endpoint):
    learner = load(endpoint, price=[2.0, 10.0])
    forecast = icl.predict(learner, context(), icl.Horizon(3, (0.1, 0.5, 0.9)))
    assert forecast.samples.shape == (25, 3) and forecast.samples.dtype == np.float32
    expected = np.quantile(forecast.samples.astype(np.float64), (0.1, 0.5, 0.9), axis=0)
    np.testing.assert_allclose(forecast.quantiles, expected, rtol=1e-6)
    np.testing.assert_allclose(forecast.mean, forecast.samples.mean(axis=0), rtol=1e-6)
    truth = hourly(72).values[48:51]
    assert np.abs(forecast.mean - truth).max() < 0.4 and len(np.unique(forecast.samples)) > 60
    assert forecast.index[0] == np.datetime64("2024-03-01T22:00")
    meta = forecast.meta
    assert meta["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 250,
        "total_tokens": 350,
    }
    assert meta["cost"] == pytest.approx((100 * 2 + 250 * 10) / 1e6)
    assert meta["requested"] == [25] and meta["requests"] == 1 and meta["served_by"] == "fake-0001"
    (body,) = endpoint.requests
    assert body["path"] == "/v1/chat/completions" and body["authorization"] == f"Bearer {KEY}"
    assert body["n"] == 25 and body["temperature"] == 1.0 and body["max_tokens"] == 10_000
    assert "top_p" not in body and [m["role"] for m in body["messages"]] == ["system", "user"]
    assert json.loads(json.dumps(forecast.to_dict()))["meta"]["keys"] == meta["keys"]


def test_the_whole_contract(endpoint):
    module = ModuleType("llm_learners")
    module.icl_learners = icl.hookimpl(lambda: LLM_CARDS)
    given = {"model": "fake", "base_url": endpoint.url, "samples": 3}
    results = check_plugin(module, options=given)
    assert not {k: v for k, v in results.items() if isinstance(v, BaseException)}
    assert sum(result == "PASSED" for result in results.values()) >= 24


def test_many_problems_go_side_by_side(endpoint):
    endpoint.pause = 0.05
    learner = load(endpoint, samples=3)
    episodes = [icl.Episode(context(f"Background: {k}."), 2 + k) for k in range(4)]
    found = list(learner.predict_episodes(episodes))
    assert [len(one) for one in found] == [2, 3, 4, 5] and endpoint.most_at_once >= 2
    one, other = learner.prepare(context()).predict([2, 3], samples=4)
    assert one.samples.shape == (4, 2) and other.samples.shape == (4, 3)


def test_every_malformed_answer_of_the_table(endpoint):
    table = golden()
    learners = {
        kind: load(endpoint, kind, samples=2, log=False) for kind in ("official", "corrected")
    }
    for case in table["parser"]:
        for behaviour, learner in learners.items():
            endpoint.answer.completions = [case["completion"]]
            forecast = icl.predict(learner, context(case["case"]), 3)
            values, rejected = case["values"], sum(forecast.meta["rejected"].values())
            finite = values is not None and bool(np.isfinite(np.array(values, float)).all())
            if behaviour == "corrected":
                assert forecast.meta["parser"] == "lenient" and rejected <= (not finite)
                continue
            assert rejected == (not finite), case["case"]
            if finite:
                np.testing.assert_array_equal(forecast.samples[0], np.array(values, np.float32))


def test_invalid_samples_are_asked_for_again(endpoint):
    endpoint.answer.completions = ["no idea"] * 7
    forecast = icl.predict(load(endpoint), context(), 3)
    assert forecast.meta["requested"] == [25, 5, 5]
    assert [body["n"] for body in endpoint.requests] == [25, 5, 5]
    assert forecast.meta["rejected"] == {"no block": 7} and forecast.samples.shape == (25, 3)


def test_too_few_valid_samples(endpoint):
    endpoint.answer.completions = ["no idea"] * 35
    learner = load(endpoint)
    with pytest.raises(EndpointError, match="0 of 25 samples are valid after 3 requests") as caught:
        icl.predict(learner, context(), 3)
    assert "35 no block" in caught.value.message
    # The replies are in the log: nothing is asked again, and they can be used otherwise.
    with pytest.raises(EndpointError, match="0 of 25 samples"):
        icl.predict(load(endpoint, invalid="fewer"), context(), 3)
    assert len(endpoint.requests) == 3
    more = load(endpoint, n_retries=8)
    assert icl.predict(more, context(), 3).samples.shape == (25, 3)
    assert len(endpoint.requests) == 8
    endpoint.answer.completions = ["no idea"] * 20
    few = icl.predict(load(endpoint, invalid="fewer", n_retries=1), context("Other."), 3)
    assert few.samples.shape == (5, 3) and few.meta["samples_missing"] == 20


def test_a_failed_problem_may_be_answered_naively(endpoint):
    endpoint.plan = ["400"]
    learner = load(endpoint, failures="naive", concurrency=1)
    episodes = [icl.Episode(context(text), 3) for text in ("One.", "Other.")]
    one, other = learner.predict_episodes(episodes)
    assert "naive, since answered with the error 400" in one.meta["fallback"]
    assert one.samples.shape == (25, 3) and "fallback" not in other.meta
    endpoint.answer.completions = ["no idea"] * 35
    third = icl.predict(load(endpoint, failures="naive"), context("Third."), 3)
    assert "0 of 25 samples are valid" in third.meta["fallback"]


def test_servers_that_ignore_n(endpoint):
    endpoint.answer.ignores_n = True
    forecast = icl.predict(load(endpoint), context(), 3)
    assert forecast.samples.shape == (25, 3) and len(np.unique(forecast.samples[:, 0])) > 20
    assert forecast.meta["requests"] == 25 and len(endpoint.requests) == 25
    assert forecast.meta["usage"]["prompt_tokens"] == 2500
    again = icl.predict(load(endpoint), context(), 3)
    np.testing.assert_array_equal(again.samples, forecast.samples)
    assert len(endpoint.requests) == 25 and again.meta["from_log"] == 25
    with pytest.raises(EndpointError, match="3 of 25 samples are valid after 3 requests"):
        icl.predict(load(endpoint, "official", log=False), context(), 3)


def test_each_sample_in_a_request_of_its_own(endpoint):
    forecast = icl.predict(load(endpoint, single=True, samples=6), context(), 3)
    assert len(endpoint.requests) == 6 and all("n" not in body for body in endpoint.requests)
    assert len(np.unique(forecast.samples[:, 0])) == 6 and forecast.meta["requested"] == [6]
    endpoint.plan = ["ok", "400"]
    with pytest.raises(EndpointError, match="1 of 4 requests failed"):
        icl.predict(load(endpoint, single=True, samples=4), context("Other."), 3)
    icl.predict(load(endpoint, single=True, samples=4), context("Other."), 3)
    assert len(endpoint.requests) == 6 + 4 + 1


def test_null_and_truncated_answers(endpoint):
    endpoint.answer.completions = [None, None]
    endpoint.answer.cut = 1
    forecast = icl.predict(load(endpoint, samples=4), context(), 3)
    assert forecast.meta["rejected"] == {"no block": 2, "cut off": 1}
    assert forecast.samples.shape == (4, 3)


@pytest.mark.parametrize("plan", ["html", "half", "empty", "no-choices", "drop", "500", "503"])
def test_what_may_pass_is_tried_again(endpoint, plan):
    endpoint.plan = [plan, plan]
    learner = load(endpoint, samples=2)
    assert icl.predict(learner, context(), 3).samples.shape == (2, 3)
    assert learner.slept == [0.5, 1.0]


def test_an_endpoint_says_how_long_to_wait(endpoint):
    endpoint.plan = ["429 7"]
    learner = load(endpoint, samples=2)
    assert icl.predict(learner, context(), 3).samples.shape == (2, 3) and learner.slept == [7.0]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("slow 30", "gave no answer within 0.3 s"),
        ("html", "answered with a web page instead of JSON"),
        ("half", "answered with broken JSON of"),
        ("429 0", r"answered with the error 429: Too many requests\."),
        ("500", r"answered with the error 500: Status 500\."),
        ("401", r"answered with the error 401: Status 401\."),
        ("404", r"answered with the error 404: Status 404\."),
    ],
)
def test_failures_are_one_sentence_and_nothing_is_lost(endpoint, plan, message, tmp_path):
    log = tmp_path / "log.jsonl"
    endpoint.plan = ["ok", *[plan] * 3]
    learner = load(
        endpoint, timeout=0.3 if plan == "slow 30" else 5, retries=2, log=str(log), concurrency=1
    )
    episodes = [icl.Episode(context(text), 3) for text in ("One.", "Other.")]
    with pytest.raises(EndpointError, match=message) as caught:
        list(learner.predict_episodes(episodes))
    assert "\n" not in caught.value.message and str(log) in caught.value.message
    assert [one["status"] for one in records(log)] == ["ok", "failed"]
    endpoint.plan = []
    sent = len(endpoint.requests)
    found = list(load(endpoint, log=str(log)).predict_episodes(episodes))
    assert [one.samples.shape for one in found] == [(25, 3)] * 2
    assert len(endpoint.requests) == sent + 1
    assert [one.meta["from_log"] for one in found] == [1, 0]


def test_a_run_that_was_ended_goes_on_without_paying_twice(endpoint, tmp_path):
    log, episodes = tmp_path / "log.jsonl", [icl.Episode(context(f"{k}."), 3) for k in range(3)]
    endpoint.answer.completions = ["no idea"] * 10
    whole = list(load(endpoint, log=str(log), concurrency=1).predict_episodes(episodes))
    lines, sent = log.read_text().splitlines(keepends=True), len(endpoint.requests)
    log.write_text("".join(lines[:2]) + lines[2][:100])  # as a killed process leaves it
    again = list(load(endpoint, log=str(log), concurrency=1).predict_episodes(episodes))
    assert len(endpoint.requests) == sent + len(lines) - 2
    np.testing.assert_array_equal(again[0].samples[:10], whole[0].samples[:10])
    third = list(load(endpoint, log=str(log)).predict_episodes(episodes))
    assert len(endpoint.requests) == sent + len(lines) - 2
    for one, other in zip(again, third, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert other.meta["from_log"] == other.meta["requests"]


def test_a_hard_limit_of_requests(endpoint):
    learner = load(endpoint, max_requests=2, concurrency=1)
    episodes = [icl.Episode(context(f"{k}."), 3) for k in range(4)]
    with pytest.raises(EndpointError, match=r"2 of 4 .*max_requests=2 requests were sent"):
        list(learner.predict_episodes(episodes))
    assert len(endpoint.requests) == 2


def test_a_wrong_key_stops_the_run_and_is_shown_nowhere(endpoint, tmp_path, caplog):
    caplog.set_level("DEBUG")
    log = tmp_path / "log.jsonl"
    endpoint.plan = ["echo"]
    learner = load(endpoint, log=str(log), concurrency=1)
    episodes = [icl.Episode(context(f"{k}."), 3) for k in range(4)]
    with pytest.raises(EndpointError, match=r"4 of 4 .*Incorrect key: Bearer \*\*\*") as caught:
        list(learner.predict_episodes(episodes))
    assert len(endpoint.requests) == 1
    list(learner.predict_episodes(episodes))
    own = [r.getMessage() for r in caplog.records if r.name.startswith("icl")]
    shown = "".join([log.read_text(), repr(vars(learner)), str(caught.value), *own])
    assert KEY not in shown


@pytest.mark.parametrize("variant", ["median", "samplewise"])
def test_a_base_forecast_is_corrected(endpoint, variant):
    learner = load(endpoint, correct="seasonal-naive", variant=variant, samples=4)
    forecast = icl.predict(learner, context(), 3)
    assert forecast.samples.shape == (4, 3) and forecast.meta["corrected"] == "seasonal-naive"
    prompts = [body["messages"][1]["content"] for body in endpoint.requests]
    shown = {one.partition("<base_forecast>")[2].partition("</base_")[0] for one in prompts}
    base = icl.predict("seasonal-naive", hourly(48), 3)
    if variant == "median":
        assert [body["n"] for body in endpoint.requests] == [4]
        median = base.quantile(0.5)
    else:
        assert len(prompts) == 4 and len(shown) > 1
        median = np.median(forecast.samples, axis=0)
    assert np.abs(np.median(forecast.samples, axis=0) - median).max() < 0.5
    assert all("Background: A load" in one for one in prompts)


def test_paths_that_are_alike_get_answers_of_their_own(endpoint):
    flat = icl.Context(history=icl.Series(np.full(40, 5.0)))
    learner = load(endpoint, correct="seasonal-naive", variant="samplewise", samples=4)
    forecast = icl.predict(learner, flat, 2)
    assert len(endpoint.requests) == 4 and len(np.unique(forecast.samples[:, 0])) == 4


def test_solved_problems_and_reasons(endpoint):
    solved = icl.Episode(context("Solved."), 2, np.array([1.0, 2.0]))
    learner = load(endpoint, examples=[solved], reason=True, samples=2)
    forecast = icl.predict(learner, context("Asked."), 3)
    prompt = endpoint.requests[0]["messages"][1]["content"]
    assert (
        prompt.index("Solved.") < prompt.index("(2024-03-01 23:00:00, 2)") < prompt.index("Asked.")
    )
    assert forecast.meta["reasons"] == ["As before."] * 2
    icl.predict(learner, context("Asked."), 3, examples=[])
    assert "Solved." not in endpoint.requests[1]["messages"][1]["content"]


def test_hard_problems_go_to_the_large_model(endpoint):
    learner = load(endpoint, large="large", router="router", samples=2)
    episodes = [icl.Episode(context(text), 3) for text in ("easy", "hard", "easy too")]
    found = list(learner.predict_episodes(episodes))
    assert [one.meta["model"] for one in found] == ["fake", "large", "fake"]
    assert [one.meta["route"]["rating"] for one in found] == [2.0, 7.0, 2.0]
    assert [body["model"] for body in endpoint.requests].count("router") == 3
    half = load(endpoint, large="large", hard_fraction=0.67, samples=2)
    found = list(half.predict_episodes(episodes))
    assert [one.meta["model"] for one in found] == ["large", "large", "fake"]


def test_the_large_model_may_be_elsewhere(endpoint):
    with fake() as other:
        large = {"model": "big", "base_url": other.url}
        learner = load(endpoint, large=large, hard_from=0, samples=2)
        assert icl.predict(learner, context(), 3).meta["model"] == "big"
        assert [body["model"] for body in other.requests] == ["big"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "ftp://host/v1"}, "expected https://host/v1"),
        ({"key_variable": KEY}, "no name of an environment variable"),
        ({"model": None}, "model is missing"),
        ({"model": None, "base_url": None}, "model is missing"),
        ({"samples": 0}, "samples is 0"),
        ({"parser": "kind"}, "parser is 'kind', expected one of lenient, strict"),
        ({"constrained": True}, "that needs a local model"),
        ({"params": {"n": 3}}, "params holds 'n'"),
        ({"correct": "direct-prompt"}, "expected another forecaster"),
        ({"correct": "no-such"}, "no-such"),
        ({"router": "small"}, "router is given and large is missing"),
        ({"large": {"name": "big"}}, "large has the key 'name'"),
        ({"large": "big", "hard_fraction": 2}, "hard_fraction is 2"),
        ({"nonsense": 1}, "no option 'nonsense'"),
    ],
)
def test_what_cannot_be_asked(endpoint, options, message):
    with pytest.raises(icl.IclError, match=message) as caught:
        load(endpoint, **options)
    assert KEY not in str(caught.value)


def test_inputs_that_cannot_be_read(endpoint):
    learner = load(endpoint)
    with pytest.raises(icl.InputError, match="direct-prompt forecasts one variate"):
        learner.prepare(icl.Context(history=icl.Series(np.ones((2, 5)))))
    with pytest.raises(icl.InputError, match="cannot read covariates, and the horizon has"):
        icl.predict(learner, context(), icl.Horizon(2, covariates={"a": [1, 2]}))
    with pytest.raises(icl.InputError, match="cannot read covariates, and the history has"):
        learner.prepare(icl.Context(history=hourly(3, covariates={"a": [1, 2, 3]})))
    with pytest.raises(icl.InputError, match="samples is 'many'"):
        icl.predict(learner, context(), 2, samples="many")
    assert endpoint.requests == []


def test_without_a_key_and_offline(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(icl.InputError, match="is not set"):
        load_card(DIRECT_PROMPT, options={"model": "api:some"})
    monkeypatch.setenv("ICL_OFFLINE", "1")
    with pytest.raises(icl.OfflineError, match=r"so example\.org is not asked"):
        load("https://example.org/v1")
