"""The embedded membership: who was in the top 100 when, tickers, exclusions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from features.panel import DataError
from features.provenance import YearCoverage
from features.reference.exclusions import Exclusions, excluded, read_exclusions

SNAPSHOTS_FILE = "membership.parquet"
COINS_FILE = "coins.csv"
CARD_FILE = "membership.json"
TICKERS_FILE = "tickers.csv"
DIRECTORY = Path(__file__).parent


@dataclass(frozen=True)
class Membership:
    """Who was in the top 100 when, and how Yahoo calls them.

    Parameters
    ----------
    snapshots : pandas.DataFrame
        Columns `snapshot_date`, `rank` (1 = largest altcoin), `coin`: monthly,
        weekly before the last day.
    coins : pandas.DataFrame
        Index `coin`; `symbol`, `from` and `to` (months in the top 50), `share`
        (percent of the ranked market cap on the last day; missing outside the
        100), `check_day`, `check_30`, `check_90` (log returns against Bitcoin
        by which another source's coin is recognised), `tickers` (tuple of
        Yahoo's tickers to try, in this order) and `verified` (bool).
    exclusions : tuple of (str, str, str)
        Field (`symbol` or `name`), pattern, reason.
    coverage : tuple of YearCoverage
        Of the embedded history, by year.
    last_day : pandas.Timestamp
        Day of the last snapshot.
    """

    snapshots: pd.DataFrame
    coins: pd.DataFrame
    exclusions: Exclusions
    coverage: tuple[YearCoverage, ...]
    last_day: pd.Timestamp

    def excluded(self, symbol: str, name: str) -> str | None:
        """Return why a coin never counts, or None if it does.

        Parameters
        ----------
        symbol, name : str
            As Yahoo gives them, such as "USDC" and "USD Coin USD".
        """
        return excluded(self.exclusions, symbol, name)


def load_membership(directory: Path = DIRECTORY) -> Membership:
    """Read the embedded membership.

    Parameters
    ----------
    directory : pathlib.Path
        Holds the five files; by default the package's own.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the content is not what its card says.
    """
    try:
        card = json.loads((directory / CARD_FILE).read_text(encoding="utf-8"))
        digest = content_digest(directory)
        table = pd.read_parquet(directory / SNAPSHOTS_FILE)
        coins = _read_csv(directory / COINS_FILE, text=["coin", "symbol", "from", "to"])
        tickers = _read_csv(directory / TICKERS_FILE, text=["coin", "tickers", "verified"])
        exclusions = read_exclusions(directory)
        coverage = tuple(YearCoverage(source="embedded", **row) for row in card["coverage_by_year"])
        last_day = pd.Timestamp(card["last_day"]).as_unit("s")
        promised = card["digest"]
        coins["check_day"] = pd.to_datetime(coins["check_day"]).dt.as_unit("s")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{directory}: the embedded membership cannot be read: {error}") from error
    if digest != promised:
        raise DataError(
            f"{directory}: the embedded membership has digest {digest[:12]}, "
            f"its card says {promised[:12]}; install the package again."
        )
    table["snapshot_date"] = table["snapshot_date"].dt.as_unit("s")
    table["coin"] = table["coin"].astype(str)
    return Membership(
        table,
        _with_tickers(coins.set_index("coin"), tickers.set_index("coin")),
        exclusions,
        coverage,
        last_day,
    )


def content_digest(directory: Path) -> str:
    """Return the SHA-256 of the compiled files, whatever their line ends."""
    content = hashlib.sha256((directory / SNAPSHOTS_FILE).read_bytes())
    content.update((directory / COINS_FILE).read_text(encoding="utf-8").encode())
    return content.hexdigest()


def _read_csv(path: Path, text: list[str]) -> pd.DataFrame:
    # A coin may be called nan: only an empty cell is missing, and only in a number.
    kinds = dict.fromkeys(text, str)
    return pd.read_csv(path, dtype=kinds, keep_default_na=False, na_values=[""]).fillna(
        dict.fromkeys(text, "")
    )


def _with_tickers(coins: pd.DataFrame, tickers: pd.DataFrame) -> pd.DataFrame:
    default = coins["symbol"] + "-USD"
    listed = tickers["tickers"].reindex(coins.index).fillna(default).str.split()
    verified = tickers["verified"].reindex(coins.index).fillna("no") == "yes"
    return coins.assign(tickers=listed.map(tuple), verified=verified)
