"""The learner `prior-label`: the examples' most frequent label, whatever the query shows.

With as many examples of each class it is right as often as chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from icl_core import Classification, Context, InputError, Learner, Video


class PriorLabel(Learner):
    """Answers with the label that most examples have, the first shown of equals.

    Its probabilities are the shares of the labels among the examples. In a video every frame has
    the same answer.
    """

    def _prepare(self, context: Context) -> Classification:
        counts = Counter(str(example.output) for example in context.examples)
        if not counts:
            raise InputError("the context has no example, expected at least one")
        shares = np.array(list(counts.values()), np.float32)
        label = max(counts, key=lambda name: counts[name])
        return Classification(label, tuple(counts), shares / shares.sum())

    def _predict(
        self, prepared: Classification, queries: Sequence[Any], **options: Any
    ) -> list[Any]:
        return [
            [prepared for _ in query.frames] if isinstance(query, Video) else prepared
            for query in queries
        ]
