"""Text of others without what would steer a terminal; imports nothing heavy."""

from __future__ import annotations

import re

# Control characters (C0 but for tab and newline, delete, C1), the invisible ones that join, hide or
# reorder text, line separators, and surrogates, which are no characters.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\ud800-\udfff\U000e0000-\U000e0fff]"
)
_STEERING_BUT_STYLES = re.compile(rf"(?!\x1b\[(?:0|1|2|33|34)m){_STEERING.pattern}")


def printable(text: str, *, styled: bool = False) -> str:
    r"""Return text without what would steer a terminal or reorder what it shows.

    Parameters
    ----------
    text : str
        Lines and tabs are kept; other control and invisible characters become "?".
    styled : bool
        Whether the styles of `models.report.terminal` are kept: bold, faint, blue, yellow, plain.

    Examples
    --------
    >>> printable("one\x1b]0;title\x07\ntwo\u202e"), printable("\x1b[1mbold\x1b[0m", styled=True)
    ('one?]0;title?\ntwo?', '\x1b[1mbold\x1b[0m')
    """
    return (_STEERING_BUT_STYLES if styled else _STEERING).sub("?", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""Return text for a cell of a table: printable, and on one line.

    Examples
    --------
    >>> one_line("a reason\nand\ta line")
    'a reason and a line'
    """
    return " ".join(printable(text).split())
