"""What a live source is asked for, and what it says while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from features.provenance import Finding, Revision

if TYPE_CHECKING:
    from features.sources.yahoo.price_cache import Mode, PriceCache

Stage = Callable[[str, int, int], None]


@dataclass
class Notes:
    """What is said of a panel while it is made: steps, problems, findings, revisions."""

    steps: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    revisions: dict[Revision, None] = field(default_factory=dict)

    def add(self, others: Notes) -> None:
        """Take over what others hold."""
        self.steps += others.steps
        self.problems += others.problems
        self.findings += others.findings
        self.revisions |= others.revisions


@dataclass(frozen=True)
class Request:
    """What to load.

    Parameters
    ----------
    cache : PriceCache
        Closes and rankings.
    now : pandas.Timestamp
        Current instant, UTC.
    mode : {"online", "offline", "refresh"}
        Fetch what is missing, nothing, or everything.
    simulations : pathlib.Path
        Directory of computed simulations.
    flows : pathlib.Path
        Directory of imported fund figures.
    universe : pathlib.Path, optional
        A user's universe for the days after the embedded history.
    jobs : int
        Threads of the simulation.
    progress : callable
        Called with the stage, the steps done and of all.
    """

    cache: PriceCache
    now: pd.Timestamp
    mode: Mode
    simulations: Path
    flows: Path
    universe: Path | None = None
    jobs: int = 1
    progress: Stage = lambda stage, done, total: None

    @property
    def today(self) -> pd.Timestamp:
        """The UTC day of the instant."""
        return self.now.tz_localize(None).normalize().as_unit("s")


def named(things: list[str], limit: int = 8) -> str:
    """Return names as a list for people, the first ones only.

    Examples
    --------
    >>> named(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(things[:limit])
    return shown if len(things) <= limit else f"{shown} and {len(things) - limit} more"
