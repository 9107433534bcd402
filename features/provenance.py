"""Where a panel's values came from, step by step, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

Consequence = Literal["note", "value left out", "feature dropped", "day held back", "refused"]

# A value left out is missing in the windows that reach back to it; none is longer than a year.
REACH_DAYS = 366


@dataclass(frozen=True)
class Finding:
    """One thing that a rule of plausibility noticed in the data.

    Parameters
    ----------
    rule : str
        Name of the rule in `features.plausibility.book.RULES`.
    series : str
        Series or coin.
    first_day, last_day : pandas.Timestamp
        The days concerned, both included.
    value : float
        The value that broke the rule.
    factor : float
        By how many times it is off; NaN where that means nothing.
    consequence : {"note", "value left out", "feature dropped", "day held back", "refused"}
        What became of it, mildest first.
    said : str
        What was seen, to follow series and days.
    way_out : str
        What can be done about it.

    Examples
    --------
    >>> day = pd.Timestamp("2025-11-20")
    >>> Finding("spike", "sol", day, day, 5.0, 100.0, "value left out", "is wrong", "wait").text
    'sol on 2025-11-20: is wrong (spike; value left out). Wait.'
    """

    rule: str
    series: str
    first_day: pd.Timestamp
    last_day: pd.Timestamp
    value: float
    factor: float
    consequence: Consequence
    said: str
    way_out: str

    @property
    def text(self) -> str:
        """The finding as a sentence."""
        days = f"on {self.first_day:%Y-%m-%d}"
        if self.last_day > self.first_day:
            days = f"from {self.first_day:%Y-%m-%d} to {self.last_day:%Y-%m-%d}"
        way_out = self.way_out[:1].upper() + self.way_out[1:]
        return f"{self.series} {days}: {self.said} ({self.rule}; {self.consequence}). {way_out}."

    @property
    def withholds(self) -> bool:
        """Whether its days have no index, so that no forecast is made of them."""
        return self.consequence in ("day held back", "refused")

    def concerns(self, day: pd.Timestamp) -> bool:
        """Tell whether a forecast of a day should say it."""
        reach = pd.Timedelta(days=REACH_DAYS)
        # A withheld day lies behind the last day of the data, which is the one that must say it.
        begins = self.first_day - reach if self.withholds else self.first_day
        return self.consequence != "note" and begins <= day <= self.last_day + reach


@dataclass(frozen=True)
class Revision:
    """Values that a source has changed after they were first stored.

    Parameters
    ----------
    series : str
        Ticker or series.
    first_day, last_day : pandas.Timestamp
        First and last day changed.
    days : int
        How many values changed.
    old, new : float
        Of the first day.
    seen_at : pandas.Timestamp
        Instant (UTC) at which the change was seen.

    Examples
    --------
    >>> day = pd.Timestamp("2025-11-24")
    >>> Revision("BTC-USD", day, day, 1, 44e3, 88e3, pd.Timestamp("2025-12-10 06:20")).text
    'BTC-USD on 2025-11-24: 44000 became 88000 (seen 2025-12-10)'
    """

    series: str
    first_day: pd.Timestamp
    last_day: pd.Timestamp
    days: int
    old: float
    new: float
    seen_at: pd.Timestamp

    @property
    def text(self) -> str:
        """The revision as a sentence, without its full stop."""
        days = f"on {self.first_day:%Y-%m-%d}"
        if self.days > 1:
            days = f"on {self.days} days from {days[3:]} to {self.last_day:%Y-%m-%d}"
        return (
            f"{self.series} {days}: {self.old:g} became {self.new:g} (seen {self.seen_at:%Y-%m-%d})"
        )


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
    findings : tuple of Finding
        What the rules of plausibility noticed.
    revisions : tuple of Revision
        What the source has changed after it was first stored.
    """

    steps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    coverage: tuple[YearCoverage, ...] = ()
    since: pd.Timestamp | None = None
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()

    def problems_on(self, day: pd.Timestamp) -> tuple[str, ...]:
        """Return the problems and findings that concern a day."""
        problems = () if self.since is not None and day < self.since else self.problems
        return (*problems, *(each.text for each in self.findings_on(day)))

    def findings_on(self, day: pd.Timestamp) -> tuple[Finding, ...]:
        """Return the findings that concern a day."""
        return tuple(each for each in self.findings if each.concerns(day))

    def withheld(self, day: pd.Timestamp) -> str | None:
        """Say why a day has no index, if a rule withholds it."""
        for finding in self.findings:
            # A day from the first withheld one on rests on it or lies behind it.
            if finding.withholds and finding.first_day <= day <= finding.last_day:
                return finding.text
        return None
