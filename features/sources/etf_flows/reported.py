"""Which days' totals are final: those for which every fund that reports has reported."""

from __future__ import annotations

import pandas as pd

from features.panel import DataError

# A total with a fund unreported is final when the file goes on for so many days: funds report
# within two. Days of the file, not of the clock: a file is as old as its newest day.
SETTLED_DAYS = 7
# A fund that has not reported in so many sessions before is closed, or not begun.
_SILENT_SESSIONS = 10
# Figures of a table of flows are rounded to a tenth of a million, the funds' and their total.
_ROUNDING = 0.05


def awaited(flows: pd.DataFrame) -> pd.DataFrame:
    """Return, for days whose total is not final, which funds are still awaited; US$ million.

    >>> days = pd.bdate_range("2025-12-04", periods=3)
    >>> flows = pd.DataFrame({"IBIT": [1.0, 1.0, None], "FBTC": [2.0, 2.0, 2.0]}, days)
    >>> awaited(flows)
                IBIT   FBTC
    2025-12-08  True  False
    """
    reported = flows.notna()
    reported = reported[reported.any(axis=1)]  # without any figure there was no trading
    # With fewer sessions before (NaN), a fund may only have been missed by chance.
    active = reported.astype(float).rolling(_SILENT_SESSIONS).max().shift() != 0
    # Strict: with seven later days a total is final.
    recent = reported.index > reported.index.max() - pd.Timedelta(days=SETTLED_DAYS)
    late = ~reported & active & recent[:, None]
    return late[late.any(axis=1)]


def totals_of(flows: pd.DataFrame, totals: pd.Series, late: pd.Index) -> pd.Series:
    """Return each day's total, which must be the funds' sum within rounding; US$ million.

    Days without trading are left out. A late day may still be without a total: then it is the sum
    so far.
    """
    count, sums = flows.count(axis=1), flows.sum(axis=1)
    totals = totals.mask(totals.isna() & totals.index.isin(late), sums)
    idle = (count == 0) & (totals.isna() | (totals == 0))
    bad = ~idle & ~((sums - totals).abs() <= _ROUNDING * (count + 1) + 1e-6)
    if bad.any():
        at = int(bad.to_numpy().argmax())
        given = "is absent" if pd.isna(totals.iloc[at]) else f"is {totals.iloc[at]:g}"
        raise DataError(
            f"{totals.index[at]:%Y-%m-%d}: the funds add up to {sums.iloc[at]:.1f}, but Total "
            f"{given} (US$ million)."
        )
    return totals[~idle]
