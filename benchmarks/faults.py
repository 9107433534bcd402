"""Faults to put into a market, each of a kind and a size: what the rules are tried with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

SIZES = (0.5, 0.8, 0.9, 1.1, 1.25, 2.0, 1 / 14, 10.0, 1000.0)


@dataclass(frozen=True)
class Slice:
    """A piece of a market: prices, rankings and single series to its last day."""

    coins: pd.DataFrame
    universe: pd.DataFrame
    series: Mapping[str, pd.Series]

    @property
    def last(self) -> pd.Timestamp:
        """The last day."""
        return pd.Timestamp(self.coins["date"].max())


Fault = Callable[[Slice, pd.Timestamp], Slice]


def bitcoin_wrong(factor: float, days: int) -> Fault:
    """Bitcoin's close is wrong by a factor, and so is every close in Bitcoin."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        return _times(market, day, days, {"close_usd": factor}, {"close_btc": 1 / factor})

    return fault


def without_cap(fault: Fault) -> Fault:
    """Let nobody know Bitcoin's market cap, as in a live market."""

    def unseen(market: Slice, day: pd.Timestamp) -> Slice:
        series = {name: each for name, each in market.series.items()
                  if name != "btc_market_cap_usd"}  # fmt: skip
        return fault(replace(market, series=series), day)

    return unseen


def bitcoin_frozen(days: int) -> Fault:
    """Let Bitcoin's close repeat one of a day, and every close in Bitcoin rest on it."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        coins = market.coins.copy()
        hit = (coins["date"] > day) & (coins["date"] <= day + pd.Timedelta(days=days))
        own = coins["coin"] == "bitcoin"
        value = coins.loc[own & (coins["date"] == day), "close_usd"].iloc[0]
        truth = coins.loc[hit & own].set_index("date")["close_usd"]
        coins.loc[hit & ~own, "close_btc"] *= coins.loc[hit & ~own, "date"].map(truth) / value
        coins.loc[hit & own, "close_usd"] = value
        return replace(market, coins=coins)

    return fault


def only_bitcoin_in_dollars(factor: float) -> Fault:
    """Bitcoin's close in dollars is wrong, the closes in Bitcoin are right."""
    return lambda market, day: _times(market, day, 1, {"close_usd": factor}, {})


def only_closes_in_bitcoin(factor: float) -> Fault:
    """All closes in Bitcoin are wrong, Bitcoin's own in dollars is right."""
    return lambda market, day: _times(market, day, 1, {}, {"close_btc": 1 / factor})


def _times(
    market: Slice,
    day: pd.Timestamp,
    days: int,
    bitcoin: Mapping[str, float],
    others: Mapping[str, float],
) -> Slice:
    coins = market.coins.copy()
    hit = coins["date"].between(day, day + pd.Timedelta(days=days - 1))
    own = coins["coin"] == "bitcoin"
    for rows, factors in ((hit & own, bitcoin), (hit & ~own, others)):
        for column, factor in factors.items():
            coins.loc[rows, column] *= factor
    return replace(market, coins=coins)


def coin_wrong(coin: str, factor: float, days: int) -> Fault:
    """One coin's closes are wrong by a factor."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        coins = market.coins.copy()
        hit = coins["date"].between(day, day + pd.Timedelta(days=days - 1))
        coins.loc[hit & (coins["coin"] == coin), ["close_usd", "close_btc"]] *= factor
        return replace(market, coins=coins)

    return fault


def frozen(share: float, days: int) -> Fault:
    """Let a share of the coins repeat the closes of a day."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        coins = market.coins.copy()
        names = np.sort(coins["coin"].unique())
        chosen = names[np.random.default_rng(0).random(len(names)) < share]
        still = coins[coins["date"] == day].set_index("coin")
        end = day + pd.Timedelta(days=days)
        hit = (
            (coins["date"] > day)
            & (coins["date"] <= end)
            & coins["coin"].isin(chosen)
            & coins["coin"].isin(still.index)
        )
        for column in ("close_usd", "close_btc"):
            coins.loc[hit, column] = coins.loc[hit, "coin"].map(still[column])
        return replace(market, coins=coins)

    return fault


def series_wrong(name: str, factor: float, sessions: int) -> Fault:
    """Values of one series are wrong by a factor for so many sessions."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        values = market.series[name].copy()
        at = int(values.index.searchsorted(day))
        values.iloc[at : at + sessions] *= factor
        return replace(market, series={**market.series, name: values})

    return fault


def series_frozen(name: str, sessions: int) -> Fault:
    """One series repeats a value for so many sessions."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        values = market.series[name].copy()
        at = int(values.index.searchsorted(day))
        values.iloc[at : at + sessions + 1] = values.iloc[at]
        return replace(market, series={**market.series, name: values})

    return fault


def weekends_filled(name: str, *, zero: bool) -> Fault:
    """One series has values on Saturdays and Sundays."""

    def fault(market: Slice, day: pd.Timestamp) -> Slice:
        values = market.series[name].asfreq("D")
        filled = values.fillna(0.0) if zero else values.ffill()
        return replace(market, series={**market.series, name: filled})

    return fault


def faults() -> dict[tuple[str, str], tuple[Fault, int | None]]:
    """Return the faults by kind and size, with the days from the fault to the last day.

    None: a day long before the last.
    """
    found: dict[tuple[str, str], tuple[Fault, int | None]] = {}
    for size in SIZES:
        shown = f"x{size:.3g}"
        for known, seen in (("", without_cap), (", market cap known", lambda fault: fault)):
            once, always = seen(bitcoin_wrong(size, 1)), seen(bitcoin_wrong(size, 9999))
            found[f"Bitcoin, last day{known}", shown] = once, 0
            found[f"Bitcoin, one day{known}", shown] = once, None
            found[f"Bitcoin, last three days{known}", shown] = always, 2
            found[f"Bitcoin, from a day on{known}", shown] = always, 15
        found["Bitcoin in dollars alone, last day", shown] = only_bitcoin_in_dollars(size), 0
        found["closes in Bitcoin alone, last day", shown] = only_closes_in_bitcoin(size), 0
        found["Ether, one day", shown] = coin_wrong("ethereum", size, 1), None
        found["another coin, one day", shown] = coin_wrong("litecoin", size, 1), None
        found["another coin, from a day on", shown] = coin_wrong("litecoin", size, 9999), 15
        for name in ("russell2000", "iwm_shares_outstanding"):
            found[f"{name}, last day", shown] = series_wrong(name, size, 1), 0
            found[f"{name}, one day", shown] = series_wrong(name, size, 1), None
            found[f"{name}, from a day on", shown] = series_wrong(name, size, 9999), 15
    for days in (1, 5, 10, 20, 40):
        found["all coins frozen to the end", f"{days} days"] = frozen(1.0, days), days
        found["40 % of the coins frozen to the end", f"{days} days"] = frozen(0.4, days), days
        found["10 % of the coins frozen to the end", f"{days} days"] = frozen(0.1, days), days
        found["Bitcoin frozen to the end", f"{days} days"] = bitcoin_frozen(days), days
        found["russell2000 frozen", f"{days} days"] = series_frozen("russell2000", days), None
    for size in (1e-6, 1e-3, 1e3, 1e6):
        for name in ("btc_etf_net_flow_usd", "eth_etf_net_flow_usd"):
            found[f"{name}, all", f"x{size:g}"] = series_wrong(name, size, 9999), 9999
            found[f"{name}, from a day on", f"x{size:g}"] = series_wrong(name, size, 9999), 15
    found["russell2000 on weekends", "repeated"] = weekends_filled("russell2000", zero=False), None
    found["btc_etf_net_flow_usd on weekends", "zeros"] = (
        weekends_filled("btc_etf_net_flow_usd", zero=True), None,
    )  # fmt: skip
    return found
