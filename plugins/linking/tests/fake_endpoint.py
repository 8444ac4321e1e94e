"""The endpoint of the tests: it knows the answer where an example has the query's picture."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests" / "support"))
from loopback_endpoint import FakeEndpoint as AnyEndpoint


class FakeEndpoint(AnyEndpoint):
    """Answers with the label of the example that has the query's picture, else with the first."""

    def __init__(self):
        super().__init__(nearest)


def nearest(body):
    """The label of the example that has the query's picture, else the first label."""
    pictures, labels = [], []
    for message in body["messages"]:
        if message["role"] == "assistant":
            labels.append(message["content"])
            continue
        pictures += [p["image_url"]["url"] for p in message["content"] if p["type"] == "image_url"]
    query = pictures.pop()
    known = dict(zip(pictures, labels, strict=False))
    return f"That is a {known.get(query, labels[0] if labels else 'picture')}."
