"""Rules on coins, each judged by its past and by how many others do the same."""

from __future__ import annotations

import numpy as np

from features.market.season import TOP, WINDOW_DAYS
from features.plausibility import limits
from features.plausibility.book import is_unit, rule
from features.plausibility.limits import MIN_OBSERVATIONS, NORMAL_MAD, SCALE_DAYS
from features.plausibility.prices import Prices
from features.plausibility.steps import (
    Flags,
    Floats,
    carried,
    in_runs,
    judged_series,
    repeats,
    runs,
)
from features.plausibility.verdict import Verdict

_ROUNDING = 1e-6


def _repeats(market: Prices) -> tuple[Flags, Flags]:
    """Return which closes repeat those of the day before, and which nearly do for long.

    A close in Bitcoin that is made of the one in dollars repeats it if it moves with Bitcoin:
    only one that a source gives by itself can stand still.
    """
    (same, nearly), (same_btc, nearly_btc) = repeats(market.usd), repeats(market.btc)
    given = np.abs(market.usd - market.btc - market.bitcoin[:, None]) > _ROUNDING
    return same | (same_btc & given), nearly | (nearly_btc & given)


@rule("frozen market")
def check_frozen_market(verdict: Verdict) -> None:
    """Closes stand still.

    Limit: at least {FROZEN_SHARE:.0%} of the ranked coins repeat the close of the day before.
    Why: never more than 9% since 2014.
    Then: the days are left out; a forecast of them is refused.
    Way out: fetch these days again: the feed repeats the last close.
    """
    market = verdict.market
    both = np.isfinite(market.usd)
    both[1:] &= np.isfinite(market.usd[:-1])
    both[0] = False
    same, nearly = _repeats(market)
    count = _ranked(market, both).sum(axis=1)
    still = _ranked(market, (same | nearly) & both).sum(axis=1)
    share = still / np.maximum(count, 1)
    for first, after in runs((count >= limits.MIN_WITNESSES) & (share >= limits.FROZEN_SHARE)):
        verdict.withheld[first:after] = True
        worst = float(share[first:after].max())
        said = (
            f"up to {100 * worst:.0f} % of the top {TOP} repeat the close of the day before, less "
            f"than {100 * limits.FROZEN_SHARE:.0f} % may; no forecast is made of these days"
        )
        verdict.note("frozen market", "coins", (first, after), worst, 1.0, "refused", said)


def _ranked(market: Prices, table: Flags) -> Flags:
    return np.asarray(market.of_members(table.astype(float)) == 1)


def check_frozen_coins(verdict: Verdict) -> None:
    """Leave out the closes of coins whose feed stands still (the rule `frozen`)."""
    market = verdict.market
    asked = market.ranked & ~verdict.withheld[:, None]
    column = market.column("bitcoin")
    if column is not None:
        asked[:, column] = False
    same, nearly = (table & asked for table in _repeats(market))
    since = (market.days >= limits.COIN_SINCE)[:, None]
    bad = in_runs(nearly, limits.NEARLY_RUN) & ~same & since
    for coin in np.flatnonzero(in_runs(same, limits.FROZEN_FINE).any(axis=0)):
        for first, after in runs(same[:, coin], limits.FROZEN_FINE):
            fine = _digits(float(np.exp(market.usd[first, coin]))) >= limits.FINE_DIGITS
            bad[first:after, coin] |= fine or after - first >= limits.FROZEN_COARSE
    verdict.left_out |= bad
    verdict.note_coins(bad, "frozen", "the close repeats that of the day before")


def _digits(price: float) -> int:
    """Return the significant digits of a price, of six (single precision has seven)."""
    return len(f"{price:.5e}".split("e")[0].replace(".", "").rstrip("0"))


def check_coin_steps(verdict: Verdict) -> None:
    """Leave out a coin's spikes, and the days that would be compared across a change of unit."""
    market = verdict.market
    clean = verdict.used(market.btc)
    steps = np.full(clean.shape, np.nan)
    steps[1:] = clean[1:] - carried(clean)[:-1]
    far = (np.abs(steps) >= limits.COIN_SPIKE) & market.ranked
    spikes, shifts = np.zeros(clean.shape, bool), np.zeros(clean.shape, bool)
    for column in np.flatnonzero(far.any(axis=0)):
        suspicious = np.zeros(len(clean), bool)
        for day in np.flatnonzero(far[:, column]):
            suspicious[day] = _extreme(steps[:day, column], steps[day, column])
        for first, after, kind in judged_series(clean[:, column], suspicious, _is_no_market):
            if kind == "spike":
                spikes[first:after, column] = True
            elif kind == "unconfirmed":
                spikes[first:, column] = True
            elif kind == "lasting":
                shifts[first : first + WINDOW_DAYS, column] = True
    early = (market.days < limits.COIN_SINCE)[:, None]
    for name, bad in {"spike": spikes, "level shift": shifts}.items():
        bad &= np.isfinite(market.btc)
        noted, out = bad & early, bad & ~early
        verdict.left_out |= out
        verdict.note_coins(out, name, "the close jumps", steps=steps)
        verdict.note_coins(noted, name, "the close jumps", steps=steps, consequence="note")


def _is_no_market(step: float) -> bool:
    """Return whether a coin's step that stays is another unit's or too great a rise."""
    unit = abs(step) >= limits.COIN_SHIFT and is_unit(step, limits.COIN_UNIT)
    return unit or step >= limits.COIN_RISE


def _extreme(past: Floats, step: float) -> bool:
    """Return whether a step is far beyond those of a coin's last 252 days."""
    past = np.abs(past[-SCALE_DAYS:])
    past = past[np.isfinite(past)]
    if len(past) < MIN_OBSERVATIONS:
        return False
    return bool(abs(step) >= limits.COIN_DEVIATIONS * np.median(past) / NORMAL_MAD)


def check_coin_contradiction(verdict: Verdict, implied: Floats, truth: Floats) -> None:
    """Leave out closes of a coin which imply another Bitcoin than Bitcoin's close and the others.

    `implied` is the log of close_usd / close_btc, days x coins; `truth` Bitcoin's log close by day.
    """
    market = verdict.market
    wrong = (np.abs(implied - truth[:, None]) > limits.COIN_CONTRADICTION) & market.ranked
    column = market.column("bitcoin")
    if column is not None:
        wrong[:, column] = False
    verdict.left_out |= wrong
    verdict.note_coins(wrong, "contradiction", "close_usd / close_btc is not Bitcoin's close")
