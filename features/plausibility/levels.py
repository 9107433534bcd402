"""Rules on one positive series: steps that return or stay, values that stand still, weekends."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from features.plausibility.rules import (
    CONFIRMING,
    MIN_OBSERVATIONS,
    NORMAL_MAD,
    RETURN_STEPS,
    SCALE_DAYS,
    StepLimit,
    found,
    shown_factor,
)
from features.provenance import Finding

# The panel takes no series with a longer gap.
MAX_GAP = pd.Timedelta(days=7)


def own_scale(steps: pd.Series) -> pd.Series:
    """Return the robust scale of steps on each day, from those before it.

    Parameters
    ----------
    steps : pandas.Series
        Log returns.

    Returns
    -------
    pandas.Series
        Median absolute step of the 252 observations before over 0.6745; NaN
        where fewer than 60 are known.
    """
    past = steps.abs().rolling(SCALE_DAYS, min_periods=MIN_OBSERVATIONS).median().shift()
    return past / NORMAL_MAD


def check_steps(
    name: str,
    values: pd.Series,
    limit: StepLimit,
    *,
    witness: tuple[pd.Series, StepLimit] | None = None,
) -> tuple[pd.Series, list[Finding]]:
    """Leave out spikes and steps that nothing confirms, and end a series at a step that stays.

    Parameters
    ----------
    name : str
        Name of the series.
    values : pandas.Series
        Positive, by observation day, sorted.
    limit : StepLimit
        For the steps themselves.
    witness : (pandas.Series, StepLimit), optional
        A series that moves alike, and the limit for the difference of both steps.

    Returns
    -------
    values : pandas.Series
        What is left.
    findings : list of Finding
        What was noticed.

    Examples
    --------
    >>> days = pd.bdate_range("2025-01-01", periods=100)
    >>> closes = pd.Series(100 * 1.01 ** (np.arange(100) % 2), days)
    >>> closes.iloc[80:] *= 10
    >>> kept, findings = check_steps("russell2000", closes, StepLimit(0.2, 25))
    >>> len(kept), findings[0].rule, round(findings[0].factor)
    (80, 'level shift', 10)
    """
    suspicious = suspicious_steps(values, limit, witness)
    logs = np.log(values.to_numpy())
    days = pd.DatetimeIndex(values.index)
    keep = np.ones(len(values), bool)
    findings: list[Finding] = []
    for first, after, rule in _judged(logs, suspicious, limit):
        step = float(logs[first] - logs[first - 1])
        keep[first:after] = rule == "note"
        findings.append(_finding(name, days, values, (first, after), step, rule))
    return values[keep], findings


def suspicious_steps(
    values: pd.Series, limit: StepLimit, witness: tuple[pd.Series, StepLimit] | None = None
) -> np.ndarray:
    """Tell which observations are a step beyond the limit away from the one before.

    Parameters
    ----------
    values, limit, witness
        As for `check_steps`.

    Returns
    -------
    numpy.ndarray
        bool, one per observation.
    """
    steps = pd.Series(np.log(values), values.index).diff()
    own = own_scale(steps)
    bad = steps.abs() > np.maximum(limit.floor, limit.deviations * own)
    if witness is not None:
        other, apart = witness
        both = pd.concat({"own": values, "other": other}, axis=1, join="inner")
        logs = pd.DataFrame(np.log(both.to_numpy()), both.index, both.columns).diff()
        gap = logs["own"] - logs["other"]
        far = gap.abs() > np.maximum(apart.floor, apart.deviations * own_scale(gap))
        # Of the two the one that moved is at fault; after a fault of the other both look apart.
        mine = logs["own"].abs() > logs["other"].abs()
        bad |= (far & mine).reindex(bad.index, fill_value=False)
    judged = own.notna() & (values.index >= limit.since)
    return (bad & judged).to_numpy()


def _judged(
    logs: np.ndarray, suspicious: np.ndarray, limit: StepLimit
) -> Iterator[tuple[int, int, str]]:
    """Yield for each suspicious step its first position, the one after its last, and the rule."""
    done = 0
    for first in map(int, np.flatnonzero(suspicious)):
        if first < done:
            continue
        before, size = logs[first - 1], abs(logs[first] - logs[first - 1])
        away = np.abs(logs[first + 1 : first + 1 + RETURN_STEPS] - before)
        # Back means nearer to where it came from than to where it went.
        back = np.flatnonzero(away < size / 2)
        if back.size:
            # The step back is part of the spike, not one of its own.
            done = first + 2 + int(back[0])
            yield first, first + 1 + int(back[0]), "spike"
        elif len(logs) - 1 - first < CONFIRMING:
            yield first, len(logs), "unconfirmed step"
            return
        elif size >= limit.lasting:
            yield first, len(logs), "level shift"
            return
        else:
            yield first, first + 1, "note"


def _finding(
    name: str,
    days: pd.DatetimeIndex,
    values: pd.Series,
    span: tuple[int, int],
    step: float,
    rule: str,
) -> Finding:
    first, after = span
    value = float(values.iloc[first])
    seen = (
        f"{value:g} after {values.iloc[first - 1]:g} the observation before, {shown_factor(step)}"
    )
    where = (days[first], days[after - 1])
    factor = float(np.exp(step))
    if rule == "note":
        return found("unconfirmed step", name, where, value, factor, "note",
                     f"{seen}; the observations after it confirm it")  # fmt: skip
    if rule == "level shift":
        said = f"{seen}, and it stays: the series ends the day before"
        return found(rule, name, where, value, factor, "feature dropped", said)
    return found(rule, name, where, value, factor, "value left out", seen)


def check_frozen(
    name: str, values: pd.Series, run: int, *, since: pd.Timestamp
) -> tuple[pd.Series, list[Finding]]:
    """Leave out values that repeat the one before so often that the feed stands still.

    Parameters
    ----------
    name : str
        Name of the series.
    values : pandas.Series
        By observation day, sorted.
    run : int
        Repetitions in a row from which on they are left out.
    since : pandas.Timestamp
        First day judged.

    Examples
    --------
    >>> closes = pd.Series([1.0, 2.0, 2.0, 2.0, 3.0], pd.bdate_range("2025-12-01", periods=5))
    >>> kept, findings = check_frozen("sp500", closes, 2, since=closes.index[0])
    >>> kept.tolist(), findings[0].rule
    ([1.0, 2.0, 3.0], 'frozen')
    """
    same = (values.diff() == 0) & (values.index >= since)
    spell = (~same).cumsum()
    length = same.groupby(spell).transform("sum")
    bad = same & (length >= run)
    findings = [
        found(
            "frozen", name, (days.index[0], days.index[-1]), float(days.iloc[0]), 1.0,
            "value left out", f"{days.iloc[0]:g} is repeated on {len(days)} observations",
        )
        for _, days in values[bad].groupby(spell[bad])
    ]  # fmt: skip
    return values[~bad], findings


def check_sessions(
    name: str, values: pd.Series, *, flow: bool = False
) -> tuple[pd.Series, list[Finding]]:
    """Leave out filled weekends; drop a series whose days are shifted.

    Parameters
    ----------
    name : str
        Name of the series.
    values : pandas.Series
        By session, sorted.
    flow : bool
        Whether a filled day is a zero; else it repeats the day before.

    Examples
    --------
    >>> closes = pd.Series([1.0, 1.0, 1.0, 2.0], pd.date_range("2025-12-05", periods=4))
    >>> check_sessions("sp500", closes)[0].tolist()
    [1.0, 2.0]
    """
    weekend = pd.DatetimeIndex(values.index).day_of_week >= 5
    if not weekend.any():
        return values, []
    days = pd.DatetimeIndex(values.index[weekend])
    filled = (values == 0) if flow else (values.diff() == 0)
    where, first = (days[0], days[-1]), float(values[weekend].iloc[0])
    if filled[weekend].iloc[1:].all():
        said = f"{len(days)} Saturdays and Sundays repeat the session before or are zero"
        return values[~weekend], [
            found("calendar", name, where, first, np.nan, "value left out", said)
        ]
    said = f"{first:g} on {days[0]:%A}: no session of New York; {len(days)} such days"
    dropped = found("calendar", name, where, first, np.nan, "feature dropped", said)
    return values.iloc[:0], [dropped]


def until_gap(name: str, values: pd.Series, before: pd.Series) -> tuple[pd.Series, list[Finding]]:
    """End a series where leaving values out has made a gap that no window may span.

    Parameters
    ----------
    name : str
        Name of the series.
    values : pandas.Series
        What the rules left.
    before : pandas.Series
        What they were given.
    """
    left_out = before.index.difference(values.index)
    steps = values.index.to_series().diff()
    wide = steps[steps > MAX_GAP]
    for day in wide.index:
        start = day - wide[day]
        if ((left_out > start) & (left_out < day)).any():
            said = f"too many values in a row were left out: the series ends on {start:%Y-%m-%d}"
            where = (pd.Timestamp(day), pd.Timestamp(values.index[-1]))
            dropped = found("frozen", name, where, float(values[day]), np.nan,
                            "feature dropped", said)  # fmt: skip
            return values.loc[:start], [dropped]
    return values, []
