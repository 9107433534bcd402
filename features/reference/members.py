"""Who was in the top 100 when, as facts and computed ratios; no prices and no market caps."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.market.market import Market
from features.market.rankings import CHECK_DAYS, HISTORY_YEARS, RANKS
from features.market.season import TOP, breadth

# Weekly where the live data must agree with the embedded history, monthly before.
WEEKLY_DAYS = 180


def snapshots(universe: pd.DataFrame) -> pd.DataFrame:
    """Return the ranks to 100 on the first day of each month, and weekly back from the last day."""
    days = pd.DatetimeIndex(universe["snapshot_date"].unique()).sort_values()
    monthly = pd.Series(days, days.to_period("M")).groupby(level=0).min()
    age = (days[-1] - days).days
    weekly = days[(age % 7 == 0) & (age <= WEEKLY_DAYS)]
    kept = universe[
        universe["snapshot_date"].isin([*monthly, *weekly]) & (universe["rank"] <= RANKS)
    ].sort_values(["snapshot_date", "rank"], ignore_index=True)
    return kept[["snapshot_date", "rank", "coin"]].astype({"rank": np.int16})


def coin_table(universe: pd.DataFrame, coins: pd.DataFrame) -> pd.DataFrame:
    """Return one row per coin that was ever in the top 100: symbol, months, share, checks."""
    ranked = universe[universe["rank"] <= RANKS]
    top = ranked[ranked["rank"] <= TOP].groupby("coin")["snapshot_date"]
    newest = ranked.sort_values("snapshot_date", kind="stable").drop_duplicates("coin", keep="last")
    table = newest.set_index("coin")[["symbol"]].sort_index()
    table["from"] = top.min().dt.strftime("%Y-%m").reindex(table.index)
    table["to"] = top.max().dt.strftime("%Y-%m").reindex(table.index)
    table["share"] = shares(universe, coins).map(lambda value: float(f"{value:.4g}"))
    # The path simulation of live days looks back over these; their coins need checks.
    since = universe["snapshot_date"].max() - pd.DateOffset(years=HISTORY_YEARS, months=1)
    identity = checks(coins, pd.Index(ranked[ranked["snapshot_date"] > since]["coin"].unique()))
    identity["check_day"] = identity["check_day"].dt.strftime("%Y-%m-%d")
    return table.join(identity)


def shares(universe: pd.DataFrame, coins: pd.DataFrame) -> pd.Series:
    """Estimate each coin's share of the ranked market cap on the last day, in percent.

    Market cap = close x the supply of the last snapshot with market caps. The
    last snapshot's order is kept: where the estimates break it they are
    pooled (isotonic regression on logs), where one is missing its neighbours
    in rank give it. Coins of the earlier snapshot that the last one does not
    rank come after it.
    """
    from sklearn.isotonic import IsotonicRegression

    end = universe["snapshot_date"].max()
    known = universe[universe["market_cap_usd"].notna() & (universe["rank"] <= RANKS)]
    known = known[known["snapshot_date"] == known["snapshot_date"].max()].set_index("coin")
    close = coins.pivot_table(index="date", columns="coin", values="close_usd")
    then, now = close.loc[known["snapshot_date"].iloc[0]], close.loc[end]
    cap = np.log(known["market_cap_usd"] / then.reindex(known.index) * now.reindex(known.index))
    ranked = universe[universe["snapshot_date"] == end].set_index("coin")["rank"].sort_values()
    estimate = cap.reindex(ranked.index)
    fit = IsotonicRegression(increasing=False, out_of_bounds="clip")
    fit.fit(np.log(ranked[estimate.notna()]), estimate.dropna())
    inside = pd.Series(fit.predict(np.log(ranked)), ranked.index)
    after = cap.drop(ranked.index, errors="ignore").dropna().clip(upper=inside.min())
    # Ties keep the order of the ranks: each coin a millionth below the one before.
    order = pd.concat([inside, after.sort_values(ascending=False)]).head(RANKS)
    value = np.exp(order - 1e-6 * np.arange(len(order)))
    return 100 * value / value.sum()


def checks(coins: pd.DataFrame, wanted: pd.Index) -> pd.DataFrame:
    """Return log returns against Bitcoin by which a coin of another source is recognised.

    `check_day` is the last day with a price and one 30 days before; what has no price is missing.
    """
    close = coins[coins["coin"].isin(wanted)].pivot_table(
        index="date", columns="coin", values="close_btc"
    )
    returns = {days: (close / close.shift(days, freq="D")).reindex(close.index)
               for days in CHECK_DAYS}  # fmt: skip
    # A coin listed for less than 90 days has the 30-day return alone.
    complete = returns[CHECK_DAYS[0]].notna()
    day = complete.iloc[::-1].idxmax().where(complete.any()).reindex(wanted)
    table = pd.DataFrame({"check_day": day})
    for days, ratio in returns.items():
        known = {coin: ratio[coin].get(at, np.nan) for coin, at in day.dropna().items()}
        table[f"check_{days}"] = np.log(pd.Series(known, dtype=float)).round(3)
    return table.rename_axis("coin")


def coverage(market: Market, *, since: pd.Timestamp | None = None) -> list[dict[str, object]]:
    """Return by year how many of the top 50 could be compared over 90 days: dead ones included."""
    days = breadth(market)
    days = days.loc[days["season_index"].first_valid_index() :].loc[since:]
    return [
        {
            "year": int(str(year)),
            "days": len(rows),
            "coverage": round(float(rows["coins_compared"].mean() / TOP), 3),
            "unused_days": int(rows["season_index"].isna().sum()),
        }
        for year, rows in days.groupby(pd.DatetimeIndex(days.index).year)
    ]
