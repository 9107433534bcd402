"""Which days' totals are final: those for which every fund that reports has reported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from features.panel import DataError

# A total with a fund unreported is final when the file goes on for so many days: funds report
# within two. Days of the file, not of the clock: a file is as old as its newest day.
SETTLED_DAYS = 7
# A fund that has reported in none of so many sessions before is closed, or not begun.
SILENT_SESSIONS = 10
# Figures of a table of flows are rounded to a tenth of a million, each and their total.
_ROUNDING = 0.05


@dataclass(frozen=True)
class FundDay:
    """One day of a table of flows.

    Parameters
    ----------
    day : pandas.Timestamp
        The session.
    flows : mapping of str to float
        US$ million by fund, NaN where it has not reported.
    total : float
        What the table gives as their sum, NaN where it gives none.
    """

    day: pd.Timestamp
    flows: Mapping[str, float]
    total: float

    @property
    def reported(self) -> frozenset[str]:
        """The funds that have a figure."""
        return frozenset(fund for fund, flow in self.flows.items() if not math.isnan(flow))


def unreported(rows: Sequence[FundDay]) -> dict[pd.Timestamp, list[str]]:
    """Return the days whose total is not final, each with the funds that are waited for.

    Parameters
    ----------
    rows : sequence of FundDay
        By day. Days on which no fund has a figure are without trading, and none of these.

    Examples
    --------
    >>> days = pd.bdate_range("2025-12-04", periods=3)
    >>> table = [FundDay(day, {"IBIT": 1.0, "FBTC": 2.0}, 3.0) for day in days[:2]]
    >>> table.append(FundDay(days[2], {"IBIT": math.nan, "FBTC": 2.0}, 2.0))
    >>> {f"{day:%F}": funds for day, funds in unreported(table).items()}
    {'2025-12-08': ['IBIT']}
    """
    traded = [row for row in rows if row.reported]
    waiting = {}
    for at, row in enumerate(traded):
        # Strict: with seven days behind it the total is settled.
        if (traded[-1].day - row.day).days >= SETTLED_DAYS:
            continue
        before = traded[max(at - SILENT_SESSIONS, 0) : at]
        silent = len(before) == SILENT_SESSIONS
        late = [
            fund for fund in row.flows
            if fund not in row.reported
            and not (silent and all(fund not in earlier.reported for earlier in before))
        ]  # fmt: skip
        if late:
            waiting[row.day] = late
    return waiting


def checked_total(row: FundDay, *, late: bool) -> float:
    """Return a day's total, US$ million; NaN without trading, or where it is not known yet.

    Parameters
    ----------
    row : FundDay
        The day.
    late : bool
        Whether a fund is waited for: then the table may give no total yet.

    Raises
    ------
    DataError
        If the total is not the sum of the funds.
    """
    known = [flow for flow in row.flows.values() if not math.isnan(flow)]
    if not known and (math.isnan(row.total) or row.total == 0):
        return math.nan
    if late and math.isnan(row.total):
        return sum(known)
    if math.isnan(row.total) or abs(sum(known) - row.total) > _ROUNDING * (len(known) + 1) + 1e-6:
        told = "is absent" if math.isnan(row.total) else f"is {row.total:g}"
        raise DataError(
            f"{row.day:%Y-%m-%d}: the funds add up to {sum(known):.1f}, but Total {told} "
            "(US$ million)."
        )
    return row.total
