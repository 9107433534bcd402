"""Numbers as people write them: decimal point or comma, thousands set apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from features.panel import DataError

_SIGN = r"[(]?[+-]?"
# 1,234.5 and 1.234,5: thousands in groups of three before the decimals.
_COMMA = re.compile(_SIGN + r"(\d{1,3}([. ]\d{3})+|\d+),\d+(e[+-]?\d+)?[)]?", re.IGNORECASE)
_GROUPED = re.compile(_SIGN + r"[1-9]\d{0,2}(,\d{3})+[)]?")


def has_decimal_comma(texts: Iterable[str], *, thousands: bool = False) -> bool:
    """Tell whether the numbers of one file have a decimal comma.

    Parameters
    ----------
    texts : iterable of str
        Every number of the file as it is written; other texts are passed over.
    thousands : bool
        Take what could be either for thousands instead of refusing it.

    Raises
    ------
    DataError
        If they have both, or could have either.

    Examples
    --------
    >>> has_decimal_comma(["92.000,5", "1,25"]), has_decimal_comma(["1,234.5", "0.5"])
    (True, False)
    """
    clear: str | None = None
    either: str | None = None
    point: str | None = None
    for text in dict.fromkeys(texts):
        if _GROUPED.fullmatch(text):
            # A number has one decimal comma, but may have thousands and millions.
            if text.count(",") > 1:
                point = point or text
            else:
                either = either or text
        elif _COMMA.fullmatch(text):
            clear = clear or text
        elif (
            "." in text
            and re.search(r"\d", text)
            and not re.fullmatch(_SIGN + r"[1-9]\d{0,2}(\.\d{3})+[)]?", text)
        ):
            point = point or text
    if clear and point:
        raise DataError(
            f"has numbers with a decimal comma ({clear!r}) and with a decimal point ({point!r}); "
            "write all with a decimal point."
        )
    if either and not clear and not point and not thousands:
        raise DataError(
            f"{either!r} can be a decimal comma or thousands, and no number of the file decides; "
            "write numbers with a decimal point and without thousands."
        )
    return clear is not None


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
