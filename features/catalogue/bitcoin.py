"""Bitcoin: momentum, drawdown, volatility."""

from __future__ import annotations

from functools import partial

import pandas as pd

from features.catalogue.feature import Feature, distance_from_high, log_change, volatility

DAYS_PER_YEAR = 365


def drawdown(close: pd.Series) -> pd.Series:
    """Return the log distance of each close from the record close so far (0 or less)."""
    return distance_from_high(close, close.cummax())


_BITCOIN = ("bitcoin",)

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"bitcoin_momentum_{window}", "bitcoin", "log", window, "days", window, _BITCOIN,
            f"log return of Bitcoin over {window} days", partial(log_change, window=window),
        )
        for window in (30, 90, 365)
    ),
    Feature(
        "bitcoin_drawdown", "bitcoin", "log", 0, "days", 0, _BITCOIN,
        "log distance of Bitcoin from its record close", drawdown,
    ),
    *(
        Feature(
            f"bitcoin_volatility_{window}", "bitcoin", "log per year", window, "days", window,
            _BITCOIN, f"annualised volatility of Bitcoin over {window} days",
            partial(volatility, window=window, per_year=DAYS_PER_YEAR),
        )
        for window in (30, 90)
    ),
)  # fmt: skip
