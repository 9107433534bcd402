"""Onset by onset: what was forecast before each, which alarms were false, what one season carries.

An alarm is an unbroken run of forecasts at or above a level. It is a hit if an onset falls within
the horizon of one of its days, and so of its last, else a false alarm. Functions take
forecasts of one kind, model and horizon in the order of time, and the onsets of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray
from models.verification.contrasts import next_onset
from models.verification.scores import brier_scores

DAYS_BEFORE = (90, 60, 30, 14)
LEVELS = (0.3, 0.5, 0.7)
# Probability from which on a forecast counts as a warning where one level is named.
WARNING_LEVEL = 0.6


def alarms(
    forecasts: pd.DataFrame, onsets: pd.DatetimeIndex, *, level: float, step_days: int
) -> pd.DataFrame:
    """Return the alarms at a level, hits and false ones, of forecasts `step_days` apart.

    An alarm ends where a forecast falls below the level, where the days are no longer at risk, and
    at an onset.
    """
    if not 0 < level <= 1:
        raise ValueError(f"level must lie in (0, 1], got {level:g}.")
    as_of, horizon = pd.DatetimeIndex(forecasts["as_of"]), forecasts["horizon_days"].to_numpy()
    position, onset = next_onset(as_of, onsets)
    above = forecasts["probability"].to_numpy() >= level
    # A longer step than the grid's means that days between them were not at risk.
    apart = np.append(True, (np.diff(as_of) / pd.Timedelta(days=1)) > step_days)
    follows = np.append(False, above[:-1] & (position[1:] == position[:-1])) & ~apart
    first = np.flatnonzero(above & ~follows)
    last = np.flatnonzero(above & ~np.append(follows[1:] & above[1:], False))
    lead = (onset[last] - as_of[last]).days
    return pd.DataFrame(
        {
            "first_day": as_of[first],  # of its as_of days, as is the last
            "last_day": as_of[last],
            "days": (as_of[last] - as_of[first]).days + 1,  # both counted
            "onset": onset[last],  # the next one; NaT if none has been seen
            # An onset on the horizon's last day is inside the window (as_of, as_of + horizon].
            "hit": np.asarray(lead <= horizon[last], dtype=bool),
        }
    )


def before_onsets(
    forecasts: pd.DataFrame,
    onsets: pd.DatetimeIndex,
    *,
    level: float,
    step_days: int,
    days_before: Sequence[int] = DAYS_BEFORE,
) -> pd.DataFrame:
    """Return what was forecast before each onset after the first forecast, resolved or not.

    The probability so many days before an onset is the newest forecast made at or before the end
    of that day, of the same at-risk spell. The first warning is the first day of the last alarm
    that is a hit of that onset; it may lie further back than the horizon if the alarm stood all
    the while.
    """
    as_of = pd.DatetimeIndex(forecasts["as_of"])
    shown = onsets[onsets > as_of[0]]
    table = pd.DataFrame({"onset": shown})
    _, episode = next_onset(as_of, onsets)

    def newest(column: str, days: int) -> FloatArray:
        at = shown - pd.Timedelta(days=days)
        # The newest forecast of that day itself or before: side="right" includes the day.
        position = np.searchsorted(as_of.to_numpy(), at.to_numpy(), side="right") - 1
        row = np.maximum(position, 0)
        # A step or more old, it is of another spell: this one would hold a newer day of the grid.
        young = at - as_of[row] < pd.Timedelta(days=step_days)
        same_spell = (position >= 0) & young & (episode[row] == shown)
        return np.where(same_spell, forecasts[column].to_numpy()[row], np.nan)

    for days in days_before:
        table[f"probability_{days}"] = newest("probability", days)
    # The onset's own day is never at risk: the last forecast is of the day before or earlier.
    table["base_rate"] = newest("base_rate", 1)
    alarm_table = alarms(forecasts, onsets, level=level, step_days=step_days)
    hits = alarm_table[alarm_table["hit"]].drop_duplicates("onset", keep="last").set_index("onset")
    for name, end in (("first_warning", "first_day"), ("last_warning", "last_day")):
        table[name] = hits[end].reindex(shown).to_numpy()
    table["lead_days"] = (table["onset"] - table["first_warning"]).dt.days.astype(float)
    return table


def contingency(
    forecasts: pd.DataFrame,
    onsets: pd.DatetimeIndex,
    *,
    step_days: int,
    levels: Sequence[float] = LEVELS,
) -> pd.DataFrame:
    """Count hits, misses and false alarms at stated levels among the resolved forecasts.

    Hits and misses are onsets, false alarms are alarms: an onset that two alarms preceded is one
    hit. Only an onset inside the window of some forecast can be missed. A rate over nothing is NaN.
    Jolliffe and Stephenson (2012), chapter 3, https://doi.org/10.1002/9781119960003.
    """
    resolved = forecasts[forecasts["outcome"].notna()]
    as_of = pd.DatetimeIndex(resolved["as_of"])
    _, onset = next_onset(as_of, onsets)
    # Inside the window its last day too, as for an alarm.
    at_stake = onset[(onset - as_of).days <= resolved["horizon_days"].to_numpy()].nunique()
    rows = []
    for level in levels:
        alarm_table = alarms(resolved, onsets, level=level, step_days=step_days)
        hits = alarm_table.loc[alarm_table["hit"], "onset"].nunique()
        false = alarm_table[~alarm_table["hit"]]
        above = resolved["probability"] >= level
        rows.append(
            {
                "level": level,
                "onsets": at_stake,
                "hits": hits,
                "misses": at_stake - hits,
                "hit_rate": hits / at_stake if at_stake else np.nan,  # higher is better
                "alarms": len(alarm_table),
                "false_alarms": len(false),
                # False alarms over alarms; lower is better.
                "false_alarm_ratio": len(false) / len(alarm_table) if len(alarm_table) else np.nan,
                "false_alarm_days": float(false["days"].mean()),  # mean length of a false alarm
                # Of the forecasts: whoever always gives alarm never misses.
                "alarm_share": float(above.mean()),
                "weeks": int(above.sum()),  # forecasts in alarm
                "followed": int(resolved.loc[above, "outcome"].sum()),  # by an onset in time
            }
        )
    return pd.DataFrame(rows)


def leave_one_episode_out(forecasts: pd.DataFrame, onsets: pd.DatetimeIndex) -> pd.DataFrame:
    """Score the resolved forecasts without each episode in turn: one season may carry it all.

    The rows of an episode are those of the at-risk stretch that ends with its onset. Rows after
    the last onset belong to no episode and are never removed.
    """
    resolved = forecasts[forecasts["outcome"].notna()]
    position, _ = next_onset(pd.DatetimeIndex(resolved["as_of"]), onsets)
    outcome = resolved["outcome"].to_numpy()
    score, reference = (
        brier_scores(outcome, resolved[name].to_numpy()) for name in ("probability", "base_rate")
    )
    days, sums, reference_sums = (
        np.bincount(position, weights=weights, minlength=len(onsets) + 1)
        for weights in (np.ones(len(resolved)), score, reference)
    )
    held = np.flatnonzero(days[:-1])
    every = _skill(sums.sum(keepdims=True), reference_sums.sum(keepdims=True))
    without = _skill(sums.sum() - sums, reference_sums.sum() - reference_sums)
    return pd.DataFrame(
        {
            "onset": onsets[held],
            "days": days[held].astype(np.int64),  # forecasts removed
            "brier_skill": every[0],  # of all rows, against climatology
            "brier_skill_without": without[held],  # NaN if climatology is perfect on the rest
        }
    )


def _skill(score: FloatArray, reference: FloatArray) -> FloatArray:
    return 1 - np.divide(score, reference, out=np.full_like(score, np.nan), where=reference > 0)
