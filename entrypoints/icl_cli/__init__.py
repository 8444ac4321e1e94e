"""The `icl` command. `main` is the console script; the commands are in their own modules."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run `icl` on the process's arguments and exit with its code.

    0 is success, 1 a failure, 2 wrong usage or input, 3 partly failed, 130 interrupted.
    """
    signal.signal(signal.SIGINT, _interrupt_once)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal that cannot show a character must not end the command.
            stream.reconfigure(errors="backslashreplace")
    code: int | str | None = 0
    try:
        from icl_cli.app import app

        app(prog_name="icl")
    except SystemExit as stop:
        code = stop.code
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = 130
    except BrokenPipeError:
        pass
    sys.exit(_flush(code))


def _interrupt_once(number: int, frame: FrameType | None) -> None:
    # The second Ctrl-C finds the default handler and ends the process at once.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _flush(code: int | str | None) -> int | str | None:
    """Flush stdout while a closed pipe can still be caught; at exit Python would complain."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
