"""The chain of a ledger: each line holds the seal of the line before, so that a gap shows.

Lines of the schemas before it have no such link. The chain starts at the first line that has one,
which holds the seal of the last line without; what is before that can have been removed unseen.
Nor does a chain show that its end is missing: for that a copy is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from models.seal import check_signature, signature

PREVIOUS = "previous"
SIGNATURE = "hmac"
# What the first line of a ledger has instead of the seal of a line before.
NOTHING = "0" * 64
_PURPOSE = "altseason.ledger"

SealOf = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True)
class Chain:
    """The end of a ledger, to which the next line is linked.

    Parameters
    ----------
    seal : str
        Seal of the last line.
    line : int
        Its number, 0 if there is none.
    begun_at : int, optional
        Number of the first line that is linked, None if none is yet.
    """

    seal: str = NOTHING
    line: int = 0
    begun_at: int | None = None

    def linked(self, content: Mapping[str, Any], seal_of: SealOf) -> dict[str, Any]:
        """Return a line's content with its link and, where a key is set, its signature."""
        linked = {**content, PREVIOUS: self.seal}
        signed = signature(_PURPOSE, seal_of(linked))
        return linked if signed is None else {**linked, SIGNATURE: signed}

    def after(
        self, content: Mapping[str, Any], seal: str, line: int, seal_of: SealOf, *, links: bool
    ) -> Chain:
        """Return the chain with a further line; ValueError if that does not follow.

        Parameters
        ----------
        content : mapping
            The line without its seal.
        seal : str
            The seal.
        line : int
            Its number.
        seal_of : callable
            Gives the seal of a content.
        links : bool
            Whether lines of its schema are linked.
        """
        if not links:
            if self.begun_at is not None:
                raise ValueError(f"it has no link, and lines are linked from {self.begun_at} on")
            return Chain(seal, line)
        if content[PREVIOUS] != self.seal:
            raise ValueError(_gap(content[PREVIOUS], self.line))
        unsigned = {name: value for name, value in content.items() if name != SIGNATURE}
        check_signature(_PURPOSE, seal_of(unsigned), content.get(SIGNATURE))
        return Chain(seal, line, self.begun_at or line)


def _gap(previous: str, line: int) -> str:
    if previous == NOTHING:
        return "it was the first line of a ledger, and others stand before it"
    place = f"after line {line}" if line else "before it"
    return f"a line that was {place} is missing or another one"
