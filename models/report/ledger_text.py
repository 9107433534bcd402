"""The track record as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from models.formatting import counted, interval, percent, signed, wrap
from models.ledger.results import JudgedWindow, Score, TrackRecord
from models.ledger.revised import RevisedForecast
from models.ledger.words import Made, Status
from models.report.ledger_outlook_text import count_notes, outlook_record_text
from models.verification.counts import NumberTest

OPEN_SHOWN = 12
REVISED_SHOWN = 12

_HEADS = {
    Made.AHEAD: "Forecasts made ahead of time",
    Made.REPLAY: "Replays: recorded too late to be forecasts, no evidence of skill",
}


def track_record_text(record: TrackRecord) -> str:
    """Return a track record for a person to read.

    Parameters
    ----------
    record : TrackRecord
        From `models.ledger.track_record.track_record`.
    """
    title = "Score of the recorded forecasts"
    if record.age_days is not None:
        title += f", data {counted(record.age_days, 'day')} old"
    if not record.lines:
        return f"{title}\nThe ledger holds no forecast yet."
    lines = [
        title,
        wrap(
            f"{counted(record.lines, 'line')}, as of {record.first_as_of} to "
            f"{record.last_as_of}. Outcomes from {record.source} to {record.last_day} "
            f"(digest {record.digest[:12]}).",
            indent="",
        ),
    ]
    for made, head in _HEADS.items():
        lines += ["", head, *_group([row for row in record.scores if row.made is made])]
    lines += outlook_record_text(record.outlook)
    lines += _revised(record.revised)
    lines += ["", *_open([row for row in record.windows if row.status is Status.OPEN])]
    return "\n".join([*lines, "", wrap(record.rule, indent="")])


def _revised(revised: Sequence[RevisedForecast]) -> list[str]:
    """Return the lines whose day looks otherwise by today's data."""
    if not revised:
        return []
    lines = ["", f"Based on values revised since: {counted(len(revised), 'line')}"]
    for each in revised[:REVISED_SHOWN]:
        index = f"index {_shown(each.index)} then, {_shown(each.index_now)} now"
        names = f"; of its features {', '.join(each.features)}" if each.features else ""
        lines.append(
            wrap(
                f"line {each.line}, as of {each.as_of}: {index}{names}.", first="  ", indent="    "
            )
        )
    more = len(revised) - REVISED_SHOWN
    return [*lines, f"  and {more} more; --json lists them all"] if more > 0 else lines


def _shown(index: float | None) -> str:
    return "none" if index is None else f"{index:.1f}"


def _group(rows: Sequence[Score]) -> list[str]:
    if not rows:
        return ["  none"]
    done = [row for row in rows if row.resolved]
    lines = _table(done) if done else ["  none resolved yet"]
    if done:
        lines.append("  Reliability: how often forecasts in each quarter of probability came true")
    for row in done:
        lines.append(_classes(row))
    if done:
        lines.append("  Rare events: onsets counted and log scores summed over separate windows")
    for row in done:
        lines.append(_rare_events(row))
    return [*lines, *_notes(rows)]


def _table(rows: Sequence[Score]) -> list[str]:
    """Return the scores by kind of season and model, what they rest on before what they say."""
    lines = [
        f"  {'':13}{'':>9}{'separate':>9}{'onsets in windows':>20}{'Brier':>13}{'log score':>14}",
        f"  {'window':<13}{'resolved':>9}{'windows':>9}{'seen expected  base':>20}"
        f"{'own   base':>13}{'own   base':>14}",
    ]
    head = None
    for row in rows:
        if (own := _season(row)) != head:
            head = own
            lines.append(f"  {own}")
        onsets = f"{row.onsets}{row.expected:>9.1f}{row.expected_by_climatology:>6.1f}"
        brier = _pair(row.brier, row.brier_climatology)
        log_score = _pair(row.log_score, row.log_score_climatology)
        lines.append(
            f"  {_window(row):<13}{row.resolved:>9}{row.separate_windows:>9}{onsets:>20}"
            f"{brier:>13}{log_score:>14}"
        )
    return lines


def _pair(*scores: float | None) -> str:
    """Return a score beside climatology's; one that is missing is infinite."""
    return "  ".join("inf" if value is None else f"{value:.3f}" for value in scores)


def _classes(row: Score) -> str:
    """Return what came of each quarter of probability, and how many seasons stand behind it."""
    counts = "; ".join(
        f"{percent(each.low)} to {percent(each.high)}: {each.onsets} of "
        f"{each.forecasts} came true (forecast {percent(each.mean_probability)}, "
        f"base rate {percent(each.mean_climatology)})"
        for each in row.classes
    )
    return wrap(
        f"{_season(row)}, {_window(row)}: Brier skill {signed(row.brier_skill)} on "
        f"{counted(row.episodes, 'episode')}; {counts}.",
        first="    ",
        indent="      ",
    )


def _rare_events(row: Score) -> str:
    """Return the N-test and the information gained, and how many windows stand behind them."""
    rare = row.rare_events
    gain = rare.gain_per_onset
    ends = interval(gain.low, gain.high)
    own, reference = (f"{value:.2f}" for value in (rare.log_score, rare.log_score_climatology))
    return wrap(
        f"{_season(row)}, {_window(row)}: {counted(row.separate_windows, 'window')}; onsets "
        f"seen {rare.onsets}, expected {rare.expected:.1f} (base rate "
        f"{rare.expected_by_climatology:.1f}); N-test {_tails(rare.number_test)}; "
        f"log score {own} (base rate {reference}); gain over the base rate "
        f"{signed(rare.gain_per_forecast)} nats per forecast, "
        f"{signed(gain.value)}{'' if ends == 'n/a' else f' {ends}'} per onset.",
        first="    ",
        indent="      ",
    )


def _tails(test: NumberTest) -> str:
    return f"d1 {test.delta1:.3f}, d2 {test.delta2:.3f}"


def _notes(rows: Sequence[Score]) -> list[str]:
    """Return what the scores leave out or rest on, in words."""
    texts = {
        "in_training": "resolved, by a model trained on their days",
        "ruled_out": "resolved, with a probability of 0 for what happened",
        "with_days_without_index": "resolved, with days without a season index inside",
        "revised": "left out: by today's data no season could begin after their day",
        "repeated": "left out: this model had forecast their day and window before",
        "no_forecast": "left out: no season could begin, so nothing was forecast",
    }
    return count_notes(rows, texts, "window")


def _open(windows: Sequence[JudgedWindow]) -> list[str]:
    if not windows:
        return ["No window is open."]
    due = sorted(windows, key=lambda row: (row.window_end, row.as_of))
    lines = [f"Open: {counted(len(due), 'window')}, the first to be resolved"]
    for row in due[:OPEN_SHOWN]:
        onset = f"; onset on {row.onset}" if row.onset else ""
        late = " (replay)" if row.made is Made.REPLAY else ""
        words = (
            f"on {row.window_end}: {_season(row)}, as of {row.as_of}{late}: "
            f"{percent(row.probability)} (base rate {percent(row.climatology)}){onset}"
        )
        lines.append(wrap(words, first="  ", indent="    "))
    more = len(due) - OPEN_SHOWN
    return [*lines, f"  and {more} more; --json lists them all"] if more > 0 else lines


def _season(row: Score | JudgedWindow) -> str:
    return f"{row.kind} {row.threshold:g}, {row.model}"


def _window(row: Score) -> str:
    return f"by {row.date}" if row.date is not None else f"{row.horizon_days} days"
