"""Columns of days and of numbers as people write them: read where they can mean one thing only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.panel import DataError
from features.terminal import one_line

WAY_OUT = "write all days of a column as 2025-12-10"
EARLIEST = pd.Timestamp("1900-01-01")
# Beyond any price, market cap or flow; ratios and sums of such numbers are still finite.
LARGEST = 1e30

# From here on a time stamp is the end of its day, of which the last minute is left out at most.
_END_OF_DAY = pd.Timedelta(hours=23, minutes=59)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_MONTH_OF = {name[:n]: at for at, name in enumerate(_MONTHS, 1) for n in (3, 4, len(name))}
_TIME = (
    r"(?:[T ]+(?P<time>(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
)
_UTC = (None, "Z", "UTC", "+00", "-00", "+0000", "-0000", "+00:00", "-00:00")
# A column is read in every form that fits all of it; if two of them disagree, it is refused.
_FORMS = tuple(
    re.compile(form + _TIME, re.ASCII)
    for form in (
        r"(?P<year>\d{4})(?P<sep>[-/]?)(?P<month>\d\d)(?P=sep)(?P<day>\d\d)",
        r"(?P<day>\d{1,2})(?P<sep>[ /-])(?P<month>[A-Za-z]{3,9})\.?(?P=sep)(?P<year>\d{4}|\d\d)",
        r"(?P<month>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})",
        r"(?P<day>\d{1,2})(?P<sep>[/.-])(?P<month>\d{1,2})(?P=sep)(?P<year>\d{4}|\d\d)",
        r"(?P<month>\d{1,2})(?P<sep>[/.-])(?P<day>\d{1,2})(?P=sep)(?P<year>\d{4}|\d\d)",
        r"(?P<year>\d{1,2})(?P<sep>[/.-])(?P<month>\d{1,2})(?P=sep)(?P<day>\d\d)",
    )
)
_EPOCH = re.compile(r"(\d{9,16})(\.0)?", re.ASCII)
# 1969 and 2068 are the ends of a century of two digits, as POSIX has it.
_PIVOT = 69

# Numbers with a decimal point and with a decimal comma, thousands in groups of three.
_POINT = re.compile(
    r"[(]?[+-]?(([1-9]\d{0,2}([, ]\d{3})+|\d+)(\.\d*)?|\.\d+)(e[+-]?\d+)?[)]?", re.IGNORECASE
)
_COMMA = re.compile(
    r"[(]?[+-]?(([1-9]\d{0,2}([. ]\d{3})+|\d{1,3}([. ]\d{3})+(?=,)|\d+)(,\d*)?|,\d+)"
    r"(e[+-]?\d+)?[)]?",
    re.IGNORECASE,
)


class BadValue(DataError):
    """A value of a column breaks a rule; the reader of the column knows its row."""

    def __init__(self, rule: str, value: object) -> None:
        super().__init__(f"{rule}.")
        self.value = value


def shown(value: object) -> str:
    """Return a value or an error for a message: one line, not too long."""
    return one_line(value, longest=60)


# --- days ----------------------------------------------------------------------------------------


def is_day(text: str) -> bool:
    """Return whether a text is a day in any form that `days_of` reads, in whatever zone.

    >>> is_day("01/02/2024"), is_day("Total")
    (True, False)
    """
    matches = [form.fullmatch(text.strip()) for form in _FORMS]
    return any(match is not None and _instant(match) is not None for match in matches)


def days_of(texts: Iterable[str]) -> dict[str, pd.Timestamp]:
    """Return the day that each text of one column means.

    Read are ISO 8601 days, also without hyphens or with a time at midnight or in the last minute
    of the day, UTC; days with the month as an English word; seconds, milliseconds or microseconds
    since 1970; days of three figures where the column leaves one order of day and month. A column
    of several forms, or of days that can be others, raises BadValue.

    >>> [f"{day:%F}" for day in days_of(["2025-12-09T23:59:59.999Z", "2025-12-08"]).values()]
    ['2025-12-09', '2025-12-08']
    >>> [f"{day:%F}" for day in days_of(["12/09/2025", "12/31/2025"]).values()]
    ['2025-12-09', '2025-12-31']
    """
    unique = list(dict.fromkeys(texts))
    counted = [match[1] for text in unique if (match := _EPOCH.fullmatch(text.strip()))]
    if unique and len(counted) == len(unique):
        days = _whole(_counted(pd.Series(counted, dtype="int64")), unique, [True] * len(unique))
    else:
        instants = pd.Series(_in_one_form(unique), dtype="datetime64[us]")
        days = _whole(instants, unique, [":" in text for text in unique])
    return dict(zip(unique, days, strict=True))


def day_column(values: pd.Series) -> pd.Series:
    """Return a column of a file, in any type that can hold days, as datetime64[s]."""
    codes, unique = pd.factorize(values)
    blank = [value for value in unique if isinstance(value, str) and not value.strip()]
    if (codes < 0).any() or blank:
        raise BadValue("must be whole days, none missing", blank[0] if blank else None)
    if isinstance(unique, pd.DatetimeIndex):
        # Seconds east of UTC: a zone that is called otherwise may be UTC all the same.
        for value in unique if unique.tz is not None else ():
            if value.utcoffset():
                raise BadValue(f"must carry no time zone but UTC, got {value}; {WAY_OUT}", value)
        instants = pd.Series(unique if unique.tz is None else unique.tz_convert(None))
    elif pd.api.types.is_numeric_dtype(unique.dtype):
        instants = _counted(pd.Series(unique))
    else:
        read = days_of(map(str, unique))
        return _at(codes, pd.Series([read[str(value)] for value in unique]))
    return _at(codes, _whole(instants, list(unique), [True] * len(unique)))


def _at(codes: NDArray[np.intp], days: pd.Series) -> pd.Series:
    return pd.Series(days.to_numpy("datetime64[s]")[codes])


def _in_one_form(texts: Sequence[str]) -> list[pd.Timestamp]:
    """Return the instants of texts in the form that fits all of them."""
    readings = []
    for form in _FORMS:
        matches = [form.fullmatch(text.strip()) for text in texts]
        readings.append([None if match is None else _instant(match) for match in matches])
        for text, match in zip(texts, matches, strict=True):
            if match is not None and match["zone"] not in _UTC:
                rule = (
                    f"must be days, got {shown(text)!r}, whose time is {match['zone']} and not UTC"
                )
                raise BadValue(f"{rule}; {WAY_OUT}", text)
    # The form of most of the column is the one meant.
    meant = min(readings, key=lambda reading: reading.count(None))
    if None in meant:
        bad = texts[meant.index(None)]
        good = next((text for text, day in zip(texts, meant, strict=True) if day), None)
        other = f", of another form than {shown(good)!r}" if good and is_day(bad) else ""
        raise BadValue(
            f"must be days such as 2025-12-10, got {shown(bad)!r}{other}; {WAY_OUT}", bad
        )
    for reading in readings:
        if None in reading or reading == meant:
            continue
        text, one, two = next(
            each for each in zip(texts, meant, reading, strict=True) if each[1] != each[2]
        )
        raise BadValue(
            f"must be days, got {shown(text)!r}, which can be {one:%d %b %Y} or "
            f"{two:%d %b %Y}, and no day of this column decides; {WAY_OUT}", text,
        )  # fmt: skip
    return [instant for instant in meant if instant is not None]


def _instant(match: re.Match[str]) -> pd.Timestamp | None:
    """Return the instant that a text of a form names, None if there is no such day."""
    year, word, time = int(match["year"]), match["month"].lower(), match["time"]
    if len(match["year"]) <= 2:
        year += 1900 if year >= _PIVOT else 2000
    try:
        month = int(word) if word.isdigit() else _MONTH_OF[word]
        day = pd.Timestamp(year, month, int(match["day"]))
    except (KeyError, ValueError):
        return None
    return day + pd.Timedelta(f"{time}:00" if time.count(":") == 1 else time) if time else day


def _counted(values: pd.Series) -> pd.Series:
    """Return the instants of days written 20251210, or counted since 1970 in one unit."""
    if (values == values.round()).all():
        # Eight figures are days: as seconds they would be of the seventies.
        if values.between(19_000_101, 21_001_231).all():
            figures = values.map("{:.0f}".format)
            days = pd.to_datetime(figures, format="%Y%m%d", errors="coerce")
            if days.notna().all():
                return days
        # From 2001 to 2100 no two units overlap.
        units: Any = (("s", 1), ("ms", 10**3), ("us", 10**6))
        for unit, times in units:
            if values.between(978_307_200 * times, 4_102_444_800 * times).all():
                return pd.to_datetime(values.astype("int64"), unit=unit)
    raise BadValue(
        f"must be days, got {values.min():.16g} to {values.max():.16g}; numbers are read as "
        "20251210, or as seconds, milliseconds or microseconds since 1970 from 2001 on; "
        f"{WAY_OUT}", values.iloc[0],
    )  # fmt: skip


def _whole(instants: pd.Series, written: Sequence[object], timed: Sequence[bool]) -> pd.Series:
    """Return the days of instants, which must all begin their day or all end it."""
    days = instants.dt.normalize()
    clock = instants - days
    ends = clock >= _END_OF_DAY

    def first(rows: pd.Series) -> object:
        return written[int(rows.to_numpy().argmax())]

    if (within := (clock > pd.Timedelta(0)) & ~ends).any():
        raise BadValue(
            f"must be whole days, got {shown(first(within))!r}, a time within the day (UTC): "
            f"midnight and the end of the day are read; {WAY_OUT}", first(within),
        )  # fmt: skip
    if ends.any() and (begins := ~ends & pd.Series(timed)).any():
        raise BadValue(
            f"must be whole days, got both {shown(first(begins))!r} and {shown(first(ends))!r}: "
            f"whether midnight begins or ends a day is not clear; {WAY_OUT}", first(ends),
        )  # fmt: skip
    if (early := days < EARLIEST).any():
        raise BadValue(
            f"must not be before {EARLIEST:%Y-%m-%d}, got {shown(first(early))!r}", first(early)
        )
    return days.dt.as_unit("s")


# --- numbers -------------------------------------------------------------------------------------


def has_decimal_comma(texts: Iterable[str], *, thousands: bool = False) -> bool:
    """Return whether the numbers of one file have a decimal comma; other texts are passed over.

    With `thousands` a number that can be either is taken for thousands; else it raises BadValue,
    as do numbers of both notations.

    >>> has_decimal_comma(["92.000,5", "1,25"]), has_decimal_comma(["1,234.5", "0.5"])
    (True, False)
    """
    read = {text: (_POINT.fullmatch(text), _COMMA.fullmatch(text)) for text in texts}
    point = next((text for text, (point, comma) in read.items() if point and not comma), None)
    comma = next((text for text, (point, comma) in read.items() if comma and not point), None)
    either = next((text for text, forms in read.items() if all(forms) and "," in text), None)
    if comma and point:
        raise BadValue(
            f"has numbers with a decimal comma ({comma!r}) and with a decimal point ({point!r}); "
            "write all with a decimal point", comma,
        )  # fmt: skip
    if either and not comma and not point and not thousands:
        raise BadValue(
            f"{either!r} can be a decimal comma or thousands, and no number of the file decides; "
            "write numbers with a decimal point and without thousands", either,
        )  # fmt: skip
    return comma is not None


def with_point(text: str, *, decimal_comma: bool) -> str:
    """Return a number with a decimal point and without thousands.

    >>> with_point("92.000,5", decimal_comma=True), with_point("1,234.5", decimal_comma=False)
    ('92000.5', '1234.5')
    """
    if decimal_comma:
        plain = text.replace(".", "").replace(" ", "").replace(",", ".")
        return plain if _COMMA.fullmatch(text) else text
    return text.replace(",", "") if _POINT.fullmatch(text) else text
