"""Learners with one fault each."""

import sys

import numpy as np
from icl_echo.learner import Echo


class NotALearner:
    pass


class Raises(Echo):
    def _predict(self, prepared, queries, **options):
        if self.card.name == "needs-extra":
            import a_library_nobody_has  # noqa: F401
        raise ZeroDivisionError("dividing by nothing")


class Exits(Echo):
    def _predict(self, prepared, queries, **options):
        sys.exit(5)


class WrongType(Echo):
    def _predict(self, prepared, queries, **options):
        return ["tomorrow" for _ in queries]


class NoList(Echo):
    def _predict(self, prepared, queries, **options):
        return None


class TooShort(Echo):
    def _predict(self, prepared, queries, **options):
        return super()._predict(prepared, queries)[:-1]


class Deaf(Echo):
    def _prepare(self, context):
        return 1.0


class Random(Echo):
    def _prepare(self, context):
        return super()._prepare(context) + np.random.rand()


class TakesAnything(Echo):
    def __init__(self, card, load, **options):
        super().__init__(card, load)
