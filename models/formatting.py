"""How numbers and days are written for a person."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Mapping, Sequence

import pandas as pd

WIDTH = 80


def percent(share: float | None) -> str:
    """Return a share as whole percents; never 0 % or 100 % unless it is exactly that.

    Parameters
    ----------
    share : float or None
        In [0, 1]; None and NaN where there is none.

    Examples
    --------
    >>> [percent(share) for share in (0.0, 0.004, 0.376, 0.997, 1.0, None)]
    ['0 %', '<1 %', '38 %', '>99 %', '100 %', 'n/a']
    """
    if share is None or math.isnan(share):
        return "n/a"
    whole = round(100 * share)
    if whole == 0 and share > 0:
        return "<1 %"
    if whole == 100 and share < 1:
        return ">99 %"
    return f"{whole} %"


def signed(value: float | None, digits: int = 2) -> str:
    """Return a number with its sign, 0 without one.

    Examples
    --------
    >>> signed(0.354), signed(-0.001), signed(None)
    ('+0.35', '0.00', 'n/a')
    """
    if value is None or math.isnan(value):
        return "n/a"
    rounded = round(value, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def long_day(day: pd.Timestamp | str) -> str:
    """Return a day in words.

    Examples
    --------
    >>> long_day("2026-01-09")
    '9 Jan 2026'
    """
    day = pd.Timestamp(day)
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def short_day(day: pd.Timestamp) -> str:
    """Return a day in words, without its year.

    Examples
    --------
    >>> short_day(pd.Timestamp("2026-01-09"))
    '9 Jan'
    """
    return f"{day.day} {MONTHS[day.month - 1]}"


def iso_day(day: pd.Timestamp) -> str:
    """Return a day as files and options have it.

    Examples
    --------
    >>> iso_day(pd.Timestamp("2026-01-09"))
    '2026-01-09'
    """
    return f"{day:%Y-%m-%d}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "broad season"), counted(12, "broad season")
    ('1 broad season', '12 broad seasons')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: list[str]) -> str:
    """Return words joined by commas and a last "and".

    Examples
    --------
    >>> listed(["30", "60", "90"]), listed(["180"])
    ('30, 60 and 90', '180')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def unbroken(text: str) -> str:
    """Return text in which days and percents are kept on one line by no-break spaces.

    Examples
    --------
    >>> len(unbroken("38 % by 9 Jan 2026").split(" "))
    3
    """
    return _KEPT.sub("\u00a0", text)


def wrap(text: str, indent: str = "  ", first: str = "", *, width: int = WIDTH) -> str:
    """Return text in lines of some columns; days and percents in it are not broken.

    Examples
    --------
    >>> print(wrap("by 9 Jan 2026 " * 6))
    by 9 Jan 2026 by 9 Jan 2026 by 9 Jan 2026 by 9 Jan 2026 by 9 Jan 2026 by
      9 Jan 2026
    """
    lines = textwrap.wrap(
        unbroken(text),
        width,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines).replace("\u00a0", " ")


def interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval of a score.

    Examples
    --------
    >>> interval(-0.071, 0.107), interval(None, None)
    ('[-0.07, +0.11]', 'n/a')
    """
    known = signed(low) != "n/a" and signed(high) != "n/a"
    return f"[{signed(low)}, {signed(high)}]" if known else "n/a"


def unsigned_interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval of an AUC behind a blank; nothing where there are none.

    Examples
    --------
    >>> unsigned_interval(0.494, 0.818), unsigned_interval(None, None)
    (' [0.49, 0.82]', '')
    """
    known = signed(low) != "n/a" and signed(high) != "n/a"
    return f" [{low:.2f}, {high:.2f}]" if known else ""


def short_interval(low: float | None, high: float | None) -> str:
    """Return the ends of an interval of a score in as few characters as it takes.

    Examples
    --------
    >>> short_interval(0.204, 0.512), short_interval(-0.93, 0.54), short_interval(None, None)
    ('.20 to .51', '-.93 to .54', 'n/a')
    """
    ends = [signed(end).removeprefix("+").replace("0.", ".", 1) for end in (low, high)]
    return "n/a" if "n/a" in ends else " to ".join(ends)


def share_interval(low: float | None, high: float | None, width: int = 0) -> str:
    """Return the ends of an interval of a probability, each as wide as asked for.

    Examples
    --------
    >>> share_interval(0.241, 0.354), share_interval(0.05, 0.999, width=5)
    ('24 % to 35 %', '  5 % to >99 %')
    """
    return f"{percent(low):>{width}} to {percent(high):>{width}}"


def scored(value: float | None, low: float | None, high: float | None) -> str:
    """Return a score with its interval, as far as they could be computed.

    Examples
    --------
    >>> scored(0.354, 0.207, 0.511), scored(0.354, None, None), scored(None, None, None)
    ('+0.35 [+0.21, +0.51]', '+0.35', 'n/a')
    """
    ends = interval(low, high)
    return signed(value) if "n/a" in (signed(value), ends) else f"{signed(value)} {ends}"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table, a line per row; the first row is its head.

    Examples
    --------
    >>> markdown([("", "30 days"), ("pool", "+0.40")])
    ['|  | 30 days |', '|---|---|', '| pool | +0.40 |']
    """
    head, *others = (f"| {' | '.join(row)} |" for row in rows)
    return [head, "|---" * len(rows[0]) + "|", *others]


def folded(text: str) -> str:
    """Return Markdown whose sentences are folded to the width of a page; tables stay whole.

    Examples
    --------
    >>> folded("- " + "word " * 25).splitlines()[1], len(folded("| " + "cell " * 25).splitlines())
    ('  word word word word word word', 1)
    """
    return "\n".join(
        line
        if line.startswith(("|", "#")) or not line
        else wrap(line, "  " if line.startswith("- ") else "", width=100)
        for line in text.split("\n")
    )


def filled(text: str, regions: Mapping[str, str], where: str) -> str:
    r"""Return a page with what stands between its marks replaced.

    Examples
    --------
    >>> filled("a\n<!-- n -->\n1\n<!-- /n -->\nb\n", {"n": "2"}, "page")
    'a\n<!-- n -->\n2\n<!-- /n -->\nb\n'
    """
    for name, content in regions.items():
        begin, end = (f"<!-- {mark}{name} -->\n" for mark in ("", "/"))
        before, begun, rest = text.partition(begin)
        _, ended, after = rest.partition(end)
        if not (begun and ended) or text.count(begin) > 1 or text.count(end) > 1:
            raise ValueError(
                f"{where} must hold the lines {begin.strip()} and {end.strip()} once each, in this "
                f"order; restore them."
            )
        text = f"{before}{begin}{content.strip()}\n{end}{after}"
    return text


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return numbers for JSON, which holds neither infinity nor NaN: None there.

    Examples
    --------
    >>> finite({"gain": 0.5, "dispersion": float("nan")})
    {'gain': 0.5, 'dispersion': None}
    """
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


_KEPT = re.compile(r"(?<=\d) (?=%|[A-Z][a-z]{2} \d{4})|(?<=[a-z]) (?=\d{4}\b)")
# Not strftime's, whose names follow the machine's language.
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
