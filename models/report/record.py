"""What forecasts have earned, as the page shows it: discrimination, and the prospective record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.formatting import listed

TABLE = Path(__file__).parent / "prospective.csv"
COLUMNS = (
    "frozen", "known_until", "champion", "kind", "horizon_days", "candidate", "forecasts",
    "separate_windows", "onsets", "expected", "brier_skill",
)  # fmt: skip
NEAR_DAYS = 90
_NO_RANKING = 0.5


@dataclass(frozen=True)
class ProspectiveGroup:
    """Prospective scores at one horizon; but for `rows` the same for every candidate."""

    horizon_days: int
    forecasts: int
    separate_windows: int
    onsets: int
    rows: tuple[pd.Series, ...]


@dataclass(frozen=True)
class Prospective:
    """Forecasts of broad seasons made by a release on days that nobody had seen."""

    frozen: pd.Timestamp
    known_until: pd.Timestamp
    groups: tuple[ProspectiveGroup, ...]


def prospective(path: Path = TABLE) -> Prospective:
    """Return the prospective record of the last release that has one.

    Parameters
    ----------
    path : pathlib.Path
        Written by ``python -m models.report.docs``.
    """
    table = pd.read_csv(path, parse_dates=["frozen", "known_until"])
    own = table[table["frozen"] == table["frozen"].max()]
    return Prospective(
        own["frozen"].iloc[0],
        own["known_until"].iloc[0],
        tuple(
            ProspectiveGroup(
                horizon_days=int(rows["horizon_days"].iloc[0]),
                forecasts=int(rows["forecasts"].iloc[0]),
                separate_windows=int(rows["separate_windows"].iloc[0]),
                onsets=int(rows["onsets"].iloc[0]),
                rows=tuple(row for _, row in rows.iterrows()),
            )
            for _, rows in own.groupby("horizon_days")
        ),
    )


def ranking_statement(rows: Sequence[pd.Series]) -> str:
    """Return beyond which horizons forecasts rank days no better than chance; empty if nowhere.

    Parameters
    ----------
    rows : sequence of pandas.Series
        Of one candidate, from `models.verification.summary.verify`.
    """
    # Not strict: 0.5 is chance itself. NaN, where nothing could be ranked, is left out.
    poor = [row for row in rows if row["horizon_days"] > NEAR_DAYS and row["auc"] <= _NO_RANKING]
    if not poor:
        return ""
    values = listed([f"{row['auc']:.2f} at {row['horizon_days']:.0f} days" for row in poor])
    return (
        f"Beyond {NEAR_DAYS} days its forecasts rank days no better than chance does: AUC {values}."
    )
