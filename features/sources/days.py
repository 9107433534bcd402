"""Days as people write them: read where they can mean one day only, else refused with the cause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

import pandas as pd

from features.panel import DataError

WAY_OUT = "write days as 2025-12-10"

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_TIME = (
    r"(?:[T ]+(?P<time>(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?)"
    r" ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?)?"
)
_ISO = re.compile(r"(?P<year>\d{4})([-/]?)(?P<month>\d\d)\2(?P<day>\d\d)" + _TIME, re.ASCII)
_DAY_WORD_YEAR = re.compile(
    r"(?P<day>\d{1,2})([ /-])(?P<word>[A-Za-z]{3,9})\.?\2(?P<year>\d{4}|\d\d)" + _TIME, re.ASCII
)
_WORD_DAY_YEAR = re.compile(r"(?P<word>[A-Za-z]{3,9})\.? (?P<day>\d{1,2}),? (?P<year>\d{4})")
_FIGURES = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)" + _TIME, re.ASCII)
_EPOCH = re.compile(r"\d{9,16}(\.0)?", re.ASCII)
_UTC = frozenset({None, "Z", "UTC", "+00", "-00", "+0000", "-0000", "+00:00", "-00:00"})
# What a time stamp is counted in by its size: from 2001 to 2100 no two of them overlap.
_UNITS: tuple[tuple[Literal["s", "ms", "us"], int], ...] = (
    ("s", 1), ("ms", 10**3), ("us", 10**6),
)  # fmt: skip
_EPOCH_FROM, _EPOCH_TO = 978_307_200, 4_102_444_800
# 1969 and 2068 are the ends of a century of two digits, as POSIX has it.
_PIVOT = 69
_LONGEST = 60
# From here on a time stamp is the end of its day, of which the last minute is left out at most.
END_OF_DAY = pd.Timedelta(hours=23, minutes=59)


def days_of(texts: Iterable[str]) -> dict[str, pd.Timestamp]:
    """Return the day that each text of one column means.

    Parameters
    ----------
    texts : iterable of str
        ISO 8601 days, also without hyphens or with a time at midnight or in the last minute of
        the day, in UTC; days with the month as an English word; seconds,
        milliseconds or microseconds since 1970; days of three figures where the
        whole column leaves one order of day and month.

    Raises
    ------
    DataError
        Naming the first text that means no day, or more than one.

    Examples
    --------
    >>> [f"{day:%F}" for day in days_of(["2025-12-09T23:59:59.999Z", "08-Dec-25"]).values()]
    ['2025-12-09', '2025-12-08']
    >>> [f"{day:%F}" for day in days_of(["12/09/2025", "12/31/2025"]).values()]
    ['2025-12-09', '2025-12-31']
    """
    unique = list(dict.fromkeys(texts))
    order = order_of(unique)
    found: dict[str, pd.Timestamp] = {}
    ends: dict[bool, str] = {}
    for text in unique:
        instant = _instant(text.strip(), order)
        if instant is None:
            raise DataError(f"must be dates such as 2025-12-10, got {_shown(text)}{_cause(text)}.")
        day = instant.normalize()
        if instant != day:
            if instant - day < END_OF_DAY:
                raise DataError(
                    f"must be whole days, got {_shown(text)}, a time within the day (UTC): "
                    f"midnight and the end of the day are read; {WAY_OUT}."
                )
            ends.setdefault(True, text)
        elif _has_time(text):
            ends.setdefault(False, text)
        found[text] = day.as_unit("s")
    if len(ends) > 1:
        raise DataError(
            f"must be whole days, got both {_shown(ends[False])} and {_shown(ends[True])}: whether "
            f"midnight begins or ends a day is not clear; {WAY_OUT}."
        )
    return found


def day_of(text: str, order: str | None = None) -> pd.Timestamp | None:
    """Return the day that one cell names, None if it names none.

    Parameters
    ----------
    text : str
        As for `days_of`.
    order : str, optional
        From `order_of` of its column, for days of three figures.

    Examples
    --------
    >>> day_of("01/02/2024") is None, f"{day_of('01/02/2024', 'dmy'):%F}"
    (True, '2024-02-01')
    """
    instant = _instant(text.strip(), order)
    if instant is None:
        return None
    day = instant.normalize()
    return day.as_unit("s") if instant == day or instant - day >= END_OF_DAY else None


def order_of(texts: Iterable[str]) -> str | None:
    """Return the order of day, month and year in the days of three figures of a column.

    Parameters
    ----------
    texts : iterable of str
        The column; what is no such day is passed over.

    Returns
    -------
    str or None
        `dmy`, `mdy` or `ymd` (a year of two digits first); None if there is no such day.

    Raises
    ------
    DataError
        If more than one order is possible and they mean other days, or none is.

    Examples
    --------
    >>> order_of(["01/02/2025", "13/02/2025"])
    'dmy'
    """
    written = [text.strip() for text in texts if _FIGURES.fullmatch(text.strip())]
    if not written:
        return None
    readings: dict[str, list[pd.Timestamp]] = {}
    for order in ("dmy", "mdy", "ymd"):
        days = [_instant(text, order) for text in written]
        known = [day for day in days if day is not None]
        if len(known) == len(days):
            readings[order] = known
    if not readings:
        raise DataError(
            f"must be dates such as 2025-12-10, got {_shown(written[0])}: no one order of day and "
            f"month fits all days of this column; {WAY_OUT}."
        )
    first = next(iter(readings))
    for other in list(readings)[1:]:
        for text, one, two in zip(written, readings[first], readings[other], strict=True):
            if one != two:
                raise DataError(
                    f"must be dates such as 2025-12-10, got {_shown(text)}, which can be "
                    f"{one:%d %b %Y} or {two:%d %b %Y}: no day of this column shows whether day "
                    f"or month comes first; {WAY_OUT}."
                )
    return first


def epochs_of(values: pd.Series) -> pd.Series | None:
    """Return instants that are counted since 1970 or written 20251210, None if they are neither."""
    whole = values.dropna()
    if whole.empty or not (whole == whole.round()).all():
        return None
    # Eight figures are days: as seconds they would be of the seventies.
    if whole.between(19_000_101, 21_001_231).all():
        days = pd.to_datetime(
            values.astype("Int64").astype("string"), format="%Y%m%d", errors="coerce"
        )
        return days if days.notna().sum() == len(whole) else None
    for unit, times in _UNITS:
        if whole.between(_EPOCH_FROM * times, _EPOCH_TO * times).all():
            return pd.to_datetime(values, unit=unit)
    return None


@lru_cache(maxsize=4096)
def _instant(text: str, order: str | None) -> pd.Timestamp | None:
    """Return the instant that a text names, without time zone; None if it names none."""
    if _EPOCH.fullmatch(text):
        found = epochs_of(pd.Series([int(text.partition(".")[0])]))
        return None if found is None else found.iloc[0]
    if match := _FIGURES.fullmatch(text):
        if order is None:
            return None
        parts = dict(zip(order, (match[1], match[3], match[4]), strict=True))
        if order == "ymd" and len(match[4]) == 4:
            return None
        return _built(parts["y"], int(parts["m"]), parts["d"], match)
    if match := _ISO.fullmatch(text):
        return _built(match["year"], int(match["month"]), match["day"], match)
    if match := _DAY_WORD_YEAR.fullmatch(text):
        return _built(match["year"], _month(match["word"]), match["day"], match)
    if match := _WORD_DAY_YEAR.fullmatch(text):
        return _built(match["year"], _month(match["word"]), match["day"], None)
    return None


def _built(year: str, month: int, day: str, match: re.Match[str] | None) -> pd.Timestamp | None:
    said: Mapping[str, str | None] = {} if match is None else match.groupdict()
    if said.get("zone") not in _UTC:
        return None
    whole = int(year) if len(year) > 2 else int(year) + (1900 if int(year) >= _PIVOT else 2000)
    try:
        instant = pd.Timestamp(whole, month, int(day))
        return instant + pd.Timedelta(_seconds(said["time"])) if said.get("time") else instant
    except ValueError:
        return None


def _seconds(time: str | None) -> str:
    return f"{time}:00" if time and time.count(":") == 1 else str(time)


def _has_time(text: str) -> bool:
    return ":" in text or _EPOCH.fullmatch(text.strip()) is not None


def _cause(text: str) -> str:
    """Say why a text that looks like a day is none."""
    match = _ISO.fullmatch(text.strip())
    if match and match["zone"] not in _UTC:
        return f", whose time is {match['zone']} and not UTC; {WAY_OUT}"
    return ""


def _month(word: str) -> int:
    word = word.lower()
    return next((at for at, name in enumerate(_MONTHS, 1) if word in (name, name[:3], name[:4])), 0)


def _shown(text: object) -> str:
    line = " ".join(str(text).split())
    return repr(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}...")
