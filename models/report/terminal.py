"""What the terminal can show: its width and colours."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from models.formatting import WIDTH, wrap

_BOLD, _DIM, _CYAN, _YELLOW = "1", "2", "1;36", "33"
_WIDEST = 120  # longer lines of prose are hard to read, however wide the terminal


@dataclass(frozen=True)
class Terminal:
    """How text may be adorned; without an argument it is plain, 80 columns wide."""

    colour: bool = False  # escape sequences are understood and wanted
    width: int = WIDTH

    @classmethod
    def of(cls, stream: TextIO | None, environ: Mapping[str, str]) -> Terminal:
        """Return what a stream can show; NO_COLOR and a dumb terminal are obeyed.

        A process whose stdout is closed has no stream.
        """
        if stream is None or not stream.isatty():
            return cls()
        wanted = not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        columns = shutil.get_terminal_size((WIDTH, 24)).columns
        return cls(colour=wanted, width=min(max(columns, 40), _WIDEST))

    def wrap(self, text: str) -> str:
        """Return text in lines as wide as the terminal."""
        return wrap(text, width=self.width)

    def bold(self, text: str) -> str:
        """Return text that stands out."""
        return self._styled(text, _BOLD)

    def faint(self, text: str) -> str:
        """Return text that steps back."""
        return self._styled(text, _DIM)

    def answer(self, text: str) -> str:
        """Return the line that a reader came for."""
        return self._styled(text, _CYAN)

    def warning(self, text: str) -> str:
        """Return text to take notice of."""
        return self._styled(text, _YELLOW)

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text
