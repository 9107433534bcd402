"""How long answers are waited for over a network, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

DEADLINE_SECONDS = 30.0


@dataclass(frozen=True)
class Patience:
    """How long an answer is waited for, and who is told of it.

    Parameters
    ----------
    seconds : float
        The deadline.
    say : callable
        Takes a line for a person.
    """

    seconds: float = DEADLINE_SECONDS
    say: Callable[[str], None] = lambda text: None

    def countdown(self) -> Callable[[], float]:
        """Begin to wait; return what tells how many seconds are left, negative after the end."""
        end = time.monotonic() + self.seconds
        return lambda: end - time.monotonic()


# A Patience is frozen: one is as good as another.
_patience: ContextVar[Patience] = ContextVar("patience", default=Patience())  # noqa: B039


def patience() -> Patience:
    """Return how long an answer is waited for now."""
    return _patience.get()


@contextmanager
def patient(patience: Patience) -> Iterator[None]:
    """Wait so long for every answer in the block."""
    token = _patience.set(patience)
    try:
        yield
    finally:
        _patience.reset(token)
