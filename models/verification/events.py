"""Onset by onset: what was forecast before each, which alarms were false, what one season carries.

An alarm is an unbroken run of forecasts at or above a level. It is a hit if an onset falls within
the horizon of one of its days, and so of its last, else a false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from models.hazard.leads import FloatArray, IntArray
from models.verification.scores import brier_scores

DAYS_BEFORE = (90, 60, 30, 14)
LEVELS = (0.3, 0.5, 0.7)
# Probability from which on a forecast counts as a warning where one level is named.
WARNING_LEVEL = 0.6


def select(hindcast: pd.DataFrame, *, kind: str, model: str, horizon_days: int) -> pd.DataFrame:
    """Return one model's forecasts of one kind and horizon, in the order of time.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `hindcast`.
    kind, model : str
        Kind of season, name of the candidate.
    horizon_days : int
        Days ahead.

    Raises
    ------
    ValueError
        If the hindcast has no such forecast.
    """
    own = hindcast[
        (hindcast["kind"] == kind)
        & (hindcast["model"] == model)
        & (hindcast["horizon_days"] == horizon_days)
    ]
    if own.empty:
        raise ValueError(
            f"the hindcast has no forecast of {model} for {kind} seasons {horizon_days} days "
            f"ahead; it has {', '.join(map(str, hindcast['model'].unique()))} at "
            f"{', '.join(map(str, hindcast['horizon_days'].unique()))} days."
        )
    return own.sort_values("as_of", ignore_index=True)


def alarms(
    forecasts: pd.DataFrame, onsets: pd.DatetimeIndex, *, level: float, step_days: int
) -> pd.DataFrame:
    """Find the alarms at a level and tell hits from false alarms.

    An alarm ends where a forecast falls below the level, where the days are
    no longer at risk, and at an onset.

    Parameters
    ----------
    forecasts : pandas.DataFrame
        From `select`.
    onsets : pandas.DatetimeIndex
        Onset days of that kind, ascending.
    level : float
        Probability at which an alarm is given, in (0, 1].
    step_days : int
        Days between the as_of days.

    Returns
    -------
    pandas.DataFrame
        One row per alarm: `first_day` and `last_day` (of its as_of days),
        `days` (from the first to the last, both counted: an alarm of one
        forecast has 1), `onset` (the next one; NaT if none has been seen),
        `hit` (whether it came within the horizon of the last day).

    Raises
    ------
    ValueError
        If the level is out of range.

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", periods=4, freq="7D")
    >>> forecasts = pd.DataFrame({"as_of": days, "probability": [0.1, 0.6, 0.7, 0.2],
    ...                           "horizon_days": 30, "outcome": 0.0, "climatology": 0.1})
    >>> alarm_table = alarms(forecasts, pd.DatetimeIndex(["2025-02-01"]), level=0.5, step_days=7)
    >>> alarm_table[["days", "hit"]].to_numpy().tolist()
    [[8, True]]
    """
    if not 0 < level <= 1:
        raise ValueError(f"level must lie in (0, 1], got {level:g}.")
    as_of = pd.DatetimeIndex(forecasts["as_of"])
    position, onset = _next_onset(as_of, onsets)
    above = forecasts["probability"].to_numpy() >= level
    # A longer step than the grid's means that days between them were not at risk.
    apart = np.append(True, (np.diff(as_of) / pd.Timedelta(days=1)) > step_days)
    follows = np.append(False, above[:-1] & (position[1:] == position[:-1])) & ~apart
    first = np.flatnonzero(above & ~follows)
    last = np.flatnonzero(above & ~np.append(follows[1:] & above[1:], False))
    lead = (onset[last] - as_of[last]).days
    return pd.DataFrame(
        {
            "first_day": as_of[first],
            "last_day": as_of[last],
            "days": (as_of[last] - as_of[first]).days + 1,
            "onset": onset[last],
            # An onset on the horizon's last day is inside the window (as_of, as_of + horizon].
            "hit": np.asarray(lead <= _horizon(forecasts), dtype=bool),
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
    """Tell what was said before each onset.

    The probability so many days before an onset is the newest forecast made
    at or before the end of that day, if it is younger than `step_days` and
    not older than the onset before: one of the same at-risk spell. The first
    warning is the first day of the last alarm that is a hit of that onset; it
    may lie further back than the horizon if the alarm stood all the while.

    Parameters
    ----------
    forecasts, onsets, level, step_days
        As for `alarms`. Forecasts not resolved yet are used too.
    days_before : sequence of int
        Days before the onset at which to look.

    Returns
    -------
    pandas.DataFrame
        One row per onset after the first forecast: `onset`,
        `probability_<days>` for each of `days_before` (NaN if there was none),
        `climatology` (on the last forecast before the onset, NaN if none),
        `first_warning` and `last_warning` (days of that alarm; NaT if none),
        `lead_days` (from the first warning to the onset; NaN if none).
    """
    as_of = pd.DatetimeIndex(forecasts["as_of"])
    shown = onsets[onsets > as_of[0]]
    table = pd.DataFrame({"onset": shown})
    newest = partial(_newest, forecasts, onsets, shown, step_days)
    for days in days_before:
        table[f"probability_{days}"] = newest("probability", days)
    # The onset's own day is never at risk: the last forecast is of the day before or earlier.
    table["climatology"] = newest("climatology", 1)
    alarm_table = alarms(forecasts, onsets, level=level, step_days=step_days)
    warning = (
        alarm_table[alarm_table["hit"]].drop_duplicates("onset", keep="last").set_index("onset")
    )
    for name, end in (("first_warning", "first_day"), ("last_warning", "last_day")):
        table[name] = warning[end].reindex(shown).to_numpy()
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

    Hits and misses are onsets, false alarms are alarms: an onset that two
    alarms preceded is one hit. Only an onset inside the window of some
    forecast can be missed.

    Parameters
    ----------
    forecasts, onsets, step_days
        As for `alarms`. Forecasts not resolved yet are left out.
    levels : sequence of float
        Probabilities at which an alarm is given, each in (0, 1].

    Returns
    -------
    pandas.DataFrame
        One row per level: `level`, `onsets`, `hits`, `misses`, `hit_rate`
        (hits over onsets; higher is better), `alarms`, `false_alarms`,
        `false_alarm_ratio` (false alarms over alarms; lower is better),
        `false_alarm_days` (mean length of a false alarm), `alarm_share` (of
        the forecasts, those in alarm: whoever always gives alarm never
        misses), `weeks` (forecasts in alarm) and `followed` (those of them
        whose outcome is an onset). A rate over nothing is NaN.

    References
    ----------
    Jolliffe and Stephenson (2012), chapter 3, https://doi.org/10.1002/9781119960003

    Examples
    --------
    >>> days = pd.date_range("2025-01-01", periods=4, freq="7D")
    >>> forecasts = pd.DataFrame({"as_of": days, "probability": [0.1, 0.6, 0.7, 0.2],
    ...                           "horizon_days": 30, "outcome": 1.0, "climatology": 0.1})
    >>> onsets = pd.DatetimeIndex(["2025-01-29"])
    >>> counted = contingency(forecasts, onsets, step_days=7, levels=(0.5,))
    >>> counted[["onsets", "hits", "false_alarms"]].to_numpy().tolist()
    [[1, 1, 0]]
    """
    resolved = forecasts[forecasts["outcome"].notna()]
    return pd.DataFrame(
        [_counts(resolved, onsets, level=level, step_days=step_days) for level in levels]
    )


def leave_one_episode_out(forecasts: pd.DataFrame, onsets: pd.DatetimeIndex) -> pd.DataFrame:
    """Score the forecasts without each episode in turn, to see whether one season carries it all.

    The rows of an episode are those of the at-risk stretch that ends with its
    onset. Rows after the last onset belong to none and are never removed.

    Parameters
    ----------
    forecasts, onsets
        As for `alarms`. Forecasts not resolved yet are left out.

    Returns
    -------
    pandas.DataFrame
        One row per episode with forecasts: `onset`, `days` (forecasts
        removed), `brier_skill` (against climatology, of all rows),
        `brier_skill_without` (of the rows left; NaN if climatology is perfect
        on them).

    Examples
    --------
    >>> forecasts = pd.DataFrame({
    ...     "as_of": pd.to_datetime(["2025-01-01", "2025-03-01"]), "horizon_days": 30,
    ...     "outcome": [1.0, 1.0], "probability": [1.0, 0.5], "climatology": 0.5})
    >>> onsets = pd.DatetimeIndex(["2025-01-20", "2025-03-20"])
    >>> leave_one_episode_out(forecasts, onsets)["brier_skill_without"].tolist()
    [0.0, 1.0]
    """
    resolved = forecasts[forecasts["outcome"].notna()]
    position, _ = _next_onset(pd.DatetimeIndex(resolved["as_of"]), onsets)
    outcome = resolved["outcome"].to_numpy()
    own, reference = (
        brier_scores(outcome, resolved[name].to_numpy()) for name in ("probability", "climatology")
    )
    size = len(onsets) + 1
    days, own_sum, reference_sum = (
        np.bincount(position, weights=weights, minlength=size)
        for weights in (np.ones(len(resolved)), own, reference)
    )
    everything = _skill(own_sum.sum(keepdims=True), reference_sum.sum(keepdims=True))[0]
    without = _skill(own_sum.sum() - own_sum, reference_sum.sum() - reference_sum)
    held = np.flatnonzero(days[:-1])
    return pd.DataFrame(
        {
            "onset": onsets[held],
            "days": days[held].astype(np.int64),
            "brier_skill": everything,
            "brier_skill_without": without[held],
        }
    )


def _horizon(forecasts: pd.DataFrame) -> int:
    horizons = forecasts["horizon_days"].unique()
    if len(horizons) != 1:
        raise ValueError(
            f"forecasts must be of one horizon, got {horizons.tolist()}; choose it with select()."
        )
    return int(horizons[0])


def _next_onset(
    as_of: pd.DatetimeIndex, onsets: pd.DatetimeIndex
) -> tuple[IntArray, pd.DatetimeIndex]:
    """Return position and day of the first onset after each day; NaT where there is none."""
    # side="right" leaves out an onset on the day itself: its rows belong to the next episode.
    position = np.searchsorted(onsets.to_numpy(), as_of.to_numpy(), side="right")
    days = np.append(onsets.to_numpy(), np.datetime64("NaT"))
    return position, pd.DatetimeIndex(days[position])


def _newest(
    forecasts: pd.DataFrame,
    onsets: pd.DatetimeIndex,
    shown: pd.DatetimeIndex,
    step_days: int,
    column: str,
    days: int,
) -> FloatArray:
    """Return a column of the newest forecast so many days before each onset, NaN if too old."""
    as_of = pd.DatetimeIndex(forecasts["as_of"])
    at = shown - pd.Timedelta(days=days)
    # The newest forecast of that day itself or before: side="right" includes the day.
    newest = np.searchsorted(as_of.to_numpy(), at.to_numpy(), side="right") - 1
    row = np.maximum(newest, 0)
    _, ahead = _next_onset(as_of, onsets)
    # A step or more old, it is of another spell: this one would hold a newer day of the grid.
    young = at - as_of[row] < pd.Timedelta(days=step_days)
    same_spell = (newest >= 0) & young & (ahead[row] == shown)
    return np.where(same_spell, forecasts[column].to_numpy()[row], np.nan)


def _counts(
    resolved: pd.DataFrame, onsets: pd.DatetimeIndex, *, level: float, step_days: int
) -> dict[str, float]:
    alarm_table = alarms(resolved, onsets, level=level, step_days=step_days)
    as_of = pd.DatetimeIndex(resolved["as_of"])
    _, onset = _next_onset(as_of, onsets)
    at_stake = onset[(onset - as_of).days <= _horizon(resolved)].nunique()
    hits = alarm_table.loc[alarm_table["hit"], "onset"].nunique()
    false = alarm_table[~alarm_table["hit"]]
    above = resolved["probability"] >= level
    return {
        "level": level,
        "onsets": at_stake,
        "hits": hits,
        "misses": at_stake - hits,
        "hit_rate": hits / at_stake if at_stake else float("nan"),
        "alarms": len(alarm_table),
        "false_alarms": len(false),
        "false_alarm_ratio": len(false) / len(alarm_table) if len(alarm_table) else float("nan"),
        "false_alarm_days": float(false["days"].mean()),
        "alarm_share": float(above.mean()),
        "weeks": int(above.sum()),
        "followed": int(resolved.loc[above, "outcome"].sum()),
    }


def _skill(own: FloatArray, reference: FloatArray) -> FloatArray:
    return 1 - np.divide(own, reference, out=np.full_like(own, np.nan), where=reference > 0)
