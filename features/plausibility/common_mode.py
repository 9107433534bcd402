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
    own : numpy.ndarray
        Log return of Bitcoin in US dollars.
    """

    median: Floats
    spread: Floats
    own: Floats

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
        own = carried(prices.bitcoin[:, None])[:, 0]
        return cls(median, spread, np.append(np.nan, np.diff(own)))

    def beyond(self) -> NDArray[np.bool_]:
        """Tell on which days the coins move as no market does."""
        back = np.append(self.median[1:], np.nan)
        # There and back: a smaller step will do.
        returning = (np.minimum(np.abs(self.median), np.abs(back)) > limits.COMMON_RETURNING) & (
            np.sign(self.median) != np.sign(back)
        )
        far = (self.median > limits.COMMON_UP) | (self.median < limits.COMMON_DOWN)
        # When Bitcoin falls, the coins fall with it: their returns in dollars are median + own.
        alone = (self.own < limits.FALL) & (self.median + self.own > limits.FALL_WITH * self.own)
        as_one = self.as_one(limits.ONE_FACTOR, limits.ONE_SPREAD)
        return np.asarray(far | returning | alone | as_one)

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


# Part of a step that the way back must make up: the market moves in between.
_UNDONE = 0.6

_TOLD: dict[Consequence, str] = {
    "value left out": "it returns: no close of these days is used",
    "day held back": "one asset that moves against all others is at fault, no season; held "
    f"back until {CONFIRMING} more closes confirm it",
    "refused": "and it stays: no close from here on can be compared with those before",
    "note": "the closes after it confirm it",
}


def _judged(prices: Prices, logs: Floats, moves: Moves) -> Iterator[tuple[int, int, Consequence]]:
    """Yield for each step its day, the day after the wrong ones, and what follows."""
    known = np.flatnonzero(np.isfinite(logs).any(axis=1))
    last = int(known[-1]) if len(known) else -1
    lasting = moves.no_market()
    spike = _Spikes(prices, logs, moves.median)
    done = 0
    for day in map(int, np.flatnonzero(moves.beyond() & (prices.days >= limits.COMMON_SINCE))):
        if day < done:
            continue
        after, begin = spike.end(day, last), spike.begin(day, done)
        if begin is not None:
            # The step that went unseen was the wrong one; this is the way back.
            done = day + 1
            yield begin, day, "value left out"
        elif after is not None:
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


class _Spikes:
    """Where a step of all coins leads away and back again."""

    def __init__(self, prices: Prices, logs: Floats, median: Floats) -> None:
        self.prices, self.logs, self.median = prices, logs, median
        self.before = carried(logs)

    def end(self, day: int, last: int) -> int | None:
        """Return the day on which the coins are back where they came from, if there is one."""
        for later in range(day + 1, min(day + 1 + RETURN_STEPS, last + 1)):
            if self._opposite(later, day) or self._moved(day, later) < abs(self.median[day]) / 2:
                return later
        return None

    def begin(self, day: int, done: int) -> int | None:
        """Return the day of a smaller step away from where this one leads back to, if any."""
        for earlier in range(day - 1, max(day - 1 - RETURN_STEPS, done, 0), -1):
            size = abs(self.median[day])
            if self._opposite(earlier, day) and self._moved(earlier, day) < size / 2:
                return earlier
        return None

    def _opposite(self, one: int, day: int) -> bool:
        """Tell whether a day's step undoes most of another one's."""
        return bool(-self.median[one] * np.sign(self.median[day]) > _UNDONE * abs(self.median[day]))

    def _moved(self, first: int, later: int) -> float:
        """Return how far the median coin is from where it was before a day."""
        members = self.prices.members[first]
        members = members[members >= 0]
        moved = self.logs[later, members] - self.before[first - 1, members]
        if np.isfinite(moved).sum() < limits.MIN_WITNESSES:
            return np.inf
        return float(abs(np.nanmedian(moved)))
