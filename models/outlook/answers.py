"""What an outlook answers."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.outlook.window import OutlookWindow


@dataclass(frozen=True)
class Chance:
    """P(at least one onset of the kind in the window), its credible interval and the base rate.

    For a kind that has begun (`begun_on`) probability, low and high are 1.
    """

    kind: str
    probability: float
    low: float
    high: float
    climatology: float
    begun_on: pd.Timestamp | None


@dataclass(frozen=True)
class FirstOnset:
    """When the first onset after as_of falls; `months` and `none` sum to 1, `quarters` likewise.

    A bound is None where the onset has not come by the window's end with that probability.
    """

    kind: str
    months: tuple[tuple[str, float], ...]
    quarters: tuple[tuple[str, float], ...]
    none: float
    median: pd.Timestamp | None
    interval_50: tuple[pd.Timestamp | None, pd.Timestamp | None]
    interval_90: tuple[pd.Timestamp | None, pd.Timestamp | None]


@dataclass(frozen=True)
class DaysInSeason:
    """Days at the threshold in the window; for a year those since 1 January (`known`) count.

    `low` and `high` are the 90 % interval, `low_50` and `high_50` the middle half, `none` P(0).
    """

    kind: str
    known: int
    mean: float
    median: float
    low: float
    high: float
    low_50: float
    high_50: float
    none: float


@dataclass(frozen=True)
class InSeasonOn:
    """P(index at the threshold) on a day, by kind."""

    date: pd.Timestamp
    probability: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SeasonLasts:
    """P(the season that stands on as_of has a day at the threshold `days` days on or later)."""

    kind: str
    days: int
    probability: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """P(an onset of the kind from the day after as_of to each date) with its credible band.

    All four are as long; none of the three chances falls.
    """

    kind: str
    dates: tuple[pd.Timestamp, ...]
    probability: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Outlook:
    """Every answer for one window, from one set of paths.

    The curves alone are not about the window: they reach a year from as_of, or as far as the paths.
    """

    as_of: pd.Timestamp
    window: OutlookWindow
    chances: tuple[Chance, ...]
    first_onset: tuple[FirstOnset, ...]
    days_in_season: tuple[DaysInSeason, ...]
    in_season_on: tuple[InSeasonOn, ...]
    season_lasts: tuple[SeasonLasts, ...]
    earliest_onset: tuple[tuple[str, pd.Timestamp], ...]
    n_paths: int
    curves: tuple[Curve, ...] = ()
