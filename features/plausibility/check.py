"""The rule book applied: tables in, what can be used of them out, with every finding."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.panel import DataError
from features.plausibility import limits
from features.plausibility.bitcoin import (
    check_common_mode,
    check_contradiction,
    check_frozen_bitcoin,
    check_market_cap,
)
from features.plausibility.book import RULES, markdown_table
from features.plausibility.coins import (
    check_coin_steps,
    check_frozen_coins,
    check_frozen_market,
)
from features.plausibility.limits import PEGS, STEPS
from features.plausibility.pegs import Named, without_pegged
from features.plausibility.prices import Prices
from features.plausibility.rankings import closed_ranks, whole_rankings
from features.plausibility.series import check_series
from features.plausibility.timing import check_days_apart, check_drawn_lines
from features.plausibility.verdict import Verdict
from features.provenance import Finding

__all__ = [
    "CheckedMarket", "check_market", "check_published", "check_series", "rules_table", "rules_text",
]  # fmt: skip


@dataclass(frozen=True)
class CheckedMarket:
    """A market of coins that passed the rules."""

    coins: pd.DataFrame  # what can be used, columns as given
    universe: pd.DataFrame
    withheld: pd.DatetimeIndex  # days of which no close is used
    bitcoin_out: pd.DatetimeIndex  # further days of which Bitcoin's own close is not used
    findings: tuple[Finding, ...]


def check_market(
    coins: pd.DataFrame,
    universe: pd.DataFrame,
    *,
    bitcoin_usd: pd.Series | None = None,
    bitcoin_cap: pd.Series | None = None,
    named: Named = lambda coin: None,
) -> CheckedMarket:
    """Apply every rule on coins (one row a coin and day) and rankings.

    `bitcoin_usd` is Bitcoin's close by day where it is not among the coins, `bitcoin_cap` its
    market cap, a second witness; `named` returns why a coin's name makes it no altcoin.
    """
    last_day = coins["date"].max()
    given, gaps = closed_ranks(universe, last_day)
    prices = Prices(coins, given, bitcoin_usd=bitcoin_usd, bitcoin_cap=bitcoin_cap)
    universe, pegged = without_pegged(given, prices, named=named)
    universe, partial = whole_rankings(universe, given, prices)
    prices.rank(universe)
    verdict = Verdict(prices)
    # What withholds whole days comes first, so that no later rule compares with them.
    for check in (
        check_days_apart,
        check_drawn_lines,
        check_frozen_market,
        check_frozen_bitcoin,
        check_market_cap,
        check_common_mode,
        check_contradiction,
        check_frozen_coins,
        check_coin_steps,
    ):
        check(verdict)
    bad = (verdict.left_out | verdict.withheld[:, None])[prices.row, prices.code]
    bad |= verdict.bitcoin_out[prices.row] & (coins["coin"] == "bitcoin").to_numpy()
    if bad.all():
        causes = (each.text for each in verdict.findings if each.withholds)
        raise DataError(f"coins: no close can be used. {next(causes, '')}".strip())
    return CheckedMarket(
        coins[~bad] if bad.any() else coins,
        universe,
        prices.days[verdict.withheld],
        prices.days[verdict.bitcoin_out],
        (*gaps, *pegged, *partial, *verdict.findings),
    )


def check_published(index: pd.Series, published: pd.Series, source: str) -> None:
    """Refuse a published index (by day, as ours) that is a share of 1, or runs against ours."""
    both = pd.concat({"ours": index, "theirs": published}, axis=1, join="inner").dropna()
    # A few days are no evidence.
    if len(both) < limits.MIN_OBSERVATIONS:
        return
    theirs = both["theirs"]
    if theirs.max() <= 1 < both["ours"].max():
        raise DataError(
            f"{source}: its values lie between {theirs.min():g} and {theirs.max():g}; an index is "
            "0 to 100: multiply them by 100."
        )
    if both.std().min() == 0:
        return
    agreement = float(np.corrcoef(both["ours"], theirs)[0, 1])
    if agreement < limits.AGAINST:
        raise DataError(
            f"{source}: it runs against our index, with a correlation of {agreement:.2f} over "
            f"{len(both)} days: is it the share of coins that Bitcoin beats? Give 100 less it."
        )


def rules_text() -> str:
    """Return every rule with its limit, the reason and what follows, for a terminal."""
    lines = []
    for rule in RULES.values():
        text = (
            f"{rule.meaning}. Limit: {rule.limit}. Why: {rule.reason}. Then: {rule.consequence}. "
            f"Way out: {rule.way_out}."
        )
        lines += [rule.name, textwrap.indent(textwrap.fill(text, 94), "    ")]
    return "\n".join(lines)


def rules_table() -> str:
    """Return the rules, the step limits of single series and the pegs as Markdown tables."""
    rules = [(r.name, r.meaning, r.limit, r.reason, r.consequence, r.way_out)
             for r in RULES.values()]  # fmt: skip
    steps = [(f"`{name}`", f"{s.floor:g}", f"{s.deviations:g}", f"{s.lasting:.2f}", s.frozen)
             for name, s in STEPS.items()]  # fmt: skip
    pegs = [(peg.asset, f"{peg.low:g} to {peg.high:g}", f"{100 * peg.median:.2f} %",
             f"{100 * peg.most:.2f} %") for peg in PEGS]  # fmt: skip
    return "\n".join((
        *markdown_table(("rule", "looks for", "limit", "reason", "consequence", "way out"), rules),
        "",
        "Steps of single series (log): the limit is the larger of the floor and so many usual",
        "steps (median absolute step of the last 252 observations over 0.6745).",
        "",
        *markdown_table(("series", "floor", "usual steps", "stays: another unit from",
                         "frozen after"), steps),
        "",
        "What follows another asset, over the last 60 days (at least 14): 95 % of the days",
        "with the price in the range, half and nine tenths of the daily moves in the limits.",
        "",
        *markdown_table(("asset", "price in it", "half of the moves", "nine tenths"), pegs),
        "",
    ))  # fmt: skip
