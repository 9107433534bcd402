"""Parts of a page that a program writes, between two marks; the rest is a person's."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from models.formatting import unbroken

WIDTH = 100


def filled(text: str, regions: Mapping[str, str], where: str) -> str:
    r"""Return a page with what stands between its marks replaced.

    Parameters
    ----------
    text : str
        The page. A region `skill` begins with a line ``<!-- skill -->`` and ends with a line
        ``<!-- /skill -->``.
    regions : mapping of str to str
        What each region is to hold.
    where : str
        Name of the page, for errors.

    Returns
    -------
    str
        The same page where the regions held just this.

    Raises
    ------
    ValueError
        If a region does not begin and end once each, in this order.

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


def folded(text: str) -> str:
    """Return Markdown whose sentences are folded to the width of a page; tables stay whole.

    Examples
    --------
    >>> folded("- " + "word " * 25).splitlines()[1], len(folded("| " + "cell " * 25).splitlines())
    ('  word word word word word word', 1)
    """
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    if line.startswith(("|", "#")) or not line:
        return line
    lines = textwrap.fill(
        unbroken(line),
        WIDTH,
        subsequent_indent="  " if line.startswith("- ") else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines.replace("\u00a0", " ")
