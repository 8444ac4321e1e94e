"""The learners of the toys."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from icl_core import Classification, InputError, Learner


class First(Learner):
    """Answers with the first label."""

    def __init__(self, card, load, sleep=0.0, fail=None, log=None, **options):
        super().__init__(card, load, **options)
        self.sleep, self.fail, self.log = sleep, fail, log

    def _prepare(self, context):
        if not context.examples:
            raise InputError("the context has no example")
        return context

    def _predict(self, context, queries, **options):
        answers = []
        for query in queries:
            time.sleep(self.sleep)
            if self.fail is not None and int(query[0, 0, 0]) == self.fail:
                raise ValueError(f"a query of brightness {self.fail}")
            if self.log is not None:
                with Path(self.log).open("a") as file:
                    file.write(f"{query[0, 0].tolist()}\n")
            answers.append(self._answer(context, query))
        return answers

    def _answer(self, context, query):
        return Classification(str(context.examples[0].output))


class Nearest(First):
    """Answers with the label of the example whose colour is nearest, the last of equals."""

    def _answer(self, context, query):
        far = [
            float(np.abs(e.input[0, 0].astype(float) - query[0, 0]).sum()) for e in context.examples
        ]
        place = len(far) - 1 - int(np.argmin(far[::-1]))
        return Classification(str(context.examples[place].output))
