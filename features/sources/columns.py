"""Columns of days and of numbers as people write them: read where they can mean one thing only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from features.panel import DataError
from features.terminal import one_line

WAY_OUT = "write all days of a column as 2025-12-10"
EARLIEST = pd.Timestamp("1900-01-01")
# From here on a time stamp is the end of its day, of which the last minute is left out at most.
END_OF_DAY = pd.Timedelta(hours=23, minutes=59)
# Beyond any price, market cap or flow; ratios and sums of such numbers are still finite.
LARGEST = 1e30

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_MONTH_OF = {
    name: at for at, month in enumerate(_MONTHS, 1) for name in (month, month[:3], month[:4])
}
_TIME = (
    r"(?:[T ]+(?P<time>(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
)
_UTC = {None, "Z", "UTC", "+00", "-00", "+0000", "-0000", "+00:00", "-00:00"}
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
# What a time stamp is counted in by its size: from 2001 to 2100 no two of them overlap.
_UNITS: Mapping[Literal["s", "ms", "us"], int] = {"s": 1, "ms": 10**3, "us": 10**6}
_EPOCH_FROM, _EPOCH_TO = 978_307_200, 4_102_444_800
# 1969 and 2068 are the ends of a century of two digits, as POSIX has it.
_PIVOT = 69

_SIGN = r"[(]?[+-]?"
# 1.234,5: thousands in groups of three before the decimals. 1,234 can be either.
_COMMA = re.compile(_SIGN + r"(\d{1,3}([. ]\d{3})+|\d+),\d+(e[+-]?\d+)?[)]?", re.IGNORECASE)
_GROUPED = re.compile(_SIGN + r"[1-9]\d{0,2}(,\d{3})+[)]?")
_GROUPED_BY_POINT = re.compile(_SIGN + r"[1-9]\d{0,2}(\.\d{3})+[)]?")


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
    """Return whether a text is a day in any form that `days_of` reads.

    Examples
    --------
    >>> is_day("01/02/2024"), is_day("Total")
    (True, False)
    """
    try:
        return any(_instant(form.fullmatch(text.strip())) is not None for form in _FORMS)
    except BadValue:
        return True  # of another zone


def days_of(texts: Iterable[str]) -> dict[str, pd.Timestamp]:
    """Return the day that each text of one column means.

    Read are ISO 8601 days, also without hyphens or with a time at midnight or in the last minute
    of the day, UTC; days with the month as an English word; seconds, milliseconds or microseconds
    since 1970; days of three figures where the column leaves one order of day and month. A column
    of several forms, or of days that can be others, raises BadValue.

    Examples
    --------
    >>> [f"{day:%F}" for day in days_of(["2025-12-09T23:59:59.999Z", "2025-12-08"]).values()]
    ['2025-12-09', '2025-12-08']
    >>> [f"{day:%F}" for day in days_of(["12/09/2025", "12/31/2025"]).values()]
    ['2025-12-09', '2025-12-31']
    """
    unique = list(dict.fromkeys(texts))
    if not unique:
        return {}
    counted = [match[1] for text in unique if (match := _EPOCH.fullmatch(text.strip()))]
    if len(counted) == len(unique):
        days = _whole(_counted(pd.Series(counted).astype("int64")), np.ones(len(unique), bool))
    else:
        instants = pd.Series(_read(unique))
        days = _whole(instants, np.array([":" in text for text in unique]), unique)
    return dict(zip(unique, days, strict=True))


def _read(texts: Sequence[str]) -> list[pd.Timestamp]:
    """Return the instants of texts in the form that fits all of them."""
    readings = [[_instant(form.fullmatch(text.strip())) for text in texts] for form in _FORMS]
    whole = [reading for reading in readings if None not in reading]
    if not whole:
        # The form of most of the column is the one meant.
        meant = min(readings, key=lambda reading: reading.count(None))
        bad, good = meant.index(None), next((at for at, day in enumerate(meant) if day), None)
        than = f", of another form than {shown(texts[good])!r}" if good is not None else ""
        raise BadValue(
            f"must be days such as 2025-12-10, got {shown(texts[bad])!r}"
            f"{than if is_day(texts[bad]) else ''}; {WAY_OUT}", texts[bad],
        )  # fmt: skip
    for reading in whole[1:]:
        for text, one, two in zip(texts, whole[0], reading, strict=True):
            if one != two:
                raise BadValue(
                    f"must be days, got {shown(text)!r}, which can be {one:%d %b %Y} or "
                    f"{two:%d %b %Y}, and no day of this column decides; {WAY_OUT}", text,
                )  # fmt: skip
    return [instant for instant in whole[0] if instant is not None]


def _instant(match: re.Match[str] | None) -> pd.Timestamp | None:
    """Return the instant that a text of a form names, None if it is not of it or no such day."""
    if match is None:
        return None
    if match["zone"] not in _UTC:
        raise BadValue(
            f"must be days, got {shown(match[0])!r}, whose time is {match['zone']} and not UTC; "
            f"{WAY_OUT}", match[0],
        )  # fmt: skip
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
    whole = (values == values.round()).all()
    # Eight figures are days: as seconds they would be of the seventies.
    if whole and values.between(19_000_101, 21_001_231).all():
        figures = values.map("{:.0f}".format)
        days = pd.to_datetime(figures, format="%Y%m%d", errors="coerce")
        if days.notna().all():
            return days
    for unit, times in _UNITS.items():
        if whole and values.between(_EPOCH_FROM * times, _EPOCH_TO * times).all():
            return pd.to_datetime(values.astype("int64"), unit=unit)
    raise BadValue(
        f"must be days, got {values.min():.16g} to {values.max():.16g}; numbers are read as "
        "20251210, or as seconds, milliseconds or microseconds since 1970 from 2001 on; "
        f"{WAY_OUT}", values.iloc[0],
    )  # fmt: skip


def _whole(
    instants: pd.Series, timed: np.ndarray, written: Sequence[object] | None = None
) -> pd.Series:
    """Return the days of instants, which must all begin their day or all end it."""
    written = instants.to_list() if written is None else written
    days = instants.dt.normalize()
    clock = instants - days
    ends = (clock >= END_OF_DAY).to_numpy()
    within = (clock > pd.Timedelta(0)).to_numpy() & ~ends
    if within.any():
        value = written[int(within.argmax())]
        raise BadValue(
            f"must be whole days, got {shown(value)!r}, a time within the day (UTC): midnight and "
            f"the end of the day are read; {WAY_OUT}", value,
        )  # fmt: skip
    begins = timed & ~ends
    if ends.any() and begins.any():
        first, last = written[int(begins.argmax())], written[int(ends.argmax())]
        raise BadValue(
            f"must be whole days, got both {shown(first)!r} and {shown(last)!r}: whether midnight "
            f"begins or ends a day is not clear; {WAY_OUT}", last,
        )  # fmt: skip
    if (days < EARLIEST).any():
        at = int((days < EARLIEST).to_numpy().argmax())
        raise BadValue(
            f"must not be before {EARLIEST:%Y-%m-%d}, got {shown(written[at])!r}", written[at]
        )
    return days.dt.as_unit("s")


def day_column(values: pd.Series) -> pd.Series:
    """Return a column of a file, in any type that can hold days, as datetime64[s]."""
    codes, unique = pd.factorize(values)
    blank = [at for at, value in enumerate(unique) if isinstance(value, str) and not value.strip()]
    if (codes < 0).any() or blank:
        raise BadValue("must be whole days, none missing", unique[blank[0]] if blank else None)
    if isinstance(unique, pd.DatetimeIndex) and unique.tz is not None:
        # Seconds east of UTC: a zone that is called otherwise may be UTC all the same.
        for value in unique:
            if value.utcoffset():
                raise BadValue(f"must carry no time zone but UTC, got {value}; {WAY_OUT}", value)
        unique = unique.tz_convert("UTC").tz_localize(None)
    everywhere = np.ones(len(unique), bool)
    if pd.api.types.is_datetime64_dtype(unique.dtype):
        days = _whole(pd.Series(unique), everywhere)
    elif pd.api.types.is_numeric_dtype(unique.dtype):
        days = _whole(_counted(pd.Series(unique)), everywhere)
    else:
        texts = [str(value) for value in unique]
        read = days_of(texts)
        days = pd.Series([read[text] for text in texts]).dt.as_unit("s")
    return pd.Series(days.to_numpy()[codes])


# --- numbers -------------------------------------------------------------------------------------


def has_decimal_comma(texts: Iterable[str], *, thousands: bool = False) -> bool:
    """Return whether the numbers of one file have a decimal comma; other texts are passed over.

    With `thousands` a number that can be either is taken for thousands; else it raises DataError,
    as do numbers of both notations.

    Examples
    --------
    >>> has_decimal_comma(["92.000,5", "1,25"]), has_decimal_comma(["1,234.5", "0.5"])
    (True, False)
    """
    unique = list(dict.fromkeys(texts))

    def first(holds: Callable[[str], object]) -> str | None:
        return next((text for text in unique if holds(text)), None)

    comma = first(lambda text: _COMMA.fullmatch(text) and not _GROUPED.fullmatch(text))
    either = first(lambda text: _GROUPED.fullmatch(text) and text.count(",") == 1)
    # A number has one decimal comma, but may have thousands and millions.
    point = first(
        lambda text: text.count(",") > 1 if _GROUPED.fullmatch(text)
        else not _COMMA.fullmatch(text) and "." in text and re.search(r"\d", text)
        and not _GROUPED_BY_POINT.fullmatch(text)
    )  # fmt: skip
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

    Examples
    --------
    >>> with_point("92.000,5", decimal_comma=True), with_point("1,234.5", decimal_comma=False)
    ('92000.5', '1234.5')
    """
    if decimal_comma:
        return text.replace(".", "").replace(" ", "").replace(",", ".")
    return re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", text)
