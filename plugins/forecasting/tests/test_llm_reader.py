"""A language model as the reader of `cik`."""

import json
import logging
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl
from icl_core.endpoints import EndpointError
from icl_forecasting.cik.statements import Change, Reading
from icl_forecasting.cik.windows import Clock
from icl_forecasting.llm.reader import make_reader

pytest.importorskip("openai")
sys.path.append(str(Path(__file__).parent))

from llm_cases import KEY

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests" / "support"))
from loopback_endpoint import FakeEndpoint

HOUR = np.timedelta64(3_600_000_000_000, "ns")
START = np.datetime64("2024-03-01T00:00", "ns")
CLOCK = Clock(START + np.arange(48) * HOUR, START + np.arange(48, 72) * HOUR)
TEXT = "Deliveries of a bakery.\nThe oven  is off from 3 am for two hours, so nothing leaves."
EFFECT = {
    "kind": "effect",
    "quote": "the oven is off from 3 am for two hours",
    "window": {"start": "2024-03-03T03:00:00", "end": "2024-03-03T05:00:00"},
    "change": "level",
    "value": 0,
}


@pytest.fixture(autouse=True)
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ICL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def endpoint():
    with FakeEndpoint(lambda body: "{}") as found:
        yield found


def reader(endpoint, *answers, **options):
    waiting = list(answers)
    endpoint.answer = lambda body: waiting.pop(0)
    found = make_reader({"model": "fake", "base_url": endpoint.url, "timeout": 5, **options})
    found.writer.asker.endpoint.sleep = lambda seconds: None
    return found


def answer(*statements, ignored=()):
    return json.dumps({"statements": statements, "ignored": list(ignored)})


def test_a_text_is_read_into_statements(endpoint):
    subject = {"kind": "subject", "quote": "Deliveries of a bakery", "name": "deliveries"}
    whole = f"The form is {{...}}. Here it is:\n```json\n{answer(EFFECT, subject)}\n```"
    read = reader(endpoint, whole)
    found = read(TEXT, CLOCK, "out")
    first, effect = found.statements
    assert first.name == "deliveries" and effect.change is Change.LEVEL and effect.value == 0
    assert effect.span.text == "The oven  is off from 3 am for two hours"
    assert TEXT[effect.span.start : effect.span.end] == effect.span.text
    assert effect.window.covers(CLOCK.future).sum() == 2
    prompt = endpoint.requests[0]["messages"][1]["content"]
    assert TEXT in prompt and "'out'" in prompt and "2024-03-03T00:00:00" in prompt
    assert '"quote"' in prompt and '"span"' not in prompt
    assert endpoint.requests[0]["temperature"] == 0 and read.usage.requests == 1


def test_words_that_are_not_in_the_text_are_put_aside(endpoint):
    made_up = {**EFFECT, "quote": "the shop burns down"}
    note = {"quote": "so nothing leaves", "reason": "said before"}
    found = reader(endpoint, answer(made_up, ignored=[note]))(TEXT, CLOCK)
    assert found.statements == ()
    assert [one.reason for one in found.ignored] == ["its words are not in the text", "said before"]


@pytest.fixture
def logged():
    """What the reader logs, whatever is done with the loggers above it."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    logger = logging.getLogger("icl.cik")
    logger.addHandler(handler)
    yield records
    logger.removeHandler(handler)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("no idea", "holds no JSON object"),
        ('{"statements": [', "is no JSON"),
        (answer({**EFFECT, "change": "explode"}), r"statements\[0\]\.change is 'explode'"),
        (answer({**EFFECT, "window": {"start": "soon"}}), r"statements\[0\]\.window\.start"),
        ('{"statements": 3}', "statements is 3"),
        ('{"statements": [3]}', r"statements\[0\] is 3"),
        ('{"effects": []}', "effects"),
        (None, "holds no JSON object"),
        (answer(EFFECT)[:-3], "is no JSON"),
    ],
)
def test_a_bad_answer_is_asked_for_once_more(endpoint, bad, message, logged):
    found = reader(endpoint, bad, answer(EFFECT))(TEXT, CLOCK)
    assert len(found.statements) == 1
    said = endpoint.requests[1]["messages"][-1]["content"]
    assert endpoint.requests[1]["messages"][-2]["role"] == "assistant"
    assert re.search(message, said)
    assert reader(endpoint, bad, bad, log=False)(TEXT, CLOCK) == Reading()
    assert any(re.search(message, record.getMessage()) for record in logged)


def test_replies_are_kept_and_an_empty_text_is_not_asked_about(endpoint):
    assert reader(endpoint)("  ", CLOCK) == Reading() and not endpoint.requests
    first = reader(endpoint, answer(EFFECT))(TEXT, CLOCK)
    again = reader(endpoint)
    assert again(TEXT, CLOCK) == first and again.usage.from_log == 1
    found = reader(endpoint, answer(EFFECT), answer()).read_all(
        [(TEXT, CLOCK, "a"), (" ", CLOCK, None), (TEXT, CLOCK, "b")]
    )
    assert sorted(len(one.statements) for one in found) == [0, 0, 1] and found[1] == Reading()


def test_failures(endpoint):
    endpoint.plan = ["401"]
    with pytest.raises(EndpointError, match=r"the reader of cik: 1 of 1 .*error 401"):
        reader(endpoint)(TEXT, CLOCK)
    endpoint.plan = ["401"]
    assert reader(endpoint, failures="naive")(TEXT, CLOCK) == Reading()
    with pytest.raises(icl.InputError, match="the reader has no option 'samples'"):
        make_reader({"model": "api:a", "samples": 3})
    with pytest.raises(icl.InputError, match="model is missing"):
        make_reader({})


def test_series_without_time_stamps(endpoint):
    clock = Clock(CLOCK.history, CLOCK.future, stamped=False)
    reader(endpoint, answer())(TEXT, clock)
    assert "no time stamps" in endpoint.requests[0]["messages"][1]["content"]
