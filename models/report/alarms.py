"""How often alarms were hits and how often false, as picture and page tell it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.forecasting.out_of_sample import GRID_DAYS, OutOfSample
from models.formatting import counted, percent
from models.verification.events import WARNING_LEVEL, contingency


@dataclass(frozen=True)
class AlarmRecord:
    """What came of the weeks in which a high chance was said.

    Parameters
    ----------
    level : float
        Probability from which on a week counts.
    horizon_days : int
        Days ahead.
    weeks, followed : int
        Resolved forecasts at the level or above, and those that an onset followed in time.
    alarms, false_alarms : int
        Unbroken runs of such weeks, and those that no onset followed in time.
    onsets, hits : int
        Onsets that a forecast could have foreseen, and those that an alarm preceded.
    """

    level: float
    horizon_days: int
    weeks: int
    followed: int
    alarms: int
    false_alarms: int
    onsets: int
    hits: int


def resolved_forecasts(past: OutOfSample) -> pd.DataFrame:
    """Return the out-of-sample forecasts whose window was over on the last day, in order.

    Parameters
    ----------
    past : OutOfSample
        From `models.forecasting.out_of_sample.out_of_sample`.

    Returns
    -------
    pandas.DataFrame
        `as_of`, `probability`, `horizon_days` and `outcome`, 0 or 1, by the onsets seen.
    """
    known = past.hindcast["probability"].dropna()
    horizon = pd.Timedelta(days=past.horizon_days)
    # A slice of labels holds its end: at the end of a window's last day its outcome is known.
    known = known.loc[: past.now.index[0] - horizon]
    as_of = pd.DatetimeIndex(known.index)
    following = np.append(past.onsets.to_numpy(), np.datetime64("NaT"))[
        np.searchsorted(past.onsets.to_numpy(), as_of.to_numpy(), side="right")
    ]
    came = following - as_of.to_numpy() <= horizon.to_timedelta64()
    columns = {"as_of": as_of, "probability": known.to_numpy(), "outcome": came.astype(float)}
    return pd.DataFrame(columns).assign(horizon_days=past.horizon_days)


def alarm_record(past: OutOfSample, *, level: float = WARNING_LEVEL) -> AlarmRecord | None:
    """Count hits and false alarms among the resolved forecasts; None where there are none.

    Parameters
    ----------
    past : OutOfSample
        From `models.forecasting.out_of_sample.out_of_sample`.
    level : float
        Probability at which an alarm is given, in (0, 1].
    """
    forecasts = resolved_forecasts(past)
    if forecasts.empty:
        return None
    (row,) = contingency(forecasts, past.onsets, step_days=GRID_DAYS, levels=(level,)).to_dict(
        "records"
    )
    names = ("weeks", "followed", "alarms", "false_alarms", "onsets", "hits")
    return AlarmRecord(level, past.horizon_days, *(int(row[name]) for name in names))


def alarm_statement(record: AlarmRecord | None) -> str:
    """Return the record in a sentence or two; empty where there is none."""
    if record is None:
        return ""
    return (
        f"Weeks with a chance of {percent(record.level)} or more within {record.horizon_days} "
        f"days: {record.followed} of {record.weeks} were followed by a season in that time. "
        f"In runs of such weeks: {counted(record.alarms, 'alarm')}, {record.false_alarms} of them "
        f"false; {record.hits} of {record.onsets} seasons were preceded by one."
    )
