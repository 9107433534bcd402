"""The `reference` source: the history embedded in the package."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from features.panel import DataError, MarketPanel

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
        promised = json.loads((directory / CARD_FILE).read_text())["digest"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{directory}: the embedded history cannot be read: {error}") from error
    panel = MarketPanel.from_series(series, "reference")
    if panel.digest != promised:
        raise DataError(
            f"{directory}: the embedded history has digest {panel.digest[:12]}, "
            f"its card says {promised[:12]}; install the package again."
        )
    return panel
