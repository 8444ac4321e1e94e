"""A model of transformers as a writer."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import torch

from icl_core import InputError
from icl_core.endpoints import OK, Replies, TextRequest
from icl_forecasting.llm.writers.constrained import Constrained, Vocabulary
from icl_forecasting.llm.writers.prefix import CommonStart
from icl_forecasting.llm.writers.writer import Job, Text, Usage, Written

if TYPE_CHECKING:
    from collections.abc import Iterator


class LocalWriter:
    """Samples texts from a causal language model.

    A conversation is laid out by the tokenizer's own chat template; a model without one reads
    the turns one below the other. Texts are the same for a seed on one machine. Like those of
    endpoints they are kept, and what was written before is not written again.

    Args:
        model: of transformers, in eval mode.
        tokenizer: its tokenizer, with a token that pads.
        name: of the model.
        state: tells its weights apart.
        replies: where texts are kept.
        temperature: 0 = always the likeliest token.
        top_p: share of the likeliest tokens that are sampled from; None = all.
        batch: texts at the same time.
        seed: of the sampling.
    """

    back_end = "transformers"

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        state: str,
        replies: Replies,
        *,
        temperature: float,
        top_p: float | None,
        batch: int,
        seed: int,
    ) -> None:
        self.model = model
        self.name = name
        self._tokenizer = tokenizer
        self._state = state
        self._replies = replies
        self._temperature = temperature
        self._top_p = top_p
        self._batch = batch
        self._seed = seed
        self._vocabulary: Vocabulary | None = None
        self.starts = CommonStart(model, tokenizer.pad_token_id)
        self._ends = {tokenizer.eos_token_id, tokenizer.pad_token_id}

    @property
    def log(self) -> str | None:
        """The file that keeps the texts."""
        return None if self._replies.path is None else str(self._replies.path)

    def write(self, jobs: Sequence[Job]) -> list[Written]:
        """Do jobs, one after the other; see `Writer`."""
        return [self._one(job) for job in jobs]

    def error(self, who: str) -> Exception | None:
        """Nothing fails without an error of its own."""
        return None

    def _one(self, job: Job) -> Written:
        wanted = {
            "model": self.name,
            "state": self._state,
            "messages": list(job.messages),
            **TextRequest(model=self.name, prompts=job.prompts, params={}).recorded(),
            "n": job.n,
            "repeat": job.repeat,
            "most_tokens": job.most_tokens,
            "stop": list(job.stop),
            "constrained": job.grammar is not None,
            "temperature": self._temperature,
            "top_p": self._top_p,
            "seed": self._seed,
        }
        key = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode("ascii")).hexdigest()
        record = self._replies.find(key)
        fresh = record is None
        if record is None:
            start = time.monotonic()
            texts, usage = self._texts(job, int(key[:8], 16))
            record = {
                "key": key,
                "status": OK,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                **wanted,
                "texts": [[text.words, text.cut] for text in texts],
                "usage": usage,
                "seconds": round(time.monotonic() - start, 3),
            }
            self._replies.add(record)
        counted = record["usage"]
        return Written(
            tuple(Text(str(words), bool(cut)) for words, cut in record["texts"]),
            Usage(1, int(not fresh), counted["prompt_tokens"], counted["completion_tokens"]),
            (key,),
            served_by=self.name,
        )

    def _texts(self, job: Job, seed: int) -> tuple[list[Text], dict[str, int]]:
        read = [self._laid_out(job.messages)] if job.messages else list(job.prompts)
        chat = bool(job.messages) and self._tokenizer.chat_template is not None
        rows = [text for text in read for _ in range(job.n)]
        found: list[Text] = []
        counts = {"prompt_tokens": 0, "completion_tokens": 0}
        with _seeded(self.model.device, seed):
            for start in range(0, len(rows), self._batch):
                part = rows[start : start + self._batch]
                tokens = self._tokenizer(part, add_special_tokens=not chat)["input_ids"]
                counts["prompt_tokens"] += sum(map(len, tokens))
                found += self._generated(job, tokens, counts)
        return found, counts

    def _generated(
        self, job: Job, tokens: Sequence[Sequence[int]], counts: dict[str, int]
    ) -> list[Text]:
        read = max(map(len, tokens))
        longest = getattr(self.model.config, "max_position_embeddings", None)
        most = job.most_tokens if longest is None else min(job.most_tokens, int(longest) - read)
        if most < 1:
            raise InputError(
                f"the prompt has {read} tokens, and {self.name} reads {longest}",
                "shorten the history with max_history=",
            )
        more: dict[str, Any] = {"do_sample": self._temperature > 0, "num_beams": 1}
        if self._temperature > 0:
            more |= {"temperature": self._temperature, "top_k": 0, "top_p": self._top_p or 1.0}
        if job.stop:
            more |= {"stop_strings": list(job.stop), "tokenizer": self._tokenizer}
        if job.grammar is not None:
            if self._vocabulary is None:
                self._vocabulary = Vocabulary(self._tokenizer)
            more["logits_processor"] = [Constrained(job.grammar, self._vocabulary, read)]
        with torch.inference_mode():
            out = self.model.generate(
                **self.starts.inputs(tokens),
                max_new_tokens=most,
                pad_token_id=self._tokenizer.pad_token_id,
                **more,
            )
        found = []
        for row in out[:, read:].tolist():
            while row and row[-1] in self._ends:
                row.pop()
            counts["completion_tokens"] += len(row)
            words = self._tokenizer.decode(
                row, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            stopped = [words.index(one) for one in job.stop if one in words]
            if stopped:
                words = words[: min(stopped)]
            found.append(Text(words, len(row) >= most and not stopped))
        return found

    def _laid_out(self, messages: Sequence[Mapping[str, Any]]) -> str:
        if self._tokenizer.chat_template is None:
            return "\n\n".join(str(one["content"]) for one in messages) + "\n\n"
        try:
            return str(
                self._tokenizer.apply_chat_template(
                    list(messages), tokenize=False, add_generation_prompt=True
                )
            )
        except Exception:  # some templates know no system's turn
            whole = "\n\n".join(str(one["content"]) for one in messages)
            return str(
                self._tokenizer.apply_chat_template(
                    [{"role": "user", "content": whole}], tokenize=False, add_generation_prompt=True
                )
            )


@contextmanager
def _seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Sample with a seed of its own, and leave the global generators as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
