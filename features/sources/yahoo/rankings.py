"""From Yahoo's ranking, or a user's own universe, to ranked altcoins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from features.market.rankings import RANKS, check_snapshots
from features.market.season import TOP
from features.panel import DataError
from features.plausibility.book import found
from features.plausibility.pegs import RULE
from features.provenance import Finding
from features.reference.membership import Membership
from features.sources.bounded import check_size
from features.sources.columns import shown

# A daily universe of ten years has 10 MB.
MAX_BYTES = 100_000_000
_FIRST_DAY = pd.Timestamp("2009-01-03")
_COLUMNS = ("snapshot_date", "rank", "ticker")


def altcoins(ranking: pd.DataFrame, membership: Membership) -> pd.DataFrame:
    """Return the altcoins of a ranking, the 100 largest.

    Parameters
    ----------
    ranking : pandas.DataFrame
        Columns `ticker`, `symbol`, `name`, `market_cap_usd`.
    membership : Membership
        For the exclusions and the coins' ids.

    Returns
    -------
    pandas.DataFrame
        Index `coin`, largest first; columns `ticker` and `market_cap_usd`. A
        coin that the embedded history does not know is called by its ticker
        in lower case.

    Raises
    ------
    DataError
        If fewer than 50 altcoins remain.
    """
    counts = [
        membership.excluded(str(symbol), str(name)) is None
        for symbol, name in zip(ranking["symbol"], ranking["name"], strict=True)
    ]
    found = ranking[counts].sort_values("market_cap_usd", ascending=False, kind="stable")
    known = coin_of(membership)
    coins = [known.get(ticker, ticker.lower()) for ticker in found["ticker"]]
    table = found[["ticker", "market_cap_usd"]].set_index(pd.Index(coins, name="coin"))
    table = table[~table.index.duplicated()].head(RANKS)
    if len(table) < TOP:
        raise DataError(f"it holds {len(table)} altcoins, need {TOP}.")
    return table


def left_out(
    rankings: Mapping[pd.Timestamp, pd.DataFrame], membership: Membership
) -> list[Finding]:
    """Name what the rankings hold that never counts by its name, with the days it was in them.

    Parameters
    ----------
    rankings : mapping of pandas.Timestamp to pandas.DataFrame
        By day, columns `symbol` and `name`.
    membership : Membership
        For the exclusions.
    """
    days: dict[tuple[str, str, str], list[pd.Timestamp]] = {}
    for day in sorted(rankings):
        table = rankings[day]
        for symbol, name in zip(
            table["symbol"].astype(str), table["name"].astype(str), strict=True
        ):
            why = membership.excluded(symbol, name)
            if why is not None:
                days.setdefault((symbol, name, why), []).append(day)
    return [
        found(
            RULE, symbol, (seen[0], seen[-1]), np.nan, np.nan, "note",
            f"{name}: {why}, by its name; left out of {len(seen)} rankings",
        )
        for (symbol, name, why), seen in sorted(days.items())
    ]  # fmt: skip


def coin_of(membership: Membership) -> dict[str, str]:
    """Return the coin id behind each ticker, of the coins that can be recognised by it.

    Coins ranked at the embedded end come first, and first tickers before second ones.
    """
    coins = membership.coins
    coins = coins[coins["check_day"].notna() | coins["verified"]]
    newest = coins.sort_values(["share", "to"], ascending=False, na_position="last")
    found: dict[str, str] = {}
    for position in range(max(newest["tickers"].str.len())):
        for coin, tickers in newest["tickers"].items():
            if position < len(tickers):
                found.setdefault(tickers[position], str(coin))
    return found


def read_universe(path: Path, membership: Membership, today: pd.Timestamp) -> pd.DataFrame:
    """Read a user's universe.

    Parameters
    ----------
    path : pathlib.Path
        CSV or Parquet with `snapshot_date`, `rank` (1 = largest altcoin) and
        `ticker` (Yahoo's); a snapshot serves from its day on, 45 days at most.
    membership : Membership
        For the exclusions and the coins' ids.
    today : pandas.Timestamp
        Last day a snapshot may carry.

    Returns
    -------
    pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin`, `ticker`.

    Raises
    ------
    DataError
        If the file cannot be read or breaks a rule.
    """
    table = _table(path)
    try:
        absent = [column for column in _COLUMNS if column not in table.columns]
        if absent:
            raise DataError(f"{path}: column {absent[0]!r} is missing; need {', '.join(_COLUMNS)}.")
        if table.empty:
            raise DataError(f"{path}: holds no row.")
        days = pd.to_datetime(table["snapshot_date"], format="ISO8601")
        rank = pd.to_numeric(table["rank"])
    except (OSError, ValueError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: the universe cannot be read: {error}") from error
    _check_days(days, path, today)
    ticker = table["ticker"].astype(str)
    for name in ticker.unique():
        reason = membership.excluded(name.removesuffix("-USD"), "")
        if not name.endswith("-USD") or reason:
            raise DataError(
                f"{path}: {name}: must be an altcoin's ticker such as SOL-USD"
                + (f"; {reason} never counts." if reason else ".")
            )
    known = coin_of(membership)
    snapshots = pd.DataFrame(
        {
            "snapshot_date": days.dt.as_unit("s"),
            "rank": rank.astype(float),
            "coin": [known.get(name, name.lower()) for name in ticker],
            "ticker": ticker,
        }
    )
    check_snapshots(snapshots, str(path))
    return snapshots


def _table(path: Path) -> pd.DataFrame:
    try:
        check_size(path, MAX_BYTES)
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, dtype={"ticker": str}, keep_default_na=False)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    # Damaged Parquet ends in nearly any exception.
    except Exception as error:
        raise DataError(f"{path}: the universe cannot be read: {shown(error)}") from error


def _check_days(days: pd.Series, path: Path, today: pd.Timestamp) -> None:
    if getattr(days.dtype, "tz", None) is not None or (days != days.dt.normalize()).any():
        raise DataError(
            f"{path}: snapshot_date must be whole days without time zone, none missing."
        )
    # A year below 1 is a valid day to ISO 8601, and one that pandas cannot write.
    if days.min() < _FIRST_DAY:
        raise DataError(
            f"{path}: snapshot_date must not be before {_FIRST_DAY:%Y-%m-%d}, Bitcoin's first day; "
            f"row {int(days.to_numpy().argmin()) + 1} is."
        )
    if days.max() > today:
        raise DataError(
            f"{path}: snapshot_date must not be later than {today:%Y-%m-%d}, "
            f"got {days.max():%Y-%m-%d}."
        )
