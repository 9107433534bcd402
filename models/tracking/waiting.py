"""One deadline for whatever is waited for over a network, said while it is waited for."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from models.errors import Unanswered
from models.patience import Patience, patience

# After this long a person wonders what is going on.
_SAY_AFTER_SECONDS = 2.0
_TIDY_SECONDS = 1.0
_TIMEOUT = "MLFLOW_HTTP_REQUEST_TIMEOUT"
_GIVEN = os.environ.get(_TIMEOUT)


class _Expired(BaseException):
    """The deadline has passed; no library between takes it for an error of its own."""


class _Alarm:
    """The alarm of one block: it tells a person first, and ends the block when it rings again."""

    def __init__(self, server: str, patience: Patience) -> None:
        self.server, self.patience, self.said = server, patience, False
        self.first_seconds = min(_SAY_AFTER_SECONDS, patience.seconds / 2)

    def set(self) -> None:
        """Begin the time anew."""
        seconds = self.patience.seconds if self.said else self.first_seconds
        signal.setitimer(signal.ITIMER_REAL, seconds)

    def ring(self, number: int, frame: FrameType | None) -> None:
        if self.said:
            # What is tidied up on the way out asks the same silent server.
            signal.setitimer(signal.ITIMER_REAL, _TIDY_SECONDS, _TIDY_SECONDS)
            raise _Expired
        self.said = True
        signal.setitimer(signal.ITIMER_REAL, self.patience.seconds - self.first_seconds)
        self.patience.say(f"waiting for {self.server}, up to {self.patience.seconds:g} s ...")


_alarm: ContextVar[_Alarm | None] = ContextVar("alarm", default=None)


@contextmanager
def waiting(server: str) -> Iterator[None]:
    """Give up what is done in the block if that takes longer than the deadline.

    One that is inside another one begins its time anew, as `renew` does. Where the system has no
    alarm (Windows), or outside the main thread, the deadline holds for each answer alone.

    Parameters
    ----------
    server : str
        Its address, to be shown.

    Raises
    ------
    Unanswered
        If the deadline has passed.
    """
    # Who tidies up asks the same silent server: that must not take as long again.
    given = Patience(_TIDY_SECONDS) if _has_been_silent() else patience()
    os.environ[_TIMEOUT] = _GIVEN or str(math.ceil(given.seconds))
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(max(2, math.ceil(given.seconds))))
    main = threading.current_thread() is threading.main_thread()
    if _alarm.get() or not main or not hasattr(signal, "SIGALRM"):
        renew()
        yield
        return
    if server.startswith("postgresql"):
        _let_alarms_in()
    alarm = _Alarm(server, given)
    before = signal.signal(signal.SIGALRM, alarm.ring)
    token = _alarm.set(alarm)
    try:
        alarm.set()
        yield
    except _Expired as error:
        raise Unanswered(
            f"{server} has not answered within {given.seconds:g} s; try again later, or wait "
            f"longer with --deadline SECONDS."
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        _alarm.reset(token)


def renew() -> None:
    """Begin the time anew, because an answer has come; nothing where none is waited for."""
    if alarm := _alarm.get():
        alarm.set()


def _has_been_silent() -> bool:
    """Tell whether what is done now is done because a server has not answered."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Unanswered):
        error = error.__context__
    return error is not None


def _let_alarms_in() -> None:
    """Make PostgreSQL's client psycopg2, if that is installed, wait where an alarm is heard.

    By itself it waits in C. Source: https://www.psycopg.org/docs/advanced.html (green support).
    """
    with contextlib.suppress(ImportError):
        from psycopg2.extensions import POLL_OK, POLL_READ, set_wait_callback

        def wait(connection: Any) -> None:  # noqa: ANN401 - of a package that need not be there
            while (state := connection.poll()) != POLL_OK:
                readers, writers = ([connection], []) if state == POLL_READ else ([], [connection])
                select.select(readers, writers, [])

        set_wait_callback(wait)
