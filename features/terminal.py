"""What reaches a terminal: printable text, one-line errors, aligned tables, the answer on stdout.

Imports nothing heavy; the boundaries of all commands are built on it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import zip_longest

DEBUG = "--debug"
FAILURE = 1
DATA = 3
_LONGEST_NAME = 120
_LONGEST_REASON = 500

# Control characters (C0 but for tab and newline, delete, C1), the invisible ones that join, hide or
# reorder text, line separators, and surrogates, which are no characters.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)
# The styles of `models.report.terminal`: bold, faint, bold cyan, yellow, plain.
_STEERING_BUT_STYLES = re.compile(rf"(?!\x1b\[(?:0|1|2|1;36|33)m){_STEERING.pattern}")


def printable(text: str, *, styled: bool = False) -> str:
    r"""Return text with a "?" for whatever would steer a terminal or reorder what it shows.

    >>> printable("one\x1b]0;title\x07\ntwo\u202e"), printable("\x1b[1mbold\x1b[0m", styled=True)
    ('one?]0;title?\ntwo?', '\x1b[1mbold\x1b[0m')
    """
    return (_STEERING_BUT_STYLES if styled else _STEERING).sub("?", text.replace("\r\n", "\n"))


def one_line(value: object, *, longest: int | None = None) -> str:
    r"""Return a value for a message or a cell: printable, on one line, cut off where too long.

    >>> one_line("a reason\nand\ta line"), one_line("a path", longest=4)
    ('a reason and a line', 'a pa...')
    """
    line = " ".join(printable(str(value)).split())
    return line if longest is None or len(line) <= longest else f"{line[:longest]}..."


def message_of(error: Exception) -> str:
    """Return the message for an error that no command foresees; the system's name their file.

    >>> message_of(OSError(36, "File name too long", "a.csv"))
    'a.csv: File name too long.'
    >>> message_of(ZeroDivisionError("of all things"))
    'unexpected ZeroDivisionError: of all things; --debug shows where it came from.'
    """
    if isinstance(error, OSError) and error.strerror:
        name = one_line(error.filename, longest=_LONGEST_NAME) if error.filename else ""
        return f"{name}: {one_line(error.strerror)}." if name else f"{one_line(error.strerror)}."
    if isinstance(error, MemoryError):
        return "there is not enough memory."
    reason = one_line(next(iter(str(error).splitlines()), ""), longest=_LONGEST_REASON)
    return (
        f"unexpected {type(error).__name__}{f': {reason}' if reason else ''}; "
        f"{DEBUG} shows where it came from."
    )


def aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Return a line per row, its cells under each other ("<" left, ">" right) two blanks apart.

    As wide as its cells and plain ASCII, wherever it is printed: a table that is folded to a
    terminal's width cannot be searched line by line. The last side stands for all later columns.

    >>> aligned([("", "30 days"), ("pool", "+0.40")], "<>")
    ['      30 days', 'pool    +0.40']
    """
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        "  ".join(
            f"{cell:{sides[min(at, len(sides) - 1)]}{widths[at]}}" for at, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def write_answer(text: str) -> str | None:
    """Write the answer to stdout, ending in one newline; return why that failed, or None."""
    # A process whose stdout was closed before it began has None here; the type stubs deny it.
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
    """Make a write to stdout whole or fail: unbuffered, a full disk loses the rest unnoticed."""
    if sys.stdout and isinstance(getattr(sys.stdout, "buffer", None), io.RawIOBase):
        target = open(1, "wb", closefd=False)  # noqa: SIM115 (a descriptor, for good)
        sys.stdout = io.TextIOWrapper(
            target, encoding=sys.stdout.encoding, errors=sys.stdout.errors
        )


def drop_stdout() -> None:
    """Discard what is still in stdout's buffer, so that the exit does not fail again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_code_of(
    command: Callable[[], int], *, data_error: type[Exception], data_code: int = DATA
) -> int:
    """Run a command that is not built with typer; a failure is one message and its exit code."""
    buffer_stdout()
    try:
        code = command()
        if sys.stdout:
            sys.stdout.flush()
        return code
    except data_error as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return data_code
    except Exception as error:
        if DEBUG in sys.argv[1:]:
            raise
        drop_stdout()
        print(f"error: {message_of(error)}", file=sys.stderr)
        return FAILURE
