"""Forecasters that learn nothing beforehand: what every in-context learner has to beat."""

from __future__ import annotations
