"""Conditioning: a reading, a history and a base forecaster give a forecast that obeys the text."""

from __future__ import annotations

from icl_forecasting.cik.condition.pipeline import Conditioned, Plan, condition, finish, plan

__all__ = ["Conditioned", "Plan", "condition", "finish", "plan"]
