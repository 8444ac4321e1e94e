"""A language model as the reader of `cik`: text in, the same typed statements out.

The model writes JSON in the form of `cik.forms` with the words that each statement comes from.
The form is checked entry by entry, and the words are looked up in the text: a statement whose
words are not there is put aside. An answer that cannot be used is asked for once more, with what
was wrong; then the reading is empty, and a warning says so.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from icl_core import InputError, LoadOptions
from icl_forecasting.llm.options import ModelOptions
from icl_forecasting.llm.writers.opening import open_writer
from icl_forecasting.llm.writers.writer import Job, Text, Usage, Writer

if TYPE_CHECKING:
    from icl_forecasting.cik.statements import Reading
    from icl_forecasting.cik.windows import Clock

_log = logging.getLogger("icl.cik")
WHO = "the reader of cik"
NOT_THERE = "its words are not in the text"
MOST_STARTS = 50
"""Places where the JSON of an answer may begin."""


@dataclass(frozen=True, kw_only=True)
class ReaderOptions(ModelOptions):
    """The options of the reader.

    Args:
        temperature: of the sampling; 0 = the likeliest answer.
        max_tokens: of an answer.

    Raises:
        InputError: a value is none that is understood.
    """

    temperature: float = 0.0
    max_tokens: int = 8_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._whole("max_tokens", 1, 1_000_000)


READER_OPTIONS = frozenset(ReaderOptions.__dataclass_fields__) - {
    "samples",
    "invalid",
    "max_history",
    "constrained",
}
"""Names of the options of `make_reader`."""


def make_reader(options: Mapping[str, Any], load: LoadOptions | None = None) -> LlmReader:
    """Return a reader that asks a language model.

    Args:
        options: `model`, `base_url` and the others of `READER_OPTIONS`, as for `direct-prompt`.
        load: device and dtype of a local model.

    Returns:
        A function of a text, the times of history and forecast, and the series' name. Its
        attribute `usage` counts what was asked; `read_all` reads many texts side by side.

    Raises:
        InputError: an option is unknown or has a bad value.
        MissingExtraError: a library is missing.
        OfflineError: the network is switched off.
        WeightsError: a local model cannot be loaded.
    """
    other = next((name for name in options if name not in READER_OPTIONS), None)
    if other is not None:
        known = ", ".join(sorted(READER_OPTIONS))
        raise InputError(f"the reader has no option {other!r}; its options are: {known}")
    asked = ReaderOptions(**options)
    writer = open_writer(asked, load or LoadOptions())
    return LlmReader(writer, asked.max_tokens, asked.failures == "naive")


class LlmReader:
    """Reads texts with a language model.

    Args:
        writer: the model.
        most_tokens: of an answer.
        forgiving: whether a failed request gives an empty reading.

    Attributes:
        usage: what was asked so far.
    """

    def __init__(self, writer: Writer, most_tokens: int, forgiving: bool = False) -> None:
        self.writer = writer
        self.usage = Usage()
        self._most = most_tokens
        self._forgiving = forgiving

    def __call__(self, text: str, clock: Clock, name: str | None = None) -> Reading:
        """Read a text; see `read_all`."""
        return self.read_all([(text, clock, name)])[0]

    def read_all(self, asked: Sequence[tuple[str, Clock, str | None]]) -> list[Reading]:
        """Read texts side by side.

        Args:
            asked: a text, the times of history and forecast, and the series' name, each.

        Returns:
            A reading each; an empty one where the model gave nothing usable twice.

        Raises:
            EndpointError: requests failed, unless that is to be forgiven.
        """
        from icl_forecasting.cik.statements import Reading
        from icl_forecasting.llm.reader_prompt import again, messages

        found = [Reading()] * len(asked)
        prompts = {
            place: messages(text, clock, name)
            for place, (text, clock, name) in enumerate(asked)
            if text.strip()
        }
        for turn in range(2):
            answers = self._ask(prompts)
            later = {}
            for place, answer in answers.items():
                try:
                    found[place] = reading_of(answer, asked[place][0])
                except InputError as error:
                    if turn == 0:
                        said = again(answer.words, error.message)
                        later[place] = (*prompts[place], *said)
                    else:
                        _log.warning("%s: nothing was read: %s", WHO, error.message)
            prompts = later
        return found

    def _ask(self, prompts: Mapping[int, Any]) -> dict[int, Text]:
        if not prompts:
            return {}
        jobs = [Job(messages=one, n=1, most_tokens=self._most) for one in prompts.values()]
        written = self.writer.write(jobs)
        self.usage = sum((one.usage for one in written), self.usage)
        error = self.writer.error(WHO)
        if error is not None and not self._forgiving:
            raise error
        found = {}
        for place, one in zip(prompts, written, strict=True):
            if one.failure is not None:
                _log.warning("%s: nothing was read: the endpoint %s", WHO, one.failure)
            else:
                found[place] = (one.texts or (None,))[0] or Text("")
        return found


def reading_of(answer: Text, text: str) -> Reading:
    """Check an answer and return its reading.

    Args:
        answer: of the model.
        text: that it read.

    Raises:
        InputError: it holds no JSON object, or one that is no reading; the entry is named.
    """
    from icl_forecasting.cik.forms import from_dict

    data = _object(answer)
    statements: list[dict[str, Any]] = []
    ignored: list[dict[str, Any]] = []
    for one in _entries(data, "statements"):
        span = _span(one, text)
        if span is None and one.get("kind") != "subject":
            said = str(one.get("quote") or one.get("kind"))[:80]
            _log.info("%s: %r is put aside, since %s", WHO, said, NOT_THERE)
            ignored.append({"reason": NOT_THERE})
            continue
        rest = {key: value for key, value in one.items() if key not in ("quote", "span")}
        statements.append(rest if span is None else {**rest, "span": span})
    for one in _entries(data, "ignored"):
        span = _span(one, text)
        rest = {key: value for key, value in one.items() if key not in ("quote", "span")}
        ignored.append(rest if span is None else {**rest, "span": span})
    statements.sort(key=lambda one: one.get("span", {"start": -1})["start"])
    known = {key: value for key, value in data.items() if key not in ("statements", "ignored")}
    return from_dict({**known, "statements": statements, "ignored": ignored})


def _object(answer: Text) -> dict[str, Any]:
    words = re.sub(r"<think>.*?(?:</think>|\Z)", "", answer.words, flags=re.DOTALL)
    starts = [match.start() for match in re.finditer(r"\{", words)]
    if not starts:
        raise InputError("the answer holds no JSON object")
    problem: Exception | None = None
    for start in starts[:MOST_STARTS]:
        try:
            found, _ = json.JSONDecoder().raw_decode(words, start)
        except (ValueError, RecursionError) as error:
            problem = problem or error
            continue
        # behind a broken one only a whole reading counts, not one of its parts
        if problem is None or "statements" in found:
            return dict(found)
    if answer.cut:
        raise InputError("the answer was cut off by the limit of tokens")
    raise InputError(f"the answer is no JSON: {problem}")


def _entries(data: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = data.get(name, [])
    if not isinstance(found, list):
        raise InputError(f"{name} is {found!r:.80}, expected a list")
    for place, one in enumerate(found):
        if not isinstance(one, dict):
            raise InputError(f"{name}[{place}] is {one!r:.80}, expected an object")
    return found


def _span(entry: Mapping[str, Any], text: str) -> dict[str, Any] | None:
    """Find the quoted words in the text; case, and how words are spaced, do not matter."""
    quote = entry.get("quote")
    if quote is None and isinstance(entry.get("span"), Mapping):
        quote = entry["span"].get("text")
    words = re.findall(r"\S+", quote.strip(" \"'“”.…")) if isinstance(quote, str) else []
    if not words:
        return None
    match = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE)
    if match is None:
        return None
    return {"start": match.start(), "end": match.end(), "text": match[0]}
