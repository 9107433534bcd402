"""What the evidence allows to say, in words that follow from stored verdicts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from models.formatting import listed, long_day, percent
from models.vocabulary import Kind, Verdict


def on_skill(forecast: Mapping[str, Any]) -> list[str]:
    """Return what the out-of-sample verdicts on a forecast's model allow to say.

    Parameters
    ----------
    forecast : mapping
        From `models.forecasting.forecast.forecast`.
    """
    skills = {
        int(horizon): skill
        for horizon, skill in forecast["evidence"]["brier_skill"].items()
        if skill["value"] is not None
    }
    if forecast["model"]["name"] == "climatology":
        return ["The model is climatology, the historical frequency itself: it has no skill."]
    if not skills:
        return ["Nothing has been verified out of sample yet: no number here is proven."]
    sentences = []
    for verdict, words in _ON_SKILL.items():
        horizons = [str(days) for days, skill in skills.items() if skill["verdict"] == verdict]
        if horizons:
            sentences.append(words.format(days=listed(horizons)))
    counts = [skill["episodes"] for skill in skills.values()]
    least, most = min(counts), max(counts)
    seasons = f"{least}" if least == most else f"{least} to {most}"
    sentences.append(f"All of this rests on {seasons} seasons: the independent evidence there is.")
    return sentences


def on_partial(forecast: Mapping[str, Any]) -> str:
    """Return the verdicts on the forecasts of partial seasons."""
    by_verdict: dict[str, list[str]] = {}
    for horizon, verdict in forecast["evidence"]["partial_verdicts"].items():
        by_verdict.setdefault(verdict, []).append(horizon)
    said = (
        f"{verdict if verdict == Verdict.CANNOT_TELL else f'{verdict} than climatology'} at "
        f"{listed(horizons)} days"
        for verdict, horizons in by_verdict.items()
    )
    return f"Partial seasons: {'; '.join(said)}." if by_verdict else ""


def on_window(forecast: Mapping[str, Any]) -> str:
    """Return how far the headline's window can be trusted, by the verified horizon next to it."""
    row, end = _headline(forecast)
    skills = {
        int(horizon): skill["verdict"]
        for horizon, skill in forecast["evidence"]["brier_skill"].items()
        if skill["value"] is not None
    }
    if row["probability"] is None or not skills:
        return ""
    days = _days(forecast["as_of"], end)
    nearest = min(skills, key=lambda horizon: abs(horizon - days))
    trust = {
        Verdict.BETTER: "forecasts have beaten climatology",
        Verdict.WORSE: "forecasts did worse than climatology: read it as climatology",
    }.get(skills[nearest], "forecasts cannot be told from climatology: read it as climatology")
    return (
        f"The window until {long_day(end)} spans {days} days. At {nearest} days, the "
        f"verified horizon nearest to it, {trust}."
    )


def on_today(forecast: Mapping[str, Any]) -> str:
    """Return in which windows today's interval leaves climatology out.

    Only windows count in which such forecasts have beaten climatology: all
    others are to be read as climatology, whatever their interval says.
    """
    skills = forecast["evidence"]["brier_skill"]
    rows = [
        row
        for row in forecast["forecasts"]
        if row["kind"] == Kind.BROAD
        and skills.get(str(row["horizon_days"]), {}).get("verdict") == Verdict.BETTER
    ]
    if not rows or rows[0]["probability"] is None:
        return ""
    apart: dict[str, list[str]] = {"above": [], "below": []}
    for row in rows:
        # Strict: an interval that ends at climatology does not leave it out.
        if row["low"] > row["climatology"]:
            apart["above"].append(str(row["horizon_days"]))
        elif row["high"] < row["climatology"]:
            apart["below"].append(str(row["horizon_days"]))
    said = [f"{side} it at {listed(days)} days" for side, days in apart.items() if days]
    if not said:
        return (
            "Today's 90 % intervals hold climatology wherever the model has beaten it: nothing "
            "unusual is said."
        )
    return (
        f"Today's chance of a broad season is told from climatology: {' and '.join(said)} "
        f"(the 90 % interval leaves climatology out)."
    )


def on_claims(headlines: Sequence[Mapping[str, Any]]) -> str:
    """Return of how many claims the history tells anything.

    Parameters
    ----------
    headlines : sequence of mapping
        From `models.report.display.headlines`.
    """
    told = [row for row in headlines if row["verdict"] != Verdict.CANNOT_TELL]
    total = len(headlines)
    if not told:
        return (
            f"The history decides none of the article's {total} claims: the intervals are wide, "
            f"or a history shifted against itself shows as much."
        )
    names = listed([f"“{row['claim']}” ({row['verdict']})" for row in told])
    return (
        f"Of the article's {total} claims the history says something about {len(told)}: {names}. "
        f"About the other {total - len(told)} it cannot tell."
    )


def headline(forecast: Mapping[str, Any]) -> tuple[str, str]:
    """Return the number a reader came for and its question: by date, or the last window.

    The number is "none" where there is no forecast; the question then holds
    the reason.
    """
    row, end = _headline(forecast)
    if row["probability"] is None:
        return "none", f"No forecast of a broad altcoin season: {row['reason']}."
    return (
        percent(row["probability"]),
        f"Chance that a broad altcoin season begins by {long_day(end)}. Climatology: "
        f"{percent(row['climatology'])}; 90 % interval: {percent(row['low'])} to "
        f"{percent(row['high'])}.",
    )


_ON_SKILL = {
    Verdict.BETTER: "Out of sample it forecast better than climatology {days} days ahead: the 90 % "
    "interval of its Brier skill lies above 0.",
    Verdict.WORSE: "It forecast worse than climatology {days} days ahead: read those windows as "
    "climatology.",
    Verdict.CANNOT_TELL: "At {days} days the history cannot tell it from climatology: read those "
    "windows as climatology.",
}


def _headline(forecast: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the broad window by date, or else the last one, and its last day."""
    by_date = [row for row in forecast["by_date"] if row["kind"] == Kind.BROAD]
    if by_date:
        return by_date[0], by_date[0]["date"]
    row = [row for row in forecast["forecasts"] if row["kind"] == Kind.BROAD][-1]
    return row, row["window_end"]


def _days(first: str, last: str) -> int:
    return int((pd.Timestamp(last) - pd.Timestamp(first)).days)
