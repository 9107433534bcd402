"""What the commands write to: a stdout that must take the answer, a stderr that may fail.

Imports nothing heavy, so that `--help` answers at once.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from features.terminal import DEBUG, FAILURE, buffer_stdout, drop_stdout, message_of, printable

# Signals that ask a process to end: of `kill`, and of a terminal that is closed.
_ENDING = ("SIGTERM", "SIGHUP")
_SIGNALLED = 128  # and the signal's number: the exit code
_SOON_SECONDS = 0.01


class _Forgiving(io.TextIOWrapper):
    """A stream whose failure fails nothing: what goes to stderr is never the answer."""

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            super().flush()


def run(command: Callable[[], object]) -> NoReturn:
    """Run a command as a process of its own; it ends with the command's exit code.

    Closed standard streams are opened on nothing, lest a database become what messages are written
    to; a full or closed stderr changes no exit code; SIGTERM and SIGHUP end the command as Ctrl-C
    does, with 128 and their number.
    """
    _fill_gaps()
    buffer_stdout()
    sys.unraisablehook = _heed
    for name in _ENDING:
        number = getattr(signal, name, None)
        # Of nohup: what a process was started to outlive does not end it.
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _end)
    code: object = 0
    try:
        try:
            _require_place()
            command()
        except SystemExit as ended:
            code = ended.code
        if sys.stdout:
            sys.stdout.flush()
    except Exception as error:  # of --help, which typer writes itself, or of nobody knows what
        if DEBUG in sys.argv[1:]:
            raise
        drop_stdout()
        tell(f"error: {message_of(error)}")
        code = FAILURE
    if _Leaving.at_once:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)
    raise SystemExit(code)


def _require_place() -> None:
    """Refuse to work in a directory that has been removed: every path there would seem absent."""
    try:
        Path.cwd()
    except OSError as error:
        tell(f"error: the working directory cannot be used ({error.strerror}); change to another.")
        raise SystemExit(FAILURE) from error


def _heed(lost: sys.UnraisableHookArgs) -> None:
    """Send a signal again whose exception came where Python loses it: while it tidied up."""
    error = lost.exc_value
    code = error.code if isinstance(error, SystemExit) else None
    if isinstance(error, KeyboardInterrupt):
        code = _SIGNALLED + int(signal.SIGINT)
    if isinstance(code, int) and code > _SIGNALLED:
        # To this process, not to the timer's thread: the main one may be waiting.
        again = [os.getpid(), code - _SIGNALLED]
        threading.Timer(_SOON_SECONDS, os.kill, again).start()
    elif isinstance(error, Exception):  # the alarm of a deadline, which is none, rings once more
        sys.__unraisablehook__(lost)


class _Leaving:
    """How the process is to end."""

    at_once = False


def leave_at_once() -> None:
    """End the process without waiting for threads: they wait for a server that is silent."""
    _Leaving.at_once = True


def tell(text: str) -> None:
    """Write a line for a person to stderr, if there is one."""
    # As above: it may be closed.
    stream: io.TextIOBase | None = sys.stderr  # type: ignore[assignment]
    if stream is not None:
        with contextlib.suppress(OSError):
            stream.write(printable(text) + "\n")
            stream.flush()


def _fill_gaps() -> None:
    """Open what of the three standard streams is closed on nothing, and forgive stderr."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free is this one
    if os.name == "nt" and sys.stderr:
        return  # a console there takes text, not bytes
    encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
    target = open(2, "wb", closefd=False)  # noqa: SIM115 (a descriptor, for good)
    sys.stderr = _Forgiving(
        target, encoding=encoding, errors="backslashreplace", line_buffering=True
    )


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_SIGNALLED + number)
