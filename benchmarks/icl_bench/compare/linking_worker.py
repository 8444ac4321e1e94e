"""What a peer of the linking comparison loads; run by `worker.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Call = Callable[[], Any]


def load(request: dict[str, Any]) -> dict[str, Call]:
    """Return what can be called; each gives the labels' scores, float64 [queries, labels].

    - "once": a context is prepared once, then all queries.
    - "query": the context and one query, for each query from the beginning.
    - "plain": the context, a query and one label, for each of them from the beginning.
    """
    import numpy as np

    import icl_core as icl

    pictures, labels, shots = (
        list(np.load(request["pictures"])),
        request["labels"],
        request["shots"],
    )
    shown = [(pictures[n], labels[n % len(labels)]) for n in range(shots)]
    context, queries = icl.Context(tuple(icl.Example(*one) for one in shown)), pictures[shots:]
    reusing, plain = (
        icl.load(
            "lcl",
            model=request["model"],
            device=request["device"],
            dtype="float32",
            layout=request["layout"],
            reuse=reuse,
        )
        for reuse in (True, False)
    )

    def scores(answers: Any) -> Any:
        return np.array([[one.meta["scores"][label] for label in labels] for one in answers])

    return {
        "first": lambda: scores(reusing.prepare(context).predict(queries[:1])),
        "once": lambda: scores(reusing.prepare(context).predict(queries)),
        "query": lambda: scores([icl.predict(reusing, context, query) for query in queries]),
        "plain": lambda: scores(plain.prepare(context).predict(queries)),
    }
