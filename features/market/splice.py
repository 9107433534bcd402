"""Where live series meet embedded ones: rebased over an overlap, and both must agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.panel import DAY, SPECS, DataError

OVERLAP_DAYS = 60
MIN_COMMON = 20
# Closes of an index are the same everywhere; those of a coin depend on the minute of the day.
RETURN_TOLERANCE = {"russell2000": 0.005, "sp500": 0.005, "bitcoin": 0.03, "eth_btc": 0.03}
MAX_DISAGREEING = 3
# A level that changed its base within the overlap disagrees on one day only.
RECENT_DAYS = 10
# The embedded membership is weekly before the seam; that alone makes 0.4 points, monthly
# membership up to 2.9 (mean over 60 days, 2022-12 to 2025-12).
INDEX_TOLERANCE = 5.0

# Windows of flows count 21 figures: with fewer of 21 sessions they would span weeks more.
FLOW_SESSIONS = 21
MIN_FLOW_SESSIONS = 18


def joined_level(embedded: pd.Series, live: pd.Series, name: str) -> tuple[pd.Series, str]:
    """Continue an embedded level with a live one on the embedded base.

    The base is the median ratio over the last 60 embedded days.

    Parameters
    ----------
    embedded, live : pandas.Series
        Levels by observation day.
    name : str
        Name of the series.

    Returns
    -------
    series : pandas.Series
        The embedded values and, from the day after their last, the rebased
        live ones.
    sentence : str
        How well both agreed.

    Raises
    ------
    DataError
        If both share fewer than 20 days, if the returns of more than three
        days differ by more than the tolerance of the series, or if the base of
        the last ten days does.
    """
    # The embedded value of the last day stands; live ones begin the day after (end + DAY).
    end = _last(embedded)
    both = pd.concat({"embedded": embedded, "live": live}, axis=1, join="inner")
    both = both.loc[end - (OVERLAP_DAYS - 1) * DAY :]
    if len(both) < MIN_COMMON:
        raise DataError(
            f"{name}: the live values share {len(both)} of the last {OVERLAP_DAYS} embedded days "
            f"to {end:%Y-%m-%d}, need {MIN_COMMON}; run again with --refresh."
        )
    ratio = both["embedded"] / both["live"]
    base = float(ratio.median())
    gap = np.abs(np.diff(np.log(ratio.to_numpy())))
    tolerance = RETURN_TOLERANCE[name]
    wrong = int((gap > tolerance).sum())
    if wrong > MAX_DISAGREEING:
        returns = both.pct_change().iloc[[int(gap.argmax()) + 1]]
        raise DataError(
            f"{name}: live and embedded values disagree on {wrong} of {len(gap)} days to "
            f"{end:%Y-%m-%d}; most on {returns.index[0]:%Y-%m-%d}, return "
            f"{100 * returns['live'].iloc[0]:+.2f} % live, "
            f"{100 * returns['embedded'].iloc[0]:+.2f} % embedded "
            f"(at most {100 * tolerance:.1f} % apart on all but {MAX_DISAGREEING} days). "
            "Run again with "
            "--refresh; if it stays, use --source files."
        )
    shift = float(ratio.iloc[-RECENT_DAYS:].median()) / base - 1
    if abs(shift) > tolerance:
        raise DataError(
            f"{name}: live values changed their base within the {OVERLAP_DAYS} days to "
            f"{end:%Y-%m-%d}: the last {RECENT_DAYS} are {100 * shift:+.2f} % off (limit "
            f"{100 * tolerance:.1f} %). "
            "Run again with --refresh; if it stays, use --source files."
        )
    sentence = (
        f"{name}: rebased over {len(both)} days to {end:%Y-%m-%d}; daily returns differ by at most "
        f"{100 * gap.max():.2f} %."
    )
    return pd.concat([embedded, base * live.loc[end + DAY :]]), sentence


def joined_index(embedded: pd.DataFrame, live: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Continue the embedded season series with live ones, if the season indices agree.

    Parameters
    ----------
    embedded, live : pandas.DataFrame
        Columns `season_index` and others, by day; live ones also for the last
        60 embedded days.

    Returns
    -------
    table : pandas.DataFrame
        The embedded rows and the live ones after them.
    sentence : str
        How well both agreed.

    Raises
    ------
    DataError
        If fewer than 20 days can be compared, or the mean absolute difference
        is above 5 points.
    """
    end = _last(embedded["season_index"])
    both = pd.concat(
        {"embedded": embedded["season_index"], "live": live["season_index"]}, axis=1, join="inner"
    ).dropna()
    both = both.loc[end - (OVERLAP_DAYS - 1) * DAY : end]
    if len(both) < MIN_COMMON:
        raise DataError(
            f"season_index: only {len(both)} of the {OVERLAP_DAYS} days to {end:%Y-%m-%d} can be "
            f"computed from live prices, need {MIN_COMMON}; too few coins came. Run again with "
            "--refresh."
        )
    gap = (both["live"] - both["embedded"]).abs()
    if gap.mean() > INDEX_TOLERANCE:
        worst = both.iloc[[int(gap.to_numpy().argmax())]]
        raise DataError(
            f"season_index: live and embedded values differ by {gap.mean():.1f} points on average "
            f"over {len(gap)} days to {end:%Y-%m-%d}, at most {INDEX_TOLERANCE:g} are allowed; "
            f"most on {worst.index[0]:%Y-%m-%d}, {worst['live'].iloc[0]:.1f} live, "
            f"{worst['embedded'].iloc[0]:.1f} embedded. Run again with --refresh; if it stays, use "
            "--source files."
        )
    sentence = (
        f"season_index: live and embedded values differ by {gap.mean():.1f} points on average over "
        f"{len(gap)} days to {end:%Y-%m-%d}, by {gap.max():.1f} at most."
    )
    return pd.concat([embedded, live.loc[end + DAY :]]), sentence


def _last(values: pd.Series) -> pd.Timestamp:
    """Return the last day with a value."""
    return pd.DatetimeIndex(values.dropna().index)[-1]


def until_gap(values: pd.Series, name: str) -> tuple[pd.Series, str | None]:
    """Cut a series at its first gap that is too long, and say so.

    Returns
    -------
    values : pandas.Series
        As they are, or those before the gap.
    sentence : str or None
        What was left out, to follow the name of the series.
    """
    values = values.dropna()
    longest = SPECS[name].max_gap_days
    steps = np.diff(values.index.to_numpy()) / np.timedelta64(1, "D")
    if not (steps > longest).any():
        return values, None
    at = int(np.argmax(steps > longest))
    return values.iloc[: at + 1], (
        f"no value between {values.index[at]:%Y-%m-%d} and "
        f"{values.index[at + 1]:%Y-%m-%d} (at most {longest} days may lie between two); "
        f"it ends on {values.index[at]:%Y-%m-%d}."
    )


def joined_flow(
    embedded: pd.Series, live: pd.Series, sessions: pd.DatetimeIndex, name: str
) -> tuple[pd.Series, str | None]:
    """Continue an embedded flow, as long as at least 18 of 21 sessions have a figure.

    Parameters
    ----------
    embedded, live : pandas.Series
        Figures by session; live ones after the embedded end count.
    sessions : pandas.DatetimeIndex
        Sessions of the exchange.
    name : str
        Name of the series.

    Returns
    -------
    series : pandas.Series
        The embedded figures and the live ones before the first session with
        too few.
    sentence : str or None
        What was left out.

    Examples
    --------
    >>> days = pd.bdate_range("2025-12-01", periods=60)
    >>> known, later = pd.Series(1.0, days[:30]), pd.Series(2.0, days[30::2])
    >>> joined_flow(known, later, days, "iwm_flow")[1]
    'iwm_flow: only 17 of the 21 sessions to 2026-01-21 have a figure, need 18; it ends before.'
    """
    end = _last(embedded)
    joined = pd.concat([embedded, live.loc[end + DAY :]])
    due = sessions[(sessions >= joined.index[0]) & (sessions <= joined.index[-1])]
    held = pd.Series(due.isin(joined.index), due).rolling(FLOW_SESSIONS).sum().loc[end + DAY :]
    few = held[held < MIN_FLOW_SESSIONS]
    if few.empty:
        return joined, None
    day = pd.DatetimeIndex(few.index)[0]
    return joined.loc[: day - DAY], (
        f"{name}: only {few.iloc[0]:.0f} of the {FLOW_SESSIONS} sessions to {day:%Y-%m-%d} have a "
        f"figure, need {MIN_FLOW_SESSIONS}; it ends before."
    )
