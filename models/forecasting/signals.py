"""The article's signals: what each reads on a day, and which of its conditions hold.

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

from models.forecasting.parts import Signal
from models.hazard.forecaster import ClaimRecord

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
    "ETF flows": CONDITIONS[8].name,
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
    found = []
    for name, condition in _SHOWN.items():
        needed = conditions[condition]
        known = not any(np.isnan(row[each]) for each in needed.features)
        holds = bool(needed.holds(features).iloc[0]) if known else None
        found.append(Signal(name, _reading(name, row), condition, holds, by_name.get(condition)))
    return tuple(found)


def _reading(name: str, row: dict[str, float]) -> str:
    """Return what a signal reads, in words; log changes are written as percent."""
    if name == "Russell 2000":
        return _joined(
            (_change(row["russell_distance_from_record"]), "from its record"),
            (_change(row["russell_momentum_63"]), "over 63 sessions"),
        )
    if name == "ETF flows":
        return _joined(
            (_number(row["iwm_flow_21"], "+.1f", " %"), "of IWM"),
            (_number(row["btc_etf_flow_21"], "+.2f", " %"), "of Bitcoin's cap"),
            (_number(row["eth_etf_flow_21"], "+.2f", " %"), "of Ether's, over 21 sessions"),
        )
    if name == "ETH/BTC":
        return _joined((_change(row["eth_btc_momentum_90"]), "over 90 days"))
    return _joined((_number(row["season_index"], ".0f", ""), "of 100, low at 33 or less"))


def _joined(*parts: tuple[str, str]) -> str:
    known = [f"{value} {words}" for value, words in parts if value]
    return ", ".join(known) if known else "not known"


def _change(log_change: float) -> str:
    return _number(100 * np.expm1(log_change), "+.0f", " %")


def _number(value: float, form: str, unit: str) -> str:
    return "" if np.isnan(value) else f"{value:{form}}{unit}"
