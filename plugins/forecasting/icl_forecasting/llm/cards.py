"""The cards of the learners that ask language models."""

from __future__ import annotations

from icl_core.cards import LearnerCard
from icl_core.types import Task

MODEL_OPTIONS = {
    "model": "'api:NAME' of a model at an endpoint, or hub name or folder of a local one",
    "base_url": "address of an OpenAI-compatible endpoint, such as http://localhost:8000/v1",
    "key_variable": "environment variable with the endpoint's key; default OPENAI_API_KEY",
    "timeout": "seconds an endpoint has for one answer; default 600",
    "retries": "further tries after a failure of an endpoint that may pass; default 4",
    "concurrency": "requests at the same time; default 4",
    "log": "file that keeps every reply, so that runs go on; False = none",
    "params": 'more fields of the request, such as {"seed": 1}',
    "price": "[in, out]: price of a million tokens, for the costs in the record",
    "single": "True asks for each sample in a request of its own, for endpoints that refuse n",
    "max_requests": "requests that may be sent to an endpoint, all in all; default: any number",
    "samples": "sample paths of a forecast; default 25 (predict option too)",
    "temperature": "of the sampling; default 1",
    "top_p": "share of the likeliest tokens that are sampled from",
    "seed": "of a local model's sampling; default 0",
    "invalid": "too few valid samples: 'raise', or take the 'fewer' that there are",
    "failures": "'raise' when all is asked, or a 'naive' forecast in place of a failed one",
    "max_history": "show only so many of the last values; default: all",
    "constrained": "True holds a local model to the form of an answer, a token at a time",
    "local_batch": "texts that a local model writes at the same time; default 8",
}
"""What both learners take."""

DIRECT_PROMPT = LearnerCard(
    name="direct-prompt",
    task=Task.FORECASTING,
    summary="A language model reads history and text in one prompt, and writes whole forecasts.",
    cls="icl_forecasting.llm.direct_prompt:DirectPrompt",
    paper="arXiv 2410.18959",
    options={
        **MODEL_OPTIONS,
        "max_tokens": "of one answer; default 10000",
        "batch_size": "samples of the first request; default: all",
        "batch_size_on_retry": "samples of each further request; default 5",
        "n_retries": "requests of a forecast, all counted; default 3",
        "max_batch_size": "samples of a request at most; more requests are then allowed",
        "parser": "'lenient', or 'strict' as released (behaviour='official')",
        "reason": "True lets the model write its reasons first (FxDP)",
        "correct": "a forecaster whose forecast the model corrects, such as 'tirex' (CorDP)",
        "correct_options": "options of that forecaster, such as {'weights': 'official'}",
        "variant": "'median' shows its median to all samples, 'samplewise' a path to each",
        "examples": "solved problems that are shown first, as Episodes (predict option too; IC-DP)",
        "large": "second model for hard problems: a name, or a mapping with base_url (RouteDP)",
        "router": "model that rates how hard problems are; default: the first one",
        "hard_fraction": "share of the problems asked together that go to the large model",
        "hard_from": "without a fraction: rating, 0 to 10, from which a problem is hard; default 5",
    },
    extra="icl-forecasting[api]",
    takes_text=True,
)

LLMP = LearnerCard(
    name="llmp",
    task=Task.FORECASTING,
    summary="A language model continues the text of a series value by value.",
    cls="icl_forecasting.llm.llmp:Llmp",
    paper="arXiv 2405.12856",
    options={
        **MODEL_OPTIONS,
        "top_p": "share of the likeliest tokens that are sampled from; default 0.9",
        "batch_size": "paths that go on together in one request; default 5",
        "decimals": "of each value; default: as many as the history needs (officially 2)",
        "max_tokens": "of one value; default: as many as its digits need (officially 7)",
        "redraws": "further tries of a value that is no number; default 10",
    },
    extra="icl-forecasting[api]",
    takes_text=True,
)
"""Completion endpoints and local models; chat endpoints cannot continue a text."""

LLM_CARDS = (DIRECT_PROMPT, LLMP)
