"""Forecasts whose windows end after the embedded history, scored by a file of outcomes.

Nothing of that file is kept but the scores: `prospective-outcomes.csv` beside the forecasts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from features.market.season import season_index
from features.panel import MarketPanel
from features.storage.atomic import staged
from models.formatting import markdown, percent, signed
from models.season.definition import OnsetDefinition
from models.season.outcome_file import read_outcomes, standing, window_outcomes
from models.training.prospective import judge
from models.verification.counts import separate
from models.verification.hindcast import REFERENCE
from models.verification.scores import brier_scores, skill
from models.vocabulary import Kind

RELEASE, PROGRAM = "prospective.csv", "prospective-2026-06-06.csv"
SCORES = "prospective-outcomes.csv"
# What was forecast, as the scores name it.
WEEKS, AGAIN, LAST = "release of 2025-12-10", "program of 2026-11-29", "forecast of 2026-06-06"
ALL, KNOWN, NEW = "all", "in the history", "after the history"
SHOWN = ("persistence", "logistic", "simulation", "pool", "lightgbm")
HORIZONS = (30, 60, 90, 180)
_SURE = ["sure_at_least", "sure_at_most"]

_WORDS = """## Windows that end after the embedded history

The embedded history ends on 2026-06-06. Whether the season index stood at 75 on a day after it is
known to {until} from published indices and partial closes, with how sure that is: 95 to 99 % a
day. Broad seasons only; a window is scored once all its days are decided. How sure a whole window
is lies between the product of its days, as if they erred apart, and its least sure day, as if they
erred together; the least sure window is given. Partial seasons stay open: so do many of their days.

**No onset came**, so that these weeks test only the level of a forecast: lower forecasts score
better, whatever they rest on. The weekly windows overlap; so few share no day that no interval can
be given.

What had been seen when: the release of 2025-12-10 was fixed before all of this, with `logistic` as
its champion. `pool` became the champion with the months to 2026-06-06 on the table
([choices.md](choices.md)): for it only windows that end later are new. For the rules chosen from
2026-11-29 on (hand-over, intervals, sustained seasons) only later days are prospective.
"""


def judge_by_outcomes(
    table: pd.DataFrame, index: pd.Series, outcomes: pd.DataFrame, definition: OnsetDefinition
) -> pd.DataFrame:
    """Set forecasts of both kinds beside what the index and then a file say came of them.

    Columns as from `models.training.prospective.judge`; `outcome` and how sure it is are from
    `models.season.outcome_file.window_outcomes`, and `ended` is `KNOWN` or `NEW`.
    """
    parts = []
    for kind, each in definition.by_kind().items():
        forecasts = judge(table[table["kind"] == kind], index, definition).drop(columns="outcome")
        windows = forecasts[["as_of", "window_end"]].drop_duplicates(ignore_index=True)
        days = standing(index, outcomes, each.threshold)
        came = window_outcomes(windows, days, quiet_days=each.quiet_days)
        parts.append(forecasts.merge(windows.join(came), on=["as_of", "window_end"]))
    judged = pd.concat(parts, ignore_index=True)
    # Not strict: what closed with the history's last day is in the history.
    known = judged["window_end"] <= index.index[-1]
    return judged.assign(ended=np.where(known, KNOWN, NEW))


def outcome_scores(judged: pd.DataFrame) -> pd.DataFrame:
    """Score broad seasons by horizon, candidate, and whether their windows ended in the history.

    A group is as sure as its least sure window.
    """
    broad = judged[judged["kind"] == Kind.BROAD].dropna(subset="outcome")
    both, rows = pd.concat([broad.assign(ended=ALL), broad]), []
    for (horizon, ended, candidate), own in both.groupby(
        ["horizon_days", "ended", "candidate"], sort=False
    ):
        outcome, probability, climatology = (
            own[name].to_numpy(dtype=float) for name in ("outcome", "probability", "climatology")
        )
        ends = (pd.DatetimeIndex(own[name]) for name in ("as_of", "window_end"))
        rows.append(
            {
                "horizon_days": horizon,
                "ended": ended,
                "candidate": candidate,
                "forecasts": len(own),
                "separate_windows": int(separate(*ends).sum()),
                "onsets": int(outcome.sum()),
                "mean_probability": probability.mean(),
                "brier_skill": skill(
                    float(brier_scores(outcome, probability).mean()),
                    float(brier_scores(outcome, climatology).mean()),
                ),
                **own[_SURE].min().to_dict(),
            }
        )
    return pd.DataFrame(rows)


def write_scores(
    directory: Path, panel: MarketPanel, outcomes: Path, definition: OnsetDefinition
) -> None:
    """Score all forecasts in a directory by a file of outcomes and write what came out."""
    index, days = season_index(panel), read_outcomes(outcomes)
    weeks, again = (
        pd.read_csv(directory / name, parse_dates=["frozen", "as_of"])
        for name in (RELEASE, PROGRAM)
    )
    last = again["as_of"] == again["frozen"]
    sets = {WEEKS: weeks, AGAIN: again[~last], LAST: again[last]}
    scored = {
        name: outcome_scores(judge_by_outcomes(table, index, days, definition))
        for name, table in sets.items()
    }
    scores = pd.concat(scored, names=["forecast_by"]).droplevel(1).reset_index()
    scores.insert(1, "known_until", days.index[-1])
    with staged(directory / SCORES) as beside:
        scores.to_csv(beside, index=False, float_format="%.6g", lineterminator="\n")


def outcome_section(directory: Path) -> str:
    """Return what the scores of a directory say, as Markdown; empty where there are none."""
    if not (directory / SCORES).exists():
        return ""
    scores = pd.read_csv(directory / SCORES)
    parts = [_WORDS.format(until=scores["known_until"].iloc[0])]
    for forecast_by, ended, words in (
        (WEEKS, ALL, "All weeks of the release of 2025-12-10"),
        (WEEKS, NEW, "Of these, windows that end after 2026-06-06"),
        (AGAIN, ALL, "The same weeks by the program of 2026-11-29, refitted every 28 days"),
        (AGAIN, NEW, "Of these, windows that end after 2026-06-06"),
    ):
        parts.append(f"### {words}\n")
        parts += [*markdown(list(_skill_rows(scores, forecast_by, ended))), ""]
    parts.append("### The forecast of 2026-06-06 by the program of 2026-11-29\n")
    parts.append(
        "Chances of an onset, and how sure it is that none came. All of it stands in\n"
        f"[{PROGRAM}]({PROGRAM}), with the outlook's chances of 2026\n"
        "and 2027, to be judged when more is known.\n"
    )
    last = pd.read_csv(directory / PROGRAM)
    parts += [*markdown(list(_last_rows(last[last["as_of"] == last["frozen"]], scores))), ""]
    return "\n".join(parts)


def outcome_summary(directory: Path) -> str:
    """Return the weeks of the release of 2025-12-10 in one paragraph and table; or nothing."""
    if not (directory / SCORES).exists():
        return ""
    scores = pd.read_csv(directory / SCORES)
    words = (
        "Forecasts of the release whose data ended on 2025-12-10 (champion `logistic`) in the "
        "weeks since, broad seasons, outcomes known to "
        f"{scores['known_until'].iloc[0]}. No onset came: they test only the level of a forecast, "
        "and lower forecasts score better."
    )
    return "\n".join([words, "", *markdown(list(_skill_rows(scores, WEEKS, ALL)))])


def _skill_rows(scores: pd.DataFrame, forecast_by: str, ended: str) -> Iterator[list[str]]:
    own = scores[(scores["forecast_by"] == forecast_by) & (scores["ended"] == ended)]
    table = own.set_index(["candidate", "horizon_days"])
    yield ["Brier skill", *(f"{days} days" for days in HORIZONS)]
    for name in SHOWN:
        yield [name, *(signed(table["brier_skill"][name, days]) for days in HORIZONS)]
    yield [REFERENCE, *["reference"] * len(HORIZONS)]
    for label, column in (
        ("weeks", "forecasts"),
        ("windows that share no day", "separate_windows"),
        ("onsets", "onsets"),
    ):
        yield [label, *(f"{table[column][REFERENCE, days]}" for days in HORIZONS)]
    sure = own[own["candidate"] == REFERENCE].set_index("horizon_days").iterrows()
    yield ["sure of no onset", *(_sureness(row) for _, row in sure)]


def _last_rows(last: pd.DataFrame, scores: pd.DataFrame) -> Iterator[list[str]]:
    broad = last[last["kind"] == Kind.BROAD]
    yield ["candidate", *(f"{days} days" for days in (*HORIZONS, 365))]
    for _, row in broad.iterrows():
        yield [row["candidate"], *(percent(row[f"p{days}"]) for days in (*HORIZONS, 365))]
    own = scores[(scores["forecast_by"] == LAST) & (scores["ended"] == ALL)]
    rows = own[own["candidate"] == REFERENCE].set_index("horizon_days").iterrows()
    came = {days: f"no ({_sureness(row)})" for days, row in rows}
    yield ["came", *(came.get(days, "open") for days in (*HORIZONS, 365))]


def _sureness(row: pd.Series) -> str:
    low, high = (percent(row[name]) for name in _SURE)
    return low if low == high else f"{low.removesuffix(' %')} to {high}"
