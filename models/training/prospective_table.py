"""The weeks since a release in one small table: Brier skill, and how little it rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import pandas as pd

from features.market.season import season_index
from features.panel import MarketPanel
from models.formatting import counted, iso_day, listed, markdown, signed
from models.season.definition import OnsetDefinition
from models.training.prospective import SHOWN_HORIZONS, judge, scores
from models.verification.hindcast import REFERENCE
from models.vocabulary import Kind

# What the mean of two forecasters is made of, and their mean.
COMPARED = ("logistic", "simulation", "pool")


def skill_rows(judged: pd.DataFrame, candidates: Sequence[str]) -> list[list[str]]:
    """Return the Brier skill of broad seasons against climatology at 30, 60 and 90 days.

    Parameters
    ----------
    judged : pandas.DataFrame
        Of one release, from `models.training.prospective.judge`.
    candidates : sequence of str
        Those to show, climatology last; those without forecasts are left out.

    Returns
    -------
    list of list of str
        The head, a row per candidate, then the weeks resolved, the windows among them that share
        no day, and how many of these had an onset; n/a where nothing is resolved.
    """
    broad = judged[judged["kind"] == Kind.BROAD]
    scored = scores(broad)
    table = scored.set_index(["candidate", "horizon_days"]) if len(scored) else scored
    shown = [name for name in (*candidates, REFERENCE) if name in set(broad["candidate"])]

    def cells(name: str, column: str) -> list[str]:
        row = []
        for days in SHOWN_HORIZONS:
            value = table[column].get((name, days)) if len(scored) else None
            whole = value if column != "brier_skill" or value is None else signed(float(value))
            row.append("n/a" if whole is None else f"{whole}")
        return row

    rows = [["Brier skill", *(f"{days} days" for days in SHOWN_HORIZONS)]]
    rows += [[name, *cells(name, "brier_skill")] for name in shown if name != REFERENCE]
    rows.append([REFERENCE, *["reference"] * len(SHOWN_HORIZONS)])
    for label, column in (
        ("weeks resolved", "forecasts"),
        ("windows that share no day", "separate_windows"),
        ("of these with an onset", "onsets"),
    ):
        rows.append([label, *cells(REFERENCE, column)])
    return rows


def since_release(table: pd.DataFrame, panel: MarketPanel, definition: OnsetDefinition) -> str:
    """Return the prospective table of the last release of which a week has been resolved.

    Parameters
    ----------
    table : pandas.DataFrame
        From `models.training.replay.read`, any number of releases.
    panel : MarketPanel
        The market as it is known now.
    definition : OnsetDefinition
        What counts as an onset of a broad season.

    Returns
    -------
    str
        Markdown.
    """
    judged = judge(table, season_index(panel), definition)
    resolved = judged.dropna(subset="outcome")
    if resolved.empty:
        return "No week since a release has been resolved yet."
    own = judged[judged["frozen"] == resolved["frozen"].max()]
    first = own.iloc[0]
    rows = skill_rows(own, list(dict.fromkeys((first["champion"], *COMPARED))))
    words = (
        f"Forecasts of the release whose data ended on {iso_day(first['frozen'])} (champion "
        f"`{first['champion']}`) in the weeks since, broad seasons, outcomes known to "
        f"{iso_day(panel.last_day)}. {_judging(rows)}"
    )
    return "\n".join([words, "", *markdown(rows)])


def known_section(
    replayed: pd.DataFrame, panel: MarketPanel, definition: OnsetDefinition, release: pd.Timestamp
) -> str:
    """Return what the models of a release say of months that were known when they were fixed.

    Parameters
    ----------
    replayed : pandas.DataFrame
        A replay of those models, trained until the release before.
    panel : MarketPanel
        The market as the release knew it.
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    release : pandas.Timestamp
        The last day of the release's data.

    Returns
    -------
    str
        Markdown.
    """
    before = replayed["frozen"].iloc[0]
    rows = skill_rows(judge(replayed, season_index(panel), definition), COMPARED)
    heading = f"## Months that the release with data to {iso_day(release)} knew\n"
    words = (
        f"**Not prospective evidence.** The candidates of that release as they would have forecast "
        f"every week after {iso_day(before)}, trained until then, broad seasons. These months "
        f"were known when the candidates were fixed: the table is for comparison only and does not "
        f"show what the release can foresee. {_judging(rows)}"
    )
    paragraph = textwrap.fill(words, 100, break_on_hyphens=False)
    return "\n".join([heading, paragraph, "", *markdown(rows), ""])


def _judging(rows: Sequence[Sequence[str]]) -> str:
    """Say what forecasts can be judged by where no onset came."""
    came = [int(cell) for cell in rows[-1][1:] if cell != "n/a"]
    if any(came):
        return f"Of windows that share no day {listed([f'{n}' for n in came])} had an onset."
    weeks = [int(cell) for cell in rows[-3][1:] if cell != "n/a"]
    return (
        f"No onset came in these {counted(max(weeks, default=0), 'week')}: they test only the "
        f"level of a forecast, and lower forecasts score better."
    )
