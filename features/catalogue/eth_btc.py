"""ETH/BTC: momentum and distance from its one-year high."""

from __future__ import annotations

from functools import partial

import pandas as pd

from features.catalogue.feature import Feature, distance_from_high, log_change

HIGH_DAYS = 365


def distance_from_one_year_high(ratio: pd.Series) -> pd.Series:
    """Return the log distance of each close from the highest of the last 365 days."""
    return distance_from_high(ratio, ratio.rolling(HIGH_DAYS).max())


_RATIO = ("eth_btc",)

FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            f"eth_btc_momentum_{window}", "eth_btc", "log", window, "days", window, _RATIO,
            f"log change of ETH/BTC over {window} days", partial(log_change, window=window),
        )
        for window in (7, 30, 90, 180)
    ),
    Feature(
        "eth_btc_distance_from_high", "eth_btc", "log", HIGH_DAYS, "days", HIGH_DAYS - 1, _RATIO,
        "log distance of ETH/BTC from its one-year high", distance_from_one_year_high,
    ),
)  # fmt: skip
