"""What moves a forecast and what is bound to happen, as parts of a forecast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Driver:
    """What a feature adds to the log-odds of a broad season in the next 90 days.

    Parameters
    ----------
    feature, group : str
        From the catalogue.
    value : float, optional
        Of the feature; None if it is missing.
    log_odds : float
        Against an average day.
    points : float
        What that moves the chance by, on the way from the base rate; percentage points.
    """

    feature: str
    group: str
    value: float | None
    log_odds: float
    points: float


@dataclass(frozen=True)
class DriverSum:
    """What the drivers add up to: base rate + their points + rest = probability.

    Parameters
    ----------
    horizon_days : int
        Days ahead.
    base_rate, probability : float
        Of a broad season within them.
    rest : float
        Percentage points that no feature has: what a day of average features differs from the base
        rate by, and what the leads' hazards make of the log-odds together.
    """

    horizon_days: int
    base_rate: float
    probability: float
    rest: float


@dataclass(frozen=True)
class CarriedIndex:
    """The season index so many days on if every coin kept its price in Bitcoin."""

    days: int
    index: float


@dataclass(frozen=True)
class NearFlipping:
    """Coins behind the season index that so many percent against Bitcoin would flip.

    `lead` would begin to beat it over 90 days had they gained as much more, `lag` would cease to
    had they lost as much; of the coins `compared`.
    """

    margin: int
    lead: int
    lag: int
    compared: int
