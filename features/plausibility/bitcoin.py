"""Bitcoin's close judged by all coins together: when they move as one, it is Bitcoin's fault."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.market.market import Floats, Masks
from features.plausibility import limits
from features.plausibility.book import rule, shown_factor
from features.plausibility.coins import check_coin_contradiction
from features.plausibility.limits import CONFIRMING, RETURN_STEPS
from features.plausibility.steps import Kind, carried, judged_steps, repeats, run_of, runs
from features.plausibility.verdict import Verdict
from features.provenance import Consequence

# Closes of one price are equal but for rounding and the least noise; the least real move of
# Bitcoin in a day that is any is 7e-6 (2023-09-23).
_EQUAL = 3e-6
# Part of a step that the way back must make up: the market moves in between.
_UNDONE = 0.6


@dataclass(frozen=True)
class Moves:
    """How the ranked coins move against Bitcoin from day to day; NaN where they are too few."""

    median: Floats  # of the log returns, by day
    spread: Floats  # distance of their quartiles
    own: Floats  # log return of Bitcoin in US dollars

    @classmethod
    def of(cls, verdict: Verdict, logs: Floats) -> Moves:
        """Measure them from log closes in Bitcoin, days x coins."""
        market = verdict.market
        steps = market.of_members(logs)
        steps[1:] -= market.of_members(np.roll(carried(logs), 1, axis=0))[1:]
        steps[0] = np.nan
        median, spread = (np.full(len(steps), np.nan) for _ in range(2))
        count = np.isfinite(steps).sum(axis=1)
        enough, many = count >= limits.MIN_WITNESSES, count >= limits.MANY_WITNESSES
        median[enough] = np.nanmedian(steps[enough], axis=1)
        low, high = np.nanquantile(steps[many], (0.25, 0.75), axis=1) if many.any() else ([], [])
        spread[many] = np.asarray(high) - np.asarray(low)
        own = carried(market.bitcoin[:, None])[:, 0]
        return cls(median, spread, np.append(np.nan, np.diff(own)))

    def beyond(self) -> Masks:
        """Return on which days the coins move as no market does."""
        back = np.append(self.median[1:], np.nan)
        # There and back: a smaller step will do.
        returning = (np.minimum(np.abs(self.median), np.abs(back)) > limits.COMMON_RETURNING) & (
            np.sign(self.median) != np.sign(back)
        )
        far = (self.median > limits.COMMON_UP) | (self.median < limits.COMMON_DOWN)
        # When Bitcoin falls, the coins fall with it: their returns in dollars are median + own.
        alone = (self.own < limits.FALL) & (self.median + self.own > limits.FALL_WITH * self.own)
        as_one = self._as_one(limits.ONE_FACTOR, limits.ONE_SPREAD)
        return np.asarray(far | returning | alone | as_one)

    def no_market(self) -> Masks:
        """Return on which days the coins move so that it is wrong however long it stays."""
        return np.asarray(
            (self.median >= limits.COMMON_LASTING_UP)
            | (self.median <= limits.COMMON_LASTING_DOWN)
            | self._as_one(limits.ONE_FACTOR_LASTING, limits.ONE_SPREAD_LASTING)
        )

    def _as_one(self, step: float, spreads: float) -> Masks:
        """Return on which days all coins move by one factor: far beside what lies between them."""
        size = np.abs(self.median)
        return np.asarray((size > step) & (size > spreads * self.spread))


_CONSEQUENCES: dict[Kind, tuple[Consequence, str]] = {
    "spike": ("value left out", "it returns: no close of these days is used"),
    "unconfirmed": (
        "day held back",
        "one asset that moves against all others is at fault, no season; held "
        f"back until {CONFIRMING} more closes confirm it",
    ),
    "lasting": (
        "refused",
        "and it stays: no close from here on can be compared with those before",
    ),
    "note": ("note", "the closes after it confirm it"),
}


@rule("common mode")
def check_common_mode(verdict: Verdict) -> None:
    """Nearly every coin moves against Bitcoin by one factor on one day.

    Limit: median of the top 50 above x{x.COMMON_UP:.2f} or below x{x.COMMON_DOWN:.2f};
    x{x.COMMON_RETURNING:.2f} if it returns the next day; beyond {ONE_FACTOR:.0%} if it is
    {ONE_SPREAD:g} times the distance of the coins' quartiles, or, at any size, if Bitcoin's
    close is {CAP_CONTRADICTION:.1%} from its market cap over its supply and the coins moved against
    it by about as much, in a day or over {DRIFT_DAYS}; or if Bitcoin falls by a tenth, the
    median coin by less than {FALL_WITH:.2f} of it.
    Why: since 2014 the median has moved between x0.76 and x1.15, by 3.0 times that distance at
    most, the market cap stayed within 6.2%, and falls were shared by half at least; Bitcoin's close
    is wrong, not fifty others.
    Then: the last days are held back until two more closes confirm them; a spike is left out for
    all coins; what stays is refused from x{x.COMMON_LASTING_UP:.2f} up or
    x{x.COMMON_LASTING_DOWN:.2f} down, or from x{x.ONE_FACTOR_LASTING:.2f} at
    {ONE_SPREAD_LASTING:g} times the distance.
    Way out: {WAIT}.
    """
    market, logs = verdict.market, verdict.used(verdict.market.btc)
    moves = Moves.of(verdict, logs)
    known = np.flatnonzero(np.isfinite(logs).any(axis=1))
    last = int(known[-1]) if len(known) else -1
    away, lasting = _Away(verdict, logs, moves.median, last), moves.no_market()
    beyond = np.flatnonzero(moves.beyond() & (market.days >= limits.COMMON_SINCE))
    for first, after, kind in judged_steps(
        map(int, beyond),
        back=away.end,
        begin=away.begin,
        confirmed=lambda day: last - day >= CONFIRMING,
        lasting=lambda day: bool(lasting[day]),
    ):
        ends = kind in ("unconfirmed", "lasting")
        span = (first, last + 1 if ends else after)
        consequence, then = _CONSEQUENCES[kind]
        if kind != "note":
            verdict.withheld[slice(*span)] = True
        step, close = float(moves.median[first]), float(np.exp(market.bitcoin[first]))
        said = (
            f"the median coin moves against Bitcoin by {shown_factor(step)} in a day, so that "
            f"Bitcoin's close is wrong by {shown_factor(-step)}; {then}"
        )
        factor = float(np.exp(-step))
        verdict.note("common mode", "bitcoin", span, close, factor, consequence, said)
        if ends:
            break


class _Away:
    """Where a step of all coins leads away and back again."""

    def __init__(self, verdict: Verdict, logs: Floats, median: Floats, last: int) -> None:
        self.market, self.logs, self.median, self.last = verdict.market, logs, median, last
        self.before = carried(logs)

    def end(self, day: int) -> int | None:
        """Return the day on which the coins are back where they came from, if there is one."""
        for later in range(day + 1, min(day + 1 + RETURN_STEPS, self.last + 1)):
            if self._opposite(later, day) or self._moved(day, later) < abs(self.median[day]) / 2:
                return later
        return None

    def begin(self, day: int, done: int) -> int | None:
        """Return the day of a smaller step away which this one leads back from, if any.

        The step that went unseen was the wrong one.
        """
        for earlier in range(day - 1, max(day - 1 - RETURN_STEPS, done, 0), -1):
            size = abs(self.median[day])
            if self._opposite(earlier, day) and self._moved(earlier, day) < size / 2:
                return earlier
        return None

    def _opposite(self, one: int, day: int) -> bool:
        """Return whether a day's step undoes most of another one's."""
        return bool(-self.median[one] * np.sign(self.median[day]) > _UNDONE * abs(self.median[day]))

    def _moved(self, first: int, later: int) -> float:
        """Return how far the median coin is from where it was before a day."""
        members = self.market.members[first]
        members = members[members >= 0]
        moved = self.logs[later, members] - self.before[first - 1, members]
        if np.isfinite(moved).sum() < limits.MIN_WITNESSES:
            return np.inf
        return float(abs(np.nanmedian(moved)))


def check_frozen_bitcoin(verdict: Verdict) -> None:
    """Withhold days on which Bitcoin's close repeats the one before and the coins rest on it."""
    market = verdict.market
    implied = verdict.median(market.usd - market.btc)
    (same, exact), (stands, _) = (_stands(logs) for logs in (market.bitcoin, implied))
    sure = run_of(same, limits.FROZEN_BITCOIN)
    # One repeated close happened twice since 2014; on the last day nothing follows it yet.
    sure[market.last] |= exact[market.last]
    # The first of a run was held back as long as it was the last.
    sure[:-1] |= exact[:-1] & sure[1:]
    for first, after in runs(sure & ~verdict.withheld):
        newest = after > market.last
        close, rest = float(np.exp(market.bitcoin[first])), stands[first:after]
        verdict.withheld[first:after] |= rest
        verdict.bitcoin_out[first:after] = True
        consequence: Consequence = "day held back" if rest[-1] and newest else "value left out"
        said = f"its close of {close:g} repeats the day before on {after - first} days" + (
            ", and every close in Bitcoin rests on it" if rest.any() else ""
        )
        verdict.note("frozen", "bitcoin", (first, after), close, 1.0, consequence, said)


def _stands(logs: Floats) -> tuple[Masks, Masks]:
    """Return on which days a price repeats the day before, with noise or exactly."""
    exact = np.append(False, np.abs(np.diff(logs)) <= _EQUAL)
    same, nearly = repeats(logs)
    return exact | same | nearly, exact


@rule("contradiction")
def check_contradiction(verdict: Verdict) -> None:
    """Bitcoin's close and the coins' close_usd / close_btc imply two prices.

    Limit: more than {CONTRADICTION:.0%} apart.
    Why: both are Bitcoin's price of one hour; other hours differ by less.
    Then: one coin: its rows are left out; Bitcoin: its close is left out, the last day is held
    back; more than half of all days: refused.
    Way out: take close_usd and close_btc from one source and one hour.
    """
    market = verdict.market
    own, implied = market.bitcoin, market.usd - market.btc
    median = verdict.median(implied)
    apart = np.abs(own - median) > limits.CONTRADICTION
    held = np.isfinite(own) & np.isfinite(median)
    always = bool(held.sum() and apart[held].mean() > 0.5)
    last = market.last + 1
    spans = [(int(np.argmax(apart)), last)] if always else runs(apart & ~verdict.withheld)
    for first, after in spans:
        newest = after >= last
        verdict.withheld[first:after] |= newest
        verdict.bitcoin_out[first:after] |= not always
        consequence: Consequence = "day held back" if newest else "value left out"
        close, other = float(np.exp(own[first])), float(np.exp(median[first]))
        said = (
            f"its close is {close:g}, but the median of close_usd / close_btc over the coins is "
            f"{other:g}"
        )
        verdict.note("contradiction", "bitcoin", (first, after), close, close / other,
                     "refused" if always else consequence, said)  # fmt: skip
    check_coin_contradiction(
        verdict, implied, np.where(np.isfinite(median), np.where(apart, median, own), np.nan)
    )


def check_market_cap(verdict: Verdict) -> None:
    """Withhold days on which Bitcoin's market cap and all coins contradict its close."""
    market = verdict.market
    off = market.bitcoin - market.bitcoin_by_cap
    moved = Moves.of(verdict, verdict.used(market.btc)).median
    wrong = (np.abs(off) > limits.CAP_CONTRADICTION) & ~verdict.withheld & ~verdict.bitcoin_out
    for first, after in runs(wrong):
        # From the last day on which both agreed: Bitcoin's close may have drifted away slowly.
        agreed = np.flatnonzero(np.abs(off[:first]) <= limits.CAP_CONTRADICTION / 3)
        begin = int(agreed[-1]) + 1 if len(agreed) else first
        drifts = first - begin <= limits.DRIFT_DAYS and market.days[first] >= limits.COMMON_SINCE
        begin = begin if drifts else first
        coins = np.nancumsum(moved[begin:after])[first - begin :]
        sure = drifts & (np.abs(coins + off[first:after]) < np.abs(off[first:after]) / 2)
        sure[0] |= abs(moved[first] + off[first]) < abs(off[first]) / 2
        # Else it is the market cap, which the rule on its scale judges.
        if not sure.any():
            continue
        # From the day that shows it: what was known before stays as it was.
        first, step = first + int(np.argmax(sure)), float(coins[np.argmax(sure)])
        verdict.withheld[first:after] = True
        close, other = (
            float(np.exp(price[first])) for price in (market.bitcoin, market.bitcoin_by_cap)
        )
        said = (
            f"its close is {close:g}, its market cap over its supply {other:g}, and the median "
            f"coin moved against it by {shown_factor(step)}"
        )
        newest: Consequence = "day held back" if after > market.last else "value left out"
        verdict.note("common mode", "bitcoin", (first, after), close, close / other, newest, said)
