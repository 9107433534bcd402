"""Limits of the rules on many coins: the market against Bitcoin, single coins, pegs."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, log

import pandas as pd

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
    """What a price must do to be another one's.

    Parameters
    ----------
    asset : str
        What is tracked: for people.
    low, high : float
        Ratio to the asset within which 95 % of the last 60 days must lie.
    median : float
        Half of the daily log moves against the asset are at most this.
    most : float
        Nine tenths of them are at most this.
    """

    asset: str
    low: float
    high: float
    median: float
    most: float


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
