"""A table as lines of text: the one helper of every command that prints one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest


def aligned(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Return a line per row, its cells under each other and two blanks apart.

    As wide as its cells and plain ASCII, wherever it is printed: a table that
    is folded to a terminal's width cannot be searched line by line.

    Parameters
    ----------
    rows : sequence of sequence of str
        Cells; a row may end early.
    sides : str
        "<" or ">" for each column; the last one stands for all beyond it.

    Examples
    --------
    >>> aligned([("", "30 days"), ("pool", "+0.40")], "<>")
    ['      30 days', 'pool    +0.40']
    """
    widths = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    return [
        "  ".join(
            f"{cell:{sides[min(at, len(sides) - 1)]}{widths[at]}}" for at, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]
