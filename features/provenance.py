"""Where a panel's values came from, step by step, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from features.terminal import one_line

# What became of a finding, mildest first.
Consequence = Literal["note", "value left out", "feature dropped", "day held back", "refused"]

# A value left out is missing in the windows that reach back to it; none is longer than a year.
REACH_DAYS = 366


@dataclass(frozen=True)
class Finding:
    """What a rule of plausibility noticed in one series.

    >>> day = pd.Timestamp("2025-11-20")
    >>> Finding("spike", "sol", day, day, 5.0, 100.0, "value left out", "is wrong", "wait").text
    'sol on 2025-11-20: is wrong (spike; value left out). Wait.'
    """

    rule: str
    series: str  # or coin
    first_day: pd.Timestamp
    last_day: pd.Timestamp  # included
    value: float  # the one that broke the rule
    factor: float  # by how many times it is off; NaN where that means nothing
    consequence: Consequence
    said: str  # what was seen, to follow series and days
    way_out: str

    @property
    def text(self) -> str:
        """The finding as a sentence; names are as long as their source makes them."""
        days = f"on {self.first_day:%Y-%m-%d}"
        if self.last_day > self.first_day:
            days = f"from {self.first_day:%Y-%m-%d} to {self.last_day:%Y-%m-%d}"
        way_out = self.way_out[:1].upper() + self.way_out[1:]
        series, said = one_line(self.series, longest=60), one_line(self.said, longest=400)
        return f"{series} {days}: {said} ({self.rule}; {self.consequence}). {way_out}."

    @property
    def withholds(self) -> bool:
        """Whether its days have no index, so that no forecast is made of them."""
        return self.consequence in ("day held back", "refused")

    def concerns(self, day: pd.Timestamp) -> bool:
        """Return whether a forecast of a day should mention it."""
        reach = pd.Timedelta(days=REACH_DAYS)
        # The last day of the data answers for a withheld day, which comes after it.
        begins = self.first_day - reach if self.withholds else self.first_day
        return self.consequence != "note" and begins <= day <= self.last_day + reach


@dataclass(frozen=True)
class Revision:
    """Values that a source has changed after they were first stored.

    >>> day = pd.Timestamp("2025-11-24")
    >>> Revision("BTC-USD", day, day, 1, 44e3, 88e3, pd.Timestamp("2025-12-10 06:20")).text
    'BTC-USD on 2025-11-24: 44000 became 88000 (seen 2025-12-10)'
    """

    series: str  # or ticker
    first_day: pd.Timestamp
    last_day: pd.Timestamp
    days: int  # how many values changed
    old: float  # of the first day
    new: float
    seen_at: pd.Timestamp  # UTC

    @property
    def text(self) -> str:
        """The revision as a sentence, without its full stop."""
        days = f"on {self.first_day:%Y-%m-%d}"
        if self.days > 1:
            days = f"on {self.days} days from {days[3:]} to {self.last_day:%Y-%m-%d}"
        series = one_line(self.series, longest=60)
        return f"{series} {days}: {self.old:g} became {self.new:g} (seen {self.seen_at:%Y-%m-%d})"


@dataclass(frozen=True)
class YearCoverage:
    """How much of the top 50 could be compared in a year."""

    year: int
    source: str  # of the prices: embedded or yahoo
    days: int  # with a ranking
    # Mean share (0-1) with a price on the day and 90 days before; dead and unknown coins count as
    # uncovered.
    coverage: float
    unused_days: int  # whose index is not used because too few coins were covered


@dataclass(frozen=True)
class DataProvenance:
    """How a panel was made, and what is wrong with it."""

    steps: tuple[str, ...] = ()  # a sentence each, in order
    problems: tuple[str, ...] = ()  # what is missing or weaker than in the embedded history
    sources: Mapping[str, str] = field(default_factory=dict)  # of each series
    coverage: tuple[YearCoverage, ...] = ()  # by year, oldest first
    since: pd.Timestamp | None = None  # first day that the problems concern; None: all days
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    terms: str = ""  # what the vendor of a source asks, of whatever rests on its data

    def problems_on(self, day: pd.Timestamp) -> tuple[str, ...]:
        """Return the problems and findings that concern a day."""
        problems = () if self.since is not None and day < self.since else self.problems
        return (*problems, *(finding.text for finding in self.findings_on(day)))

    def findings_on(self, day: pd.Timestamp) -> tuple[Finding, ...]:
        """Return the findings that concern a day."""
        return tuple(finding for finding in self.findings if finding.concerns(day))

    def withheld(self, day: pd.Timestamp) -> str | None:
        """Return why a rule withholds the index of a day, or None."""
        for finding in self.findings:
            if finding.withholds and finding.first_day <= day <= finding.last_day:
                return finding.text
        return None
