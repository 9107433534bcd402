"""What of the market stands beside the forecast: carried breadth, coins near to flipping, dollars.

Nothing here is forecast or learnt from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from features.market.dollars import FOLLOWED_DAYS, MEDIAN, ROSE
from features.market.season import CARRIED_DAYS, NEAR_MARGINS, daily
from models.forecasting.parts import (
    CarriedIndex,
    Dollars,
    Estimate,
    Followed,
    MarketNow,
    NearFlipping,
    PublishedIndex,
    Sector,
)
from models.forecasting.status import SeasonStatus

if TYPE_CHECKING:
    from features.sources.automatic import LiveMarket
    from features.witness import Witness

LEVEL = 0.9
# Fewer cases have no interval for their median that is narrower than all of them.
_LEAST_ONSETS = 5


def carried_index(status: SeasonStatus) -> tuple[CarriedIndex, ...]:
    """Return the index some days on if every coin kept its price in Bitcoin, where it is known."""
    row = status.features.iloc[0]
    values = ((days, float(row[f"carried_breadth_{days}"])) for days in CARRIED_DAYS)
    return tuple(CarriedIndex(days, value) for days, value in values if np.isfinite(value))


def near_flipping(status: SeasonStatus) -> tuple[NearFlipping, ...]:
    """Count the coins of the index that a small move against Bitcoin would flip, by margin."""
    compared = _on_day(status, "coins_compared")
    flipping = []
    for margin in NEAR_MARGINS:
        shares = [_on_day(status, f"near_{side}_{margin}") for side in ("lead", "lag")]
        if np.isfinite([compared, *shares]).all():
            lead, lag = (round(share * compared / 100) for share in shares)
            flipping.append(NearFlipping(margin, lead, lag, round(compared)))
    return tuple(flipping)


def market_now(live: LiveMarket | None) -> MarketNow | None:
    """Return the market within the running day; None without a listing."""
    if live is None or (snapshot := live.snapshot) is None:
        return None
    carried = snapshot.carried_breadth.items()
    return MarketNow(
        source=live.vendor,
        taken_at=f"{snapshot.taken_at:%Y-%m-%dT%H:%MZ}",
        index=snapshot.season_index,
        coins_compared=snapshot.coins_compared,
        carried=tuple(CarriedIndex(*each) for each in carried if np.isfinite(each[1])),
        rose=snapshot.rose,
        median_return=snapshot.median_return,
        sectors=tuple(Sector(each.name, each.index, each.coins) for each in snapshot.sectors),
        published=None if live.check is None else _published(live.check),
    )


def _published(check: Witness) -> PublishedIndex:
    return PublishedIndex(
        check.source, check.day, check.published, check.index, check.differs_since is None,
        check.text,
    )  # fmt: skip


def in_dollars(status: SeasonStatus) -> Dollars | None:
    """Return how the top 50 did in dollars, and what followed past onsets; None if not known."""
    rose, median = (_on_day(status, name) for name in (ROSE, MEDIAN))
    if not np.isfinite([rose, median]).all():
        return None
    return Dollars(rose, _percent(median), tuple(_followed(status)))


def _followed(status: SeasonStatus) -> Iterator[Followed]:
    for kind, stands in status.kinds.items():
        for days in FOLLOWED_DAYS:
            table = pd.DataFrame(
                {
                    what: _after(status, f"followed_{what}_{days}", stands.onsets, days)
                    for what in ("relative", "dollars", "rose")
                }
            ).dropna()
            if len(table) < _LEAST_ONSETS:
                continue
            dollars = table["dollars"]
            # An onset after which the median coin kept its price was not hollow: strict.
            hollow = int((dollars < 0).sum())
            yield Followed(
                kind=kind,
                days=days,
                onsets=len(table),
                relative=_median(table["relative"].map(_percent)),
                dollars=_median(dollars.map(_percent)),
                rose=_median(table["rose"]),
                worst=_percent(dollars.min()),
                hollow=hollow,
                hollow_share=_share(hollow, len(table)),
            )


def _after(status: SeasonStatus, name: str, onsets: pd.DatetimeIndex, days: int) -> pd.Series:
    """Return a series' values so many days after each onset, as far as they are known."""
    values = status.view.series(name)
    ends = onsets + pd.Timedelta(days=days)
    return (daily(values) if len(values) else values).reindex(ends)


def _percent(log_return: float) -> float:
    return 100 * math.expm1(log_return)


def _median(values: pd.Series) -> Estimate:
    """Return a median with the order statistics that hold the true one in at least 90 %.

    P(fewer than k of n values lie below the median) is binomial with 1/2, whatever they are drawn
    from (David and Nagaraja, Order Statistics, 7.1).
    """
    ordered, n = np.sort(values.to_numpy()), len(values)
    below = np.cumsum([math.comb(n, k) for k in range(n + 1)]) / 2**n
    # The k-th smallest value lies above the median with the chance that fewer than k lie below it.
    k = max(int(np.searchsorted(below, (1 - LEVEL) / 2, side="right")), 1)
    return Estimate(float(np.median(ordered)), float(ordered[k - 1]), float(ordered[n - k]))


def _share(cases: int, of: int) -> Estimate:
    """Return a share with Jeffreys' interval; a share of 0 or 1 is an end of its interval."""
    a, b = cases + 0.5, of - cases + 0.5
    low, high = (float(betaincinv(a, b, at)) for at in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Estimate(cases / of, 0.0 if cases == 0 else low, 1.0 if cases == of else high)


def _on_day(status: SeasonStatus, name: str) -> float:
    """Return a series' value of the day, which the last one stands in for as in the index."""
    values = status.view.series(name)
    return float("nan") if values.empty else float(daily(values).get(status.as_of, float("nan")))
