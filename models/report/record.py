"""The prospective record, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

TABLE = Path(__file__).parent / "prospective.csv"
COLUMNS = (
    "frozen", "known_until", "champion", "kind", "horizon_days", "candidate", "forecasts",
    "separate_windows", "onsets", "expected", "brier_skill",
)  # fmt: skip


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
