"""What the rules say of a market: which days and values are not used, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from features.market.market import Floats, Masks
from features.plausibility.book import found, in_days, shown_factor
from features.plausibility.limits import MIN_WITNESSES
from features.plausibility.prices import Prices
from features.provenance import Consequence, Finding

# Coins that a rule names one by one; the others are counted.
_NAMED = 6


@dataclass
class Verdict:
    """A market and what the rules say of it, as far as they have been asked."""

    market: Prices
    withheld: Masks = field(init=False)  # by day: no index may be made of that day's closes
    left_out: Masks = field(init=False)  # days x coins: values that are not used
    bitcoin_out: Masks = field(init=False)  # by day: further days without Bitcoin's own close
    findings: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nothing left out."""
        days = len(self.market.days)
        self.withheld, self.bitcoin_out = np.zeros(days, bool), np.zeros(days, bool)
        self.left_out = np.zeros(self.market.usd.shape, bool)

    def used(self, table: Floats) -> Floats:
        """Return a table of the market without the days and values that are not used."""
        return np.where(self.left_out | self.withheld[:, None], np.nan, table)

    def median(self, table: Floats) -> Floats:
        """Return the median of the ranked coins by day; NaN where they are too few."""
        values = self.market.of_members(table)
        enough = np.isfinite(values).sum(axis=1) >= MIN_WITNESSES
        middle = np.full(len(values), np.nan)
        middle[enough] = np.nanmedian(values[enough], axis=1)
        return middle

    def note(
        self,
        rule: str,
        series: str,
        span: tuple[int, int],
        value: float,
        factor: float,
        consequence: Consequence,
        said: str,
    ) -> None:
        """Add a finding of the days from the first to before the second of a span."""
        first, after = span
        days = self.market.days[first], self.market.days[max(after - 1, first)]
        self.findings.append(found(rule, series, days, value, factor, consequence, said))

    def note_coins(
        self,
        bad: Masks,
        rule: str,
        what: str,
        *,
        steps: Floats | None = None,
        consequence: Consequence = "value left out",
    ) -> None:
        """Name the coins of which closes are left out, the first ones one by one.

        `bad` is days x coins; `steps`, log steps of the same shape, give the factor.
        """
        columns = np.flatnonzero(bad.any(axis=0))
        for column in columns[:_NAMED]:
            days = np.flatnonzero(bad[:, column])
            first, span = int(days[0]), (int(days[0]), int(days[-1]) + 1)
            step = np.nan if steps is None else float(steps[first, column])
            by = "" if steps is None else f" by {shown_factor(step)}"
            close = float(np.exp(self.market.usd[first, column]))
            said = f"{what}{by}, {close:g} USD ({in_days(len(days))})"
            coin = str(self.market.ids[column])
            self.note(rule, coin, span, close, float(np.exp(step)), consequence, said)
        others = columns[_NAMED:]
        if len(others):
            days = np.flatnonzero(bad[:, others].any(axis=1))
            span = (int(days[0]), int(days[-1]) + 1)
            name, count = f"{len(others)} other coins", float(len(others))
            self.note(rule, name, span, count, np.nan, consequence, what)
