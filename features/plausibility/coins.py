"""Rules on coins, each judged by its past and by how many others do the same."""

from __future__ import annotations

import numpy as np

from features.market.market import MAX_SNAPSHOT_AGE_DAYS, Floats, Masks
from features.market.season import TOP, WINDOW_DAYS
from features.plausibility import limits
from features.plausibility.book import is_unit, rule
from features.plausibility.limits import MIN_OBSERVATIONS, NORMAL_MAD, SCALE_DAYS
from features.plausibility.prices import Prices
from features.plausibility.steps import carried, judged_series, repeats, run_of, runs
from features.plausibility.verdict import Verdict

_ROUNDING = 1e-6


def _repeats(market: Prices) -> tuple[Masks, Masks]:
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


def _ranked(market: Prices, table: Masks) -> Masks:
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
    bad = nearly & ~same & since
    long = run_of(same, limits.FROZEN_FINE)
    for coin in np.flatnonzero(long.any(axis=0)):
        for first, after in runs(same[:, coin], limits.FROZEN_FINE):
            fine = _digits(float(np.exp(market.usd[first, coin]))) >= limits.FINE_DIGITS
            least = limits.FROZEN_FINE if fine else limits.FROZEN_COARSE
            bad[first + least - 1 : after, coin] = True
    verdict.left_out |= bad
    verdict.note_coins(bad, "frozen", "the close repeats that of the day before")


def _digits(price: float) -> int:
    """Return the significant digits of a price, of six (single precision has seven)."""
    return len(f"{price:.5e}".split("e")[0].replace(".", "").rstrip("0"))


@rule("redenomination")
def check_coin_steps(verdict: Verdict) -> None:
    """A coin's price takes another unit: old units became more or fewer new ones.

    Limit: a step of x{x.COIN_SPIKE:.0f} and {COIN_DEVIATIONS:.0f} usual steps that stays while the
    coin keeps its rank (a quarter of the way it should go); from x{x.RESCALED:.1f} with the same
    market cap (within {x.SAME_CAP:.2f}); a fall to a thousandth.
    Why: a market that takes a price to a third takes the coin's rank and cap with it (LUNA, FTX).
    Then: the coin is left out of comparisons across the day.
    Way out: {UNITS}.
    """
    market = verdict.market
    clean = verdict.used(market.btc)
    steps = np.full(clean.shape, np.nan)
    steps[1:] = clean[1:] - carried(clean)[:-1]
    late = (market.days >= limits.COIN_SINCE)[:, None]
    far = (np.abs(steps) >= limits.COIN_SPIKE) & market.ranked
    rescaled = (np.abs(steps) >= limits.RESCALED) & market.ranked & late & _same_cap(market)
    bad = {name: np.zeros(clean.shape, bool) for name in (
        "spike", "level shift", "redenomination", "great step")}  # fmt: skip
    for column in map(int, np.flatnonzero((far | rescaled).any(axis=0))):
        suspicious = rescaled[:, column].copy()
        for day in np.flatnonzero(far[:, column]):
            suspicious[day] |= _extreme(steps[:day, column], steps[day, column])
        for first, after, kind in judged_series(clean[:, column], suspicious):
            step = float(steps[first, column])
            stays = slice(first, first + WINDOW_DAYS)
            if kind == "spike":
                bad["spike"][first:after, column] = True
            elif kind == "unconfirmed":
                bad["spike"][first:, column] = True
            elif _is_no_market(step):
                bad["level shift"][stays, column] = True
            elif late[first] and rescaled[first, column]:
                bad["redenomination"][stays, column] = True
            elif late[first] and (shown := _kept_rank(market, first, column, step)):
                bad["redenomination"][shown : first + WINDOW_DAYS, column] = True
                steps[shown, column] = step
            elif late[first] and abs(step) >= limits.COIN_SHIFT:
                bad["great step"][first, column] = True
    for name, days in bad.items():
        days &= np.isfinite(market.btc)
        noted, out = days & ~late, days & late
        if name == "great step":
            name, noted, out = "level shift", out, noted
        verdict.left_out |= out
        verdict.note_coins(out, name, "the close jumps", steps=steps)
        verdict.note_coins(noted, name, "the close jumps", steps=steps, consequence="note")


def _same_cap(market: Prices) -> Masks:
    """Return on which days a coin's market cap is that of the days before."""
    before = carried(market.cap)
    change = market.cap[1:] - before[:-1]
    return np.vstack([np.zeros_like(change[:1], bool), np.abs(change) <= limits.SAME_CAP])


def _kept_rank(market: Prices, first: int, column: int, step: float) -> int | None:
    """Return the day on which a coin is seen to keep its rank in spite of a great step, if it does.

    A ranking follows a week's caps; that of a coin which rises from the first places cannot show,
    but no such coin has risen so in a day.
    """
    ranks = market.ranks_of(column)
    due = first + (limits.RANKED_AFTER if step > 0 else 2 * limits.RANKED_AFTER)
    before = ranks[(ranks.index < first) & (ranks.index >= first - MAX_SNAPSHOT_AGE_DAYS)]
    later = ranks[(ranks.index >= due) & (ranks.index <= first + MAX_SNAPSHOT_AGE_DAYS)]
    if len(before) and step > 0 and before.iloc[-1] < limits.RANK_CAN_RISE:
        return first
    if before.empty or later.empty:
        return None
    moved = np.log(before.iloc[-1] / later.iloc[0])
    kept = moved * np.sign(step) < limits.RANK_FOLLOWS * abs(step)
    return int(later.index[0]) if kept else None


def _is_no_market(step: float) -> bool:
    """Return whether a coin's step that stays is a power of ten, or too great for any market."""
    unit = abs(step) >= limits.COIN_SHIFT and is_unit(step, limits.COIN_UNIT)
    return unit or step >= limits.COIN_RISE or step <= -limits.COIN_FALL


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
