"""OpenAI-compatible endpoints: requests, replies that are kept, and what must never happen."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import icl_core as icl
from icl_core.endpoints import ChatRequest, EndpointOptions, Replies, TextRequest, connect, key_of
from icl_core.endpoints.client import retry_after, understood, words_of
from icl_core.endpoints.options import log_file

sys.path.append(str(Path(__file__).resolve().parents[1] / "support"))
from loopback_endpoint import FakeEndpoint

KEY = "sk-very-secret-1234"


@pytest.fixture
def endpoint(monkeypatch, tmp_path):
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")
    with FakeEndpoint(lambda body: "Yes.") as found:
        yield found


def asker(endpoint, most=None, **options):
    given = EndpointOptions(model="fake", base_url=endpoint.url, timeout=5, **options)
    found = connect(given, "fake", extra="some[api]", most_requests=most)
    found.endpoint.sleep = lambda seconds: None
    return found


def chat(words="a", **more):
    message = {"role": "user", "content": words}
    return ChatRequest(model="fake", messages=(message,), params={"n": 1}, **more)


def test_the_client_library_is_not_imported_with_the_package():
    code = "import icl_core.endpoints, sys; print('openai' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_missing_client_library_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openai", None)
    given = EndpointOptions(model="a", base_url="http://127.0.0.1:9/v1", log=False)
    with pytest.raises(icl.MissingExtraError, match="not installed") as caught:
        connect(given, "a", extra="some[api]")
    assert caught.value.hint == "pip install 'some[api]'"


def test_the_same_request_again_has_a_key_of_its_own():
    assert chat().key == chat(repeat=0).key != chat(repeat=1).key
    assert "repeat" not in chat().record() and "repeat" not in chat().content
    assert chat("b").key != chat().key


def test_texts_are_kept_in_short():
    request = TextRequest(model="fake", prompts=("x" * 500, "yy"), params={})
    first, second = request.record()["prompt"]
    assert first["characters"] == 500 and len(first["end"]) == 80 and second["end"] == "yy"
    assert request.content == {"prompt": ["x" * 500, "yy"]}
    assert TextRequest(model="fake", prompts=("yy",), params={}).content == {"prompt": "yy"}


def test_conversations_and_texts(endpoint):
    text = TextRequest(model="fake", prompts=("a", "b"), params={"max_tokens": 3})
    endpoint.answer = lambda body: ["Yes.", ("No", "length")]
    found, other = asker(endpoint, concurrency=1, price=[2.0, 10.0]).ask([text, chat()])
    assert [choice["text"] for choice in found.reply()["choices"]] == ["Yes.", "No"]
    assert found.reply()["choices"][1]["finish_reason"] == "length"
    assert words_of(other.reply()["choices"][0]["message"]) == "Yes."
    assert found.record["usage"]["completion_tokens"] == 6
    assert found.record["cost"] == pytest.approx((100 * 2 + 6 * 10) / 1e6)
    paths = [body["path"] for body in endpoint.requests]
    assert paths == ["/v1/completions", "/v1/chat/completions"]
    assert all("repeat" not in body for body in endpoint.requests)


def test_what_was_answered_is_not_sent_again(endpoint, tmp_path):
    log = tmp_path / "log.jsonl"
    first = asker(endpoint, log=log).ask([chat(), chat(), chat(repeat=1)])
    assert len(endpoint.requests) == 2 and first[0].record["key"] == first[1].record["key"]
    again = asker(endpoint, log=log).ask([chat(repeat=1), chat("b")])
    assert [one.fresh for one in again] == [False, True] and len(endpoint.requests) == 3
    assert KEY not in log.read_text()


def test_failures_are_in_the_answers(endpoint):
    endpoint.plan = ["400"]
    found = asker(endpoint, concurrency=1)
    answers = found.ask([chat("a"), chat("b")])
    assert "error 400" in answers[0].failure and answers[1].failure is None
    assert answers[0].reply() == {"choices": []}
    assert "me: 1 of 2 requests failed" in str(found.error(answers, "me", "give up"))
    assert found.error(answers[1:], "me", "give up") is None


def test_a_limit_of_requests(endpoint):
    found = asker(endpoint, most=1, concurrency=1)
    answers = found.ask([chat("a"), chat("b")])
    assert answers[0].failure is None and len(endpoint.requests) == 1
    assert "max_requests=1 requests were sent" in answers[1].failure
    assert found.ask([chat("a")])[0].failure is None


def test_a_log_survives_a_line_that_was_cut(tmp_path):
    path = tmp_path / "log.jsonl"
    Replies(path).add({"key": "a", "status": "ok"})
    with path.open("ab") as file:
        file.write(b'{"key": "b", "stat')
    Replies(path).add({"key": "c", "status": "failed"})
    again = Replies(path)
    assert again.find("a") and again.find("b") is None and again.find("c") is None
    assert len(path.read_text().splitlines()) == 3


def test_replies_without_words():
    assert words_of({"content": None}) == "" == words_of({})
    assert words_of({"content": [{"text": "a"}, {"image": 1}, {"text": "b"}]}) == "ab"
    assert words_of({"content": None, "refusal": "No."}) == "No."
    assert "no text" in understood('{"choices": [{}]}', "text")[1]
    assert "no message" in understood('{"choices": [{}]}')[1]
    assert understood(json.dumps({"choices": [{"text": None}]}), "text")[1] is None


def test_how_long_to_wait():
    assert retry_after({"retry-after": "2.5"}) == 2.5 and retry_after({"retry-after": "x"}) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": " "}, "model is ' '"),
        ({"timeout": 0}, "timeout is 0 s"),
        ({"retries": 21}, "retries is 21"),
        ({"concurrency": True}, "concurrency is True"),
        ({"params": {"a": float("nan")}}, "params cannot be sent as JSON"),
        ({"price": 3}, "price is 3"),
    ],
)
def test_options_that_mean_nothing(options, message):
    with pytest.raises(icl.InputError, match=message):
        EndpointOptions(**options)


def test_which_model_and_which_log(monkeypatch, tmp_path):
    monkeypatch.setenv("ICL_HOME", str(tmp_path))
    assert EndpointOptions(model="api:a/b").endpoint == "a/b"
    assert EndpointOptions(model="a/b").endpoint is None
    assert EndpointOptions(model="a", base_url="http://127.0.0.1/v1").endpoint == "a"
    with pytest.raises(icl.InputError, match="model is missing"):
        _ = EndpointOptions(base_url="http://127.0.0.1/v1").endpoint
    one, other = (log_file(True, "a/b", place) for place in ("http://x", "http://y"))
    assert one.parent == tmp_path / "replies" and one != other and one.name.startswith("a-b-")
    assert log_file(False, "a", "b") is None and log_file("c", "a", "b") == Path("c")


def test_a_key_is_never_an_option(monkeypatch):
    monkeypatch.setenv("MY_KEY", f" {KEY} ")
    assert key_of("MY_KEY") == KEY and key_of("NO_SUCH_KEY") is None
    with pytest.raises(icl.InputError, match="no name of an environment variable") as caught:
        key_of(KEY)
    assert KEY not in str(caught.value)
