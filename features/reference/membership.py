"""The embedded membership: who was in the top 100 when, tickers, exclusions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd

from features.provenance import YearCoverage
from features.reference.exclusions import Exclusions, excluded, read_exclusions
from features.reference.load import DIRECTORY, checked, read_card, readable

SNAPSHOTS_FILE = "membership.parquet"
COINS_FILE = "coins.csv"
TICKERS_FILE = "tickers.csv"  # kept by hand, as the exclusions


@dataclass(frozen=True)
class Membership:
    """Who was in the top 100 when, and what Yahoo calls them."""

    # Columns `snapshot_date`, `rank` (1 = largest altcoin), `coin`: monthly, weekly at the end.
    snapshots: pd.DataFrame
    # Index `coin`; `symbol`, `from` and `to` (months in the top 50), `share` (percent of the
    # ranked market cap on the last day; missing outside the 100), `check_day`, `check_30` and
    # `check_90` (log returns against Bitcoin by which another source's coin is recognised),
    # `tickers` (tuple of Yahoo's tickers to try, in this order) and `verified` (bool).
    coins: pd.DataFrame
    exclusions: Exclusions
    coverage: tuple[YearCoverage, ...]  # of the embedded history, by year
    last_day: pd.Timestamp  # of the last snapshot

    def excluded(self, symbol: str, name: str) -> str | None:
        """Return why a coin never counts (None if it does), called "USDC" and "USD Coin USD"."""
        return excluded(self.exclusions, symbol, name)


def load_membership(directory: Path = DIRECTORY) -> Membership:
    """Read the embedded membership; DataError as for `features.reference.load`."""
    with readable(directory):
        card = read_card(directory)
        snapshots = pd.read_parquet(checked(directory, SNAPSHOTS_FILE, card))
        snapshots["snapshot_date"] = snapshots["snapshot_date"].dt.as_unit("s")
        snapshots["coin"] = snapshots["coin"].astype(str)
        coins = _read_csv(checked(directory, COINS_FILE, card), ["coin", "symbol", "from", "to"])
        coins["check_day"] = pd.to_datetime(coins["check_day"]).dt.as_unit("s")
        tickers = _read_csv(directory / TICKERS_FILE, ["coin", "tickers", "verified"])
        facts = card["membership"]
        return Membership(
            snapshots,
            _with_tickers(coins.set_index("coin"), tickers.set_index("coin")),
            read_exclusions(directory),
            tuple(YearCoverage(source="embedded", **row) for row in facts["coverage_by_year"]),
            pd.Timestamp(facts["last_day"]).as_unit("s"),
        )


def _read_csv(file: Path | IO[bytes], text: list[str]) -> pd.DataFrame:
    # A coin may be called nan: only an empty cell is missing, and only in a number.
    kinds = dict.fromkeys(text, str)
    return pd.read_csv(file, dtype=kinds, keep_default_na=False, na_values=[""]).fillna(
        dict.fromkeys(text, "")
    )


def _with_tickers(coins: pd.DataFrame, tickers: pd.DataFrame) -> pd.DataFrame:
    default = coins["symbol"] + "-USD"
    listed = tickers["tickers"].reindex(coins.index).fillna(default).str.split()
    verified = tickers["verified"].reindex(coins.index).fillna("no") == "yes"
    return coins.assign(tickers=listed.map(tuple), verified=verified)
