"""The learner `lcl` and the published weights of link-context learning, as plain data."""

from __future__ import annotations

from icl_core import LearnerCard, Task, WeightCard

INDEX = "pytorch_model.bin.index.json"
"""The file of a sharded checkpoint that says which tensor is in which file."""

_SOURCE = "isekai-portal/Link-Context-Learning, 6.74 B parameters, arXiv 2308.07891"
_NOTICE = (
    "derived from LLaMA 7B through Vicuna and Shikra: the terms of LLaMA apply, which allow "
    "research only. 27 GB are fetched."
)

PUBLISHED = (
    WeightCard(
        name="official",
        file=INDEX,
        url=f"hf:ISEKAI-Portal/LCL_2WAY_WEIGHT/{INDEX}",
        licence="LLaMA licence (research only)",
        notice=_NOTICE,
        source=f"{_SOURCE}, [2-way-weight]",
        options={"image_merge": "last"},
    ),
    WeightCard(
        name="official-mix",
        file=INDEX,
        url=f"hf:ISEKAI-Portal/LCL-Mix/{INDEX}",
        licence="LLaMA licence (research only)",
        notice=_NOTICE,
        source=f"{_SOURCE}, [mix]",
        options={"image_merge": "last"},
    ),
)
"""The released checkpoints, each by the index of its parts."""

VISION = WeightCard(
    name="clip-vision-l",
    file="clip-vit-large-patch14.safetensors",
    url="hf:openai/clip-vit-large-patch14/model.safetensors",
    licence="MIT",
    source="openai/clip-vit-large-patch14, arXiv 2103.00020",
)
"""The frozen picture encoder of the released checkpoints, which do not hold it."""

CARD = LearnerCard(
    name="lcl",
    task=Task.LINKING,
    summary="Link-context learning with a multimodal language model: local, published, or remote.",
    cls="icl_linking.lcl.learner:LclLearner",
    paper="arXiv 2308.07891",
    weights=PUBLISHED,
    options={
        "model": "hub name or folder of an image-text-to-text model, or 'api:NAME' of an endpoint",
        "answers": "'sum', 'mean', 'calibrated' log-likelihood, 'generate', or 'first-token'",
        "layout": "'turns' shows each example as question and answer, 'single' all in one prompt",
        "question": "what is asked about each picture; default 'What is in the image?'",
        "list_labels": "True names the labels to choose from in the question",
        "max_new_tokens": "most tokens of a generated answer; default 32, officially 1024",
        "reuse": "False reads the examples again for each query and each answer",
        "image_merge": "published weights: 'last' picture alone, as released, or 'all'",
        "prompt": "published weights: wording of the 'evaluation' or of the 'demo'",
        "vision_weights": "published weights: file of CLIP ViT-L/14; default: downloaded once",
        "base_url": "address of an OpenAI-compatible endpoint, such as http://localhost:8000/v1",
        "key_variable": "environment variable with the endpoint's key; default OPENAI_API_KEY",
        "timeout": "seconds an endpoint has for one answer; default 60",
        "retries": "further tries after a failure of an endpoint that may pass; default 4",
        "concurrency": "requests at the same time; default 4",
        "log": "file that keeps every reply, so that runs go on; False = none",
        "failures": "'raise' when all is asked, or 'record' failed requests, without a label",
        "image_format": "'jpeg' or 'png' for pictures that are sent",
        "params": 'more fields of the request, such as {"seed": 1}',
        "price": "[in, out]: price of a million tokens, for the costs in the record",
    },
    preprocessing={
        "image_size": 224,
        "patch": 14,
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
    },
    extra="icl-linking[llm]",
    takes_file=True,
    takes_text=True,
)
