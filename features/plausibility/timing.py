"""A table's structure in time: coins a day apart from Bitcoin, and closes drawn between others."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.market import Floats, Masks
from features.market.season import TOP
from features.plausibility import limits
from features.plausibility.book import rule
from features.plausibility.steps import carried, run_of, runs
from features.plausibility.verdict import Verdict


@rule("a day apart")
def check_days_apart(verdict: Verdict) -> None:
    """The coins' closes are stamped a day later or earlier than Bitcoin's.

    Limit: over {APART_DAYS} days the median coin's moves in dollars correlate with Bitcoin's of
    the day before, or after, by {APART:.2f}, and by {APART_MORE:.2f} more than with those of the
    same day.
    Why: since 2013 neither was reached on any day; coins and Bitcoin move within the hour.
    Then: a forecast from the first day that shows it is refused.
    Way out: stamp both with the UTC day that ends with the close.
    """
    market = verdict.market
    bitcoin = pd.Series(_moves(carried(market.bitcoin[:, None]))[:, 0])
    median = pd.Series(verdict.median(_moves(market.usd)))
    same = _correlation(median, bitcoin)
    shifted = {"after": (median, bitcoin.shift()), "before": (median.shift(), bitcoin)}
    for when, (coins, other_day) in shifted.items():
        other = _correlation(coins, other_day)
        sure = (other >= limits.APART) & (other - same >= limits.APART_MORE)
        together = same - other >= limits.APART_MORE
        # Until the moves of one day agree again; what was known before stays as it was.
        state = pd.Series(np.where(sure, 1.0, np.where(together, 0.0, np.nan))).ffill() == 1.0
        for first, after in runs(state.to_numpy()):
            # Where coins come a day after Bitcoin, they may seem to come before it as well.
            if verdict.withheld[first:after].all():
                continue
            span = (first, after)
            verdict.withheld[first:after] = True
            at = first + int(np.nanargmax(other[first:after]))
            said = (
                f"the median coin moves a day {when} Bitcoin: with a correlation of "
                f"{other[at]:.2f}, of {same[at]:.2f} on the same day; closes of coins and of "
                "Bitcoin are stamped with different days"
            )
            verdict.note("a day apart", "coins", span, float(other[at]), np.nan, "refused", said)


def _correlation(coins: pd.Series, bitcoin: pd.Series) -> Floats:
    window = coins.rolling(limits.APART_DAYS, min_periods=limits.APART_MIN)
    return window.corr(bitcoin).to_numpy()


def _moves(logs: Floats) -> Floats:
    return np.diff(logs, axis=0, prepend=np.nan)


@rule("drawn line")
def check_drawn_lines(verdict: Verdict) -> None:
    """Closes are drawn between others by straight lines: daily steps repeat to the digit.

    Limit: {DRAWN_SHARE:.0%} of the ranked coins on a day; Bitcoin: {DRAWN_BITCOIN} days in a row;
    another coin: {DRAWN_RUN}.
    Why: since 2013 at most 8% of the ranked coins on a day repeat the step of the day before, and
    Bitcoin's never twice in a row.
    Then: the days and the {DRAWN_GAP} after them are refused; of another coin the values are left
    out.
    Way out: give daily closes, or leave the days without a close out.
    """
    market = verdict.market
    lines = _lines(np.exp(market.usd)) | _lines(market.usd) | _lines(np.exp(market.btc))
    known = market.of_members(np.isfinite(_moves(_moves(market.usd))).astype(float)) == 1
    drawn = market.of_members(lines.astype(float)) == 1
    count = known.sum(axis=1)
    share = (drawn & known).sum(axis=1) / np.maximum(count, 1)
    bad = (count >= limits.MIN_WITNESSES) & (share >= limits.DRAWN_SHARE)
    own = run_of(_lines(np.exp(market.bitcoin)) | _lines(market.bitcoin), limits.DRAWN_BITCOIN)
    # After a line the next may have begun: its first steps are its own.
    for first, after in runs(~run_of(~(bad | own), limits.DRAWN_GAP + 1) & _begun(bad | own)):
        span = (first, after)
        verdict.withheld[first:after] = True
        worst = float(share[first:after].max())
        who = "Bitcoin repeats" if worst < limits.DRAWN_SHARE else (
            f"up to {100 * worst:.0f} % of the top {TOP} repeat")  # fmt: skip
        said = f"{who} the step of the day before to the digit: straight lines between other closes"
        verdict.note("drawn line", "coins", span, worst, np.nan, "refused", said)
    alone = run_of(lines & market.ranked & ~verdict.withheld[:, None], limits.DRAWN_RUN)
    verdict.left_out |= alone
    verdict.note_coins(alone, "drawn line", "the step repeats that of the day before")


def _lines(prices: Floats) -> Masks:
    """Return which prices take the step of the day before once more, where that is any."""
    steps = _moves(prices)
    again = np.abs(_moves(steps)) <= limits.DRAWN * np.abs(steps)
    return np.asarray(again & (steps != 0))


def _begun(bad: Masks) -> Masks:
    """Return the days from the first bad one on."""
    return np.asarray(np.maximum.accumulate(bad))
