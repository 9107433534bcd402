"""Where live series meet embedded ones: rebased over an overlap, and both must agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.panel import DAY, SPECS, DataError

OVERLAP_DAYS = 60
_MIN_COMMON = 20
# Closes of an index are the same everywhere; those of a coin depend on the minute of the day.
_RETURN_TOLERANCE = {"russell2000": 0.005, "sp500": 0.005, "bitcoin": 0.03, "eth_btc": 0.03}
_MAX_DISAGREEING = 3
# A level that changed its base within the overlap disagrees on one day only.
_RECENT_DAYS = 10
# The embedded membership is weekly before the seam; that alone makes 0.4 points, monthly
# membership up to 2.9 (mean over 60 days, 2022-12 to 2025-12).
_INDEX_TOLERANCE = 5.0

# Windows of flows count 21 figures: with fewer of 21 sessions they would span weeks more.
_FLOW_SESSIONS = 21
_MIN_FLOW_SESSIONS = 18

_FROM_FILES = "Run again with --refresh; if it stays, use --source files."


def joined_level(embedded: pd.Series, live: pd.Series, name: str) -> tuple[pd.Series, str]:
    """Continue an embedded level with a live one, and return it with how well both agreed.

    The base is the median ratio over the last 60 embedded days. Both must share at least 20 of
    them; the returns of at most three days, and never the base of the last ten, may differ by
    more than the tolerance of the series: anything else is a `DataError`.
    """
    both, end = _overlap(embedded, live)
    if len(both) < _MIN_COMMON:
        raise DataError(
            f"{name}: the live values share {len(both)} of the last {OVERLAP_DAYS} embedded days "
            f"to {end:%Y-%m-%d}, need {_MIN_COMMON}; run again with --refresh."
        )
    ratio = both["embedded"] / both["live"]
    base = float(ratio.median())
    gap = np.abs(np.diff(np.log(ratio.to_numpy())))
    tolerance = _RETURN_TOLERANCE[name]
    wrong = int((gap > tolerance).sum())
    if wrong > _MAX_DISAGREEING:
        returns = both.pct_change().iloc[[int(gap.argmax()) + 1]]
        raise DataError(
            f"{name}: live and embedded values disagree on {wrong} of {len(gap)} days to "
            f"{end:%Y-%m-%d}; most on {returns.index[0]:%Y-%m-%d}, return "
            f"{100 * returns['live'].iloc[0]:+.2f} % live, "
            f"{100 * returns['embedded'].iloc[0]:+.2f} % embedded "
            f"(at most {100 * tolerance:.1f} % apart on all but {_MAX_DISAGREEING} days). "
            f"{_FROM_FILES}"
        )
    shift = float(ratio.iloc[-_RECENT_DAYS:].median()) / base - 1
    if abs(shift) > tolerance:
        raise DataError(
            f"{name}: live values changed their base within the {OVERLAP_DAYS} days to "
            f"{end:%Y-%m-%d}: the last {_RECENT_DAYS} are {100 * shift:+.2f} % off (limit "
            f"{100 * tolerance:.1f} %). {_FROM_FILES}"
        )
    sentence = (
        f"{name}: rebased over {len(both)} days to {end:%Y-%m-%d}; daily returns differ by at most "
        f"{100 * gap.max():.2f} %."
    )
    # The embedded value of the last day stands; live ones begin the day after.
    return pd.concat([embedded, base * live.loc[end + DAY :]]), sentence


def joined_index(embedded: pd.DataFrame, live: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Continue the embedded season series with live ones, and return how well both agreed.

    At least 20 of the last 60 embedded days must be there in both, and the season indices may
    differ by five points on average: anything else is a `DataError`.
    """
    both, end = _overlap(embedded["season_index"], live["season_index"])
    both = both.loc[:end].dropna()
    if len(both) < _MIN_COMMON:
        raise DataError(
            f"season_index: only {len(both)} of the {OVERLAP_DAYS} days to {end:%Y-%m-%d} can be "
            f"computed from live prices, need {_MIN_COMMON}; too few coins came. Run again with "
            "--refresh."
        )
    gap = (both["live"] - both["embedded"]).abs()
    if gap.mean() > _INDEX_TOLERANCE:
        worst = both.iloc[[int(gap.to_numpy().argmax())]]
        raise DataError(
            f"season_index: live and embedded values differ by {gap.mean():.1f} points on average "
            f"over {len(gap)} days to {end:%Y-%m-%d}, at most {_INDEX_TOLERANCE:g} are allowed; "
            f"most on {worst.index[0]:%Y-%m-%d}, {worst['live'].iloc[0]:.1f} live, "
            f"{worst['embedded'].iloc[0]:.1f} embedded. {_FROM_FILES}"
        )
    sentence = (
        f"season_index: live and embedded values differ by {gap.mean():.1f} points on average over "
        f"{len(gap)} days to {end:%Y-%m-%d}, by {gap.max():.1f} at most."
    )
    return pd.concat([embedded, live.loc[end + DAY :]]), sentence


def _overlap(embedded: pd.Series, live: pd.Series) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Return both series over the last embedded days that they share, and the last of these."""
    end = _last(embedded)
    both = pd.concat({"embedded": embedded, "live": live}, axis=1, join="inner")
    return both.loc[end - (OVERLAP_DAYS - 1) * DAY :], end


def _last(values: pd.Series) -> pd.Timestamp:
    return pd.DatetimeIndex(values.dropna().index)[-1]


def gaps(days: pd.Index, longest: int) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the neighbouring days that lie more than `longest` days apart."""
    # A gap of the longest allowed length is allowed: strict.
    far = np.diff(days.to_numpy()) > np.timedelta64(longest, "D")
    return [(days[at], days[at + 1]) for at in map(int, np.flatnonzero(far))]


def since_gap(values: pd.Series, longest: int) -> pd.Series:
    """Return what follows the last gap of a series."""
    too_long = gaps(values.index, longest)
    return values.loc[too_long[-1][1] :] if too_long else values


def until_gap(values: pd.Series, name: str) -> tuple[pd.Series, str | None]:
    """Return a series up to its first gap, and what was left out, to follow its name."""
    values = values.dropna()
    longest = SPECS[name].max_gap_days
    too_long = gaps(values.index, longest)
    if not too_long:
        return values, None
    before, after = too_long[0]
    return values.loc[:before], (
        f"no value between {before:%Y-%m-%d} and {after:%Y-%m-%d} (at most {longest} days may lie "
        f"between two); it ends on {before:%Y-%m-%d}."
    )


def joined_flow(
    embedded: pd.Series, live: pd.Series, sessions: pd.DatetimeIndex, name: str
) -> tuple[pd.Series, str | None]:
    """Continue an embedded flow while at least 18 of 21 sessions of the exchange have a figure.

    Returns it with what was left out, if anything was.

    >>> days = pd.bdate_range("2025-12-01", periods=60)
    >>> known, later = pd.Series(1.0, days[:30]), pd.Series(2.0, days[30::2])
    >>> joined_flow(known, later, days, "iwm_flow")[1]
    'iwm_flow: only 17 of the 21 sessions to 2026-01-21 have a figure, need 18; it ends before.'
    """
    end = _last(embedded)
    joined = pd.concat([embedded, live.loc[end + DAY :]])
    due = sessions[(sessions >= joined.index[0]) & (sessions <= joined.index[-1])]
    held = pd.Series(due.isin(joined.index), due).rolling(_FLOW_SESSIONS).sum().loc[end + DAY :]
    few = held[held < _MIN_FLOW_SESSIONS]
    if few.empty:
        return joined, None
    day = pd.DatetimeIndex(few.index)[0]
    return joined.loc[: day - DAY], (
        f"{name}: only {few.iloc[0]:.0f} of the {_FLOW_SESSIONS} sessions to {day:%Y-%m-%d} have a "
        f"figure, need {_MIN_FLOW_SESSIONS}; it ends before."
    )
