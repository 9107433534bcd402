"""The rule book: each rule with its limit, the reason for it and what follows, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log

import pandas as pd

from features.plausibility.market_limits import (
    CAP_CONTRADICTION,
    COIN_RISE,
    COMMON_DOWN,
    COMMON_LASTING_DOWN,
    COMMON_LASTING_UP,
    COMMON_RETURNING,
    COMMON_UP,
    CONTRADICTION,
    FALL_WITH,
    FINE_DIGITS,
    FROZEN_BITCOIN,
    FROZEN_COARSE,
    FROZEN_FINE,
    FROZEN_SHARE,
    ONE_FACTOR,
    ONE_FACTOR_LASTING,
    ONE_SPREAD,
    ONE_SPREAD_LASTING,
)
from features.provenance import Consequence, Finding

# --- steps of one series -------------------------------------------------------------------------


_ALWAYS = pd.Timestamp("1900-01-01")


@dataclass(frozen=True)
class StepLimit:
    """How far a series may move from one observation to the next.

    The limit of a day is the larger of `floor` and `deviations` times the
    series' own scale: the median of its last 252 absolute log returns over
    0.6745, which is the standard deviation if they were normal and which no
    single wrong value moves.

    Parameters
    ----------
    floor : float
        Log return below which no step is suspicious.
    deviations : float
        Multiple of the own scale.
    lasting : float
        Log return at which a step that stays is a change of unit, not of the market.
    frozen : int
        Observations in a row that equal the one before, at which the feed stands still.
    since : pandas.Timestamp
        First day judged.
    """

    floor: float
    deviations: float
    lasting: float = log(1.5)
    frozen: int = 4
    since: pd.Timestamp = _ALWAYS


SCALE_DAYS = 252
# The median absolute deviation of a normal law with a standard deviation of 1.
NORMAL_MAD = 0.6745
MIN_OBSERVATIONS = 60
# Observations within which a step must return to be a spike, and after which it has not.
RETURN_STEPS = 5
CONFIRMING = 2

# Greatest real steps to 2026-06 (log, and in own deviations): Russell -0.154, 17; S&P 500 -0.128,
# 19 (but -0.229 on 1987-10-19); IWM's NAV -0.153, 17; its shares 0.194, 8 (from 2008); Bitcoin
# -0.465, 20; ETH/BTC 0.33, 11 after its first two months; the market cap without Bitcoin 0.96, 22.
STEPS: Mapping[str, StepLimit] = {
    # What stays though the other index did not move is no market: real steps differ by 0.061.
    "russell2000": StepLimit(0.25, 25, lasting=0.15),
    "sp500": StepLimit(0.25, 25, lasting=0.15),
    "iwm_nav": StepLimit(0.20, 25, since=pd.Timestamp("2008-01-01")),
    "iwm_shares_outstanding": StepLimit(0.30, 15, since=pd.Timestamp("2008-01-01")),
    "bitcoin": StepLimit(0.60, 30, lasting=log(2)),
    "eth_btc": StepLimit(0.45, 20, lasting=log(2)),
    "crypto_market_cap_ex_btc_usd": StepLimit(0.95, 25, lasting=log(3)),
}

# Two series that move together: the step of one less that of the other (the second witness).
# Greatest real differences: Russell and S&P 500 0.061 (11 deviations); NAV and Russell 0.0084.
TOGETHER: Mapping[str, tuple[str, StepLimit]] = {
    "russell2000": ("sp500", StepLimit(0.09, 15)),
    "sp500": ("russell2000", StepLimit(0.09, 15)),
    "iwm_nav": ("russell2000", StepLimit(0.05, 25, since=pd.Timestamp("2008-01-01"))),
}

# --- units ---------------------------------------------------------------------------------------

# Median of the last 252 values (absolute, without zeros), in the unit that is meant; three decades
# off is another unit. Levels have no place here: their features are ratios.
SCALES: Mapping[str, tuple[float, float]] = {
    "btc_etf_net_flow_usd": (1e6, 2e10),
    "eth_etf_net_flow_usd": (5e5, 1e10),
    "iwm_shares_outstanding": (1e6, 1e10),
    "iwm_nav": (10.0, 1e4),
}
# Largest day of all funds so far, US dollars: ten times as much is another unit.
LARGEST_FLOW: Mapping[str, float] = {
    "btc_etf_net_flow_usd": 1.38e9,
    "eth_etf_net_flow_usd": 1.02e9,
}
FLOW_TIMES = 10.0
# So many sessions in a row below this part of the usual day: another unit, or zeros filled in.
# The real least of three in a row: 0.056 (Ether), 0.08 (Bitcoin).
SMALL_FLOWS = 3
SMALL_FLOW = 0.01
# Market cap over close must be Bitcoin's supply, within this factor (real: within 1.03).
SUPPLY_FACTOR = 1.25

# --- the book ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """One rule, for people.

    Parameters
    ----------
    name : str
        As in `Finding.rule`.
    meaning : str
        What it looks for.
    limit : str
        From where on a value breaks it.
    reason : str
        Why there.
    consequence : str
        What follows.
    way_out : str
        What can be done.
    """

    name: str
    meaning: str
    limit: str
    reason: str
    consequence: str
    way_out: str


_UNITS = "bring the whole series to one unit, or leave the rows out"
_WAIT = "load again when the source has corrected it, or correct the row"
RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            "common mode",
            "nearly every coin moves against Bitcoin by one factor on one day",
            f"median of the top 50 above x{exp(COMMON_UP):.2f} or below x{exp(COMMON_DOWN):.2f}; "
            f"x{exp(COMMON_RETURNING):.2f} if it returns the next day; beyond "
            f"{100 * ONE_FACTOR:.0f} % if "
            f"it is {ONE_SPREAD:g} times the distance of the coins' quartiles, or if Bitcoin's "
            f"market cap over its supply is {100 * CAP_CONTRADICTION:.1f} % from its "
            "close as well; or if "
            f"Bitcoin falls by a tenth, the median coin by less than {FALL_WITH:.2f} of it",
            "since 2014 the median has moved between x0.76 and x1.15, by 3.0 times that distance "
            "at most, the market cap stayed within 6.2 %, and falls were shared by half at least; "
            "Bitcoin's close is wrong, not fifty others",
            "the last days are held back until two more closes confirm them; a spike is left out "
            f"for all coins; what stays is refused from x{exp(COMMON_LASTING_UP):.2f} up or "
            f"x{exp(COMMON_LASTING_DOWN):.2f} down, or from x{exp(ONE_FACTOR_LASTING):.2f} at "
            f"{ONE_SPREAD_LASTING:g} times the distance",
            _WAIT,
        ),
        Rule(
            "contradiction",
            "Bitcoin's close and the coins' close_usd / close_btc imply two prices",
            f"more than {100 * CONTRADICTION:.0f} % apart",
            "both are Bitcoin's price of one hour; other hours differ by less",
            "one coin: its rows are left out; Bitcoin: its close is left out, the last day is held "
            "back; more than half of all days: refused",
            "take close_usd and close_btc from one source and one hour",
        ),
        Rule(
            "frozen market",
            "closes stand still",
            f"at least {100 * FROZEN_SHARE:.0f} % of the ranked coins have exactly the "
            "close of the day "
            "before",
            "never more than 9 % since 2014",
            "the days are left out; a forecast of them is refused",
            "fetch these days again: the feed repeats the last close",
        ),
        Rule(
            "frozen",
            "one feed stands still",
            f"coins: {FROZEN_FINE} days (with under {FINE_DIGITS} digits {FROZEN_COARSE}); series: "
            f"4 observations; Bitcoin: {FROZEN_BITCOIN} days, or the last one",
            "real runs: 2 days (12 with few digits); indices and shares 2; Bitcoin 1, twice since "
            "2014",
            "the repeated values are left out; where the closes in Bitcoin rest on them, the days "
            "are left out for all coins and the last ones held back",
            "fetch these days again",
        ),
        Rule(
            "spike",
            "a step that returns within five observations",
            "series: own step limit; coins: x3 and 25 own deviations",
            "floors lie a third above the greatest real step; 15 to 30 robust deviations above 20",
            "the days between are left out",
            _WAIT,
        ),
        Rule(
            "level shift",
            "a step that stays: a unit, a split, another instrument",
            "series: x1.16 (indices) to x3 beyond the own step limit; coins: x5, 25 deviations, or "
            f"x{exp(COIN_RISE):.0f} up",
            "two more observations confirm a market's step, but no market does this",
            "the series ends before it; a coin is left out of comparisons across it where the "
            "factor is a unit's (a power of ten) or the rise is too great, else noted",
            _UNITS,
        ),
        Rule(
            "unconfirmed step",
            "a step beyond the limit on the last two observations",
            "own step limit, or against the series that moves alike",
            "one observation does not separate a fault from news; two more do",
            "the values are left out until then",
            _WAIT,
        ),
        Rule(
            "scale",
            "a series in another unit",
            "median of a year decades off; a flow above ten times the largest day; three sessions "
            f"below {100 * SMALL_FLOW:.0f} % of the usual day; a cap over close that is no supply",
            "units differ by thousands, markets do not",
            "the feature is dropped from there on; an import is refused",
            _UNITS,
        ),
        Rule(
            "calendar",
            "values on days without a session",
            "a Saturday or Sunday in a series of American sessions",
            "windows count sessions: filled days shorten them, shifted days move them",
            "repeated and zero values are left out; others show shifted days: the feature is "
            "dropped",
            "give one row per session, dated in New York",
        ),
        Rule(
            "no altcoin",
            "a ranked coin whose price is another asset's",
            "60 days: level and daily moves within the limits of a peg",
            "the quietest real altcoin moves 1.4 times as much as a token with interest may",
            "left out of the ranking from the day it shows",
            "nothing need be done; to count it, give its own price",
        ),
    )
}  # fmt: skip


def found(
    rule: str,
    series: str,
    days: tuple[pd.Timestamp, pd.Timestamp],
    value: float,
    factor: float,
    consequence: Consequence,
    said: str,
) -> Finding:
    """Return a finding with the way out of its rule."""
    return Finding(rule, series, *days, value, factor, consequence, said, RULES[rule].way_out)


def shown_factor(step: float) -> str:
    """Return a log step as a factor, and whether it is that of a unit.

    Examples
    --------
    >>> shown_factor(log(1000)), shown_factor(log(0.62))
    ('x1000 (a unit or a split)', 'x0.62')
    """
    factor = float(f"{exp(step):.3g}")
    return f"x{factor:g}" + (" (a unit or a split)" if is_unit(step) else "")


def is_unit(step: float, tolerance: float = 0.05) -> bool:
    """Tell whether a log step is that of a power of ten or of a split by a small whole number."""
    size = abs(step)
    units = [log(10) * power for power in range(1, 13)] + [log(n) for n in (2, 3, 4, 5)]
    return any(abs(size - unit) <= tolerance for unit in units)
