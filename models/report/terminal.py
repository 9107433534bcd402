"""What the terminal can show: colours and block characters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BOLD, _DIM, _BLUE, _YELLOW = "1", "2", "34", "33"


@dataclass(frozen=True)
class Terminal:
    """How text may be adorned; without an argument it is plain ASCII.

    Parameters
    ----------
    colour : bool
        Whether escape sequences are understood and wanted.
    blocks : bool
        Whether block characters can be written.
    """

    colour: bool = False
    blocks: bool = False

    @classmethod
    def of(cls, stream: TextIO | None, environ: Mapping[str, str]) -> Terminal:
        """Return what a stream can show; NO_COLOR and a dumb terminal are obeyed.

        A process whose stdout is closed has no stream.
        """
        if stream is None:
            return cls()
        try:
            _EIGHTHS.encode(stream.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            blocks = False
        else:
            blocks = True
        wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        return cls(colour=stream.isatty() and wanted, blocks=blocks)

    def bold(self, text: str) -> str:
        """Return text that stands out."""
        return self._styled(text, _BOLD)

    def faint(self, text: str) -> str:
        """Return text that steps back."""
        return self._styled(text, _DIM)

    def warning(self, text: str) -> str:
        """Return text to take notice of."""
        return self._styled(text, _YELLOW)

    def bar(self, share: float, width: int) -> str:
        """Return a bar, always `width` characters wide.

        Parameters
        ----------
        share : float
            In [0, 1]. Above 0 it shows at least the smallest step, and below 1
            it is never full.
        width : int
            Characters of a whole bar.

        Examples
        --------
        >>> Terminal().bar(0.5, 8), Terminal(blocks=True).bar(0.3, 8)
        ('####....', '██▍     ')
        """
        steps = 8 if self.blocks else 1
        least, most = (1 if share > 0 else 0), width * steps - (1 if share < 1 else 0)
        filled = min(max(round(share * width * steps), least), most)
        if not self.blocks:
            return "#" * filled + "." * (width - filled)
        whole, part = divmod(filled, steps)
        drawn = ("█" * whole + (_EIGHTHS[part] if part else "")).ljust(width)
        return self._styled(drawn, _BLUE)

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text
