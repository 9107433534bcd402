"""Cells and rows of fund tables: days, figures, the rows that carry a day."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from features.panel import DataError

_ABSENT = frozenset({"", "-", "--", "\u2013", "\u2014", "n/a", "na"})
_NOTES = ("total", "average", "maximum", "minimum", "fee", "seed", "staking", "date", "source")
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_NUMBER = re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d+)(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE)


def parse_day(text: str) -> pd.Timestamp | None:
    """Return the day that a cell names, None if it names none.

    Months are English words or the day is ISO 8601; days such as 01/02/2024,
    which can be read two ways, are none.

    Examples
    --------
    >>> [str(parse_day(text).date()) for text in ("Dec 09, 2025", "11 Jan 2024", "2025-12-09")]
    ['2025-12-09', '2024-01-11', '2025-12-09']
    >>> parse_day("01/02/2024") is None
    True
    """
    if match := re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)([T ]00:00(:00(\.0+)?)?)?", text, re.ASCII):
        parts = match[1], match[2], match[3]
    elif match := re.fullmatch(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})", text, re.ASCII):
        parts = match[3], _month(match[1]), match[2]
    elif match := re.fullmatch(r"(\d{1,2})[ -]([A-Za-z]{3,9})\.?[ -](\d{4})", text, re.ASCII):
        parts = match[3], _month(match[2]), match[1]
    else:
        return None
    try:
        return pd.Timestamp(int(parts[0]), int(parts[1]), int(parts[2])).as_unit("s")
    except ValueError:
        return None


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


def _month(word: str) -> str:
    word = word.lower()
    fitting = [at for at, name in enumerate(_MONTHS, 1) if word in (name, name[:3], name[:4])]
    return str(fitting[0] if fitting else 0)


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
        If a row is neither that nor a note (a fee, a total, prose).
    """
    labels = rows[header]
    begun = False
    for number, row in enumerate(rows[header + 1 :], header + 2):
        filled = [cell for cell in row if cell]
        label = row[day] if day < len(row) else ""
        date = parse_day(label)
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
                f"row {number}: {label!r} is no day such as 2025-12-09 or Dec 09, 2025."
            )


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
