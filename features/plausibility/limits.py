"""The limits of every rule, with the evidence for them; logs are natural unless said otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, log

import pandas as pd

_ALWAYS = pd.Timestamp("1900-01-01")

# --- steps of one series -------------------------------------------------------------------------


@dataclass(frozen=True)
class StepLimit:
    """How far a series may move from one observation to the next.

    The limit of a day is the larger of `floor` and `deviations` times the series' usual step: the
    median of its last 252 absolute log returns over 0.6745, which is the standard deviation if
    they were normal and which no single wrong value moves.
    """

    floor: float  # log return below which no step is suspicious
    deviations: float  # multiple of the usual step
    lasting: float = log(1.5)  # a step that stays is from here on a change of unit
    frozen: int = 4  # observations in a row that equal the one before: the feed stands still
    since: pd.Timestamp = _ALWAYS  # first day judged


SCALE_DAYS = 252
# The median absolute deviation of a normal law with a standard deviation of 1.
NORMAL_MAD = 0.6745
MIN_OBSERVATIONS = 60
# Observations within which a step must return to be a spike, and after which it has not.
RETURN_STEPS = 5
CONFIRMING = 2
# A value repeats the one before if it changes by this part of the mean change of the 90 days
# before, or for six days in a row by no more than the larger part: a feed that stands still may
# carry noise. Chance does that once in 1,000 days, and for six days in a row never in 10,000 years.
STILL = 1e-3
NEARLY = 0.05
NEARLY_RUN = 6
NOISE_DAYS = 90
NOISE_MIN = 20

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

# Median of the first 60 values (absolute, without zeros), in the unit that is meant; three decades
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
# Flows are told in tenths of a million: the smallest day that is not zero has 1e5 dollars.
SMALLEST_FLOW = 1e4
# So many sessions in a row below this part of the usual day: another unit, or zeros filled in.
# The real least of three in a row: 0.056 (Ether), 0.08 (Bitcoin).
SMALL_FLOWS = 3
SMALL_FLOW = 0.01
# Market cap over a coin's close and supply: Bitcoin's and Ether's real ones within 1.03, that of
# all others since 2013 between 0.0087 and 2.25 of Bitcoin's.
CAPS: Mapping[str, tuple[str, float, float]] = {
    "btc_market_cap_usd": ("Bitcoin", 0.8, 1.25),
    "eth_market_cap_usd": ("Ether", 0.8, 1.25),
    "crypto_market_cap_ex_btc_usd": ("Bitcoin", 0.003, 20.0),
}

# --- the market of coins -------------------------------------------------------------------------

# Fewer coins are no witnesses.
MIN_WITNESSES = 10
# Quartiles need more of them.
MANY_WITNESSES = 25
# The median coin against Bitcoin in one day, as a factor. Real extremes since 2014: x1.154 up
# (2017-12-08), x0.760 down (2017-12-07). All altcoins fall at once when markets crash, they never
# rise at once like that, and a Bitcoin close that is too low announces a season: that side is
# strict.
COMMON_SINCE = pd.Timestamp("2014-01-01")
COMMON_UP = log(1.2)
COMMON_DOWN = -log(1.4)
# There and back within a day: real at most 0.143.
COMMON_RETURNING = log(1.2)
# From here on no market does it, however long it stays: half again the real extremes and more.
COMMON_LASTING_UP = log(1.35)
COMMON_LASTING_DOWN = -log(1.5)
# A wrong close of Bitcoin moves all coins by one factor: the median by many times the distance of
# the quartiles. A market that moves spreads: of all days since 2014 with a median beyond 6 % the
# greatest ratio is 2.99 (2017-10-12). Half of all days have quartiles 2.7 % apart.
ONE_FACTOR = 0.08
ONE_SPREAD = 3.3
ONE_FACTOR_LASTING = log(1.12)
ONE_SPREAD_LASTING = 4.0
# Bitcoin falls alone: of all its falls by a tenth since 2014 the median coin made 0.52 in the least
# (2017-03-24, log).
FALL = -0.10
FALL_WITH = 0.45
# Repeated closes of Bitcoin in a row: real at most 1 (two days since 2014).
FROZEN_BITCOIN = 2
# Bitcoin's close against the median of close_usd / close_btc of the coins; log. The data at hand
# take both from one hour: 0 on all days, 0.17 at most for single coins (2026-02-05).
CONTRADICTION = 0.10
COIN_CONTRADICTION = log(1.3)
# Bitcoin's close times its supply against its market cap, where there is one; log. Real at most
# 0.063 since 2014 (2015-08-18).
CAP_CONTRADICTION = 0.075
# Within so many days Bitcoin's close drifts from its market cap, or it is the cap that does.
DRIFT_DAYS = 10
# Share of the ranked coins whose close is exactly that of the day before; real at most 0.09.
FROZEN_SHARE = 0.25
# A price with at least so many significant digits never repeats so often (real: 2 at most); one of
# fewer digits may (real: 12 days, Shiba Inu in steps of a millionth of a dollar).
FINE_DIGITS = 5
FROZEN_FINE = 4
FROZEN_COARSE = 20
# A coin's own step that returns: at least x3 and so many own deviations. One that stays: x5.
COIN_SPIKE = log(3)
COIN_SHIFT = log(5)
COIN_DEVIATIONS = 25.0
# A rise that stays is another unit or another coin, whatever its factor: the greatest real one in a
# day is x11.5 (Pepe, 2023-05-05). A fall that deep may be real (LUNA, 2022).
COIN_RISE = log(15)
# The deepest real fall in a day is to 0.0033 (LUNA, 2022-05-12).
COIN_FALL = log(1000)
# A redenomination keeps the market cap: none since 2021 that kept it within a quarter had a step of
# more than x1.2. Without caps the rank tells, 6 days after a rise and 12 after a fall: DOGE's x4.1
# (2021-01-28) took it from 29 to 11, FTX's x0.28 from 18 to 77.
RESCALED = log(1.7)
SAME_CAP = log(1.25)
RANKED_AFTER = 6
RANK_CAN_RISE = 4
RANK_FOLLOWS = 0.25
# A change of unit comes with the day's own move.
COIN_UNIT = 0.15
# Before, thin coins did all that: noted only. Two of seven are faults of the data: scot x97 for a
# day in 2015, aave x100 at its redenomination in 2020 (one coin of fifty each).
COIN_SINCE = pd.Timestamp("2021-01-01")

# --- what is no altcoin --------------------------------------------------------------------------

PEG_DAYS = 60
PEG_MIN_DAYS = 14
PEG_LEVEL_SHARE = 0.95


@dataclass(frozen=True)
class Peg:
    """What a price must do, in 60 days, to be another asset's."""

    asset: str  # what is followed: for people
    low: float  # ratio to the asset within which 95 % of the days must lie
    high: float
    median: float  # half of the daily log moves against the asset are at most this
    most: float  # nine tenths of them are at most this


DOLLAR, INTEREST = "the dollar", "the dollar with interest"
BITCOIN, ETHER, GOLD = "Bitcoin", "Ether", "gold"
# Quietest real altcoins of the top 50 by 60-day median and ninth decile of daily moves: against
# the dollar UNUS SED LEO 0.0017 and 0.0053, Fasttoken 0.0022 and 0.0044, at 1 dollar within 5 % on
# 88 % of 60 days at most; against Ether BNB 0.0038 and 0.011, but at an eighth of its price.
PEGS: tuple[Peg, ...] = (
    Peg(DOLLAR, 0.95, 1.05, 0.005, 0.02),
    Peg(INTEREST, 0.97, inf, 0.0012, 0.0036),
    # Staked Bitcoin gains on it, as staked Ether does, by a few percent a year.
    Peg(BITCOIN, 0.95, 1.30, 0.005, 0.02),
    Peg(ETHER, 0.90, 1.80, 0.005, 0.015),
)
# Another coin of the ranking, asked only of those whose name says so: wrapped, staked.
OTHER_COIN = Peg("another coin", 0.90, 1.80, 0.005, 0.02)
# Gold has no price here. It moves 0.5 % a day; a gram and an ounce cost more than 20 dollars.
GOLD_QUIET = Peg(GOLD, 20.0, 1e5, 0.012, 0.03)
NAMED_GOLD = Peg(GOLD, 1e-9, inf, 0.012, 0.03)
# Two quiet coins at one price that move alike are one asset (an ounce of gold, twice).
# Gold moves a third as much against the dollar as against Bitcoin; altcoins move with the market.
CALMER = 0.6
TWINS = Peg("an asset that two coins share", 0.95, 1.05, 0.003, 0.010)

# --- a ranking as a whole ------------------------------------------------------------------------

# Without Bitcoin and what is no altcoin, the first altcoin has rank 2, 3 or 4 of a vendor's list.
FIRST_RANK = 10
# Of the last ranking the first three have always been in the next one; of its first 50 at most 4
# neighbours (2013, since then 3) and 16 in all (2020-11-30) went at once.
HEAD = 3
BLOCK = 6
LOST = 0.40
# Rank correlation of the top 50 with the market caps beside them (real at least 0.875, 2014-04-14;
# 0.888 on 2022-05-12, LUNA) and with the ranking before (real at least 0.898, 2025-01-01).
ORDER = 0.85

# --- a table's structure in time -----------------------------------------------------------------

# Correlation of the median coin's moves with Bitcoin's of the neighbouring day, and how much more
# than with the same day's. The greatest that reach both are 0.54 (2016-04-17, the years in which
# coins hardly followed Bitcoin); of coins a day late nine tenths of the windows since 2018 show it.
APART_DAYS = 20
APART_MIN = 15
APART = 0.75
APART_MORE = 0.60
# A step that repeats to a thousandth. Real: 7.7 % of the ranked coins on a day (2013), two days in
# a row for a coin of few digits.
DRAWN = 1e-3
DRAWN_SHARE = 0.25
DRAWN_RUN = 4
# Bitcoin's step has repeated so at most once in a row since 2013.
DRAWN_BITCOIN = 2
# Weekly closes leave two days of seven without a repeated step, monthly ones the same.
DRAWN_GAP = 4

# --- what is known -------------------------------------------------------------------------------

# Other computations of the index correlate with ours by 0.9 and more.
AGAINST = -0.3
