"""Onset labels: the only module that looks forward in time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from features.market.season import PARTIAL_THRESHOLD, at_risk, onset_days
from models.vocabulary import Kind


@dataclass(frozen=True)
class OnsetDefinition:
    """What counts as the onset of an altcoin season; its values are fixed, not tuned.

    Parameters
    ----------
    threshold : float
        Season index (0-100) at which the season stands.
    quiet_days : int
        Days below the threshold that must come before an onset.
    window_days : int
        Days over which a coin must beat Bitcoin.
    top : int
        Number of altcoins by market cap.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> OnsetDefinition().partial().threshold
    50.0
    """

    threshold: float = 75.0
    quiet_days: int = 30
    window_days: int = 90
    top: int = 50

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 100:
            raise ValueError(f"threshold must lie in (0, 100], got {self.threshold:g}.")
        for name in ("quiet_days", "window_days", "top"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")

    def partial(self) -> OnsetDefinition:
        """Return the same definition for a partial season."""
        return replace(self, threshold=PARTIAL_THRESHOLD)

    def by_kind(self) -> dict[Kind, OnsetDefinition]:
        """Return the definition of each kind of season."""
        return {Kind.BROAD: self, Kind.PARTIAL: self.partial()}

    def as_dict(self) -> dict[str, float]:
        """Return the values by name."""
        return asdict(self)


def days_to_onset(index: pd.Series, threshold: float) -> pd.Series:
    """Count the days from each day to the next one at the threshold or above.

    For a day at risk that next day is an onset, since the quiet days before it
    are then still unbroken.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days.
    threshold : float
        Index at which the season begins.

    Returns
    -------
    pandas.Series
        float64 days, at least 1; NaN where none has been seen yet.

    Examples
    --------
    >>> index = pd.Series([20.0, 80.0, 30.0], pd.date_range("2025-01-01", periods=3))
    >>> days_to_onset(index, 75).tolist()
    [1.0, nan, nan]
    """
    position = np.arange(len(index), dtype=float)
    in_season = pd.Series(np.where(index >= threshold, position, np.nan), index.index)
    # The window is (as_of, as_of + horizon]: the day itself never counts, hence the shift.
    return in_season.bfill().shift(-1) - position


def label(index: pd.Series, days: pd.DatetimeIndex, definition: OnsetDefinition) -> pd.DataFrame:
    """Label as_of days with what came after them.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days up to the last day known.
    days : pandas.DatetimeIndex
        as_of days.
    definition : OnsetDefinition
        What counts as an onset.

    Returns
    -------
    pandas.DataFrame
        Index `as_of`; columns `at_risk` (bool), `days_to_onset` (float64, NaN
        where no onset has been seen), `days_known` (int64, days of outcome
        known: from as_of to the last day of the index, 0 at the least).
    """
    risk = at_risk(index, threshold=definition.threshold, quiet_days=definition.quiet_days)
    ahead = days_to_onset(index, definition.threshold)
    known = (index.index[-1] - days).days
    return pd.DataFrame(
        {
            "at_risk": risk.reindex(days, fill_value=False),
            "days_to_onset": ahead.reindex(days),
            "days_known": np.maximum(known, 0),
        },
        index=days.rename("as_of"),
    )


def onsets(index: pd.Series, definition: OnsetDefinition) -> pd.DatetimeIndex:
    """Return the onset days of a definition."""
    return onset_days(index, threshold=definition.threshold, quiet_days=definition.quiet_days)
