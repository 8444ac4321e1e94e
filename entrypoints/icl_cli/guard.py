"""The root command group: how errors become sentences, and where plugins' commands come in."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from icl_core.errors import IclError

if TYPE_CHECKING:
    from icl_core.catalogue import Entry

# Newer versions of typer carry their own click: take the class from typer, whichever it is.
_ClickException: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)


class Commands(TyperGroup):
    """The `icl` group. `--debug` is taken wherever it stands."""

    _listing = False

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` out of the arguments, so that it works after the command as well."""
        debug = "--debug" in args
        ctx.meta["icl.debug"] = debug
        _log_to_stderr(logging.INFO if debug else logging.WARNING)
        rest: list[str] = super().parse_args(ctx, [word for word in args if word != "--debug"])
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an `IclError` is one or two lines, never a traceback."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, _ClickException):
            raise
        except BrokenPipeError:
            # The reader has seen enough (`icl list | head`).
            raise typer.Exit(0) from None
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(130) from None
        except Exception as error:
            if ctx.meta["icl.debug"]:
                import traceback

                traceback.print_exc()
            raise typer.Exit(report(error)) from None

    def list_commands(self, ctx: Any) -> list[str]:
        """Own commands in the order they were added, then those of plugins."""
        own = list(self.commands)
        return own + [name for name in _plugin_commands() if name not in self.commands]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """An own command, or a plugin's, imported only when it is run."""
        if cmd_name in self.commands:
            return self.commands[cmd_name]
        commands = _plugin_commands()
        if cmd_name not in commands:
            return None
        entry = commands[cmd_name]
        if self._listing:
            return TyperCommand(cmd_name, help=f"From the plugin {entry.plugin.name}.")
        return _import_command(entry)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any plugin's."""
        self._listing = True
        try:
            super().format_commands(ctx, formatter)
        finally:
            self._listing = False


def say(text: str) -> None:
    """Write one line to stderr."""
    typer.echo(text, err=True)


def warn_of_broken_plugins() -> None:
    """Write one line to stderr when a plugin failed to load."""
    from icl_core import plugins

    failed = [one.name for one in plugins.reports() if one.error]
    if failed:
        say(f"Not loaded: {', '.join(failed)}. `icl plugins` says why.")


def report(error: Exception) -> int:
    """Write an error as a sentence to stderr and return the exit code that goes with it."""
    if isinstance(error, IclError):
        say(f"Error: {error.message}")
        if error.hint:
            say(f"Hint: {error.hint}")
        return 2
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        say(f"Error: {error.strerror}{place}")
        return 1
    say(f"Error: {type(error).__name__}: {error}")
    say("Hint: this should not happen; run it again with --debug to see where it does")
    return 1


def _plugin_commands() -> dict[str, Entry]:
    from icl_core import catalogue

    return {entry.name: entry for entry in catalogue.entries("icl_commands") if entry.first}


def _import_command(entry: Entry) -> Any:
    from icl_core import catalogue

    what = f"the command {entry.name} of {entry.plugin}"
    command = catalogue.import_object(entry.value, what)
    return typer.main.get_command(command) if isinstance(command, typer.Typer) else command


class _ToStderr(logging.Handler):
    """Writes to whatever stderr is at the time; tests and notebooks exchange it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def _log_to_stderr(level: int) -> None:
    logger = logging.getLogger("icl")
    logger.setLevel(level)
    if not any(isinstance(handler, _ToStderr) for handler in logger.handlers):
        handler = _ToStderr()
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        logger.addHandler(handler)
