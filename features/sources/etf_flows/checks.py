"""What figures of the funds can be: limits, splits, gaps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue.features import FUND_START
from features.panel import DataError
from features.plausibility.book import UNITS
from features.plausibility.limits import FLOW_TIMES, LARGEST_FLOW

# From, to (both excluded): what no figure of these funds can reach, but a mistaken unit does. For
# flows ten times the largest day so far, as in the rule book.
LIMITS = {
    "iwm_shares_outstanding": (0.0, 1e11),
    "iwm_nav": (0.0, 1e6),
    **{name: (-FLOW_TIMES * day, FLOW_TIMES * day) for name, day in LARGEST_FLOW.items()},
}
# The greatest changes from one session to the next since 2008 are 18 % (shares) and 14 % (NAV).
MAX_JUMP = 0.30
JUMP_DAYS = 10
# No closure of the exchange since 2008 lasted longer: a greater distance is a gap.
MAX_DISTANCE_DAYS = 5

# IWM's NAV over the embedded index (100 on 2012-07-02): from 2012 to 2026 between 0.796 and 0.808.
# No other fund is near: relative to that the funds of the index' halves lie at 0.7 and 1.3,
# Vanguard's at 0.4, the S&P 600's at 0.5, the Russell 1000's at 1.5, the S&P 500's at 2.7.
NAV_PER_POINT = 0.8028
NAV_FACTOR = 1.1
# Behind the end of the embedded history, where the index is only known to have been.
LATER_FACTOR = 1.3

_EARLIEST = pd.Timestamp("1990-01-01")


def check(rows: pd.DataFrame) -> None:
    """Refuse values outside their limits.

    Raises
    ------
    DataError
        Naming series, day and value of the first.
    """
    for name, (low, high) in LIMITS.items():
        own = rows[rows["series"] == name]
        bad = own[~((own["value"] > low) & (own["value"] < high)) | (own["date"] < _EARLIEST)]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"{row['origin']}: {name} on {row['date']:%Y-%m-%d}: must be between {low:g} and "
                f"{high:g}, on a day from {_EARLIEST:%Y} on, got {row['value']:g}: another unit? "
                f"{UNITS}."
            )


def check_fund(nav: pd.Series, russell2000: pd.Series) -> None:
    """Refuse a NAV that cannot be IWM's: it does not stand to the index as IWM's does.

    Parameters
    ----------
    nav : pandas.Series
        US dollars by day.
    russell2000 : pandas.Series
        The index as embedded, by day; earlier days are not judged, later ones by its last value.

    Raises
    ------
    DataError
        Naming day, value and what would be expected.

    Examples
    --------
    >>> day = pd.DatetimeIndex(["2025-12-09"])
    >>> check_fund(pd.Series([690.2], day), pd.Series([314.7], day))
    Traceback (most recent call last):
    features.panel.DataError: iwm_nav on 2025-12-09: is 690.2, but a share of the Russell 2000 ...
    """
    days = pd.DatetimeIndex(nav.index)
    expected = NAV_PER_POINT * russell2000.reindex(days, method="ffill")
    factor = np.where(days > russell2000.index[-1], LATER_FACTOR, NAV_FACTOR)
    bad = np.abs(np.log(nav / expected)) > np.log(factor)
    if bad.any():
        day = days[bad][-1]
        raise DataError(
            f"iwm_nav on {day:%Y-%m-%d}: is {nav[day]:.10g}, but a share of the Russell 2000 ETF "
            f"(IWM) cost about {expected[day]:.4g}: the file of another fund? If it is IWM's, "
            "import the issuer's own file, which names the fund."
        )


def gaps(days: pd.DatetimeIndex) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the neighbouring days that lie more than five days apart, from 2008 on."""
    days = days[days >= FUND_START - pd.Timedelta(days=MAX_DISTANCE_DAYS)]
    far = np.flatnonzero(np.diff(days.to_numpy()) > np.timedelta64(MAX_DISTANCE_DAYS, "D"))
    return [(days[int(at)], days[int(at) + 1]) for at in far]


def check_jumps(table: pd.DataFrame, fresh: pd.DataFrame) -> None:
    """Refuse fund figures that change like in a split, where new rows are involved.

    Parameters
    ----------
    table : pandas.DataFrame
        All rows, by series and date.
    fresh : pandas.DataFrame
        The new ones among them.

    Raises
    ------
    DataError
        Naming series, day and both values of the first.
    """
    for name in ("iwm_shares_outstanding", "iwm_nav"):
        own = table[(table["series"] == name) & (table["date"] >= FUND_START)]
        near = own["date"].diff() <= pd.Timedelta(days=JUMP_DAYS)
        change = own["value"].pct_change()
        new = own["date"].isin(fresh.loc[fresh["series"] == name, "date"])
        bad = own[near & (change.abs() > MAX_JUMP) & (new | new.shift(fill_value=False))]
        if len(bad):
            day = bad["date"].iloc[0]
            raise DataError(
                f"{name} on {day:%Y-%m-%d}: changes by {100 * change[bad.index[0]]:+.0f} % within "
                f"{JUMP_DAYS} days, from {own['value'].shift()[bad.index[0]]:.10g} to "
                f"{bad['value'].iloc[0]:.10g} ({bad['origin'].iloc[0]}); at most "
                f"{100 * MAX_JUMP:.0f} % is a flow. After a split, import the fund's whole "
                f"restated history with --replace."
            )
