"""How the forecasts of each release have done since, as a page shows it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.market.season import season_index
from features.panel import MarketPanel
from models.report.record import COLUMNS, TABLE
from models.training import replay
from models.training.prospective import SHOWN, SHOWN_HORIZONS, judge, scores
from models.training.run import Settings
from models.vocabulary import Kind


def prospective_summary(table: pd.DataFrame, panel: MarketPanel) -> pd.DataFrame:
    """Return how the forecasts of each release have done since: broad seasons, near horizons.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.training.replay.read`.
    panel : MarketPanel
        The market that decides the outcomes.

    Returns
    -------
    pandas.DataFrame
        Columns `models.report.record.COLUMNS`, of each release's champion and what it is to be
        compared with.
    """
    judged = judge(table, season_index(panel), Settings().definition)
    parts = []
    for _, own in judged.groupby(["frozen", "champion"]):
        frozen, champion = own[["frozen", "champion"]].iloc[0]
        shown = dict.fromkeys((champion, *SHOWN))
        near = (own["kind"] == Kind.BROAD) & own["horizon_days"].isin(SHOWN_HORIZONS)
        scored = scores(own[near & own["candidate"].isin(list(shown))])
        rank = scored["candidate"].map({name: place for place, name in enumerate(shown)})
        parts.append(
            scored.assign(
                frozen=frozen, known_until=panel.last_day, champion=champion, rank=rank
            ).sort_values(["horizon_days", "rank"])
        )
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def write_prospective(directory: Path, panel: MarketPanel, path: Path = TABLE) -> None:
    """Write the summary of a directory's `prospective.csv`."""
    summary = prospective_summary(replay.read(directory / replay.TABLE), panel)
    summary.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")
