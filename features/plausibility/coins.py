"""Single coins, each judged by its own past and by how many others do the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.market.season import TOP, WINDOW_DAYS
from features.plausibility import market_limits as limits
from features.plausibility.prices import Floats, Prices, carried, spells
from features.plausibility.rules import (
    CONFIRMING,
    MIN_OBSERVATIONS,
    NORMAL_MAD,
    RETURN_STEPS,
    SCALE_DAYS,
    found,
    is_unit,
)
from features.plausibility.verdict import Verdict

_ROUNDING = 1e-6


def _repeats(prices: Prices) -> NDArray[np.bool_]:
    """Tell which closes are exactly those of the day before.

    A close in Bitcoin that is made of the one in dollars repeats it if it moves with Bitcoin:
    only one that a source gives by itself can stand still.
    """
    same = np.zeros(prices.usd.shape, bool)
    same[1:] = prices.usd[1:] == prices.usd[:-1]
    given = np.abs(prices.usd - prices.btc - prices.bitcoin[:, None]) > _ROUNDING
    same[1:] |= (prices.btc[1:] == prices.btc[:-1]) & given[1:]
    return same


def check_frozen_market(prices: Prices, verdict: Verdict) -> None:
    """Find days on which many coins have exactly the close of the day before.

    Parameters
    ----------
    prices : Prices
        The market.
    verdict : Verdict
        Told what is found.
    """
    both = np.isfinite(prices.usd)
    both[1:] &= np.isfinite(prices.usd[:-1])
    both[0] = False
    count = _ranked(prices, both).sum(axis=1)
    share = _ranked(prices, _repeats(prices) & both).sum(axis=1) / np.maximum(count, 1)
    bad = (count >= limits.MIN_WITNESSES) & (share >= limits.FROZEN_SHARE)
    for first, after in spells(bad):
        verdict.withheld[first:after] = True
        worst = float(share[first:after].max())
        said = (
            f"up to {100 * worst:.0f} % of the top {TOP} have exactly the close of the "
            "day before, less "
            f"than {100 * limits.FROZEN_SHARE:.0f} % may; no forecast is made of these days"
        )
        where = (prices.days[first], prices.days[after - 1])
        verdict.findings.append(found("frozen market", "coins", where, worst, 1.0, "refused", said))


def _ranked(prices: Prices, table: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(prices.of_members(table.astype(float)) == 1)


def check_frozen_coins(prices: Prices, verdict: Verdict) -> None:
    """Leave out the closes of coins whose feed stands still.

    Parameters
    ----------
    prices, verdict
        As for `check_frozen_market`.
    """
    same = _repeats(prices)
    same[verdict.withheld] = False
    same &= prices.ranked
    column = prices.column("bitcoin")
    if column is not None:
        same[:, column] = False
    bad = np.zeros_like(same)
    runs = same.copy()
    for _ in range(limits.FROZEN_FINE - 1):
        runs[1:] &= runs[:-1].copy()
    for coin in np.flatnonzero(runs.any(axis=0)):
        for first, after in spells(same[:, coin]):
            fine = _digits(float(np.exp(prices.usd[first, coin]))) >= limits.FINE_DIGITS
            if after - first >= (limits.FROZEN_FINE if fine else limits.FROZEN_COARSE):
                bad[first:after, coin] = True
    verdict.left_out |= bad
    verdict.say_coins(prices, bad, "frozen", "the close is exactly that of the day before")


def _digits(price: float) -> int:
    """Return the significant digits of a price, of six (single precision has seven)."""
    return len(f"{price:.5e}".split("e")[0].replace(".", "").rstrip("0"))


def check_coin_steps(prices: Prices, verdict: Verdict) -> None:
    """Leave out a coin's spikes, and the days that would be compared across a change of unit.

    Parameters
    ----------
    prices, verdict
        As for `check_frozen_market`.
    """
    clean = verdict.used(prices.btc)
    before = carried(clean)
    steps = np.full(clean.shape, np.nan)
    steps[1:] = clean[1:] - before[:-1]
    spikes, shifts = np.zeros(clean.shape, bool), np.zeros(clean.shape, bool)
    days, columns = np.nonzero((np.abs(steps) >= limits.COIN_SPIKE) & prices.ranked)
    done = dict.fromkeys(range(clean.shape[1]), 0)
    for day, column in zip(days.tolist(), columns.tolist(), strict=True):
        step = steps[day, column]
        if day < done[column] or not _extreme(steps[:day, column], step):
            continue
        later = clean[day + 1 : day + 1 + RETURN_STEPS, column] - before[day - 1, column]
        back = np.flatnonzero(np.abs(later) < abs(step) / 2)
        if back.size:
            spikes[day : day + 1 + back[0], column] = True
            done[column] = day + 2 + int(back[0])
        elif np.isfinite(clean[day + 1 :, column]).sum() < CONFIRMING:
            spikes[day:, column] = True
        elif step >= limits.COIN_RISE or (
            abs(step) >= limits.COIN_SHIFT and is_unit(step, limits.COIN_UNIT)
        ):
            shifts[day : day + WINDOW_DAYS, column] = True
    _leave_out(prices, verdict, {"spike": spikes, "level shift": shifts}, steps)


def _leave_out(
    prices: Prices, verdict: Verdict, jumps: dict[str, NDArray[np.bool_]], steps: Floats
) -> None:
    early = (prices.days < limits.COIN_SINCE)[:, None]
    for rule, bad in jumps.items():
        bad &= np.isfinite(prices.btc)
        noted, out = bad & early, bad & ~early
        verdict.left_out |= out
        verdict.say_coins(prices, out, rule, "the close jumps", steps=steps)
        verdict.say_coins(prices, noted, rule, "the close jumps", steps=steps, consequence="note")


def _extreme(past: Floats, step: float) -> bool:
    """Tell whether a step is beyond what a coin's own past knows."""
    past = np.abs(past[-SCALE_DAYS:])
    past = past[np.isfinite(past)]
    if len(past) < MIN_OBSERVATIONS:
        return False
    return bool(abs(step) >= limits.COIN_DEVIATIONS * np.median(past) / NORMAL_MAD)
