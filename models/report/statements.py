"""What the evidence allows to say, in words that follow from stored verdicts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from models.forecasting.evidence import Skill
from models.forecasting.parts import Forecast, Window
from models.formatting import listed, long_day, percent, share_interval
from models.outlook.events import SUSTAINED
from models.report.outlook_text import window_words
from models.report.outlook_words import base_rate_side
from models.vocabulary import Kind, Verdict

VERDICTS: Mapping[str, str] = {
    Verdict.BETTER: "better than climatology",
    Verdict.WORSE: "worse than climatology",
    Verdict.CANNOT_TELL: "cannot tell",
}
_CLAIM_DAYS = 180
_LOW_INDEX_CLAIM, _LOW_INDEX_DAYS = "index of 33 or lower", 365


@dataclass(frozen=True)
class ClaimHeadline:
    """The condition by which a claim of the article is known: verdict and sentence."""

    claim: str
    verdict: str
    sentence: str


def skill_statements(forecast: Forecast) -> list[str]:
    """Return what the out-of-sample verdicts on a forecast's model allow to say."""
    skills = forecast.evidence.verified(Kind.BROAD)
    if forecast.model.name == "climatology":
        return ["The model is climatology, the historical frequency itself: it has no skill."]
    if not skills:
        return ["Nothing has been verified out of sample yet: no number here is proven."]
    sentences = []
    for verdict, words in _ON_SKILL.items():
        horizons = [str(days) for days, skill in skills.items() if skill.verdict == verdict]
        if horizons:
            sentences.append(words.format(days=listed(horizons)))
    counts = [skill.episodes for skill in skills.values()]
    least, most = min(counts), max(counts)
    seasons = f"{least}" if least == most else f"{least} to {most}"
    sentences.append(f"All of this rests on {seasons} seasons: the independent evidence there is.")
    return sentences


def partial_statement(forecast: Forecast) -> str:
    """Return the verdicts on the forecasts of partial seasons."""
    by_verdict: dict[Verdict, list[str]] = {}
    for days, skill in forecast.evidence.verified(Kind.PARTIAL).items():
        by_verdict.setdefault(skill.verdict, []).append(str(days))
    clauses = (
        f"{VERDICTS[verdict]} at {listed(horizons)} days"
        for verdict, horizons in by_verdict.items()
    )
    return f"Partial seasons: {'; '.join(clauses)}." if by_verdict else ""


def trust_statement(forecast: Forecast) -> str:
    """Return how far the headline's window can be trusted, by the verified horizon next to it."""
    window, skills = headline_window(forecast), forecast.evidence.verified(Kind.BROAD)
    if window.probability is None or not skills:
        return ""
    nearest = min(skills, key=lambda horizon: abs(horizon - window.horizon_days))
    return (
        f"The window until {long_day(window.window_end)} spans {window.horizon_days} days. At "
        f"{nearest} days, the verified horizon nearest to it, {_TRUST[skills[nearest].verdict]}."
    )


def today_statement(forecast: Forecast) -> str:
    """Return in which windows today's interval leaves climatology out.

    Only windows count in which such forecasts have beaten climatology: all
    others are to be read as climatology, whatever their interval says.
    """
    skills = {each.horizon_days: each for each in forecast.evidence.skill if _beats(each)}
    rows = [
        row for row in forecast.windows if row.kind == Kind.BROAD and row.horizon_days in skills
    ]
    if not rows or rows[0].probability is None:
        return ""
    sides: dict[str, list[str]] = {"above": [], "below": [], "within": []}
    for row in rows:
        # A window at risk has both ends and a climatology.
        if row.low is not None and row.high is not None and row.climatology is not None:
            side = base_rate_side(row.low, row.high, row.climatology)
            sides[side].append(str(row.horizon_days))
    apart = ((side, sides[side]) for side in ("above", "below"))
    clauses = [f"{side} it at {listed(days)} days" for side, days in apart if days]
    if not clauses:
        return (
            "Today's 90 % intervals hold climatology wherever the model has beaten it: nothing "
            "unusual is said."
        )
    return (
        f"Today's chance of a broad season is told from climatology: {' and '.join(clauses)} "
        f"(the 90 % interval leaves climatology out)."
    )


def claim_headlines(claims: pd.DataFrame) -> list[ClaimHeadline]:
    """Return the first condition of each claim: at 180 days, or as far as the claim looks.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `models.training.claims.claims`.
    """
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows[rows["condition"] == rows["condition"].iloc[0]]
        looks_ahead = _LOW_INDEX_DAYS if claim == _LOW_INDEX_CLAIM else _CLAIM_DAYS
        row = first.loc[(first["horizon_days"] - looks_ahead).abs().idxmin()]
        chosen.append(ClaimHeadline(str(claim), str(row["verdict"]), str(row["sentence"])))
    return chosen


def claims_statement(headlines: Sequence[ClaimHeadline]) -> str:
    """Return of how many claims the history tells anything."""
    decided = [claim for claim in headlines if claim.verdict != Verdict.CANNOT_TELL]
    total = len(headlines)
    if not decided:
        return (
            f"The history decides none of the article's {total} claims: the intervals are wide, "
            f"or a history shifted against itself shows as much."
        )
    names = listed([f"“{claim.claim}” ({claim.verdict})" for claim in decided])
    return (
        f"Of the article's {total} claims the history says something about {len(decided)}: "
        f"{names}. About the other {total - len(decided)} it cannot tell."
    )


def headline(forecast: Forecast) -> tuple[str, str]:
    """Return the number a reader came for and its question: a sustained season in the year.

    Where there is no outlook it is the chance of a broad season; the number is
    "none" where there is no forecast, and the question then holds the reason.
    """
    outlook = forecast.outlook
    if outlook is None:
        return _headline_of_window(headline_window(forecast))
    by_kind = {chance.kind: chance for chance in outlook.chances}
    sustained, broad = by_kind[SUSTAINED], by_kind[Kind.BROAD]
    words = window_words(outlook.window)
    if sustained.begun_on is not None:
        return "begun", f"A sustained season has begun on {long_day(sustained.begun_on)}."
    beside = (
        f"a broad season has begun on {long_day(broad.begun_on)}"
        if broad.begun_on is not None
        else f"a broad season of any length begins: {percent(broad.probability)}"
    )
    return (
        percent(sustained.probability),
        f"Chance of a sustained altcoin season, like 2017 or 2021, {words}. "
        f"Base rate: {percent(sustained.climatology)}; 90 % interval: "
        f"{share_interval(sustained.low, sustained.high)}. Beside it, {beside}.",
    )


def _headline_of_window(window: Window) -> tuple[str, str]:
    if window.probability is None:
        return "none", f"No forecast of a broad altcoin season: {window.reason}."
    return (
        percent(window.probability),
        f"Chance that a broad altcoin season begins by {long_day(window.window_end)}. "
        f"Climatology: {percent(window.climatology)}; 90 % interval: "
        f"{share_interval(window.low, window.high)}.",
    )


def headline_window(forecast: Forecast) -> Window:
    """Return the broad window by date, or else the last one."""
    by_date = [window for window in forecast.by_date if window.kind == Kind.BROAD]
    if by_date:
        return by_date[0]
    return [window for window in forecast.windows if window.kind == Kind.BROAD][-1]


def _beats(skill: Skill) -> bool:
    return skill.kind == Kind.BROAD and skill.verdict == Verdict.BETTER


_ON_SKILL = {
    Verdict.BETTER: "Out of sample it forecast better than climatology {days} days ahead: the "
    "90 % interval of its Brier skill lies above 0.",
    Verdict.WORSE: "It forecast worse than climatology {days} days ahead: read those windows as "
    "climatology.",
    Verdict.CANNOT_TELL: "At {days} days the history cannot tell it from climatology: read those "
    "windows as climatology.",
}
_TRUST = {
    Verdict.BETTER: "forecasts have beaten climatology",
    Verdict.WORSE: "forecasts did worse than climatology: read it as climatology",
    Verdict.CANNOT_TELL: "forecasts cannot be told from climatology: read it as climatology",
}
