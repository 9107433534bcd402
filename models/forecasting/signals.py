"""What speaks for a season on a day: the article's signals, and the drivers of the forecast.

The article of 2025-12-10 reads a Russell 2000 record as a green light for an altcoin season, and
names what speaks against it. Each claim is a condition on days at risk; how often a season began
after such days is counted in training and stored with the forecaster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import logit

from features.catalogue.features import CATALOGUE
from models.forecasting.leads import NEAR_DAYS, ByLead
from models.forecasting.parts import Driver, DriverSum, Signal
from models.forecasting.status import SeasonStatus
from models.formatting import signed
from models.hazard.base import THRESHOLD
from models.hazard.forecaster import ClaimRecord, Forecaster
from models.vocabulary import Kind

RUSSELL, OUTFLOWS, ETHER = "Russell record", "Russell record with outflows", "ETH/BTC strength"
FUNDS, LOW_INDEX = "Bitcoin-ETF outflow, Ether-ETF inflow", "index of 33 or lower"
LOW = 33.0


@dataclass(frozen=True)
class Condition:
    """What the days of a claim have in common."""

    claim: str  # that it tests
    name: str  # in words
    features: tuple[str, ...]  # what it looks at; a day on which one is missing is left out
    holds: Callable[[pd.DataFrame], pd.Series]  # takes the features, returns a boolean Series


def _record(X: pd.DataFrame) -> pd.Series:
    return (
        (X["russell_breakout"] == 1)
        | (X["russell_retest"] == 1)
        | (X["russell_sessions_since_record"] == 0)
    )


def _bitcoin_to_ether(X: pd.DataFrame, window: int) -> pd.Series:
    return (X[f"btc_etf_flow_{window}"] < 0) & (X[f"eth_etf_flow_{window}"] > 0)


_RECORD = ("russell_breakout", "russell_retest", "russell_sessions_since_record")
CONDITIONS: tuple[Condition, ...] = (
    Condition(
        RUSSELL, "Russell 2000 at a record, after a breakout or in a retest", _RECORD, _record
    ),
    Condition(
        RUSSELL, "Russell 2000 breakout in the last 63 sessions", _RECORD[:1],
        lambda X: X["russell_breakout"] == 1,
    ),
    Condition(RUSSELL, "Russell 2000 retest", _RECORD[1:2], lambda X: X["russell_retest"] == 1),
    Condition(
        RUSSELL, "Russell 2000 record close", _RECORD[2:],
        lambda X: X["russell_sessions_since_record"] == 0,
    ),
    Condition(
        OUTFLOWS, "Russell 2000 record, breakout or retest with IWM outflows over 63 sessions",
        (*_RECORD, "iwm_flow_63"), lambda X: _record(X) & (X["iwm_flow_63"] < 0),
    ),
    Condition(
        OUTFLOWS, "Russell 2000 record, breakout or retest with IWM outflows against a rise",
        (*_RECORD, "iwm_divergence"), lambda X: _record(X) & (X["iwm_divergence"] == 1),
    ),
    Condition(
        ETHER, "ETH/BTC above its level 90 days before", ("eth_btc_momentum_90",),
        lambda X: X["eth_btc_momentum_90"] > 0,
    ),
    *(
        Condition(
            FUNDS,
            f"Bitcoin-ETF outflow beside Ether-ETF inflow over {window} sessions (since 2024)",
            (f"btc_etf_flow_{window}", f"eth_etf_flow_{window}"),
            partial(_bitcoin_to_ether, window=window),
        )
        for window in (5, 21)
    ),
    Condition(
        LOW_INDEX, "season index of 33 or lower", ("season_index",),
        lambda X: X["season_index"] <= LOW,
    ),
)  # fmt: skip

# The condition of each signal that a forecast shows, by the name of its line.
_SHOWN = {
    "Russell 2000": CONDITIONS[0].name,
    "ETFs": CONDITIONS[8].name,
    "ETH/BTC": CONDITIONS[6].name,
    "Breadth": CONDITIONS[9].name,
}


def signals(features: pd.DataFrame, claims: Sequence[ClaimRecord]) -> tuple[Signal, ...]:
    """Return the four signals of a day, from its one row of features and the claims of training.

    A signal whose condition does not hold is shown with what followed the days without it.
    """
    row = {str(name): float(value) for name, value in features.iloc[0].items()}
    by_name = {each.condition: each for each in claims}
    conditions = {each.name: each for each in CONDITIONS}
    shown = []
    for name, condition in _SHOWN.items():
        needed = conditions[condition]
        known = not any(np.isnan(row[each]) for each in needed.features)
        holds = bool(needed.holds(features).iloc[0]) if known else None
        shown.append(Signal(name, _reading(name, row), condition, holds, by_name.get(condition)))
    return tuple(shown)


def _reading(name: str, row: dict[str, float]) -> str:
    """Return what a signal reads, in words; log changes are written as percent."""
    if name == "Russell 2000":
        return _joined(
            (_change(row["russell_distance_from_record"]), "off record"),
            (_change(row["russell_momentum_63"]), "in 63 sessions"),
        )
    if name == "ETFs":
        return _joined(
            (_number(row["iwm_flow_21"], 1, " %"), "IWM"),
            (_number(row["btc_etf_flow_21"], 1), "BTC"),
            (_number(row["eth_etf_flow_21"], 1), "ETH in 21 sessions"),
        )
    if name == "ETH/BTC":
        return _joined((_change(row["eth_btc_momentum_90"]), "in 90 days"))
    return _joined((f"{row['season_index']:.0f}", "of 100 (low: 33 or less)"))


def _joined(*parts: tuple[str, str]) -> str:
    known = [f"{value} {words}" for value, words in parts if value]
    return ", ".join(known) if known else "not known"


def _change(log_change: float) -> str:
    return _number(100 * np.expm1(log_change), 0, " %")


def _number(value: float, digits: int, unit: str = "") -> str:
    return "" if np.isnan(value) else f"{signed(value, digits)}{unit}"


_GROUPS = {feature.name: feature.group for feature in CATALOGUE}
# Odds of 0 or 1 are infinite: a hundredth of a point away from them is as good.
_LEAST = 1e-4


def drivers(
    status: SeasonStatus, forecaster: Forecaster, said: ByLead
) -> tuple[tuple[Driver, ...], DriverSum | None]:
    """Tell how each feature moves the chance of a broad season in 90 days from the base rate.

    The model adds up in log-odds. On the straight line in log-odds from the base
    rate to the forecast each point of log-odds is worth the same number of points
    of probability on average, (forecast - base rate) over their distance in
    log-odds, so that every contribution times this number, and what is left over,
    sum to forecast - base rate (the share of Aumann and Shapley).

    References
    ----------
    Sundararajan, Taly and Yan (2017), https://arxiv.org/abs/1703.01365
    """
    if not status.kinds[Kind.BROAD].at_risk:
        return (), None
    row = status.features
    rows = row.assign(**{THRESHOLD: forecaster.thresholds[Kind.BROAD]})
    log_odds = forecaster.model.contributions(rows).iloc[0]
    strongest = log_odds[log_odds != 0].sort_values(key=np.abs, ascending=False, kind="stable")
    if strongest.empty:
        return (), None
    chance = said.probabilities([NEAR_DAYS], at_risk=np.array([True]))
    probability, base_rate = chance.probability.item(), chance.climatology.item()
    worth = points_per_log_odds(base_rate, probability)
    moved = tuple(
        Driver(
            str(name),
            _GROUPS[str(name)],
            None if np.isnan(row[name].iloc[0]) else float(row[name].iloc[0]),
            float(value),
            float(value) * worth,
        )
        for name, value in strongest.to_dict().items()
    )
    rest = 100 * (probability - base_rate) - sum(each.points for each in moved)
    return moved, DriverSum(NEAR_DAYS, base_rate, probability, rest)


def points_per_log_odds(base_rate: float, probability: float) -> float:
    """Return the percentage points that a unit of log-odds is worth between two probabilities.

    Examples
    --------
    >>> round(points_per_log_odds(0.5, 0.5), 6)
    25.0
    >>> round(points_per_log_odds(0.2, 0.5), 2)  # 30 points over log(4)
    21.64
    """
    low, high = np.clip((base_rate, probability), _LEAST, 1 - _LEAST)
    if np.isclose(low, high):
        return float(100 * low * (1 - low))
    return float(100 * (high - low) / (logit(high) - logit(low)))
