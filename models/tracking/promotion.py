"""When a training's choice becomes champion, and when it has to wait as challenger.

A training's own gate picks its best candidate (`models.verification.gate`).
That choice replaces the champion only if it is the same procedure on data that
end no earlier; whatever else was asked for is a trial, and a trial replaces
nothing unless a person says so.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import NamedTuple, Self

from models.errors import MALFORMED

GATE, HAND, ROLLBACK = "gate", "hand", "rollback"
ON_PURPOSE, ENDED = "on purpose", "ended"
# The same history and the days since.
_CONTINUES = {"yahoo": "reference", "coinmarketcap": "reference"}


@dataclass(frozen=True)
class Terms:
    """On what terms a gate made its choice.

    Parameters
    ----------
    definition : str
        The onset definition, whole.
    source : str
        Data source, such as ``reference``.
    horizons : tuple of int
        Days ahead that were verified.
    candidates : tuple of str
        Candidates that the gate compared.
    until : str
        Last day (ISO) of the data used.
    data_end : str
        Last day (ISO) of the data there were.
    primary : str
        Candidate that the gate had been told beforehand; empty where it chose by
        rank alone, as it once did.
    """

    definition: str
    source: str
    horizons: tuple[int, ...]
    candidates: tuple[str, ...]
    until: str
    data_end: str
    primary: str = ""

    def to_json(self) -> str:
        """Return the terms as JSON, for a tag."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | None) -> Self | None:
        """Return the terms that `to_json` wrote, None if it is not that."""
        try:
            stored = json.loads(text or "")
            return cls(
                definition=_whole(str(stored["definition"])),
                source=str(stored["source"]),
                horizons=tuple(int(days) for days in stored["horizons"]),
                candidates=tuple(str(name) for name in stored["candidates"]),
                until=str(stored["until"]),
                data_end=str(stored["data_end"]),
                primary=str(stored.get("primary", "")),
            )
        except MALFORMED:
            return None


@dataclass(frozen=True)
class Champion:
    """The champion that a new choice would replace.

    Parameters
    ----------
    version : str
        Its version number.
    terms : Terms, optional
        None if the version does not tell.
    promoted_by : str
        ``gate``, ``hand`` or ``rollback``.
    gate_choice : bool
        Whether its own training's gate chose it.
    hold : str
        `ON_PURPOSE`, `ENDED`, or empty where nothing was said.
    """

    version: str
    terms: Terms | None
    promoted_by: str
    gate_choice: bool
    hold: str = ""

    def held(self) -> str | None:
        """Say by whose hand it is champion against a gate, None if a gate may replace it."""
        if self.hold == ENDED:
            return None
        if self.hold == ON_PURPOSE:
            return "it is held on purpose"
        if self.promoted_by == ROLLBACK:
            return "it was rolled back to"
        if self.promoted_by == HAND and not self.gate_choice:
            return "it was promoted by hand although its gate had chosen another"
        return None


class Decision(NamedTuple):
    """Whether a choice becomes champion, and why."""

    promote: bool
    reason: str


def decide(new: Terms, champion: Champion | None, *, wanted: bool = True) -> Decision:
    """Decide whether a training's choice becomes champion.

    It does if there is no champion yet, or if its terms are the champion's: the
    same definition and horizons, its source or one that continues it, all of
    its candidates, all data there were, and those ending no earlier. What the
    gate chose does not matter, nor by which of its rules: the present one was
    declared for all trainings to come. Where it says that only climatology is
    left, climatology becomes champion, because skill that is no longer there
    must not be promised.

    Parameters
    ----------
    new : Terms
        The training's.
    champion : Champion, optional
        The present champion.
    wanted : bool
        False if the user asked not to promote.

    Examples
    --------
    >>> new = Terms("75", "reference", (30,), ("climatology",), "2025-12-10", "2025-12-10")
    >>> decide(new, None)
    Decision(promote=True, reason='there was no champion')
    >>> decide(new, None, wanted=False).reason
    '--no-promote was given'
    """
    if not wanted:
        return Decision(False, "--no-promote was given")
    if champion is None:
        return Decision(True, "there was no champion")
    if held := champion.held():
        return Decision(False, f"version {champion.version} stays champion: {held}")
    if champion.terms is None:
        return Decision(False, f"version {champion.version} does not state its terms")
    differences = _differences(new, champion.terms)
    if differences:
        return Decision(False, f"{'; '.join(differences)} (version {champion.version} is champion)")
    reason = f"its gate's choice on the terms of version {champion.version}"
    if new.primary != champion.terms.primary:
        reason += f", which was chosen before {new.primary or 'no candidate'} was declared"
    return Decision(True, reason)


def _whole(definition: str) -> str:
    """Return a definition with the sustained season, which those before it had unnamed."""
    return re.sub(r"(top=\d+)\)$", r"\1, sustained_days=30, sustained_within=90)", definition)


def _differences(new: Terms, old: Terms) -> list[str]:
    differences = []
    if new.definition != old.definition:
        differences.append(f"another definition: {new.definition}, not {old.definition}")
    if new.source != old.source and _CONTINUES.get(new.source) != old.source:
        differences.append(f"another source: {new.source}, not {old.source}")
    if new.horizons != old.horizons:
        differences.append(f"other horizons: {_days(new.horizons)}, not {_days(old.horizons)} days")
    if missing := [name for name in old.candidates if name not in new.candidates]:
        differences.append(f"a subset of the candidates: without {', '.join(missing)}")
    # ISO days compare as text. Equal ends are no obstacle: a training may be repeated.
    if new.until < new.data_end:
        differences.append(f"--until {new.until} leaves out data until {new.data_end}")
    if new.until < old.until:
        differences.append(f"the data end on {new.until}, before the champion's on {old.until}")
    return differences


def _days(horizons: tuple[int, ...]) -> str:
    return ",".join(map(str, horizons))
