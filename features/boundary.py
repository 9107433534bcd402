"""What an error says to a person: one line, whatever it is; imports nothing heavy.

`models.cli.boundary` is built on it; the commands of `features` end by it.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable

from features.plain_text import one_line, printable

DEBUG = "--debug"
FAILURE = 1
DATA = 3
_LONGEST_NAME = 120
_LONGEST = 500


def message_of(error: Exception) -> str:
    """Return what an error that nobody has foreseen says to a person.

    Parameters
    ----------
    error : Exception
        Of the system, of which the file and the reason are told; or any other one.

    Examples
    --------
    >>> message_of(OSError(36, "File name too long", "a.csv"))
    'a.csv: File name too long.'
    >>> message_of(ZeroDivisionError("of all things"))
    'unexpected ZeroDivisionError: of all things; --debug shows where it came from.'
    """
    if isinstance(error, OSError) and error.strerror:
        file = f"{short(str(error.filename), _LONGEST_NAME)}: " if error.filename else ""
        return f"{file}{one_line(error.strerror)}."
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    said = short(next(iter(str(error).splitlines()), ""), _LONGEST)
    return (
        f"unexpected {type(error).__name__}{f': {said}' if said else ''}; "
        f"{DEBUG} shows where it came from."
    )


def short(text: str, longest: int = 80) -> str:
    """Return text on one line, cut off if it is longer.

    Examples
    --------
    >>> short("a path", 4), short("a path", 6)
    ('a pa...', 'a path')
    """
    line = one_line(text)
    return line if len(line) <= longest else f"{line[:longest]}..."


def answer_fault(text: str) -> str | None:
    """Write the answer to stdout, ending in one newline; return why that failed, None if not."""
    # The type checker knows none: a process whose stdout is closed has none.
    stream: io.TextIOBase | None = sys.stdout  # type: ignore[assignment]
    if stream is None:
        return "it is closed"
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        plain = printable(text.rstrip("\n"), styled=stream.isatty())
        stream.write(plain.encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()
    except OSError as error:
        drop_stdout()
        return error.strerror or str(error)
    return None


def buffer_stdout() -> None:
    """Let a write to stdout be whole or fail.

    Unbuffered (``python -u``), what a full disk does not take of a write is lost without a word.
    """
    if sys.stdout and isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        target = open(1, "wb", closefd=False)  # noqa: SIM115 (a descriptor, for good)
        sys.stdout = io.TextIOWrapper(
            target, encoding=sys.stdout.encoding, errors=sys.stdout.errors
        )


def drop_stdout() -> None:
    """Let what is still in stdout's buffer go nowhere, so that the exit does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def ended(command: Callable[[], int], *, data_error: type[Exception], data_code: int = DATA) -> int:
    """Run a command without options of typer; return its exit code, after one message if it fails.

    Parameters
    ----------
    command : callable
        Returns its exit code.
    data_error : type
        The error by which data are refused.
    data_code : int
        The exit code of that.
    """
    buffer_stdout()
    try:
        code = command()
        if sys.stdout:
            sys.stdout.flush()
        return code
    except data_error as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return data_code
    except Exception as error:
        if DEBUG in sys.argv[1:]:
            raise
        drop_stdout()
        print(f"error: {message_of(error)}", file=sys.stderr)
        return FAILURE
