"""One column of a table of market history, checked and brought to its type."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.panel import DataError
from features.sources.days import END_OF_DAY, WAY_OUT, days_of, epochs_of

EARLIEST = pd.Timestamp("1900-01-01")
# Beyond any price, market cap or flow; their ratios and sums still are finite numbers.
LARGEST = 1e30

_ISO_DAY = r"\d{4}-\d{2}-\d{2}"
_SHOWN = 60


def checked(values: pd.Series, kind: str, name: str) -> pd.Series:
    """Return a column as text, numbers or days.

    Parameters
    ----------
    values : pandas.Series
        As read from a file.
    kind : {"text", "number", "day"}
        What it must hold. Text and days are never missing; numbers may be.
    name : str
        File and column, for messages.

    Returns
    -------
    pandas.Series
        str, float64 or datetime64[s].

    Raises
    ------
    DataError
        If a value breaks the rule of its kind.

    Examples
    --------
    >>> checked(pd.Series(["2025-12-10"]), "day", "coins.csv: date").dtype
    dtype('<M8[s]')
    """
    if kind == "text":
        return _text(values, name)
    return _number(values, name) if kind == "number" else _day(values, name)


def identified(names: pd.Series) -> pd.Series:
    """Return names of coins or series as the program writes them: small letters, no blanks around.

    Examples
    --------
    >>> identified(pd.Series(["Bitcoin ", "ethereum"])).to_list()
    ['bitcoin', 'ethereum']
    """
    return names.str.strip().str.lower()


def shown(value: object) -> str:
    r"""Return a value or an error for a message: one line, not too long.

    Examples
    --------
    >>> shown("two\nlines"), shown("a" * 100) == "a" * 60 + "..."
    ('two lines', True)
    """
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _text(values: pd.Series, name: str) -> pd.Series:
    if values.isna().any():
        raise DataError(f"{name}: must not be missing.")
    text = values.astype(str)
    try:
        text.to_list()
    # Parquet hands text on unread: bytes that are none come to light here, in a class of Arrow's.
    except Exception as error:
        raise DataError(f"{name}: holds bytes that are not UTF-8 text.") from error
    if (text.str.strip() == "").any():
        raise DataError(f"{name}: must not be missing.")
    return text


def _number(values: pd.Series, name: str) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        example = _first_that_is_no_number(values)
        raise DataError(f"{name}: must be numeric, got {values.dtype}{example}.")
    if pd.api.types.is_complex_dtype(values):
        raise DataError(f"{name}: must be numeric, got {values.dtype}.")
    numbers = values.astype(np.float64)
    huge = np.isfinite(numbers) & (numbers.abs() > LARGEST)
    if huge.any():
        raise DataError(f"{name}: must lie within {LARGEST:g}, got {numbers[huge].iloc[0]:g}.")
    return numbers


def _first_that_is_no_number(values: pd.Series) -> str:
    for value in values:
        try:
            float(value)
        except (TypeError, ValueError):
            return f" with {shown(value)!r}"
    return ""


def _day(values: pd.Series, name: str) -> pd.Series:
    days = _dates(values, name)
    if days.isna().any():
        raise DataError(f"{name}: must be whole days, none missing.")
    if (days < EARLIEST).any():
        raise DataError(f"{name}: must not be before {EARLIEST:%Y-%m-%d}, got {days.min().date()}.")
    return days.dt.as_unit("s")


def _dates(values: pd.Series, name: str) -> pd.Series:
    """Return a column as midnights of their days, NaT where there is none."""
    if pd.api.types.is_numeric_dtype(values):
        counted = epochs_of(values)
        if counted is None:
            raise DataError(
                f"{name}: must be dates, got {values.dtype}; numbers are read as 20251210, or as "
                f"seconds, milliseconds or microseconds since 1970 from 2001 on; {WAY_OUT}."
            )
        return _whole(counted, name)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        # Seconds east of UTC: a zone that is called otherwise may be UTC all the same.
        if any(offset for offset in {each.utcoffset() for each in values.dropna().unique()}):
            raise DataError(
                f"{name}: must carry no time zone but UTC, got {values.dtype}; {WAY_OUT}."
            )
        return _whole(values.dt.tz_convert("UTC").dt.tz_localize(None), name)
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _whole(values, name)
    if values.isna().all():
        return pd.Series(pd.NaT, values.index, dtype="datetime64[s]")
    text = values.map(str, na_action="ignore")
    given = (text.notna() & (text.str.strip() != "")).to_numpy()
    days = pd.Series(np.full(len(values), np.datetime64("NaT", "s")), values.index)
    try:
        # The common case, and the quickest by far.
        if text[given].str.fullmatch(_ISO_DAY).all():
            read = pd.to_datetime(text[given], format="%Y-%m-%d")
        else:
            read = text[given].map(days_of(text[given].unique()))
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except (ValueError, TypeError) as error:
        raise DataError(f"{name}: must be dates such as 2025-12-10: {shown(error)}") from error
    days[given] = read.to_numpy(dtype="datetime64[s]")
    return days


def _whole(instants: pd.Series, name: str) -> pd.Series:
    """Return the days of time stamps that all begin or all end one."""
    known = instants.dropna()
    clock = known - known.dt.normalize()
    within = (clock > pd.Timedelta(0)) & (clock < END_OF_DAY)
    ends, begins = known[clock >= END_OF_DAY], known[clock == pd.Timedelta(0)]
    if within.any():
        raise DataError(
            f"{name}: must be whole days, got {known[within].iloc[0]}, a time within the day "
            f"(UTC): midnight and the end of the day are read; {WAY_OUT}."
        )
    if len(ends) and len(begins):
        raise DataError(
            f"{name}: must be whole days, got both {begins.iloc[0]} and {ends.iloc[0]}: whether "
            f"midnight begins or ends a day is not clear; {WAY_OUT}."
        )
    return instants.dt.normalize()
