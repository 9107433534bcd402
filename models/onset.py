"""Onset labels: the only module that looks forward in time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.season import at_risk, onset_days
from features.panel import DAY
from models.definition import OnsetDefinition


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


def sustained(index: pd.Series, definition: OnsetDefinition) -> pd.DataFrame:
    """Label each onset of a definition with whether its season was sustained.

    It was if the index stood at the threshold on `sustained_days` of the `sustained_within` days
    from the onset, itself included; a later season's days inside count too. That is decided once
    they have been seen or can no longer be reached, at the latest with the last of those days.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days up to the last day known.
    definition : OnsetDefinition
        What counts as an onset, and as sustained.

    Returns
    -------
    pandas.DataFrame
        Index `onset`; columns `days` (int64, at the threshold so far), `sustained` (boolean, NA
        while open), `decided_on` (the day whose end decided it, NaT while open).

    Examples
    --------
    >>> index = pd.Series([20.0, 80.0, 20.0, 80.0], pd.date_range("2025-01-01", periods=4))
    >>> once = OnsetDefinition(quiet_days=1, sustained_days=2, sustained_within=3)
    >>> sustained(index, once)["sustained"].tolist()
    [True, <NA>]
    """
    onset_days = onsets(index, definition)
    needed, within = definition.sustained_days, definition.sustained_within
    first = index.index.get_indexer(onset_days)
    at = (index >= definition.threshold).to_numpy()
    days, verdict, decided_on = [], [], []
    for onset, start in zip(onset_days, first, strict=True):
        so_far = np.cumsum(at[start : start + within])
        left = within - 1 - np.arange(len(so_far))
        decided = np.flatnonzero((so_far >= needed) | (so_far + left < needed))
        days.append(int(so_far[-1]))
        verdict.append(bool(so_far[decided[0]] >= needed) if decided.size else None)
        decided_on.append(onset + int(decided[0]) * DAY if decided.size else pd.NaT)
    return pd.DataFrame(
        {
            "days": np.array(days, dtype=np.int64),
            "sustained": pd.array(verdict, dtype="boolean"),
            "decided_on": pd.DatetimeIndex(decided_on).as_unit("s"),
        },
        index=onset_days.rename("onset"),
    )


def last_day_in_season(
    index: pd.Series, as_of: pd.Timestamp, definition: OnsetDefinition
) -> tuple[pd.Timestamp | None, bool] | None:
    """Return the last day at the threshold of the season that stands on a day.

    Parameters
    ----------
    index : pandas.Series
        Season index (0-100) on consecutive days up to the last day known.
    as_of : pandas.Timestamp
        A day of the index.
    definition : OnsetDefinition
        A season is over once its quiet days have all passed below the threshold.

    Returns
    -------
    tuple of (pandas.Timestamp or None, bool), optional
        The day, as far as known, and whether the season is over; None where none stands.

    Examples
    --------
    >>> index = pd.Series([80.0, 20.0, 80.0, 20.0, 20.0], pd.date_range("2025-01-01", periods=5))
    >>> day, over = last_day_in_season(index, index.index[0], OnsetDefinition(quiet_days=2))
    >>> str(day.date()), over
    ('2025-01-03', True)
    """
    below = (index < definition.threshold).rolling(definition.quiet_days).sum()
    over = (below == definition.quiet_days).loc[as_of:]
    if over.iloc[0]:
        return None
    if over.any():
        first = over.index[int(over.to_numpy().argmax())]
        return first - definition.quiet_days * DAY, True
    at = index.index[index >= definition.threshold]
    return (at[-1] if len(at) else None), False


def in_season(index: pd.Series, threshold: float) -> pd.Series:
    """Tell on which days the index stood at the threshold: boolean, NA where it is unknown."""
    return (index >= threshold).astype("boolean").mask(index.isna())
