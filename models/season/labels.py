"""Onset labels: the only module that looks forward in time.

Every index here is the season index (0-100) on consecutive days, up to the last day known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.season import at_risk, onset_days
from features.panel import DAY
from models.season.definition import OnsetDefinition
from models.season.spells import observe, sustained_verdict


def days_to_onset(index: pd.Series, threshold: float) -> pd.Series:
    """Count the days from each day to the next one at the threshold, NaN where none has come yet.

    For a day at risk that next day is an onset, since the quiet days before it
    are then still unbroken.

    Examples
    --------
    >>> index = pd.Series([20.0, 80.0, 30.0], pd.date_range("2025-01-01", periods=3))
    >>> days_to_onset(index, 75).tolist()
    [1.0, nan, nan]
    """
    position = np.arange(len(index), dtype=float)
    standing = pd.Series(np.where(index >= threshold, position, np.nan), index.index)
    # The window is (as_of, as_of + horizon]: the day itself never counts, hence the shift.
    return standing.bfill().shift(-1) - position


def label(index: pd.Series, days: pd.DatetimeIndex, definition: OnsetDefinition) -> pd.DataFrame:
    """Label as_of days with what came after them: a row a day, index `as_of`.

    Columns `at_risk` (bool), `days_to_onset` (float64, NaN where no onset has been seen) and
    `days_known` (int64, days of outcome known after as_of, 0 at the least).
    """
    risk = at_risk(index, threshold=definition.threshold, quiet_days=definition.quiet_days)
    return pd.DataFrame(
        {
            "at_risk": risk.reindex(days, fill_value=False),
            "days_to_onset": days_to_onset(index, definition.threshold).reindex(days),
            "days_known": np.maximum((index.index[-1] - days).days, 0),
        },
        index=days.rename("as_of"),
    )


def onsets(index: pd.Series, definition: OnsetDefinition) -> pd.DatetimeIndex:
    """Return the onset days of a definition."""
    return onset_days(index, threshold=definition.threshold, quiet_days=definition.quiet_days)


def sustained(index: pd.Series, definition: OnsetDefinition) -> pd.DataFrame:
    """Label each onset with whether its season was sustained: a row an onset, index `onset`.

    Columns `days` (int64, at the threshold so far, of the first `sustained_within` from the onset),
    `sustained` (boolean, NA while open) and `decided_on` (the day whose end decided it, NaT while
    open).

    Examples
    --------
    >>> index = pd.Series([20.0, 80.0, 20.0, 80.0], pd.date_range("2025-01-01", periods=4))
    >>> once = OnsetDefinition(quiet_days=1, sustained_days=2, sustained_within=3)
    >>> sustained(index, once)["sustained"].tolist()
    [True, <NA>]
    """
    seasons = observe(index, until=index.index[-1], definition=definition).seasons
    verdicts = [sustained_verdict(season.from_onset, definition) for season in seasons]
    decided_on = [
        pd.NaT if day is None else season.onset + day * DAY
        for season, (_, day) in zip(seasons, verdicts, strict=True)
    ]
    days = [season.days_within(definition.sustained_within) for season in seasons]
    return pd.DataFrame(
        {
            "days": np.array(days, dtype=np.int64),
            "sustained": pd.array([verdict for verdict, _ in verdicts], dtype="boolean"),
            "decided_on": pd.DatetimeIndex(decided_on).as_unit("s"),
        },
        index=pd.DatetimeIndex([season.onset for season in seasons], name="onset"),
    )


def last_day_in_season(
    index: pd.Series, as_of: pd.Timestamp, definition: OnsetDefinition
) -> tuple[pd.Timestamp | None, bool] | None:
    """Return the last day at the threshold of the season that stands on a day of the index.

    With it, as far as it is known, comes whether the season is over: once its quiet days have all
    passed below the threshold. None where no season stands.

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
    """Return on which days the index stood at the threshold: boolean, NA where it is unknown."""
    return (index >= threshold).astype("boolean").mask(index.isna())
