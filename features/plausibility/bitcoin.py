"""Bitcoin's own close: whether it stands still, and whether it is the one the coins are told in."""

from __future__ import annotations

import numpy as np

from features.plausibility import market_limits as limits
from features.plausibility.common_mode import Moves
from features.plausibility.prices import Floats, Prices, spells
from features.plausibility.rules import found, shown_factor
from features.plausibility.verdict import Verdict
from features.provenance import Consequence, Finding

# Closes of one price are equal but for rounding.
_EQUAL = 1e-9


def check_frozen_bitcoin(prices: Prices, verdict: Verdict) -> None:
    """Withhold days on which Bitcoin's close repeats the one before and the coins rest on it.

    Parameters
    ----------
    prices : Prices
        The market.
    verdict : Verdict
        Told what is found.
    """
    own = prices.bitcoin
    implied = median_of_coins(prices, prices.usd - prices.btc)
    same, stands = (np.append(False, np.abs(np.diff(each)) <= _EQUAL) for each in (own, implied))
    last = prices.last
    for first, after in spells(same & ~verdict.withheld):
        newest = after > last
        # One repeated close happened twice since 2014; on the last day nothing follows it yet.
        if after - first < limits.FROZEN_BITCOIN and not newest:
            continue
        close, days = float(np.exp(own[first])), (prices.days[first], prices.days[after - 1])
        rests = bool(stands[first:after].all())
        consequence: Consequence = "value left out"
        if rests:
            verdict.withheld[first:after] = True
            consequence = "day held back" if newest else "value left out"
        verdict.bitcoin_out[first:after] = True
        said = f"its close of {close:g} repeats the day before on {after - first} days" + (
            ", and every close in Bitcoin rests on it" if rests else ""
        )
        verdict.findings.append(found("frozen", "bitcoin", days, close, 1.0, consequence, said))


def check_contradiction(prices: Prices, verdict: Verdict) -> None:
    """Hold Bitcoin's close against what the coins' two closes say of it.

    Parameters
    ----------
    prices, verdict
        As for `check_frozen_bitcoin`.
    """
    own = prices.bitcoin
    implied = prices.usd - prices.btc
    median = median_of_coins(prices, implied)
    apart = np.abs(own - median) > limits.CONTRADICTION
    held = np.isfinite(own) & np.isfinite(median)
    last = prices.last
    if held.sum() and apart[held].mean() > 0.5:
        day = int(np.flatnonzero(apart)[0])
        verdict.withheld[day:] = True
        verdict.findings.append(_two_prices(prices, (day, last), own, median, "refused"))
    else:
        for first, after in spells(apart & ~verdict.withheld):
            newest = after > last
            verdict.withheld[first:after] |= newest
            verdict.bitcoin_out[first:after] = True
            consequence: Consequence = "day held back" if newest else "value left out"
            span = (first, after - 1)
            verdict.findings.append(_two_prices(prices, span, own, median, consequence))
    # A coin whose own two closes tell another Bitcoin than Bitcoin's close and the other coins.
    truth = np.where(apart, median, own)[:, None]
    wrong = (np.abs(implied - truth) > limits.COIN_CONTRADICTION) & prices.ranked
    wrong &= np.isfinite(median)[:, None]
    column = prices.column("bitcoin")
    if column is not None:
        wrong[:, column] = False
    verdict.left_out |= wrong
    verdict.say_coins(
        prices, wrong, "contradiction", "close_usd / close_btc is not Bitcoin's close"
    )


def check_market_cap(prices: Prices, verdict: Verdict) -> None:
    """Withhold days on which Bitcoin's market cap and all coins say that its close is wrong.

    Parameters
    ----------
    prices, verdict
        As for `check_frozen_bitcoin`.
    """
    off = prices.bitcoin - prices.bitcoin_by_cap
    moved = Moves.of(prices, verdict.used(prices.btc)).median
    wrong = (np.abs(off) > limits.CAP_CONTRADICTION) & ~verdict.withheld & ~verdict.bitcoin_out
    for first, after in spells(wrong):
        # Else it is the market cap, which the rule on its scale judges.
        if not abs(moved[first] + off[first]) < abs(off[first]) / 2:
            continue
        newest = after > prices.last
        verdict.withheld[first:after] = True
        close, told = float(np.exp(prices.bitcoin[first])), np.exp(prices.bitcoin_by_cap[first])
        said = (
            f"its close is {close:g}, its market cap over its supply {told:g}, and the median coin "
            f"moves against it by {shown_factor(float(moved[first]))} in a day"
        )
        verdict.findings.append(
            found("common mode", "bitcoin", (prices.days[first], prices.days[after - 1]), close,
                  close / float(told), "day held back" if newest else "value left out", said)
        )  # fmt: skip


def median_of_coins(prices: Prices, table: Floats) -> Floats:
    """Return the median of the ranked coins by day; NaN where too few are there to tell."""
    values = prices.of_members(table)
    enough = np.isfinite(values).sum(axis=1) >= limits.MIN_WITNESSES
    middle = np.full(len(values), np.nan)
    middle[enough] = np.nanmedian(values[enough], axis=1)
    return middle


def _two_prices(
    prices: Prices, span: tuple[int, int], own: Floats, median: Floats, consequence: Consequence
) -> Finding:
    first, last = span
    close, told = float(np.exp(own[first])), float(np.exp(median[first]))
    said = (
        f"its close is {close:g}, but the median of close_usd / close_btc over the coins is "
        f"{told:g}"
    )
    where = (prices.days[first], prices.days[last])
    return found("contradiction", "bitcoin", where, close, close / told, consequence, said)
