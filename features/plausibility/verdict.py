"""What the rules say of a market: which days and values are not used, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.plausibility.prices import Floats, Prices
from features.plausibility.rules import found, shown_factor
from features.provenance import Consequence, Finding

# Coins that a rule names one by one; the others are counted.
_NAMED = 6


@dataclass
class Verdict:
    """What the rules say of a market.

    Parameters
    ----------
    withheld : numpy.ndarray
        bool by day: no index may be made of that day's closes.
    left_out : numpy.ndarray
        bool, days x coins: values that are not used.
    bitcoin_out : numpy.ndarray
        bool by day: further days of which Bitcoin's own close is not used.
    findings : list of Finding
        What was noticed.
    """

    withheld: NDArray[np.bool_]
    left_out: NDArray[np.bool_]
    bitcoin_out: NDArray[np.bool_]
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def none_yet(cls, prices: Prices) -> Verdict:
        """Return the verdict before any rule has been asked."""
        days, coins = prices.usd.shape
        return cls(np.zeros(days, bool), np.zeros((days, coins), bool), np.zeros(days, bool))

    def used(self, table: Floats) -> Floats:
        """Return a table of the market without the days and values that are not used."""
        return np.where(self.left_out | self.withheld[:, None], np.nan, table)

    def say_coins(
        self,
        prices: Prices,
        bad: NDArray[np.bool_],
        rule: str,
        what: str,
        *,
        steps: Floats | None = None,
        consequence: Consequence = "value left out",
    ) -> None:
        """Name the coins of which closes are left out, the first ones one by one.

        Parameters
        ----------
        prices : Prices
            The market.
        bad : numpy.ndarray
            bool, days x coins.
        rule, what : str
            Name of the rule, and what it saw.
        steps : numpy.ndarray, optional
            Log steps, days x coins, for the factor.
        consequence : str
            What became of them.
        """
        columns = np.flatnonzero(bad.any(axis=0))
        for column in columns[:_NAMED]:
            days = np.flatnonzero(bad[:, column])
            first = int(days[0])
            factor = np.nan if steps is None else float(np.exp(steps[first, column]))
            by = "" if steps is None else f" by {shown_factor(float(steps[first, column]))}"
            close = float(np.exp(prices.usd[first, column]))
            where = (prices.days[first], prices.days[days[-1]])
            said = f"{what}{by}, {close:g} USD ({len(days)} days)"
            self.findings.append(
                found(rule, str(prices.ids[column]), where, close, factor, consequence, said)
            )
        others = columns[_NAMED:]
        if len(others):
            days = np.flatnonzero(bad[:, others].any(axis=1))
            where = (prices.days[days[0]], prices.days[days[-1]])
            name, count = f"{len(others)} other coins", float(len(others))
            self.findings.append(found(rule, name, where, count, np.nan, consequence, what))
