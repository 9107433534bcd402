"""Bitcoin's close judged by all coins together: when they move as one, it is Bitcoin's fault."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.plausibility import market_limits as limits
from features.plausibility.prices import Floats, Prices, carried
from features.plausibility.rules import CONFIRMING, RETURN_STEPS, found, shown_factor
from features.plausibility.verdict import Verdict
from features.provenance import Consequence


@dataclass(frozen=True)
class Moves:
    """How the ranked coins move against Bitcoin from day to day.

    Parameters
    ----------
    median : numpy.ndarray
        Of the log returns, by day; NaN where too few coins have one.
    spread : numpy.ndarray
        Distance of their quartiles; NaN where too few coins have one.
    """

    median: Floats
    spread: Floats

    @classmethod
    def of(cls, prices: Prices, logs: Floats) -> Moves:
        """Measure them from log closes in Bitcoin, days x coins."""
        steps = prices.of_members(logs)
        steps[1:] -= prices.of_members(np.roll(carried(logs), 1, axis=0))[1:]
        steps[0] = np.nan
        median, spread = (np.full(len(steps), np.nan) for _ in range(2))
        count = np.isfinite(steps).sum(axis=1)
        enough, many = count >= limits.MIN_WITNESSES, count >= limits.MANY_WITNESSES
        median[enough] = np.nanmedian(steps[enough], axis=1)
        low, high = np.nanquantile(steps[many], (0.25, 0.75), axis=1) if many.any() else ([], [])
        spread[many] = np.asarray(high) - np.asarray(low)
        return cls(median, spread)

    def beyond(self) -> NDArray[np.bool_]:
        """Tell on which days the coins move as no market does."""
        back = np.append(self.median[1:], np.nan)
        # There and back: a smaller step will do.
        returning = (np.minimum(np.abs(self.median), np.abs(back)) > limits.COMMON_RETURNING) & (
            np.sign(self.median) != np.sign(back)
        )
        far = (self.median > limits.COMMON_UP) | (self.median < limits.COMMON_DOWN)
        return np.asarray(far | returning | self.as_one(limits.ONE_FACTOR, limits.ONE_SPREAD))

    def as_one(self, step: float, spreads: float) -> NDArray[np.bool_]:
        """Tell on which days all coins move by one factor: far beside what lies between them."""
        size = np.abs(self.median)
        return np.asarray((size > step) & (size > spreads * self.spread))

    def no_market(self) -> NDArray[np.bool_]:
        """Tell on which days the coins move so that it is wrong however long it stays."""
        return np.asarray(
            (self.median >= limits.COMMON_LASTING_UP)
            | (self.median <= limits.COMMON_LASTING_DOWN)
            | self.as_one(limits.ONE_FACTOR_LASTING, limits.ONE_SPREAD_LASTING)
        )


def check_common_mode(prices: Prices, verdict: Verdict) -> None:
    """Find the days on which Bitcoin's close is wrong, as all coins tell together.

    Parameters
    ----------
    prices : Prices
        The market.
    verdict : Verdict
        Told what is found.
    """
    logs = verdict.used(prices.btc)
    moves = Moves.of(prices, logs)
    for day, after, consequence in _judged(prices, logs, moves):
        if consequence != "note":
            verdict.withheld[day:after] = True
        step = float(moves.median[day])
        where = (prices.days[day], prices.days[max(after - 1, day)])
        close = float(np.exp(prices.bitcoin[day]))
        said = (
            f"the median coin moves against Bitcoin by {shown_factor(step)} in a day, so that "
            f"Bitcoin's close is wrong by {shown_factor(-step)}; {_TOLD[consequence]}"
        )
        factor = float(np.exp(-step))
        verdict.findings.append(
            found("common mode", "bitcoin", where, close, factor, consequence, said)
        )


_TOLD: dict[Consequence, str] = {
    "value left out": "it returns: no close of these days is used",
    "day held back": "one asset that moves against all others is at fault, no season; held "
    f"back until {CONFIRMING} more closes confirm it",
    "refused": "and it stays: no close from here on can be compared with those before",
    "note": "the closes after it confirm it",
}


def _judged(prices: Prices, logs: Floats, moves: Moves) -> Iterator[tuple[int, int, Consequence]]:
    """Yield for each step its day, the day after the wrong ones, and what follows."""
    before = carried(logs)
    known = np.flatnonzero(np.isfinite(logs).any(axis=1))
    last = int(known[-1]) if len(known) else -1
    lasting = moves.no_market()
    done = 0
    for day in map(int, np.flatnonzero(moves.beyond() & (prices.days >= limits.COMMON_SINCE))):
        if day < done:
            continue
        after = _return(prices, logs, before, day, float(moves.median[day]), last)
        if after is not None:
            # The step back is part of the spike, not one of its own.
            done = after + 1
            yield day, after, "value left out"
        elif last - day < CONFIRMING:
            done = last + 1
            yield day, last + 1, "day held back"
        elif lasting[day]:
            done = last + 1
            yield day, last + 1, "refused"
        else:
            yield day, day, "note"


def _return(
    prices: Prices, logs: Floats, before: Floats, day: int, step: float, last: int
) -> int | None:
    """Return the day on which the coins are back where they came from, if there is one."""
    members = prices.members[day]
    members = members[members >= 0]
    for later in range(day + 1, min(day + 1 + RETURN_STEPS, last + 1)):
        moved = logs[later, members] - before[day - 1, members]
        if np.isfinite(moved).sum() >= limits.MIN_WITNESSES and (
            abs(np.nanmedian(moved)) < abs(step) / 2
        ):
            return later
    return None
