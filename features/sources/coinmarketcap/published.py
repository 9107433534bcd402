"""The season index that CoinMarketCap publishes (top 100, 90 days): a witness, never a value."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import pandas as pd

from features.panel import DataError
from features.sources.coinmarketcap.client import NAME, CoinMarketCap
from features.sources.tables import published_series
from features.storage.parquet import kept_table, write_table


def fetch_published(client: CoinMarketCap, *, now: pd.Timestamp) -> pd.Series:
    """Fetch their index of the last 90 days by day, percent, without the running day of `now`.

    SourceUnavailable if it cannot be had, DataError if it came in another layout.
    """
    data = client.published()
    try:
        points = pd.DataFrame(
            [(_instant(p["timestamp"]), float(p["altcoin_index"])) for p in data["points"]],
            columns=["at", "value"],
        ).sort_values("at")
        points["date"] = points["at"].dt.normalize().dt.as_unit("s")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{NAME}: the index came in an unknown layout ({type(error).__name__}: {error}); "
            "use --published FILE."
        ) from error
    # Of two points of a day the later one counts; the running day has no value yet: strict.
    over = points["date"] < now.tz_localize(None).normalize()
    days = points[over].drop_duplicates("date", keep="last", ignore_index=True)
    return published_series(days[["date", "value"]], NAME)


def kept_published(
    cache: Path,
    client: CoinMarketCap,
    *,
    now: pd.Timestamp,
    mode: Literal["online", "offline", "refresh"] = "online",
) -> pd.Series | None:
    """Return their index, asked for once a UTC day; None offline without what was kept."""
    path = cache / "coinmarketcap" / f"published-{now:%Y-%m-%d}.parquet"
    table = None if mode == "refresh" else kept_table(path)
    if table is None and mode == "offline":
        return None
    if table is None:
        values = fetch_published(client, now=now)
        table = pd.DataFrame({"date": values.index, "value": values.to_numpy()})
        with suppress(OSError):
            write_table(path, table, {})
    return pd.Series(table["value"].to_numpy(), pd.DatetimeIndex(table["date"]).as_unit("s"))


def _instant(stamp: object) -> pd.Timestamp:
    """Read an instant as UTC: ISO text, or seconds or milliseconds since 1970 as number or text."""
    text = str(stamp)
    if text.replace(".", "", 1).isdigit():
        seconds = float(text)
        return pd.Timestamp(seconds / (1000 if seconds > 1e11 else 1), unit="s")
    instant = pd.Timestamp(text)
    return instant if instant.tz is None else instant.tz_convert("UTC").tz_localize(None)
