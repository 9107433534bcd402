"""An error for machines: with `--json` a command that fails answers in JSON too.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from typer.core import TyperGroup

from features.terminal import printable, write_answer

ERROR_SCHEMA = "altseason.error/1"
USAGE = 2


class _Asked:
    """Whether the command that runs was asked for JSON, and whether it has answered already."""

    json = False
    answered = False


def answered() -> None:
    """Note that stdout holds the answer: an error after it is on stderr alone."""
    _Asked.answered = True


def report_error(message: str, *, kind: str, exit_code: int) -> None:
    """Print an error under the schema `altseason.error/1` on stdout, where JSON was asked for.

    Parameters
    ----------
    message : str
        What stands on stderr, without "error: ".
    kind : str
        One of "usage", "data", "ledger", "source", "store", "sweep", "failure", "unexpected".
    exit_code : int
        With which the process ends.
    """
    if not _Asked.json or _Asked.answered:
        return
    content = {
        "schema": ERROR_SCHEMA, "error": message, "kind": kind, "exit_code": exit_code,
    }  # fmt: skip
    # Where stdout takes nothing, stderr and the exit code have to do.
    write_answer(json.dumps(content, indent=2))
    answered()


class Commands(TyperGroup):
    """The commands of a script: refusals are plain text, and JSON too if JSON was asked for."""

    # Typer keeps the types of contexts to itself.
    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401
        **extra: Any,
    ) -> Any:  # noqa: ANN401
        """Parse the script's own options."""
        # Looked for by name: arguments that cannot be parsed have no values.
        _Asked.json, _Asked.answered = "--json" in args, False
        with _usage_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401
        """Run the script or the command behind it."""
        with _usage_errors():
            return super().invoke(ctx)


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # What Typer itself prints on stderr knows its text; Exit and Abort have none.
        if (text := getattr(error, "format_message", None)) is not None:
            # Nothing that steers a terminal comes out of an argument into the refusal of it.
            vars(error)["message"] = printable(str(vars(error)["message"]))
            report_error(text(), kind="usage", exit_code=USAGE)
        raise
