"""A market as Yahoo would tell it, made from the embedded history alone: both agree at the seam."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.rankings import CHECK_DAYS
from features.market.season import TOP
from features.market.splice import OVERLAP_DAYS
from features.panel import DAY
from features.reference.load import load_reference
from features.reference.membership import load_membership
from features.sources.coinmarketcap.listings import COINS_FILE
from features.sources.yahoo.tickers import BITCOIN, ETHER, HISTORY_YEARS, INDICES
from tests.cmc_server import Vendor
from tests.embedded import END, RANKED

FIRST = RANKED - pd.DateOffset(years=HISTORY_YEARS)


def closes(now: pd.Timestamp, *, seed: int = 0, largest: int | None = None) -> dict[str, pd.Series]:
    """Return closes by ticker from three years before the last ranking to the running day.

    Until the embedded end the stock indices, Bitcoin and Ether have the
    embedded returns, and every day of the overlap has about as many coins
    ahead of Bitcoin over 90 days as the embedded index says. After it all is
    a random walk. With `largest` only so many coins are in it, which saves time.
    """
    reference, membership = load_reference(), load_membership()
    random = np.random.default_rng(seed)
    days = pd.date_range(FIRST, now.normalize(), unit="s")
    bitcoin = _walked(reference.series("bitcoin").asfreq("D").ffill(), days, 1000.0, random)
    found = {BITCOIN: bitcoin}
    weekdays = days[days.day_of_week < 5]
    for name, ticker in INDICES.items():
        found[ticker] = _walked(reference.series(name), weekdays, 25.0, random)
    ether = _walked(reference.series("eth_btc").asfreq("D").ffill(), days, 0.0003, random)
    index = reference.series("season_index").loc[END - (OVERLAP_DAYS - 1) * DAY :]
    coins = membership.coins[membership.coins["check_day"].notna()]
    if largest is not None:
        coins = coins.loc[coins["share"].nlargest(largest).index]
    order = _order(coins, random)
    # As many of the members are ahead as the index says, those first that lead in the end.
    ahead = index.to_numpy()[:, None] / 100 > order.to_numpy()[None, :]
    for position, (coin, facts) in enumerate(coins.iterrows()):
        # Flat until the overlap: without dispersion nothing can be simulated, which takes time.
        relative = pd.Series(np.cumsum(random.normal(0, 0.03, len(days))), days)
        relative[days <= END] = 0.0
        relative.loc[index.index] = np.where(ahead[:, position], 0.02, -0.02)
        # The days before are moved, not the check's own: that may be the day of the last ranking,
        # whose prices carry the ranks on.
        for ago in CHECK_DAYS:
            then = facts["check_day"] - ago * DAY
            if pd.notna(facts[f"check_{ago}"]) and then in relative.index:
                relative.loc[then] = relative.loc[facts["check_day"]] - facts[f"check_{ago}"]
        relative.loc[END + DAY :] += relative.loc[END] - relative.loc[END + DAY]
        ticker = ETHER if coin == "ethereum" else facts["tickers"][-1]
        own = ether if coin == "ethereum" else 0.001 * np.exp(relative)
        if ticker not in found or pd.notna(facts["share"]):
            found[ticker] = own * bitcoin
    return found


def _order(coins: pd.DataFrame, random: np.random.Generator) -> pd.Series:
    """Return which coins lead, 0 first: the members by their returns, the others at random."""
    members = coins["share"].nlargest(TOP).index
    order = pd.Series(random.random(len(coins)), coins.index)
    # The embedded index of the last days counts those that have a price to the end; the others are
    # spread among them in the order of their returns as well, so that all of them agree with it.
    counted = coins["check_day"][members] == END
    for group in (members[counted], members[~counted]):
        returns = coins["check_90"][group].rank(ascending=False, na_option="bottom")
        order[group] = (returns - 1) / len(group)
    return order


def ranking() -> pd.DataFrame:
    """Return a ranking of Yahoo's: Bitcoin, coins by the embedded shares, and what never counts."""
    coins = load_membership().coins
    share = coins["share"].dropna().sort_values(ascending=False)
    rows = [
        ("BTC-USD", "Bitcoin", 2e12),
        ("USDT-USD", "Tether USDt", 2e11),
        ("STETH-USD", "Lido Staked ETH", 3e10),
        ("WBTC-USD", "Wrapped Bitcoin", 1e10),
    ]
    rows += [
        (coins["tickers"][coin][-1], coin.title(), 1e10 * part) for coin, part in share.items()
    ]
    table = pd.DataFrame(rows, columns=["ticker", "name", "market_cap_usd"])
    return table.sort_values("market_cap_usd", ascending=False, ignore_index=True)


def _walked(
    embedded: pd.Series, days: pd.DatetimeIndex, base: float, random: np.random.Generator
) -> pd.Series:
    known = base * embedded.reindex(days[days <= embedded.index[-1]])
    later = days[days > embedded.index[-1]]
    walk = known.iloc[-1] * np.exp(np.cumsum(random.normal(0, 0.01, len(later))))
    return pd.concat([known.dropna(), pd.Series(walk, later)])


def vendor(closes: dict[str, pd.Series], now: pd.Timestamp) -> Vendor:
    """Return the same market as CoinMarketCap has it, with what never counts and other coins."""
    coins = load_membership().coins
    mapping = pd.read_csv(COINS_FILE, dtype=str, keep_default_na=False).set_index("coin")
    rows = {1: ("Bitcoin", "BTC", "bitcoin", ["mineable"], closes[BITCOIN], 2e12)}
    listed = coins[coins["share"].notna() | coins["check_day"].notna()]
    for place, (coin, facts) in enumerate(listed.sort_values("share", ascending=False).iterrows()):
        ticker = ETHER if coin == "ethereum" else facts["tickers"][-1]
        number, slug = mapping["id"].get(coin, ""), mapping["slug"].get(coin, coin)
        number = 1027 if coin == "ethereum" else int(number or 900_000 + place)
        share = facts["share"] if facts["share"] > 0 else 1e-4 / (place + 1)
        if ticker in closes:
            rows[number] = (coin.title(), facts["symbol"], slug, [], closes[ticker], 1e10 * share)
    days = closes[BITCOIN].index
    random = np.random.default_rng(7)
    one = pd.Series(1 + 1e-4 * random.normal(size=len(days)), days)
    walk = pd.Series(np.exp(np.cumsum(0.05 * random.normal(size=len(days)))), days)
    rows |= {
        825: ("Tether USDt", "USDT", "tether", [{"slug": "stablecoin"}], one, 2e11),
        990_001: ("Peg", "PEG", "peg", [], one, 1e11),  # a stablecoin that no tag names
        990_002: ("Newcomer", "NEWC", "newcomer", ["memes"], walk, 9e10),
        990_003: ("Solana Two", "SOL", "solana-two", ["memes"], walk, 1e6),
        990_004: ("Gold", "GLDX", "gold-x", ["tokenized-gold"], 4000 * walk, 5e9),
    }  # fmt: skip
    prices = pd.DataFrame({number: row[4] for number, row in rows.items()})
    caps = prices / prices.loc[RANKED] * pd.Series({n: row[5] for n, row in rows.items()})
    return Vendor(now, {number: row[:4] for number, row in rows.items()}, prices, caps)
