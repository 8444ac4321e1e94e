"""The learner `lcl` with an OpenAI-compatible endpoint: answers, failures, the log."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core.endpoints.client import EndpointError, retry_after
from icl_core.endpoints.replies import Replies
from icl_core.registry import load_card
from icl_linking.lcl.card import CARD
from icl_linking.lcl.endpoint.answers import first_token

pytest.importorskip("openai")
sys.path.append(str(Path(__file__).parent))

from fake_endpoint import FakeEndpoint
from lcl_cases import context, pictures

KEY = "sk-very-secret-1234"


@pytest.fixture(autouse=True)
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def endpoint():
    with FakeEndpoint() as found:
        yield found


def load(endpoint, **options):
    url = endpoint if isinstance(endpoint, str) else endpoint.url
    given = {"model": "fake", "base_url": url, "timeout": 5, **options}
    learner = load_card(CARD, options=given)
    slept = []
    learner.back_end.endpoint.sleep = slept.append
    learner.slept = slept
    return learner


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_answers_in_words_become_labels(endpoint):
    shown = context(2)
    learner = load(endpoint)
    found = learner.prepare(shown).predict([shown[1][0], shown[0][0]])
    assert [a.label for a in found] == ["hedgehog", "cactihog"]
    assert found[0].answer == "That is a hedgehog." and found[0].labels == ("cactihog", "hedgehog")
    meta = found[0].meta
    assert meta["usage"]["total_tokens"] == 103 and meta["served_by"] == "fake-0001"
    assert json.loads(meta["raw"])["system_fingerprint"] == "fp_fake"
    body = endpoint.requests[0]
    assert body["path"] == "/v1/chat/completions" and body["authorization"] == f"Bearer {KEY}"
    assert body["temperature"] == 0 and body["max_tokens"] == 32
    assert [m["role"] for m in body["messages"]] == ["user", "assistant"] * 4 + ["user"]


def test_one_prompt_for_all_examples(endpoint):
    endpoint.answer = lambda body: "Hedgehog"
    answer = icl.predict(load(endpoint, layout="single"), context(1), pictures(1)[0])
    (message,) = endpoint.requests[0]["messages"]
    assert [part["type"] for part in message["content"]] == ["image_url", "text"] * 3
    assert answer.label == "hedgehog"


def test_each_different_picture_is_encoded_once_and_equal_requests_are_sent_once(endpoint):
    shown, queries = context(2), pictures(3, seed=4)
    learner = load(endpoint, image_format="png")
    learner.prepare(shown).predict([*queries, queries[0].copy()])
    assert learner.back_end.urls.encoded == 7
    assert len(endpoint.requests) == 3
    url = endpoint.requests[0]["messages"][0]["content"][0]["image_url"]["url"]
    assert url.startswith("data:image/png;base64,")


def test_requests_run_side_by_side_and_answers_keep_their_order(endpoint):
    endpoint.pause = 0.1
    shown = context(4)
    learner = load(endpoint, concurrency=4)
    pairs = [icl.Episode(icl.Context(tuple(icl.Example(*e) for e in shown)), e[0]) for e in shown]
    found = list(learner.predict_episodes(pairs))
    assert [a.label for a in found] == [label for _, label in shown]
    assert 2 <= endpoint.most_at_once <= 4


def test_no_answer_is_made_up_from_words_that_name_no_label(endpoint):
    for words in ("A cat.", "cactihog or hedgehog", "", None):
        endpoint.answer = lambda body, words=words: words
        answer = icl.predict(load(endpoint, log=False), context(1), pictures(1)[0])
        assert answer.label == "" and answer.labels == () and answer.answer == (words or "")
        assert answer.meta["choices"] == ["cactihog", "hedgehog"] and "failed" not in answer.meta


@pytest.mark.parametrize("plan", ["html", "half", "empty", "no-choices", "drop", "500", "503"])
def test_what_may_pass_is_tried_again(endpoint, plan):
    endpoint.plan = [plan, plan]
    learner = load(endpoint)
    answer = icl.predict(learner, context(1), pictures(1)[0])
    assert answer.label == "cactihog" and answer.meta["tries"] == 3
    assert learner.slept == [0.5, 1.0]


def test_an_endpoint_says_how_long_to_wait(endpoint):
    endpoint.plan = ["429 7", "429 0"]
    learner = load(endpoint)
    assert icl.predict(learner, context(1), pictures(1)[0]).label == "cactihog"
    assert learner.slept == [7.0, 0.0]
    endpoint.plan = ["429 3600"]
    with pytest.raises(EndpointError, match="asks to wait 3600 s, longer than 60 s"):
        icl.predict(load(endpoint, log=False), context(1), pictures(1)[0])


def test_retry_after_in_all_its_spellings():
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert retry_after({"retry-after": "soon"}) is None and retry_after({}) is None


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("slow 30", "gave no answer within 0.3 s"),
        ("drip", "gave no answer within 0.3 s"),
        ("html", "answered with a web page instead of JSON"),
        ("half", "answered with broken JSON of"),
        ("empty", "answered with nothing"),
        ("no-choices", "JSON that holds no choices"),
        ("drop", "cannot be reached, or broke off"),
        ("429 0", r"answered with the error 429: Too many requests\."),
        ("500", r"answered with the error 500: Status 500\."),
        ("400", r"answered with the error 400: Status 400\."),
    ],
)
def test_failures_are_one_sentence_and_never_an_answer(endpoint, plan, message, tmp_path):
    log = tmp_path / "log.jsonl"
    endpoint.plan = [plan] * 3
    timeout = 0.3 if plan in ("slow 30", "drip") else 5
    learner = load(endpoint, timeout=timeout, retries=2, log=str(log))
    with pytest.raises(EndpointError, match=message) as caught:
        icl.predict(learner, context(1), pictures(1)[0])
    assert "\n" not in caught.value.message and str(log) in caught.value.message
    (record,) = records(log)
    assert record["status"] == "failed" and len(record["attempts"]) == (1 if plan == "400" else 3)
    endpoint.plan = []
    assert icl.predict(load(endpoint, log=str(log)), context(1), pictures(1)[0]).label == "cactihog"
    assert [r["status"] for r in records(log)] == ["failed", "ok"]


def test_nothing_is_lost_and_the_next_run_asks_for_the_rest_alone(endpoint, tmp_path):
    log, shown, queries = tmp_path / "log.jsonl", context(1), pictures(6, seed=3)
    endpoint.plan = ["ok", "ok", "400", "ok", "400", "ok"]
    learner = load(endpoint, log=str(log), concurrency=1)
    with pytest.raises(EndpointError, match=r"2 of 6 requests failed.*error 400"):
        learner.prepare(shown).predict(queries)
    assert len(endpoint.requests) == 6
    # Another process at another port: what counts is model, messages and params.
    with FakeEndpoint() as other:
        found = load(other, log=str(log)).prepare(shown).predict(queries)
        assert len(other.requests) == 2 and all(a.label == "cactihog" for a in found)
        assert [a.meta["from_log"] for a in found] == [True, True, False, True, False, True]
        load(other, log=str(log), params={"seed": 1}).prepare(shown).predict(queries[:1])
        assert len(other.requests) == 3


def test_failures_can_be_recorded_instead(endpoint):
    endpoint.plan = ["400"]
    learner = load(endpoint, failures="record", concurrency=1)
    one, other = learner.prepare(context(1)).predict(pictures(2))
    assert one.label == "" and one.answer is None and "error 400" in one.meta["failed"]
    assert other.label == "cactihog" and "failed" not in other.meta
    from icl_linking.scoring.outcome import judge

    episode = icl.Episode(
        icl.Context(tuple(icl.Example(*e) for e in context(1))), pictures(1)[0], "cactihog"
    )
    assert judge(one, episode).kind == "failed"


def test_the_log_survives_a_line_that_was_cut(tmp_path):
    path = tmp_path / "log.jsonl"
    Replies(path).add({"key": "a", "status": "ok"})
    with path.open("ab") as file:
        file.write(b'{"key": "b", "stat')
    replies = Replies(path)
    replies.add({"key": "c", "status": "ok"})
    again = Replies(path)
    assert again.find("a") and again.find("c") and again.find("b") is None
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_one_sentence(endpoint, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(icl.InputError, match="cannot be used"):
        load(endpoint, log=str(tmp_path / "file" / "log.jsonl"))


def test_the_key_is_nowhere(endpoint, tmp_path, caplog):
    caplog.set_level("DEBUG")
    log = tmp_path / "log.jsonl"
    endpoint.plan = ["echo"]
    learner = load(endpoint, log=str(log))
    with pytest.raises(EndpointError) as caught:
        icl.predict(learner, context(1), pictures(1)[0])
    assert "Incorrect key: Bearer ***" in caught.value.message
    icl.predict(learner, context(1), pictures(1)[0])
    text = log.read_text()
    assert KEY not in text and KEY not in repr(vars(learner)) and KEY not in str(caught.value)
    own = [r.getMessage() for r in caplog.records if r.name.startswith("icl")]
    assert not any(KEY in line for line in own)
    assert "base64" not in text and records(log)[-1]["messages"][0]["content"][0]["sha256"]


def test_a_wrong_key_stops_the_run(endpoint):
    endpoint.plan = ["401"] * 9
    learner = load(endpoint, concurrency=1)
    with pytest.raises(EndpointError, match=r"9 of 9 requests failed.*error 401"):
        learner.prepare(context(1)).predict(pictures(9))
    assert len(endpoint.requests) == 1


def test_a_dead_endpoint_is_given_up():
    with FakeEndpoint() as gone:
        url = gone.url
    learner = load(url, retries=0, concurrency=1)
    with pytest.raises(EndpointError, match=r"20 of 20 .*cannot be reached"):
        learner.prepare(context(1)).predict(pictures(20))
    assert len(records(next(Path(learner.back_end.replies.path.parent).glob("*.jsonl")))) == 8


def test_first_token(endpoint):
    endpoint.logprobs = lambda body: {" Hed": -0.2, "cact": -2.0, "The": -4.0, "": -5.0}
    learner = load(endpoint, answers="first-token")
    answer = icl.predict(learner, context(1), pictures(1)[0])
    assert answer.label == "hedgehog" and answer.meta["scored_by"] == "first-token"
    assert answer.probabilities == pytest.approx([0.1419, 0.8581], abs=1e-3)
    assert endpoint.requests[0]["top_logprobs"] == 20
    endpoint.logprobs = None
    answer = icl.predict(
        load(endpoint, answers="first-token", log=False), context(1), pictures(1)[0]
    )
    assert answer.label == "cactihog" and answer.meta["scored_by"] == "text"


def test_a_first_token_that_fits_several_labels_decides_nothing():
    def choice(**tokens):
        listed = [{"token": t, "logprob": p} for t, p in tokens.items()]
        return {"logprobs": {"content": [{"top_logprobs": listed}]}}

    labels = ("airstone", "airplane")
    assert first_token(choice(air=-0.1, airp=-5.0), labels) is None
    assert first_token(choice(airp=-0.1, air=-5.0), labels)[1] == 1
    assert first_token(choice(air=float("nan")), labels) is None
    assert first_token({"logprobs": None}, labels) is None
    assert first_token({"logprobs": {"content": []}}, labels) is None


def test_costs(endpoint):
    answer = icl.predict(load(endpoint, price=[2.0, 10.0]), context(1), pictures(1)[0])
    assert answer.meta["cost"] == pytest.approx((100 * 2 + 3 * 10) / 1e6)
    assert icl.predict(load(endpoint, log=False), context(1), pictures(1)[0]).meta["cost"] is None


def test_params(endpoint):
    params = {"seed": 7, "max_completion_tokens": 9, "temperature": None}
    icl.predict(load(endpoint, params=params), context(1), pictures(1)[0])
    body = endpoint.requests[0]
    assert body["seed"] == 7 and body["max_completion_tokens"] == 9
    assert "temperature" not in body and "max_tokens" not in body
    with pytest.raises(icl.InputError, match="params holds 'messages'"):
        load(endpoint, params={"messages": []})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base_url": "ftp://host/v1"}, "expected https://host/v1"),
        ({"base_url": "http://me:pass@127.0.0.1/v1"}, "holds a user, a password"),
        ({"base_url": "http://127.0.0.1/v1?key=1"}, "holds a user, a password or a query"),
        ({"base_url": "http://[::1"}, "is no address"),
        ({"key_variable": KEY}, "no name of an environment variable"),
        ({"answers": "sum"}, "an endpoint can do generate, first-token"),
        ({"model": None}, "model is missing"),
        ({"compile": True}, "no option 'compile'"),
    ],
)
def test_what_cannot_be_asked(endpoint, options, message):
    with pytest.raises(icl.InputError, match=message) as caught:
        load(endpoint, **options)
    assert KEY not in str(caught.value)


def test_without_a_key_and_offline(endpoint, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert icl.predict(load(endpoint), context(1), pictures(1)[0]).label == "cactihog"
    with pytest.raises(icl.InputError, match="is not set"):
        load_card(CARD, options={"model": "api:some"})
    monkeypatch.setenv("ICL_OFFLINE", "1")
    assert icl.predict(load(endpoint), context(1), pictures(1)[0]).label == "cactihog"
    with pytest.raises(icl.OfflineError, match=r"so example\.org is not asked"):
        load("https://example.org/v1")


def test_labels_with_quotes_and_dots(endpoint):
    labels = ('st. bernard "big"', "pekin's dog")
    answer = icl.predict(load(endpoint), context(1, labels), context(1, labels)[1][0])
    assert answer.label == "pekin's dog"


def test_an_answer_can_be_saved(endpoint, tmp_path):
    answer = icl.predict(load(endpoint), context(1), pictures(1)[0])
    saved = json.loads(answer.save(tmp_path / "a.json").read_text())
    assert (
        saved["answer"] == "That is a cactihog." and saved["meta"]["usage"]["total_tokens"] == 103
    )
    assert isinstance(np.asarray(saved["labels"]), np.ndarray)
