"""An alert: a condition on one probability of a forecast, as a text and as values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from features.terminal import one_line
from models.vocabulary import Kind

_ALERT = re.compile(
    r"(?P<kind>\w+):(?P<window>\d+|year)(?P<change>:change)?"
    r"(?P<side>>=|<=)(?P<bound>[+-]?\d+(?:\.\d+)?)(?P<percent>%)?",
)
FORM = "KIND:WINDOW>=P such as broad:30>=0.5, sustained:year>=40%, broad:90:change<=-0.1"


@dataclass(frozen=True)
class Alert:
    """A condition on one probability of a forecast, or on its change."""

    kind: Kind
    horizon_days: int | None  # None for the year, or the window asked for
    change: bool  # whether the change since the forecast recorded before is meant
    at_least: bool  # whether the condition is `>=`; else it is `<=`
    bound: float  # in [0, 1]; of a change in [-1, 1]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the alert that a text asks for.

        Examples
        --------
        >>> str(Alert.parse("broad:30 >= 50%")), str(Alert.parse("broad:year:change<=-0.1"))
        ('broad:30>=0.5', 'broad:year:change<=-0.1')
        """
        shown = one_line(text, longest=80)
        parts = _ALERT.fullmatch("".join(text.split()))
        if parts is None or parts["kind"] not in set(Kind):
            kinds = ", ".join(Kind)
            raise ValueError(f"must be {FORM}, with a kind of {kinds}; got {shown!r}.")
        bound = float(parts["bound"]) / (100 if parts["percent"] else 1)
        least = -1 if parts["change"] else 0
        if not least <= bound <= 1:
            raise ValueError(f"the bound must lie in [{least}, 1], got {bound:g} in {shown!r}.")
        days = None if parts["window"] == "year" else int(parts["window"])
        return cls(
            Kind(parts["kind"]), days, parts["change"] is not None, parts["side"] == ">=", bound
        )

    def __str__(self) -> str:
        """Return the text that `parse` reads, in its shortest form."""
        window = "year" if self.horizon_days is None else self.horizon_days
        change = ":change" if self.change else ""
        return f"{self.kind}:{window}{change}{'>=' if self.at_least else '<='}{self.bound:g}"

    def holds(self, value: float) -> bool:
        """Tell whether a value meets the condition; on the bound it does."""
        return value >= self.bound if self.at_least else value <= self.bound
