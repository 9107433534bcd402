"""What a live source is asked for, and what it notes while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from features.provenance import Finding, Revision
from features.sources.yahoo.price_cache import Mode, PriceCache

Witness = Callable[[pd.DataFrame, pd.Series], str | None]


@dataclass
class Notes:
    """What is said of a panel while it is made: steps, problems, findings, revisions."""

    steps: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    revisions: dict[Revision, None] = field(default_factory=dict)
    terms: str = ""  # of the vendor


@dataclass(frozen=True)
class Request:
    """What to load, and how."""

    cache: PriceCache
    now: pd.Timestamp  # UTC
    mode: Mode  # fetch what is stale, nothing, or everything
    simulations: Path  # directory of computed simulations
    flows: Path  # directory of imported fund figures
    universe: Path | None = None  # a user's, for the days after the embedded history
    jobs: int = 1  # threads of the simulation
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None
    # Rankings of others by the day on whose end they were known; columns ticker, market_cap_usd.
    rankings: Mapping[pd.Timestamp, pd.DataFrame] = field(default_factory=dict)
    # Takes closes by day x coin and Bitcoin's; returns in what they are contradicted.
    witness: Witness | None = None

    @property
    def today(self) -> pd.Timestamp:
        """The UTC day of the instant."""
        return self.now.tz_localize(None).normalize().as_unit("s")


def named(things: list[str], limit: int = 8) -> str:
    """Return names as a list for people, the first ones only.

    >>> named(["a", "b", "c"], limit=2)
    'a, b and 1 more'
    """
    shown = ", ".join(things[:limit])
    return shown if len(things) <= limit else f"{shown} and {len(things) - limit} more"
