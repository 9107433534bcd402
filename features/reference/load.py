"""The `reference` source: the history embedded in the package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from features.panel import DataError, MarketPanel
from features.provenance import DataProvenance

HISTORY_FILE = "history.parquet"
CARD_FILE = "card.json"
DIRECTORY = Path(__file__).parent


def load_reference(directory: Path = DIRECTORY) -> MarketPanel:
    """Read the embedded history into a panel.

    Parameters
    ----------
    directory : pathlib.Path
        Holds the history and its data card; by default the package's own.

    Returns
    -------
    MarketPanel
        Levels rebased to 100; everything else as the data card says.

    Raises
    ------
    DataError
        If a file is missing or damaged, or the content is not what the card says.
    """
    try:
        history = pd.read_parquet(directory / HISTORY_FILE)
        series = {
            str(name): rows.set_index("date")["value"]
            for name, rows in history.groupby("series", observed=True)
        }
        card = json.loads((directory / CARD_FILE).read_text())
        promised, provenance = card["digest"], _provenance(card["provenance"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{directory}: the embedded history cannot be read: {error}") from error
    panel = MarketPanel.from_series(series, "reference", provenance=provenance)
    if panel.digest != promised:
        raise DataError(
            f"{directory}: the embedded history has digest {panel.digest[:12]}, "
            f"its card says {promised[:12]}; install the package again."
        )
    return panel


def _provenance(card: Mapping[str, Any]) -> DataProvenance:
    since = card["since"]
    return DataProvenance(
        tuple(card["steps"]),
        (*card["problems"], *card.get("findings", ())),
        since=None if since is None else pd.Timestamp(since),
    )
