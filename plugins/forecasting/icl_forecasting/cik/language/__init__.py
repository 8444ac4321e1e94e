"""Reads a text by grammar and closed word classes; it knows nothing about any subject."""

from icl_forecasting.cik.language.document import parse
from icl_forecasting.cik.language.model import (
    Clause,
    Document,
    Equation,
    EquationSystem,
    Listing,
    Quantity,
    Sentence,
    TimePhrase,
    Token,
)

__all__ = [
    "Clause",
    "Document",
    "Equation",
    "EquationSystem",
    "Listing",
    "Quantity",
    "Sentence",
    "TimePhrase",
    "Token",
    "parse",
]
