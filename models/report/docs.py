"""Write what the documentation shows: ``python -m models.report.docs [DIR]``.

`features.md` from the catalogue, `forecast.png` and `skill.md` from a training
with default settings on the embedded history; and, into this package, the summary of
`prospective.csv` that a page shows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from features.catalogue.document import page
from features.market.season import season_index
from features.panel import MarketPanel
from features.reference.load import load_reference
from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import out_of_sample
from models.forecasting.parts import ModelId
from models.forecasting.season_status import season_status
from models.formatting import markdown
from models.hazard.candidates import CANDIDATES
from models.report.picture import draw
from models.report.record import COLUMNS, TABLE
from models.report.style import png
from models.training import replay
from models.training.prospective import SHOWN, SHOWN_HORIZONS, judge, scores
from models.training.run import Settings, Training, train
from models.training.skill_table import skill_table
from models.vocabulary import Kind


def skill_page(training: Training) -> str:
    """Return the skill of every candidate with its meaning as a Markdown table."""

    def name_of(name: str) -> str:
        mark = "**" if name == training.choice.champion else ""
        return f"{mark}{name}{mark}: {CANDIDATES[name].meaning}"

    return "\n".join(markdown(skill_table(training, name_of))) + "\n"


def picture(panel: MarketPanel, training: Training) -> bytes:
    """Return the picture of the champion's forecast on the last day, as PNG."""
    forecaster = training.forecasters[training.choice.champion]
    status = season_status(panel, forecaster, panel.last_day)
    made = forecast(status, forecaster, ModelId(None, ""), by=None, today=panel.last_day)
    past = out_of_sample(status, forecaster, training.hindcast)
    return png(draw(past, outlook=made.outlook))


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
        # The test that the dispersion of onsets is for is not among the columns.
        found = scores(own[near & own["candidate"].isin(list(shown))], {Kind.BROAD: 1.0})
        rank = found["candidate"].map({name: place for place, name in enumerate(shown)})
        parts.append(
            found.assign(
                frozen=frozen, known_until=panel.last_day, champion=champion, rank=rank
            ).sort_values(["horizon_days", "rank"])
        )
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def write_prospective(directory: Path, path: Path = TABLE) -> None:
    """Write the summary of a directory's `prospective.csv`."""
    summary = prospective_summary(replay.read(directory / replay.TABLE), load_reference())
    summary.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def main(directory: Path) -> None:
    """Write the files."""
    panel = load_reference()
    training = train(panel, jobs=2)
    (directory / "features.md").write_text(page())
    (directory / "skill.md").write_text(skill_page(training))
    (directory / "forecast.png").write_bytes(picture(panel, training))
    write_prospective(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
