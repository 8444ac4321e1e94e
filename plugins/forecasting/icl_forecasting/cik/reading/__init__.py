"""What a text says about a series: English to the typed statements."""

from icl_forecasting.cik.reading.reader import read, read_document

__all__ = ["read", "read_document"]
