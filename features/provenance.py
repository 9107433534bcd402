"""Where a panel's values came from, step by step, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class YearCoverage:
    """How much of the top 50 could be compared in a year.

    Parameters
    ----------
    year : int
        Calendar year.
    source : {"embedded", "yahoo"}
        Where the prices came from.
    days : int
        Days with a ranking.
    coverage : float
        Mean share (0-1) of the top 50 with a price on the day and 90 days
        before; dead and unknown coins count as uncovered.
    unused_days : int
        Days whose index is not used because too few coins were covered.
    """

    year: int
    source: str
    days: int
    coverage: float
    unused_days: int


@dataclass(frozen=True)
class DataProvenance:
    """How a panel was made.

    Parameters
    ----------
    steps : tuple of str
        What was done, one sentence each, in order.
    problems : tuple of str
        What is missing, partial or weaker than in the embedded history, one
        sentence each.
    sources : mapping of str to str
        Where each series came from, by name.
    coverage : tuple of YearCoverage
        By year, oldest first.
    since : pandas.Timestamp, optional
        First day that the problems concern; without one they concern all days.
    """

    steps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    coverage: tuple[YearCoverage, ...] = ()
    since: pd.Timestamp | None = None

    def problems_on(self, day: pd.Timestamp) -> tuple[str, ...]:
        """Return the problems that concern a day."""
        return () if self.since is not None and day < self.since else self.problems
