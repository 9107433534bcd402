"""Cells and rows of fund tables: days, figures, the rows that carry a day."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from features.panel import DataError
from features.sources.days import WAY_OUT, day_of, order_of
from features.sources.numerals import has_decimal_comma, with_point

# Not reported: unlike 0.0, which is a flow of nothing.
_ABSENT = frozenset(
    {
        "",
        "-",
        "--",
        "---",
        "\u2013",
        "\u2014",
        "n/a",
        "na",
        "n.a.",
        "#n/a",
        "none",
        "null",
        "tba",
        "tbc",
        "pending",
    }
)
_NOTES = (
    "total",
    "average",
    "avg",
    "mean",
    "median",
    "maximum",
    "max",
    "minimum",
    "min",
    "sum",
    "fee",
    "seed",
    "staking",
    "date",
    "source",
    "cumulative",
    "note",
)
# A figure in either notation; a day such as 31.12.2025 is none.
_FIGURE = re.compile(r"[(]?[+-]?(\d{1,3}([., ]\d{3})+|\d+)([.,]\d+)?[)]?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)


def parse_figure(text: str) -> float:
    """Return the figure that a cell holds, NaN for a dash or an empty cell.

    Parameters
    ----------
    text : str
        Digits, thousands in groups of three, a decimal point; negative with a
        minus or in parentheses.

    Raises
    ------
    DataError
        If the cell holds anything else.

    Examples
    --------
    >>> [parse_figure(text) for text in ("1,119.9", "(95.1)", "-0.5", "--")]
    [1119.9, -95.1, -0.5, nan]
    """
    if text.lower() in _ABSENT:
        return math.nan
    bare = text.replace("\u2212", "-").replace("$", "").strip()
    negative = bare.startswith("(") and bare.endswith(")")
    digits = bare[1:-1].strip() if negative else bare
    if not _NUMBER.fullmatch(digits) or not digits.isascii() or (negative and digits[0] in "+-"):
        raise DataError(f"{text!r} is no figure such as 1,119.9 or (95.1)")
    value = float(digits.replace(",", ""))
    if not math.isfinite(value):
        raise DataError(f"{text!r} is too large")
    return -value if negative else value


def names_day(text: str) -> bool:
    """Tell whether a cell names a day, whatever the order of day and month in it."""
    return any(day_of(text, order) is not None for order in ("dmy", "mdy"))


def column(row: Sequence[str], label: str) -> int:
    """Return where a label stands.

    Raises
    ------
    DataError
        If it does not stand there once.
    """
    places = [at for at, cell in enumerate(row) if cell.lower() == label]
    if len(places) != 1:
        raise DataError(f"needs one column {label!r}, has {len(places)}.")
    return places[0]


def dated_rows(
    rows: Sequence[list[str]], header: int, day: int
) -> Iterator[tuple[pd.Timestamp, list[str]]]:
    """Yield the rows behind the header that carry a day.

    Raises
    ------
    DataError
        If a row is neither that nor a note (a fee, a total, prose), or the order of day and month
        is not clear.
    """
    labels = rows[header]
    begun = False
    order = order_of(row[day] for row in rows[header + 1 :] if day < len(row))
    for number, row in enumerate(rows[header + 1 :], header + 2):
        filled = [cell for cell in row if cell]
        label = row[day] if day < len(row) else ""
        date = day_of(label, order)
        if date is not None:
            if len(row) < len(labels) or any(row[len(labels) :]):
                raise DataError(
                    f"row {number} ({label}): has {len(row)} cells, its header has {len(labels)}."
                )
            begun = True
            yield date, row
        # One cell is prose. Before the first day stand further headers: fees, seeds.
        elif len(filled) > 1 and not (
            label.lower().startswith(_NOTES) or (not label and not begun) or row == labels
        ):
            raise DataError(
                f"row {number}: {label!r} is no day such as 2025-12-09 or Dec 09, 2025; {WAY_OUT}."
            )


def with_points(rows: Sequence[list[str]], header: int) -> list[list[str]]:
    """Return rows whose figures have a decimal point, where all of the table have a comma."""
    cells = {cell for row in rows[header + 1 :] for cell in row if _FIGURE.fullmatch(cell)}
    try:
        comma = has_decimal_comma(cells, thousands=True)
    except DataError:  # both: the cell that is no figure is named when it is read
        comma = False
    if not comma:
        return list(rows)
    return [
        [
            with_point(cell, decimal_comma=True) if at > header and cell in cells else cell
            for cell in row
        ]
        for at, row in enumerate(rows)
    ]


def figure(row: Sequence[str], at: int, day: pd.Timestamp) -> float:
    """Return the figure in a column of a day's row; an error names the day."""
    try:
        return parse_figure(row[at])
    except DataError as error:
        raise DataError(f"{day:%Y-%m-%d}: {error}.") from error


def series_of(name: str, figures: Iterable[tuple[pd.Timestamp, float]]) -> pd.Series:
    """Return figures by day, sorted; equal ones of one day count once, others are refused."""
    held: dict[pd.Timestamp, float] = {}
    for day, value in figures:
        if held.setdefault(day, value) != value:
            raise DataError(
                f"{name} on {day:%Y-%m-%d}: two rows for one day, {held[day]:.10g} and "
                f"{value:.10g}."
            )
    days = pd.DatetimeIndex(sorted(held), dtype="datetime64[s]", name="date")
    return pd.Series([held[day] for day in days], days, dtype="float64")
