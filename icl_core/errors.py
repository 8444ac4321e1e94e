"""Every error that a user can cause or meet, by cause.

The command line prints `message` and `hint` and no traceback; the server maps each class to
one HTTP status. A message says what was wrong, which value, and what would be right; the hint
says what to type.
"""

from __future__ import annotations


class IclError(Exception):
    """Base of all errors that are sentences to a person.

    Args:
        message: what was wrong, where, and what was expected.
        hint: what to do about it, if there is something to do.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} ({self.hint})"


class InputError(IclError):
    """The given data or option cannot be used as it is."""


class UnknownNameError(IclError):
    """No learner, weights, metric or suite has this name."""


class WeightsError(IclError):
    """A weights file is missing, damaged, or does not fit the network."""


class UntrustedFileError(IclError):
    """A file wants to run code when it is read; nothing of it was run."""


class MissingExtraError(IclError):
    """An optional library is needed for what was asked."""


class PluginError(IclError):
    """A plugin failed to load, or failed while it was working."""


class OfflineError(IclError):
    """The network is switched off and the file is not here."""
