"""Cells of fund tables: the rows that carry a day, with their figures."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from features.panel import DataError
from features.sources.columns import WAY_OUT, days_of, has_decimal_comma, is_day, with_point
from features.sources.etf_flows.spreadsheets import Table

# Not reported: unlike 0.0, which is a flow of nothing.
_ABSENT = frozenset({
    "", "-", "--", "---", "\u2013", "\u2014", "n/a", "na", "n.a.", "#n/a", "none", "null", "tba",
    "tbc", "pending",
})  # fmt: skip
_NOTES = (
    "total", "average", "avg", "mean", "median", "maximum", "max", "minimum", "min", "sum", "fee",
    "seed", "staking", "date", "source", "cumulative", "note",
)  # fmt: skip
# A figure in either notation; a day such as 31.12.2025 is not among them.
_FIGURE = re.compile(r"[(]?[+-]?(\d{1,3}([., ]\d{3})+|\d+)([.,]\d+)?[)]?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)

# A total with a fund unreported is final when the file goes on for so many days: funds report
# within two. Days of the file, not of the clock: a file is as old as its newest day.
SETTLED_DAYS = 7
# A fund that has not reported in so many sessions before is closed, or not begun.
_SILENT_SESSIONS = 10
# Figures of a table of flows are rounded to a tenth of a million, the funds' and their total.
_ROUNDING = 0.05


def parse_figure(text: str) -> float:
    """Return the figure that a cell holds, NaN for a dash or an empty cell.

    >>> [parse_figure(text) for text in ("1,119.9", "(95.1)", "-0.5", "--")]
    [1119.9, -95.1, -0.5, nan]
    """
    if text.lower() in _ABSENT:
        return math.nan
    bare = text.replace("\u2212", "-").replace("$", "").strip()
    negative = bare.startswith("(") and bare.endswith(")")
    digits = bare[1:-1].strip() if negative else bare
    if not _NUMBER.fullmatch(digits) or (negative and digits[0] in "+-"):
        raise DataError(f"{text!r} is no figure such as 1,119.9 or (95.1)")
    value = float(digits.replace(",", ""))
    if not math.isfinite(value):
        raise DataError(f"{text!r} is too large")
    return -value if negative else value


def figures_of(table: Table, header: int, day: int, columns: Sequence[int]) -> pd.DataFrame:
    """Return the figures of some columns below the header by day, NaN where absent.

    Rows of notes are passed over: fees, totals, prose. Any other row without a day is refused.
    """
    labels, rows = table[header], table[header + 1 :]
    comma = _has_decimal_comma(rows)
    days = days_of(row[day] for row in rows if day < len(row) and is_day(row[day]))
    figures: dict[int, tuple[pd.Timestamp, list[float]]] = {}
    for number, row in enumerate(rows, header + 2):
        label = row[day] if day < len(row) else ""
        if label not in days:
            # A cell alone is prose. Before the first day stand further headers: fees, seeds.
            filled = [at for at in (day, *columns) if at < len(row) and row[at]]
            early = not label and not figures
            if len(filled) > 1 and not (label.lower().startswith(_NOTES) or early or row == labels):
                raise DataError(
                    f"row {number}: {label!r} is no day such as 2025-12-09 or Dec 09, 2025; "
                    f"{WAY_OUT}."
                )
            continue
        if len(row) < len(labels) or any(row[len(labels) :]):
            raise DataError(
                f"row {number} ({label}): has {len(row)} cells, its header has {len(labels)}."
            )
        try:
            figures[number] = (
                days[label],
                [parse_figure(_pointed(row[at], comma=comma)) for at in columns],
            )
        except DataError as error:
            raise DataError(f"{days[label]:%Y-%m-%d}: {error}.") from error
    index = pd.DatetimeIndex([date for date, _ in figures.values()], dtype="datetime64[s]")
    values = [row for _, row in figures.values()]
    names = [labels[at].upper() for at in columns]
    return pd.DataFrame(values, index.rename("date"), names, dtype="float64").sort_index()


def _has_decimal_comma(rows: Table) -> bool:
    try:
        return has_decimal_comma(
            {cell for row in rows for cell in row if _FIGURE.fullmatch(cell)}, thousands=True
        )
    except DataError:  # both: the cell that is no figure is named when it is read
        return False


def _pointed(cell: str, *, comma: bool) -> str:
    return with_point(cell, decimal_comma=True) if comma and _FIGURE.fullmatch(cell) else cell


# --- which days' totals are final: all funds that report have reported ----------------------------


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
