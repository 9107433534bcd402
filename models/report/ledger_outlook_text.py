"""What became of recorded outlooks, as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from features.terminal import aligned
from models.formatting import counted, wrap
from models.ledger.outlook_results import (
    ChanceScore,
    DaysScore,
    FirstOnsetScore,
    Group,
    OutlookRecord,
    Question,
)
from models.ledger.results import Score
from models.ledger.words import Made

AnyScore = ChanceScore | FirstOnsetScore | DaysScore

_HEADS = {Made.AHEAD: "Outlooks made ahead of time", Made.REPLAY: "Outlooks replayed"}
_LABEL = 19
_QUESTIONS = {
    Question.BEGINS: "onset",
    Question.IN_SEASON_ON: "in season",
    Question.SEASON_LASTS: "lasts",
}
_CHANCES = ("", "n", "sep.", "came", "exp.", "base", "score", "base", "log", "base")
_CHANCES_LEGEND = (
    "n: forecasts resolved; sep.: those that share no day; came: outcomes that occurred; exp.: "
    "expected by the forecasts; score: Brier, for the month of the first onset the ranked score; "
    "log: log score; base: the same for the base rate."
)
_DAYS = ("", "n", "sep.", "in 90 %", "in 50 %", "days", "median", "score")
_DAYS_LEGEND = (
    "Days in season: how many outcomes fell in the 90 % interval and in the 50 % interval, their "
    "mean, the mean of the forecast medians, the quantile score in days."
)


def outlook_record_text(record: OutlookRecord) -> list[str]:
    """Return the lines on recorded outlooks, none if there is no outlook in the ledger.

    Parameters
    ----------
    record : OutlookRecord
        Of a track record.
    """
    lines: list[str] = []
    for made, head in _HEADS.items():
        chances = [score for score in record.chance_scores if score.group.made is made]
        months = [score for score in record.first_onset_scores if score.group.made is made]
        days = [score for score in record.days_scores if score.group.made is made]
        rows = [(each.group, _chance(each)) for each in chances]
        rows += [(each.group, _first_onset(each)) for each in months]
        tables = _table(_CHANCES, _CHANCES_LEGEND, rows)
        tables += _table(_DAYS, _DAYS_LEGEND, [(each.group, _days(each)) for each in days])
        scores: Sequence[AnyScore] = (*chances, *months, *days)
        groups = [each.group for each in scores]
        if groups:
            lines += ["", head, *(tables or ["  none resolved yet"]), *_notes(groups)]
    return lines


def _table(
    head: Sequence[str], legend: str, rows: Sequence[tuple[Group, Sequence[str]]]
) -> list[str]:
    """Return the resolved rows under their season and model, behind a legend."""
    done = sorted((row for row in rows if row[0].resolved), key=lambda row: _season(row[0]))
    if not done:
        return []
    cells = [(label if len(label) <= _LABEL else "", *rest) for _, (label, *rest) in done]
    first, *lines = aligned([head, *cells], "<>")
    block = [wrap(legend, first="  ", indent="  "), f"  {first}"]
    season = None
    for (group, (label, *_)), line in zip(done, lines, strict=True):
        if (own := _season(group)) != season:
            season = own
            block.append(f"  {own}")
        # A label that would push the figures beyond the line has a line of its own.
        block += [f"  {label}"] * (len(label) > _LABEL) + [f"  {line}"]
    return block


def _season(group: Group) -> str:
    return f"{group.kind} {group.threshold:g}, {group.model}"


def _counts(group: Group) -> tuple[str, str]:
    return f"{group.resolved}", f"{group.separate_windows}"


def _chance(score: ChanceScore) -> tuple[str, ...]:
    group = score.group
    named = "" if score.question is Question.IN_SEASON_ON else f" {group.window}"
    return (
        f"{_QUESTIONS[score.question]}{named}",
        *_counts(group),
        f"{score.came}",
        f"{score.expected:.1f}",
        _number(score.expected_by_climatology, 1),
        _number(score.brier, 3),
        _number(score.brier_climatology, 3),
        "inf" if score.ruled_out else _number(score.log_score, 2),
        _number(score.log_score_climatology, 2),
    )


def _first_onset(score: FirstOnsetScore) -> tuple[str, ...]:
    group = score.group
    return (
        f"month {group.window}",
        *_counts(group),
        f"{group.resolved - score.none}",
        "",
        "",
        _number(score.ranked, 3),
        _number(score.ranked_climatology, 3),
        "inf" if score.ruled_out else _number(score.log_score, 2),
        _number(score.log_score_climatology, 2),
    )


def _days(score: DaysScore) -> tuple[str, ...]:
    group = score.group
    return (
        group.window,
        *_counts(group),
        f"{score.inside_90}",
        f"{score.inside_50}",
        _number(score.mean_days, 1),
        _number(score.mean_median, 1),
        _number(score.quantile_score, 2),
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _notes(groups: Sequence[Group]) -> list[str]:
    """Return what waits, and what the scores leave out or rest on, in words."""
    due = [group.next_resolved_on for group in groups if group.next_resolved_on is not None]
    texts = {
        "open": f"open, the next resolved by {min(due)}" if due else "",
        "in_training": "resolved, by a model trained on their days",
        "begun": "left out: the season had begun, so this was no forecast",
        "revised": "left out: today's data contradict what was known then, or cannot confirm it",
        "repeated": "left out: this model had answered the same day and window before",
    }
    return count_notes(groups, texts, "answer")


def count_notes(
    rows: Sequence[Group] | Sequence[Score], texts: Mapping[str, str], noun: str
) -> list[str]:
    """Return the totals of counts over rows that are not 0, each with its words.

    Parameters
    ----------
    rows : sequence
        Of scores that have the counts.
    texts : mapping of str to str
        Count to what is said of it.
    noun : str
        What is counted, in the singular.
    """
    totals = {name: sum(getattr(row, name) for row in rows) for name in texts}
    return [
        wrap(f"{counted(totals[name], noun)} {text}", first="  ", indent="    ")
        for name, text in texts.items()
        if totals[name]
    ]
