"""What the tests of the language model learners share: a fake model, series, tiny models."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import icl_core as icl

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests" / "support"))
from loopback_endpoint import FakeEndpoint

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "cik" / "direct_prompt.json"
KEY = "sk-very-secret-1234"
SEASON = 24


def golden():
    if not GOLDEN.is_file():
        pytest.skip("the golden files (../shared/golden/cik) are not here")
    return json.loads(GOLDEN.read_text(encoding="utf-8"))


def hourly(length=72, start="2024-02-28T22:00", **more):
    """A history in hours that ends before 2024-03-01 22:00 where its length is 48."""
    steps = np.arange(length)
    values = 20 + 5 * np.sin(2 * np.pi * steps / 24) + 0.01 * steps
    return icl.Series(values.round(3), np.datetime64(start, "ns"), "h", "load", **more)


def context(text="Background: A load in kW.", length=48):
    return icl.Context(history=hourly(length), text=text)


class Forecaster:
    """A model that repeats the last season of the history in its prompt, with seeded jitter.

    Attributes:
        completions: what it writes first, one after the other, in place of that.
        ignores_n: gives one text whatever was asked for.
        cut: how many of its next texts are ended by the limit of tokens.
    """

    def __init__(self):
        self.completions = []
        self.ignores_n = False
        self.cut = 0
        self._said = 0

    def __call__(self, body):
        count = 1 if self.ignores_n else body.get("n", 1)
        if "messages" in body:
            return [self._text(body["messages"][-1]["content"]) for _ in range(count)]
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        return [self._value(prompt) for prompt in prompts for _ in range(count)]

    def _text(self, prompt):
        if self.completions:
            return self.completions.pop(0)
        if "Answer with the number alone" in prompt:
            return "7" if "hard" in prompt.partition("<context>")[2] else "Rating: 2"
        corrected = "<base_forecast>" in prompt
        tag = "corrected_forecast" if corrected else "forecast"
        stamps = (
            prompt.partition("each of these time stamps:\n")[2].partition("\n\n")[0].split("\n")
        )
        shown = re.findall(r"<base_forecast>(.*?)</base_forecast>", prompt, re.DOTALL)
        shown = shown or re.findall(r"</context>\s*<history>(.*?)</history>", prompt, re.DOTALL)
        past = [float(line.rstrip(")").split(", ")[1]) for line in shown[-1].strip().split("\n")]
        season = past if corrected else past[-SEASON:]
        noise = self._random(prompt).normal(0, 0.1, len(stamps))
        values = np.resize(season, len(stamps)) + noise
        lines = "".join(f"({s}, {v:.3f})\n" for s, v in zip(stamps, values, strict=True))
        reason = "<reason>As before.</reason>\n" if "<reason>" in prompt else ""
        if self.cut:
            self.cut -= 1
            return f"<{tag}>\n{lines[:-5]}", "length"
        return f"{reason}<{tag}>\n{lines}</{tag}>"

    def _value(self, prompt):
        if self.completions:
            return self.completions.pop(0)
        lines = prompt.split("\n")[:-1]
        past = [
            float(line.rpartition(",")[2]) for line in lines if re.match(r"\d.*, [-\d.]+$", line)
        ]
        value = past[-min(SEASON, len(past))] + self._random(prompt).normal(0, 0.1)
        return f" {value:.3f}"

    def _random(self, prompt):
        self._said += 1
        digest = hashlib.sha256(f"{self._said} {prompt}".encode()).digest()
        return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def fake():
    """A fake endpoint whose model is a `Forecaster`, in its attribute `answer`."""
    found = FakeEndpoint(Forecaster())
    found.tokens = (100, 10)
    return found


def tiny_model(folder, template=True):
    """Save a random language model that writes single characters; return its folder."""
    import torch
    import transformers as hf
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(set(map(chr, range(32, 127))) | {"\n"})
    pieces = ["<pad>", "<s>", "</s>", *alphabet, "00", ":00", "20", "fore", ", ", "(20"]
    merges = [("0", "0"), (":", "00"), ("2", "0"), (",", " "), ("(", "20")]
    known = {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.BPE(vocab=known, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\n", "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    if template:
        fast.chat_template = (
            "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
            "{% if add_generation_prompt %}assistant: {% endif %}"
        )
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=len(known),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=4096,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    hf.LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return str(folder)
