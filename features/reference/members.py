"""Write who was in the top 100 when, from a `files` directory: facts and computed values only."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from features.market.market import Market
from features.market.rankings import CHECK_DAYS, HISTORY_YEARS, RANKS
from features.market.season import TOP, breadth
from features.panel import DataError
from features.reference.membership import CARD_FILE, COINS_FILE, SNAPSHOTS_FILE, content_digest
from features.reference.revision import membership_text, print_findings
from features.sources.columns import shown
from features.sources.directory import checked_tables
from features.storage.atomic import staged
from features.terminal import DEBUG, FAILURE, exit_code_of

# Weekly where the live data must agree with the embedded history, monthly before.
WEEKLY_DAYS = 180
# The path simulation of live days looks back over these; their coins need tickers and checks.
CHECKED_YEARS = HISTORY_YEARS


def snapshots(universe: pd.DataFrame) -> pd.DataFrame:
    """Return the ranks to 100 on the first day of each month, and weekly before the end.

    Parameters
    ----------
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin`.

    Returns
    -------
    pandas.DataFrame
        Columns `snapshot_date`, `rank` (int16), `coin`. The last snapshot of
        the universe is among them.
    """
    days = pd.DatetimeIndex(universe["snapshot_date"].unique()).sort_values()
    last = days[-1]
    monthly = pd.Series(days, days.to_period("M")).groupby(level=0).min()
    age = (last - days).days
    weekly = days[(age % 7 == 0) & (age <= WEEKLY_DAYS)]
    kept = universe[
        universe["snapshot_date"].isin([*monthly, *weekly]) & (universe["rank"] <= RANKS)
    ].sort_values(["snapshot_date", "rank"], ignore_index=True)
    return kept[["snapshot_date", "rank", "coin"]].astype({"rank": np.int16})


def shares(universe: pd.DataFrame, coins: pd.DataFrame) -> pd.Series:
    """Estimate each coin's share of the ranked market cap on the last day, in percent.

    Market cap = close x the supply of the last snapshot with market caps. The
    last snapshot's order is kept: where the estimates break it they are
    pooled (isotonic regression on logs), where one is missing its neighbours
    in rank give it. Coins of the earlier snapshot that the last one does not
    rank come behind it.

    Parameters
    ----------
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin`, `market_cap_usd`.
    coins : pandas.DataFrame
        Columns `date`, `coin`, `close_usd`.

    Returns
    -------
    pandas.Series
        Percent by coin, largest first, of at most 100 coins; sums to 100.
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
    behind = cap.drop(ranked.index, errors="ignore").dropna().clip(upper=inside.min())
    # Ties keep the order of the ranks: each coin a millionth below the one before.
    order = pd.concat([inside, behind.sort_values(ascending=False)]).head(RANKS)
    value = np.exp(order - 1e-6 * np.arange(len(order)))
    return 100 * value / value.sum()


def checks(coins: pd.DataFrame, wanted: pd.Index) -> pd.DataFrame:
    """Return log returns against Bitcoin by which a coin of another source is recognised.

    Returns
    -------
    pandas.DataFrame
        Index `coin`; `check_day` (the last day with a price and one 30 days
        before), `check_30` and `check_90`; missing where a price is.
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


def coin_table(universe: pd.DataFrame, coins: pd.DataFrame, symbols: pd.Series) -> pd.DataFrame:
    """Return one row per coin that was ever in the top 100: symbol, months, share, checks."""
    ranked = universe[universe["rank"] <= RANKS]
    top = ranked[ranked["rank"] <= TOP].groupby("coin")["snapshot_date"]
    table = pd.DataFrame(
        {"symbol": symbols.reindex(pd.Index(ranked["coin"].unique()).sort_values())}
    )
    table.index.name = "coin"
    table["from"] = top.min().dt.strftime("%Y-%m").reindex(table.index)
    table["to"] = top.max().dt.strftime("%Y-%m").reindex(table.index)
    table["share"] = shares(universe, coins).map(lambda value: float(f"{value:.4g}"))
    end = universe["snapshot_date"].max()
    recent = ranked[ranked["snapshot_date"] > end - pd.DateOffset(years=CHECKED_YEARS, months=1)]
    identity = checks(coins, pd.Index(recent["coin"].unique()))
    identity["check_day"] = identity["check_day"].dt.strftime("%Y-%m-%d")
    return table.join(identity)


def coverage(universe: pd.DataFrame, coins: pd.DataFrame) -> list[dict[str, object]]:
    """Return by year how many of the top 50 could be compared over 90 days: dead ones included."""
    shares = breadth(Market.from_tables(coins, universe))
    shares = shares.loc[shares["season_index"].first_valid_index() :]
    return [
        {
            "year": int(str(year)),
            "days": len(days),
            "coverage": round(float(days["coins_compared"].mean() / TOP), 3),
            "unused_days": int(days["season_index"].isna().sum()),
        }
        for year, days in shares.groupby(pd.DatetimeIndex(shares.index).year)
    ]


def write(directory: Path, universe: pd.DataFrame, coins: pd.DataFrame, symbols: pd.Series) -> None:
    """Write snapshots, coins and their card, the card with the digest of both last."""
    table = snapshots(universe)
    table["coin"] = table["coin"].astype("category")
    with staged(directory / SNAPSHOTS_FILE) as beside:
        table.to_parquet(beside, index=False, compression="zstd", compression_level=19)
    with staged(directory / COINS_FILE) as beside:
        coin_table(universe, coins, symbols).to_csv(beside, lineterminator="\n")
    card = {
        "title": "Who was among the 100 largest altcoins when",
        "last_day": f"{universe['snapshot_date'].max():%Y-%m-%d}",
        "digest": content_digest(directory),
        "made_by": "python -m features.reference.members --data-dir DIR",
        "columns": {
            "from, to": "first and last month in the top 50",
            "share": "percent of the market cap of the 100 on the last day, estimated",
            "check_30, check_90": "log return against Bitcoin over so many days to check_day",
        },
        "coverage_by_year": coverage(universe, coins),
        "terms": "Facts (ranks, months) and computed ratios; no prices, no market caps.",
    }
    with staged(directory / CARD_FILE) as beside:
        beside.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Run the command line."""
    return exit_code_of(_run, data_error=DataError, data_code=FAILURE)


def _run() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="where to write (default: here)"
    )
    parser.add_argument(DEBUG, action="store_true", help="show the trace of an unexpected error")
    options = parser.parse_args()
    tables = checked_tables(options.data_dir)
    coins, universe = tables.coins, tables.universe
    print_findings(tables.findings)
    before = _before(options.out)
    write(options.out, universe, coins, _symbols(options.data_dir))
    if before is not None:
        print(membership_text(before, snapshots(universe)))
    sizes = {name: (options.out / name).stat().st_size for name in (SNAPSHOTS_FILE, COINS_FILE)}
    print(f"{sizes}, digest {content_digest(options.out)}")
    return 0


def _before(directory: Path) -> pd.DataFrame | None:
    """Return the snapshots that are about to be replaced, if there are some to read."""
    path = directory / SNAPSHOTS_FILE
    try:
        return pd.read_parquet(path) if path.exists() else None
    # Damaged Parquet ends in nearly any exception.
    except Exception as error:
        print(f"warning: {path}: {shown(error)}. It is replaced without a list.", file=sys.stderr)
        return None


def _symbols(directory: Path) -> pd.Series:
    """Return each coin's newest symbol."""
    columns = ["coin", "symbol"]
    path = directory / "universe.parquet"
    if path.exists():
        table = pd.read_parquet(path, columns=columns)
    else:
        table = pd.read_csv(path.with_suffix(".csv"), usecols=columns, keep_default_na=False)
    return table.drop_duplicates("coin", keep="last").set_index("coin")["symbol"]


if __name__ == "__main__":
    raise SystemExit(main())
