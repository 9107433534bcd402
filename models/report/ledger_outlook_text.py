"""What became of recorded outlooks, as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from models.formatting import counted, wrap
from models.ledger.outlook_results import (
    ChanceScore,
    DaysScore,
    FirstOnsetScore,
    Group,
    OutlookRecord,
    Question,
)
from models.ledger.words import Made

AnyScore = ChanceScore | FirstOnsetScore | DaysScore

_HEADS = {Made.AHEAD: "Outlooks made ahead of time", Made.REPLAY: "Outlooks replayed"}


def outlook_record_text(record: OutlookRecord) -> list[str]:
    """Return the lines on recorded outlooks, none if there is no outlook in the ledger.

    Parameters
    ----------
    record : OutlookRecord
        Of a track record.
    """
    scores: Sequence[AnyScore] = (
        *record.chance_scores,
        *record.first_onset_scores,
        *record.days_scores,
    )
    lines: list[str] = []
    for made, head in _HEADS.items():
        own = [score for score in scores if score.group.made is made]
        if own:
            done = [_line(score) for score in own if score.group.resolved]
            lines += ["", head, *(done or ["  none resolved yet"]), *_notes([e.group for e in own])]
    return lines


def _line(score: AnyScore) -> str:
    match score:
        case ChanceScore():
            said = _of_chances(score)
        case FirstOnsetScore():
            said = _of_first_onsets(score)
        case DaysScore():
            said = _of_days(score)
    group = score.group
    head = f"{group.kind} {group.threshold:g}, {group.model}, {_about(score)}: "
    rests = f"{group.resolved} resolved, {counted(group.separate_windows, 'separate window')}; "
    return wrap(f"{head}{rests}{said}.", first="  ", indent="    ")


def _about(score: AnyScore) -> str:
    window = score.group.window
    during = f"in {window}" if window.isdigit() else window
    match score:
        case ChanceScore(question=Question.BEGINS):
            return f"onset {during}"
        case ChanceScore(question=Question.IN_SEASON_ON):
            return "in season on a day"
        case ChanceScore():
            return f"season lasts {window}"
        case FirstOnsetScore():
            return f"month of the first onset {during}"
        case DaysScore():
            return f"days in season {during}"


def _of_chances(score: ChanceScore) -> str:
    expected = f"{score.expected:.1f} expected"
    if score.expected_by_climatology is not None:
        expected += f" (climatology {score.expected_by_climatology:.1f})"
    return (
        f"{score.came} came, {expected}; Brier {_pair(score.brier, score.brier_climatology)}, "
        f"log score {_pair(score.log_score, score.log_score_climatology, score.ruled_out)}"
    )


def _of_first_onsets(score: FirstOnsetScore) -> str:
    return (
        f"{score.none} without onset; ranked score {_pair(score.ranked, score.ranked_climatology)}"
        f", log score {_pair(score.log_score, score.log_score_climatology, score.ruled_out)}"
    )


def _of_days(score: DaysScore) -> str:
    total = score.group.resolved
    return (
        f"{score.inside_90} of {total} inside the 90 % interval, {score.inside_50} inside the "
        f"middle half; {score.mean_days:.1f} days on average, median said {score.mean_median:.1f}; "
        f"quantile score {score.quantile_score:.2f} days; {score.none} without a day in season "
        f"(Brier {score.brier_none:.3f})"
    )


def _pair(own: float | None, climatology: float | None, ruled_out: int = 0) -> str:
    """Return a score beside climatology's; own is infinite where what happened was ruled out."""
    said = "inf" if ruled_out or own is None else f"{own:.3f}"
    return said if climatology is None else f"{said} (climatology {climatology:.3f})"


def _notes(groups: Sequence[Group]) -> list[str]:
    """Return what waits, and what the scores leave out or rest on, in words."""
    due = [group.next_resolved_on for group in groups if group.next_resolved_on is not None]
    texts = {
        "open": f"open, the next decided by {min(due)}" if due else "",
        "in_training": "resolved, by a model trained on their days",
        "begun": "left out: what they tell of had begun, and was no forecast",
        "revised": "left out: today's data contradict what was known, or cannot tell",
        "repeated": "left out: said before by this model of the same day and window",
    }
    totals = {name: sum(getattr(group, name) for group in groups) for name in texts}
    return [
        wrap(f"{counted(totals[name], 'answer')} {text}", first="  ", indent="    ")
        for name, text in texts.items()
        if totals[name]
    ]
