"""A forecast as text for a person: one screen that answers, and the whole of it on request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from features.terminal import aligned
from models.answers import Answer, Event
from models.forecasting.parts import Earlier, Forecast, Note, NoteCode
from models.forecasting.questions import HORIZONS, KINDS
from models.formatting import (
    interval,
    long_day,
    percent,
    share_interval,
    short_day,
    signed,
    unsigned_interval,
)
from models.hazard.forecaster import Skill
from models.report import words
from models.report.terminal import Terminal
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.ledger.alerts import AlertState

DRIVERS_SHOWN = 8
_PLAIN = Terminal()
# What a finding says, its rule and consequence in brackets, then the way out.
_FINDING = re.compile(r"(?P<what>.+?) \([^();]+; (?P<consequence>[^();]+)\)\. ")
_HEADS = ("", "chance", "90 % interval", "base rate")


def forecast_text(
    forecast: Forecast,
    terminal: Terminal = _PLAIN,
    *,
    full: bool = False,
    alerts: Sequence[AlertState] = (),
) -> str:
    """Return a forecast for a person to read: the answer, and with `full` all that it rests on."""
    blocks = [
        "\n".join(terminal.warning(terminal.wrap(words.alert_statement(each))) for each in alerts),
        _head(forecast, terminal),
        _answer(forecast, terminal),
        _beside(forecast, terminal),
        _signals(forecast, terminal),
    ]
    if full:
        blocks += _full(forecast, terminal)
    blocks.append(
        "\n".join([*_warnings(forecast, terminal, full=full), _foot(forecast, terminal, full=full)])
    )
    return "\n\n".join(block for block in blocks if block)


def _head(forecast: Forecast, terminal: Terminal) -> str:
    lines = [terminal.bold(terminal.wrap(words.title(forecast)))]
    if age := words.age_statement(forecast):
        lines.append(terminal.warning(terminal.wrap(age)))
    stands = f"{words.index_statement(forecast)} {words.dollar_statement(forecast)}"
    sentences = [stands, words.now_statement(forecast), words.states_statement(forecast)]
    return "\n".join([*lines, *(terminal.wrap(each) for each in sentences if each)])


def _answer(forecast: Forecast, terminal: Terminal) -> str:
    """Return the chances of the window asked for and of the next 90 days."""
    name, window = words.window_name(forecast.window), forecast.window
    seen = f"as seen on {short_day(forecast.as_of)}" if words.stale(forecast) else ""
    rows = [(seen, *_HEADS[1:])]
    over = window.over(forecast.data.today)
    if not over:
        rows += [
            _row(f"{name}, {kind} season", forecast.year(kind))
            for kind in (Kind.BROAD, Kind.SUSTAINED)
        ]
    near = forecast.begins(Kind.BROAD, 90)
    # A window that has partly passed never headlines.
    if near is not None and not words.stale(forecast):
        rows.append(_row("Next 90 days, broad season", near))
    lines = list(aligned(rows, "<>>>")) if len(rows) > 1 else []
    if lines:
        lines[0] = terminal.faint(lines[0])
        lines[1:] = [terminal.answer(line) for line in lines[1:]]
    if over:
        lines.append(
            terminal.warning(
                terminal.wrap(
                    f"The window asked for ended on {long_day(window.end)}: predict.py --year "
                    f"{forecast.data.today.year} asks for the current year; --full shows what was "
                    f"forecast for it."
                )
            )
        )
    sentences = [words.timing_statement(forecast), words.too_high_statement(forecast)]
    sentences += [words.lasting_statement(forecast, Kind.BROAD)]
    return "\n".join([*lines, *(terminal.wrap(each) for each in sentences if each and not over)])


def _row(name: str, answer: Answer) -> tuple[str, str, str, str]:
    if answer.began_on is not None:
        return name, words.begins_words(answer), "", ""
    return (
        name,
        words.begins_words(answer),
        share_interval(answer.low, answer.high) if answer.probability is not None else "",
        _base_rate(answer),
    )


def _base_rate(answer: Answer) -> str:
    """Return the base rate, marked where it is not that of the same state."""
    mark = "" if answer.base_state in (None, answer.state) else " *"
    return f"{percent(answer.base_rate)}{mark}"


def _beside(forecast: Forecast, terminal: Terminal) -> str:
    """Return how far to trust the answer, another model's, and what would change it."""
    paragraphs = (
        ("Trust", words.trust_statement(forecast)),
        ("Second opinion", words.second_opinion_statement(forecast.second_opinion)),
        ("What moves it", words.change_statement(forecast)),
    )
    return "\n".join(terminal.wrap(f"{head}: {text}") for head, text in paragraphs if text)


def _signals(forecast: Forecast, terminal: Terminal) -> str:
    if not forecast.signals:
        return ""
    rows = [(words.SIGNALS_HEAD, "such", "else", "spells", "effect")]
    rows += [words.signal_cells(each) for each in forecast.signals]
    head, *lines = aligned(rows, "<>>>>")
    return "\n".join([terminal.bold(head), *lines])


def _warnings(forecast: Forecast, terminal: Terminal, *, full: bool) -> Iterator[str]:
    # How old the data are stands in the first lines.
    for note in forecast.notes:
        if note.code != "stale_data":
            yield terminal.warning(terminal.wrap(f"Warning: {_shown(note, full=full)}"))


def _shown(note: Note, *, full: bool) -> str:
    """Return a warning; of one on the data what and its consequence, not yet the way out."""
    text = note.text.removeprefix("Data: ")
    if full or note.code is not NoteCode.DATA_PROBLEM:
        return text
    if finding := _FINDING.match(text):
        what, consequence = finding["what"], finding["consequence"]
        return f"{what}." if consequence == "note" else f"{what}; {consequence}."
    clause = text.split(": ")[0].split("; ")[0].rstrip(".")
    return f"{clause}."


def _foot(forecast: Forecast, terminal: Terminal, *, full: bool) -> str:
    marked = any(each.base_state not in (None, each.state) for each in forecast.of(Event.BEGINS))
    star = "* of any state, which the market has been in too seldom. " if marked else ""
    more = "" if full else "predict.py --full shows the rest. "
    return terminal.faint(terminal.wrap(f"{star}{more}{words.DISCLAIMER}"))


def _full(forecast: Forecast, terminal: Terminal) -> list[str]:
    kinds = [kind for kind in KINDS if kind is Kind.SUSTAINED or kind in forecast.thresholds]
    days = [words.days_statement(forecast, each) for each in forecast.of(Event.DAYS)]
    lasting = [words.lasting_statement(forecast, kind) for kind in forecast.thresholds]
    return [
        *(_windows(forecast, kind, terminal) for kind in kinds),
        terminal.wrap(words.earlier_note(forecast)),
        _dollars(forecast, terminal),
        _months(forecast, kinds, terminal),
        "\n".join(terminal.wrap(each) for each in [*days, *lasting] if each),
        _stands(forecast, terminal),
        _drivers(forecast, terminal),
        _skill(forecast, terminal),
        terminal.wrap(words.model_statement(forecast)),
    ]


def _windows(forecast: Forecast, kind: Kind, terminal: Terminal) -> str:
    """Return the chances of a kind by length and in the window, with those of earlier days."""
    rows: list[tuple[str, ...]] = [("", "days", *_HEADS[1:], "a week ago", "a month ago")]
    answers = [forecast.begins(kind, days) for days in HORIZONS]
    for answer in [*filter(None, answers), forecast.year(kind)]:
        days = answer.horizon(forecast.as_of)
        over = ", ended" if forecast.data.today > answer.end else ""
        before = [earlier_chance(each, answer, forecast.as_of) for each in forecast.earlier]
        _, *cells = _row("", answer)
        rows.append((f"by {long_day(answer.end)}{over}", f"{days}", *cells, *before))
    lines = list(aligned(rows, "<>>>>>>"))
    reasons = {each.reason for each in answers if each is not None and each.reason}
    return "\n".join(
        [
            terminal.bold(terminal.wrap(words.question_words(forecast, kind))),
            terminal.faint(lines[0]),
            *lines[1:],
            *(terminal.wrap(f"  cannot: {reason}") for reason in sorted(reasons)),
        ]
    )


def earlier_chance(earlier: Earlier, answer: Answer, as_of: pd.Timestamp) -> str:
    """Return the chance of the same window from an earlier day."""
    length = answer.end - as_of
    ends = (answer.end, earlier.as_of + length)
    for each in earlier.answers:
        fixed = answer.start < as_of or length.days not in HORIZONS
        if each.kind is answer.kind and each.end == ends[0 if fixed else 1]:
            return percent(each.probability)
    return "n/a"


def _months(forecast: Forecast, kinds: Sequence[Kind], terminal: Terminal) -> str:
    """Return the share of futures in which the first season comes by each month's end."""
    table = {kind: words.by_month(forecast, kind) for kind in kinds}
    ends = list(table[kinds[0]])
    if not ends:
        return ""
    rows = [("first one by", *(f"{end:%b}" for end in ends), "median")]
    for kind, chances in table.items():
        first = next(iter(forecast.of(Event.FIRST, kind)))
        days = (first.quantiles or {}).get("0.5")
        median = "later" if days is None else short_day(forecast.as_of + pd.Timedelta(days=days))
        rows.append((kind, *(percent(each.probability) for each in chances.values()), median))
    lines = list(aligned(rows, "<" + ">" * (len(ends) + 1)))
    return "\n".join(
        [terminal.bold("When does the next one begin?"), terminal.faint(lines[0]), *lines[1:]]
    )


def _dollars(forecast: Forecast, terminal: Terminal) -> str:
    """Return what followed past onsets, in Bitcoin and in dollars, and the sectors of today."""
    if forecast.dollars is None:
        return terminal.wrap(words.sector_statement(forecast))
    rows: list[Sequence[str]] = [
        ("", "onsets", "against Bitcoin", "in dollars", "worst", "rose", "hollow")
    ]
    rows += [words.followed_cells(each) for each in forecast.dollars.followed]
    lines = list(aligned(rows, "<>>>>>>"))
    head = (
        "What followed past onsets: the median altcoin of the top 50 then, median over the onsets "
        "with 90 % interval"
    )
    sentences = [words.hollow_statement(forecast), words.sector_statement(forecast)]
    return "\n".join(
        [terminal.bold(terminal.wrap(head)), terminal.faint(lines[0]), *lines[1:],
         *(terminal.wrap(each) for each in sentences if each)]
    )  # fmt: skip


def _stands(forecast: Forecast, terminal: Terminal) -> str:
    answers = forecast.of(Event.STANDS, Kind.BROAD)
    shown = ", ".join(f"{short_day(each.end)} {percent(each.probability)}" for each in answers)
    return terminal.wrap(f"Chance to be in a broad season on: {shown}.") if shown else ""


def _drivers(forecast: Forecast, terminal: Terminal) -> str:
    """Return what moves the chance from the base rate, group by group, and that it adds up."""
    total = forecast.driver_sum
    if total is None:
        return ""
    shown = {driver.feature for driver in forecast.drivers[:DRIVERS_SHOWN]}
    rows = [("", "value", "points")]
    for name, points, drivers in words.driver_groups(forecast.drivers):
        rows.append((f"  {name}", "", signed(points, 1)))
        for each in drivers:
            if each.feature in shown:
                value = "missing" if each.value is None else f"{each.value:.4g}"
                rows.append((f"    {each.feature}", value, signed(each.points, 1)))
    if len(forecast.drivers) > len(shown):
        rows.append((f"    {len(forecast.drivers) - len(shown)} weaker features", "", ""))
    moved = 100 * (total.probability - total.base_rate)
    rows += [(f"  {words.REST}", "", signed(total.rest, 1)), ("  total", "", signed(moved, 1))]
    lines = list(aligned(rows, "<>>"))
    heading = terminal.bold(terminal.wrap(words.driver_heading(total)))
    return "\n".join([heading, terminal.faint(lines[0]), *lines[1:]])


def _skill(forecast: Forecast, terminal: Terminal) -> str:
    """Return the skill of forecasts at risk, one row a horizon and kind."""
    evidence = forecast.evidence
    if evidence.measured_at is not None or not evidence.skill:
        return terminal.wrap(words.trust_statement(forecast))
    rows: list[Sequence[str]] = [
        ("", "Brier skill", "AUC", "forecast", "came", "seasons", "verdict")
    ]
    for kind in KINDS:
        rows += [_skill_row(each) for each in evidence.verified(kind).values()]
    lines = list(aligned(rows, "<<<>>><"))
    head = (
        "Skill out of sample of forecasts at risk, with 90 % intervals (Brier skill: 0 is the base "
        "rate, 1 perfect; AUC: 0.5 is chance)"
    )
    statements = [terminal.wrap(each) for each in words.skill_statements(forecast)]
    return "\n".join(
        [terminal.bold(terminal.wrap(head)), terminal.faint(lines[0]), *lines[1:], *statements]
    )


def _skill_row(skill: Skill) -> tuple[str, ...]:
    auc = "n/a" if skill.auc is None else f"{skill.auc:.2f}"
    return (
        f"{skill.kind}, {words.horizon_words(skill.horizon)}",
        f"{signed(skill.value)} {interval(skill.low, skill.high)}",
        f"{auc}{unsigned_interval(skill.auc_low, skill.auc_high)}",
        percent(skill.expected),
        percent(skill.observed),
        f"{skill.episodes}",
        words.SKILL[skill.verdict],
    )
