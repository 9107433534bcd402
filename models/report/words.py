"""What may be said of a forecast, in sentences: text, page and model card read them from here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from features.health import STALE_DAYS
from models.answers import Answer, Event, State
from models.forecasting.leads import NEAR_DAYS
from models.forecasting.parts import (
    Driver,
    DriverSum,
    Followed,
    Forecast,
    SecondOpinion,
    Signal,
)
from models.forecasting.questions import Window
from models.formatting import (
    counted,
    listed,
    long_day,
    percent,
    share_interval,
    short_day,
    signed,
)
from models.hazard.forecaster import AlarmRecord, ClaimRecord, Fifth, Skill
from models.vocabulary import Kind, Verdict

if TYPE_CHECKING:
    from models.ledger.alerts import AlertState

DISCLAIMER = "Research software, not investment advice."
STATES = {
    "bitcoin": "a Bitcoin season",
    "neutral": "no season",
    "partial": "a partial altcoin season",
    "broad": "a broad altcoin season",
}
IN_STATE = {
    State.AT_RISK: "at risk",
    State.IN_SEASON: "in season",
    State.QUIET: "quiet for too short a time",
    State.ANY: "any state",
}
SKILL: Mapping[str, str] = MappingProxyType(
    {
        Verdict.BETTER: "better than the base rate",
        Verdict.WORSE: "worse than the base rate",
        Verdict.CANNOT_TELL: "no detectable skill",
    }
)


def stale(forecast: Forecast) -> bool:
    """Return whether the data are older than a week: then nothing of it headlines."""
    # Strict: data of exactly a week ago still count as current.
    return forecast.data.age_days > STALE_DAYS


def title(forecast: Forecast) -> str:
    """Return the first line: the day and the age of the data."""
    words = f"Altcoin season forecast as of {long_day(forecast.as_of)}"
    if forecast.as_of != forecast.data.last_day:
        return words
    age = "of today" if not forecast.data.age_days else (
        f"{counted(forecast.data.age_days, 'day')} old"
    )  # fmt: skip
    return f"{words}, data {age}"


def age_statement(forecast: Forecast) -> str:
    """Return what old data mean and the command that renews them; empty while they are current."""
    if not stale(forecast):
        return ""
    return (
        f"Nothing is known since {long_day(forecast.data.last_day)}. Of today: predict.py --source "
        f"auto"
    )


def window_name(window: Window) -> str:
    """Return the name of a window for the head of a row."""
    if window.year is not None:
        return f"{window.year}"
    return f"{short_day(window.start)} to {long_day(window.end)}"


def horizon_words(horizon: str) -> str:
    """Return a verified horizon in words."""
    return f"{horizon} days" if horizon.isdigit() else "the rest of the year"


def question_words(forecast: Forecast, kind: Kind) -> str:
    """Return what the probabilities of a kind of season answer."""
    definition = forecast.definition
    if kind is Kind.SUSTAINED:
        what = (
            f"broad on {definition.sustained_days} of its first {definition.sustained_within} days"
        )
    else:
        what = f"season index {forecast.thresholds[kind]:g} or more"
    return f"Chance that a {kind} altcoin season begins ({what})"


def index_statement(forecast: Forecast) -> str:
    """Return where the index stands, and what of it is a season."""
    season = forecast.season
    last = season.last_onset[Kind.BROAD]
    since = f"; last broad onset {long_day(last)}" if last is not None else ""
    return f"Season index {season.index:.0f} of 100 ({STATES[season.state]}{since})."


def dollar_statement(forecast: Forecast) -> str:
    """Return how the top 50 did in dollars; empty where it is not known."""
    dollars = forecast.dollars
    if dollars is None:
        return ""
    return (
        f"In dollars {dollars.rose:.0f} % of the top {forecast.definition.top:g} rose over "
        f"{forecast.definition.window_days:g} days, the median by "
        f"{signed(dollars.median_return, 0)} %."
    )


def now_statement(forecast: Forecast) -> str:
    """Return the index within the running day with its check; empty without a listing."""
    now = forecast.now
    if now is None:
        return ""
    taken, check = pd.Timestamp(now.taken_at), now.published
    words = (
        f"Index now: {now.index:.0f} ({now.source}, {short_day(taken)} {taken:%H:%M} UTC); in "
        f"dollars {now.rose:.0f} % rose, the median by {signed(now.median_return, 0)} %"
    )
    if check is None:
        return f"{words}."
    apart = "as usual" if check.as_usual else "further apart than usual"
    return (
        f"{words}; published (top 100) on {short_day(check.day)} {check.index:.0f}, ours "
        f"{check.ours:.0f}, {apart}."
    )


def sector_statement(forecast: Forecast) -> str:
    """Return the index of each sector with its count; empty without a listing."""
    if forecast.now is None or not forecast.now.sectors:
        return ""
    words = ", ".join(
        f"{each.name} {each.index:.0f} ({each.coins})" for each in forecast.now.sectors
    )
    return f"Index now by sector (coins): {words}. No forecast is made of sectors."


def followed_cells(row: Followed) -> tuple[str, ...]:
    """Return what followed past onsets as cells, returns and shares in percent."""
    returns = [
        f"{signed(each.value, 0)} [{signed(each.low, 0)}, {signed(each.high, 0)}]"
        for each in (row.relative, row.dollars)
    ]
    rose = f"{row.rose.value:.0f} [{row.rose.low:.0f}, {row.rose.high:.0f}]"
    hollow = f"{row.hollow} of {row.onsets}"
    return (f"{row.kind}, {row.days} days", f"{row.onsets}", *returns, signed(row.worst, 0), rose,
            hollow)  # fmt: skip


def hollow_statement(forecast: Forecast, kind: Kind = Kind.BROAD, days: int = 90) -> str:
    """Return after how many onsets the median altcoin had lost dollars; empty where not known."""
    rows = () if forecast.dollars is None else forecast.dollars.followed
    for each in rows:
        if (each.kind, each.days) == (kind, days):
            share = each.hollow_share
            return (
                f"{each.hollow} of {each.onsets} {kind} seasons were hollow: {days} days after "
                f"onset the median altcoin had lost dollars "
                f"({share_interval(share.low, share.high)})."
            )
    return ""


def begins_words(answer: Answer) -> str:
    """Return the chance of an answer, or what stands in its place."""
    if answer.began_on is not None:
        return f"began on {long_day(answer.began_on)}"
    return percent(answer.probability) if answer.probability is not None else "cannot"


def timing_statement(forecast: Forecast, kind: Kind = Kind.BROAD) -> str:
    """Return the median day of the first onset of a kind and the middle half; empty if none."""
    for answer in forecast.of(Event.FIRST, kind):
        if answer.quantiles is not None:
            low, median, high = (
                _day(forecast, answer.quantiles[each]) for each in ("0.25", "0.5", "0.75")
            )
            if median is None:
                end = long_day(forecast.window.end)
                return f"First {kind} season: more likely than not after {end}."
            after = f"after {forecast.window.end.day} {forecast.window.end:%b}"
            ends = f"{low or after} to {high or after}"
            return f"First {kind} season: median {median}, middle 50 % {ends}."
    return ""


def by_month(forecast: Forecast, kind: Kind) -> dict[pd.Timestamp, Answer]:
    """Return the chances that one begins in what is left of the window, by month's end.

    A season of the kind that this year has seen is not among them: the next one is asked about.
    """
    chances = {
        each.end: each
        for each in forecast.of(Event.BEGINS, kind)
        if each.end.is_month_end and each.start == forecast.window.start
        and each.end <= forecast.window.end
    }  # fmt: skip
    return dict(sorted(chances.items())[-12:])


def _day(forecast: Forecast, days: float | None) -> str | None:
    return None if days is None else long_day(forecast.as_of + pd.Timedelta(days=days))


def fifth_statement(fifth: Fifth | None) -> str:
    """Return what came of chances like today's; empty where nothing is verified."""
    if fifth is None:
        return ""
    return (
        f"of {counted(fifth.forecasts, 'forecast')} like it (mean "
        f"{percent(fifth.expected)}) {percent(fifth.observed)} came true "
        f"({counted(fifth.episodes, 'season')})."
    )


def alarm_statement(record: AlarmRecord | None) -> str:
    """Return how seasons were announced: alarms and seasons, as overlapping weeks are no cases."""
    if record is None or not record.seasons:
        return ""
    ahead = "" if record.median_days is None else f", median {record.median_days:.0f} days ahead"
    return (
        f"At {percent(record.level)} or more: {counted(record.alarms, 'alarm')}, "
        f"{record.false_alarms} false; {record.announced} of {record.seasons} seasons "
        f"announced{ahead}."
    )


def past_finding(forecast: Forecast) -> str:
    """Return what past forecasts came to, as a heading."""
    record = forecast.evidence.alarms
    if record is None or not record.seasons:
        return "What was forecast before"
    return f"{record.announced} of {record.seasons} broad seasons were announced"


def trust_statement(forecast: Forecast) -> str:
    """Return how far to trust the chance of the next 90 days, in one paragraph."""
    evidence = forecast.evidence
    if evidence.measured_at is not None:
        return (
            f"Nothing has been verified at an index of {forecast.definition.threshold:g}: the "
            f"skill of this model was measured at {evidence.measured_at:g}."
        )
    parts = [fifth_statement(evidence.fifth), alarm_statement(evidence.alarms)]
    words = " ".join(part for part in parts if part)
    return (
        words[:1].upper() + words[1:]
        or "Nothing has been verified out of sample yet: treat every number as untested."
    )


def too_high_statement(forecast: Forecast) -> str:
    """Return what sustained forecasts came to where they have been too high; empty else."""
    skills = forecast.evidence.verified(Kind.SUSTAINED)
    # The window of the first screen before one of its length.
    both = (skills.get(horizon) for horizon in ("year", "180"))
    shown = next((each for each in both if each is not None and each.too_high), None)
    if shown is None:
        return ""
    further = (shown.value or 0.0) > 0
    guide = "has been further off" if further else "is the better guide"
    return (
        f"Chances of a sustained season have been too high (over {horizon_words(shown.horizon)} "
        f"they averaged {percent(shown.expected)} and {percent(shown.observed)} came true); the "
        f"base rate {guide}."
    )


def skill_statements(forecast: Forecast) -> list[str]:
    """Return what the verdicts on forecasts of broad seasons allow to say."""
    evidence = forecast.evidence
    if evidence.measured_at is not None:
        return [trust_statement(forecast)]
    if forecast.model.name == "climatology":
        return ["The model is the base rate itself, the historical frequency: its skill is 0."]
    skills = evidence.verified(Kind.BROAD)
    if not skills:
        return ["Nothing has been verified out of sample yet: treat every number as untested."]
    sentences = []
    for verdict, words in _ON_SKILL.items():
        horizons = [horizon_words(h) for h, skill in skills.items() if skill.verdict == verdict]
        if horizons:
            sentences.append(words.format(horizons=listed(horizons)))
    counts = [skill.episodes for skill in skills.values()]
    least, most = min(counts), max(counts)
    seasons = f"{least}" if least == most else f"{least} to {most}"
    return [*sentences, f"All of this rests on {seasons} seasons, the only independent evidence."]


_ON_SKILL = {
    Verdict.BETTER: "Skill at {horizons}: out of sample the forecasts beat the base rate (the "
    "90 % interval of the Brier skill lies above 0).",
    Verdict.WORSE: "Worse than the base rate at {horizons}: use the base rate there.",
    Verdict.CANNOT_TELL: "No detectable skill at {horizons}: use the base rate there.",
}


def skill_words(skill: Skill | None) -> str:
    """Return a skill in words.

    Examples
    --------
    >>> skill_words(None)
    'not verified'
    """
    if skill is None or skill.value is None:
        return "not verified"
    return f"{SKILL[skill.verdict]} ({signed(skill.value)})"


SIGNALS_HEAD = f"Signals (* given): broad season within {NEAR_DAYS} days"


def signal_verdict(signal: Signal) -> str:
    """Return what a signal has been followed by, and the verdict, in words."""
    record = signal.record
    if signal.holds is None:
        return "not known, for want of a value that it needs"
    state = "sign given" if signal.holds else "no sign"
    if record is None or record.rate is None:
        return f"{state}; not tested"
    return f"{state}; {claim_words(record)}"


def signal_cells(signal: Signal) -> tuple[str, str, str, str, str]:
    """Return a signal as cells: what it reads, what followed such days and others, spells, effect.

    A star marks a sign that is given.
    """
    reading = f"{'* ' if signal.holds else ''}{signal.name} {signal.reading}"
    record = signal.record
    if signal.holds is None or record is None or record.rate is None:
        return reading, "n/a", "n/a", "0", "n/a"
    effect = {"more often": "more", "less often": "fewer"}.get(record.verdict, "none")
    return reading, percent(record.rate), percent(record.otherwise), f"{record.spells}", effect


def claim_words(record: ClaimRecord) -> str:
    """Return how often a season followed the days of a claim, and the verdict."""
    effect = {
        "more often": "more seasons followed", "less often": "fewer seasons followed"
    }.get(record.verdict, "no detectable effect")  # fmt: skip
    return (
        f"such days {percent(record.rate)}, others {percent(record.otherwise)} "
        f"({counted(record.spells, 'spell')}): {effect}"
    )


def second_opinion_statement(opinion: SecondOpinion | None) -> str:
    """Return what the model on all features says, with its skill and what moves it."""
    if opinion is None:
        return ""
    if opinion.probability is None:
        return f"{opinion.model}, on all features: no season can begin next."
    moved = sorted(opinion.points.items(), key=lambda each: -abs(each[1]))
    words = ", ".join(f"{name} {signed(points, 1)}" for name, points in moved)
    return (
        f"{opinion.model}, on all features: {percent(opinion.probability)} in {NEAR_DAYS} days, "
        f"{skill_words(opinion.skill)}." + (f" Points: {words}." if words else "")
    )


def change_statement(forecast: Forecast) -> str:
    """Return what would change the answer: where the index is bound to go, and who may flip."""
    return " ".join(filter(None, [carried_statement(forecast), flipping_statement(forecast)]))


def carried_statement(forecast: Forecast) -> str:
    """Return where the index is bound to go if no price in Bitcoin moved; empty if not known."""
    if not forecast.carried:
        return ""
    first, *others = forecast.carried
    words = [f"{first.index:.0f} in {first.days} days"]
    words += [f"{each.index:.0f} in {each.days}" for each in others]
    return f"At unchanged prices in bitcoin the index is {listed(words)}."


def flipping_statement(forecast: Forecast) -> str:
    """Return how many coins are near to flipping; empty where the data do not hold it."""
    if not forecast.flipping:
        return ""
    each = forecast.flipping[min(1, len(forecast.flipping) - 1)]
    return (
        f"Of {each.compared} coins {each.lead} would join with {each.margin} % more, {each.lag} "
        f"leave with {each.margin} % less."
    )


def states_statement(forecast: Forecast) -> str:
    """Return why a season of a kind cannot begin next, and when the next can; empty at risk."""
    season = forecast.season
    reasons = [f"{kind}: {why}" for kind, why in season.reasons.items() if why is not None]
    if not reasons:
        return ""
    earliest = min(season.earliest_onset.values())
    tail = ""
    # The day after as_of is no news: an onset is possible at once.
    if earliest > forecast.as_of + pd.Timedelta(days=1):
        tail = f" The next season can begin on {long_day(earliest)} at the earliest."
    text = "; ".join(reasons)
    return f"{text[:1].upper()}{text[1:]}.{tail}"


def lasting_statement(forecast: Forecast, kind: Kind) -> str:
    """Return the chances that a standing season of a kind goes on; empty where none stands."""
    answers = forecast.of(Event.LASTS, kind)
    if not answers:
        return ""
    first, *others = (
        f"{each.horizon(forecast.as_of)} days: {percent(each.probability)}" for each in answers
    )
    days = ", ".join([first, *(each.replace(" days", "") for each in others)])
    return (
        f"Chance that the {kind} season has a day at {forecast.thresholds[kind]:g} or more in "
        f"or after {days}."
    )


def days_statement(forecast: Forecast, answer: Answer) -> str:
    """Return the days in season of a window: median, interval, and those already seen."""
    window, values = forecast.window, answer.quantiles or {}
    if not values:
        return ""
    where = f"in {window.year}" if window.year else "in these days"
    seen = f" ({answer.seen} so far)" if answer.seen else ""
    none = "" if answer.seen else f"; chance of none {percent(1 - (answer.probability or 0))}"
    return (
        f"Days in a {answer.kind} season {where}: median {values['0.5']:g}{seen}, 90 % interval "
        f"{values['0.05']:g} to {values['0.95']:g}{none}."
    )


def driver_heading(total: DriverSum) -> str:
    """Return what the drivers explain: the way from the base rate to the forecast."""
    verb = "lowers" if total.probability < total.base_rate else "raises"
    return (
        f"What {verb} the {total.horizon_days}-day chance of a broad season from the base rate of "
        f"{100 * total.base_rate:.1f} % to {100 * total.probability:.1f} %, in percentage points"
    )


REST = "average day off the base rate, leads taken together"


def driver_groups(drivers: tuple[Driver, ...]) -> list[tuple[str, float, list[Driver]]]:
    """Return the drivers by group with the sum of their points, the strongest group first."""
    groups: dict[str, list[Driver]] = {}
    for driver in drivers:
        groups.setdefault(driver.group, []).append(driver)
    summed = [
        (name, sum(each.points for each in members), members) for name, members in groups.items()
    ]
    return sorted(summed, key=lambda each: -abs(each[1]))


def earlier_note(forecast: Forecast) -> str:
    """Return what the columns of a week and a month ago are."""
    sampled = [long_day(each.as_of) for each in forecast.earlier if each.in_sample]
    note = (
        "A week and a month ago: the same model on the data known then, for windows as long; the "
        f"window to {long_day(forecast.window.end)} keeps its end."
    )
    if sampled:
        note += (
            f" The model has learnt from outcomes up to {long_day(forecast.model.trained_until)}: "
            f"its values for {listed(sampled)} are in sample."
        )
    return note


def alert_statement(state: AlertState) -> str:
    """Return what an alert found."""
    before = "" if state.before is None else f", {percent(state.before)} in the forecast before"
    if state.alert.change and state.before is None:
        before = ", no earlier forecast of the same window to compare with"
    word = "ALERT" if state.fired else "alert reported before" if state.met else "no alert"
    return f"{word}: {state.alert} ({percent(state.probability)}{before})."


def model_statement(forecast: Forecast) -> str:
    """Return which model and which data a forecast was made by."""
    model, data = forecast.model, forecast.data
    version = f"version {model.version}" if model.version else f"run {model.run_id}"
    return (
        f"Model: {model.name}, {version}, trained until {long_day(model.trained_until)}, "
        f"{forecast.evidence.onsets} broad onsets in training. Data: {data.source} to "
        f"{long_day(data.last_day)}."
    )
