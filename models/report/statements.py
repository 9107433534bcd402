"""What the evidence allows to say, in words that follow from stored verdicts alone."""

from __future__ import annotations

from models.forecasting.moves import DriverSum
from models.forecasting.near_term import NEAR_DAYS
from models.forecasting.parts import Forecast, Window
from models.formatting import (
    listed,
    long_day,
    percent,
    scored,
    share_interval,
    unsigned_interval,
)
from models.hazard.forecaster import Skill
from models.outlook.paths import SUSTAINED
from models.report.outlook_text import window_words
from models.report.outlook_words import FAMOUS_THRESHOLD, base_rate_side, ended_statement
from models.report.verdicts import SKILL
from models.vocabulary import Kind, Verdict

_NO_RANKING = 0.5


def skill_statements(forecast: Forecast) -> list[str]:
    """Return what the out-of-sample verdicts on what answers a forecast allow to say."""
    evidence = forecast.evidence
    if evidence.measured_at is not None:
        return [
            f"Nothing has been verified at {forecast.definition.threshold:g}. The skill of this "
            f"model was measured at {evidence.measured_at:g}: run without --threshold to see it."
        ]
    skills = evidence.answering(Kind.BROAD)
    if forecast.model.name == "climatology":
        return ["The model is the base rate itself, the historical frequency: its skill is 0."]
    if not skills:
        return ["Nothing has been verified out of sample yet: treat every number here as untested."]
    sentences = []
    for verdict, words in _ON_SKILL.items():
        horizons = [str(days) for days, skill in skills.items() if skill.verdict == verdict]
        if horizons:
            sentences.append(words.format(days=listed(horizons)))
    if any(days > NEAR_DAYS for days in skills) and evidence.outlook:
        sentences.append(
            f"Beyond {NEAR_DAYS} days the outlook answers, and its own hindcast is what is "
            f"judged there."
        )
    counts = [skill.episodes for skill in skills.values()]
    least, most = min(counts), max(counts)
    seasons = f"{least}" if least == most else f"{least} to {most}"
    sentences.append(f"All of this rests on {seasons} seasons, the only independent evidence.")
    return sentences


def partial_statement(forecast: Forecast) -> str:
    """Return the verdicts on the forecasts of partial seasons."""
    by_verdict: dict[Verdict, list[str]] = {}
    for days, skill in forecast.evidence.answering(Kind.PARTIAL).items():
        by_verdict.setdefault(skill.verdict, []).append(str(days))
    clauses = (
        f"{SKILL[verdict]} at {listed(horizons)} days" for verdict, horizons in by_verdict.items()
    )
    return f"Partial seasons: {'; '.join(clauses)}." if by_verdict else ""


def trust_statement(forecast: Forecast) -> str:
    """Return how far the window by date can be trusted, by the verified horizon next to it."""
    window, skills = headline_window(forecast), forecast.evidence.answering(Kind.BROAD)
    if window.probability is None or not skills:
        return ""
    end, days = long_day(window.window_end), window.horizon_days
    shown = forecast.evidence.shown_by_outlook(Kind.BROAD, days)
    if shown is None:
        nearest = min(skills, key=lambda horizon: abs(horizon - days))
        return (
            f"The window to {end} spans {days} days. At {nearest} days, the nearest verified "
            f"horizon, {_TRUST[skills[nearest].verdict]}."
        )
    return (
        f"The outlook answers the window to {end} ({days} days). At {shown.horizon_days} days, "
        f"the nearest horizon of its hindcast, {_TRUST[shown.verdict]} (Brier skill "
        f"{scored(shown.value, shown.low, shown.high)})."
    )


def today_statement(forecast: Forecast) -> str:
    """Return in which windows today's interval excludes the base rate.

    Only windows count in which such forecasts have beaten it: all others are to
    be read as the base rate, whatever their interval says.
    """
    answering = forecast.evidence.answering(Kind.BROAD)
    skills = [days for days, each in answering.items() if each.verdict == Verdict.BETTER]
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
            "At every horizon with skill, the 90 % interval includes the base rate: the chances "
            "are indistinguishable from it."
        )
    return (
        f"The chance of a broad season differs from the base rate: {' and '.join(clauses)} "
        f"(the 90 % interval excludes it)."
    )


def ranking_statement(forecast: Forecast) -> str:
    """Return whether what answers beyond 90 days ranks days better than chance, by its intervals.

    Empty where no AUC is known there.
    """
    far = [
        skill
        for days, skill in forecast.evidence.answering(Kind.BROAD).items()
        if days > NEAR_DAYS and skill.auc is not None
    ]
    if not far:
        return ""
    clauses = [
        f"{_ranked(skill)} at {skill.horizon_days} days (AUC {skill.auc:.2f}"
        f"{unsigned_interval(skill.auc_low, skill.auc_high)})"
        for skill in far
    ]
    return (
        f"Does the chance rank days before a season above other days? Beyond {NEAR_DAYS} days: "
        f"{'; '.join(clauses)}."
    )


def _ranked(skill: Skill) -> str:
    if skill.auc_low is not None and skill.auc_low > _NO_RANKING:
        return "yes"
    if skill.auc_high is not None and skill.auc_high < _NO_RANKING:
        return "no, the reverse"
    return "no detectable skill"


def carried_statement(forecast: Forecast) -> str:
    """Return where the index is bound to go if no price in Bitcoin moved; empty if not known."""
    if not forecast.carried:
        return ""
    first, *others = forecast.carried
    words = [f"{first.index:.0f} in {first.days} days"]
    words += [f"{each.index:.0f} in {each.days}" for each in others]
    return f"If every coin kept its price in bitcoin, the index would be {listed(words)}."


def flipping_statement(forecast: Forecast) -> str:
    """Return how many coins are how near to flipping; empty where the data hold none."""
    if not forecast.flipping:
        return ""
    first, *others = forecast.flipping
    more = "".join(f"; {each.margin} %: {each.lead} and {each.lag}" for each in others)
    return (
        f"Of the {first.compared} coins compared, {first.lead} would begin to beat "
        "Bitcoin had they "
        f"gained another {first.margin} % on it, and {first.lag} would cease to had they "
        f"lost as much{more}."
    )


def driver_heading(total: DriverSum) -> str:
    """Return what the drivers explain: the way from the base rate to the forecast."""
    side = "lower" if total.probability < total.base_rate else "raise"
    return (
        f"What {side}s the {total.horizon_days}-day chance of a broad season from the base rate of "
        f"{100 * total.base_rate:.1f} % to {100 * total.probability:.1f} %, in percentage points"
    )


def headline(forecast: Forecast) -> tuple[str, str]:
    """Return the number a reader came for and its question: a sustained season in the year.

    Where there is no outlook it is the chance of a broad season; the number is
    "none" where there is no forecast, and the question then holds the reason.
    """
    outlook = forecast.outlook
    if outlook is None:
        return _headline_of_window(headline_window(forecast))
    window, today = outlook.window, forecast.data.today
    if ended := ended_statement(window, as_of=forecast.as_of, today=today):
        return "ended", ended
    by_kind = {chance.kind: chance for chance in outlook.chances}
    sustained, broad = by_kind[SUSTAINED], by_kind[Kind.BROAD]
    words = window_words(outlook.window)
    famous = forecast.definition.threshold == FAMOUS_THRESHOLD
    like = ", like 2017 or 2021," if famous else ""
    if sustained.begun_on is not None:
        return "begun", f"A sustained season has begun on {long_day(sustained.begun_on)}."
    beside = (
        f"a broad season has begun on {long_day(broad.begun_on)}"
        if broad.begun_on is not None
        else f"a broad season of any length begins: {percent(broad.probability)}"
    )
    return (
        percent(sustained.probability),
        f"Chance of a sustained altcoin season{like} {words}. "
        f"Base rate: {percent(sustained.climatology)}; 90 % interval: "
        f"{share_interval(sustained.low, sustained.high)}. Beside it, {beside}.",
    )


def _headline_of_window(window: Window) -> tuple[str, str]:
    if window.probability is None:
        return "none", f"No forecast of a broad altcoin season: {window.reason}."
    return (
        percent(window.probability),
        f"Chance that a broad altcoin season begins by {long_day(window.window_end)}. "
        f"Base rate: {percent(window.climatology)}; 90 % interval: "
        f"{share_interval(window.low, window.high)}.",
    )


def headline_window(forecast: Forecast) -> Window:
    """Return the broad window by date, or else the last one."""
    by_date = [window for window in forecast.by_date if window.kind == Kind.BROAD]
    if by_date:
        return by_date[0]
    return [window for window in forecast.windows if window.kind == Kind.BROAD][-1]


_ON_SKILL = {
    Verdict.BETTER: "Skill at {days} days: out of sample the forecasts beat the base rate (the "
    "90 % interval of the Brier skill lies above 0).",
    Verdict.WORSE: "Worse than the base rate at {days} days: use the base rate there.",
    Verdict.CANNOT_TELL: "No detectable skill at {days} days: the forecasts are indistinguishable "
    "from the base rate, so use the base rate there.",
}
_TRUST = {
    Verdict.BETTER: "forecasts have beaten the base rate",
    Verdict.WORSE: "forecasts did worse than the base rate: use the base rate",
    Verdict.CANNOT_TELL: "forecasts have no detectable skill: use the base rate",
}
