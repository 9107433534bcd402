"""The `reference` source: the history embedded in the package, its files checked by their card."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from features.market.season import OTHERS, IndexDefinition, IndexSeries
from features.panel import DataError, MarketPanel
from features.provenance import DataProvenance

HISTORY_FILE = "history.parquet"
DEFINITIONS_FILE = "definitions.parquet"
CARD_FILE = "card.json"
DIRECTORY = Path(__file__).parent


def load_reference(directory: Path = DIRECTORY) -> MarketPanel:
    """Read the embedded history: levels rebased to 100, everything else as its card says.

    DataError if a file is missing or damaged, or is not the one that the card describes.
    """
    with readable(directory):
        card = read_card(directory)
        history = pd.read_parquet(checked(directory, HISTORY_FILE, card))
        series = {
            str(name): rows.set_index("date")["value"]
            for name, rows in history.groupby("series", observed=True)
        }
        return MarketPanel.from_series(
            series, "reference", provenance=_provenance(card["provenance"])
        )


def load_definitions(directory: Path = DIRECTORY) -> dict[IndexDefinition, IndexSeries]:
    """Read the season index and carried breadth of every embedded window and top but the default.

    >>> list(load_definitions()[IndexDefinition(30, 20)])
    ['season_index']
    """
    with readable(directory):
        table = pd.read_parquet(checked(directory, DEFINITIONS_FILE, read_card(directory)))
        table.index = pd.DatetimeIndex(table.index).as_unit("s")
        return {
            definition: {
                name: table[column(name, definition)].dropna().rename(name)
                for name in definition.series
            }
            for definition in OTHERS
        }


def column(name: str, definition: IndexDefinition) -> str:
    """Return the heading of a definition's series in the table.

    >>> column("season_index", IndexDefinition(60, 20))
    'season_index_60d_top20'
    """
    return f"{name}_{definition.window_days}d_top{definition.top}"


def read_card(directory: Path) -> dict[str, Any]:
    """Read the data card."""
    card: dict[str, Any] = json.loads((directory / CARD_FILE).read_text(encoding="utf-8"))
    return card


def digests(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the SHA-256 of files, whatever the line ends of a CSV."""
    return {name: hashlib.sha256(_content(directory / name)).hexdigest() for name in names}


def checked(directory: Path, name: str, card: Mapping[str, Any]) -> io.BytesIO:
    """Return the content of a file, which must have the digest that the card gives it."""
    digest, promised = digests(directory, [name])[name], card["files"][name]
    if digest != promised:
        raise DataError(
            f"{directory / name}: has digest {digest[:12]}, its card says {promised[:12]}; "
            "install the package again."
        )
    return io.BytesIO(_content(directory / name))


@contextmanager
def readable(directory: Path) -> Iterator[None]:
    """Turn what a damaged or missing file raises into one DataError."""
    try:
        yield
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{directory}: the embedded history cannot be read: {error}; install the package again."
        ) from error


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return content.replace(b"\r\n", b"\n") if path.suffix == ".csv" else content


def _provenance(card: Mapping[str, Any]) -> DataProvenance:
    since = card["since"]
    return DataProvenance(
        tuple(card["steps"]),
        (*card["problems"], *card.get("findings", ())),
        since=None if since is None else pd.Timestamp(since),
        terms=card.get("terms", ""),
    )
