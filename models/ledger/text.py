"""The track record as text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

OPEN_SHOWN = 12
WIDTH = 100

_HEADS = {
    "ahead": "Forecasts made ahead of time",
    "replay": "Replays: recorded too late to be forecasts, evidence of nothing",
}


def record_text(record: Mapping[str, Any]) -> str:
    """Return a track record for a person to read.

    Parameters
    ----------
    record : mapping
        From `models.ledger.track_record.track_record`.
    """
    ledger, data = record["ledger"], record["data"]
    if not ledger["lines"]:
        return "The ledger holds no forecast yet."
    lines = [
        f"{_count(ledger['lines'], 'line')}, as of {ledger['first_as_of']} to "
        f"{ledger['last_as_of']}. Outcomes from {data['source']} to {data['last_day']} "
        f"(digest {data['digest'][:12]}).",
    ]
    for made, head in _HEADS.items():
        lines += ["", head, *_group([row for row in record["scores"] if row["made"] == made])]
    lines += ["", *_open([row for row in record["windows"] if row["status"] == "open"])]
    return "\n".join([*lines, "", *wrap(record["rule"], WIDTH)])


def _group(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        return ["  none"]
    done = [row for row in rows if row["resolved"]]
    lines = _table(done) if done else ["  none resolved yet"]
    if done:
        lines.append("  Reliability: what came of the forecasts in each quarter of probability")
    for row in done:
        lines += _classes(row)
    return [*lines, *_notes(rows)]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the scores, what they rest on before what they say."""
    lines = [
        f"  {'':46}{'':>9}{'separate':>10}{'onsets in windows':>27}{'Brier':>14}{'log score':>14}",
        f"  {'window':<27}{'model':<19}{'resolved':>9}{'windows':>10}"
        f"{'seen expected climatology':>27}{'own  clim.':>14}{'own  clim.':>14}",
    ]
    for row in rows:
        onsets = f"{row['onsets']}{row['expected']:>9.1f}{row['expected_by_climatology']:>12.1f}"
        lines.append(
            f"  {_window(row):<27}{row['model']:<19}{row['resolved']:>9}"
            f"{row['separate_windows']:>10}{onsets:>27}"
            f"{_pair(row, 'brier'):>14}{_pair(row, 'log_score'):>14}"
        )
    return lines


def _pair(row: Mapping[str, Any], score: str) -> str:
    own, reference = row[score], row[f"{score}_climatology"]
    return "  ".join("inf" if value is None else f"{value:.3f}" for value in (own, reference))


def _classes(row: Mapping[str, Any]) -> list[str]:
    """Return what came of each quarter of probability, and how many seasons stand behind it."""
    skill = "n/a" if row["brier_skill"] is None else f"{row['brier_skill']:+.2f}"
    counts = "; ".join(
        f"{each['from']:.0%} to {each['to']:.0%}: {each['onsets']} of {each['forecasts']} came "
        f"true (said {each['mean_probability']:.0%}, climatology {each['mean_climatology']:.0%})"
        for each in row["classes"]
    )
    text = (
        f"{_window(row)}, {row['model']}: Brier skill {skill} on "
        f"{_count(row['episodes'], 'episode')}; {counts}."
    )
    return [f"    {line}" for line in wrap(text, WIDTH - 4, subsequent_indent="    ")]


def _notes(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what the scores leave out or rest on, in words."""
    texts = {
        "in_training": "resolved, by a model trained on their days",
        "ruled_out": "resolved, with a probability of 0 for what happened",
        "with_days_without_index": "resolved, with days without a season index inside",
        "revised": "left out: by today's data no season could begin after their day",
        "repeated": "left out: their day and window had been forecast by this model before",
        "no_forecast": "left out: no season could begin, so that nothing was forecast",
    }
    totals = {name: sum(row[name] for row in rows) for name in texts}
    return [f"  {_count(totals[n], 'window')} {text}" for n, text in texts.items() if totals[n]]


def _open(windows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not windows:
        return ["No window is open."]
    due = sorted(windows, key=lambda row: (row["window_end"], row["as_of"]))
    lines = [f"Open: {_count(len(due), 'window')}, the first to be resolved"]
    for row in due[:OPEN_SHOWN]:
        seen = f"; onset on {row['onset']}" if row["onset"] else ""
        late = " (replay)" if row["made"] == "replay" else ""
        lines.append(
            f"  on {row['window_end']}: {row['kind']} {row['threshold']:g}, as of {row['as_of']}"
            f"{late}, "
            f"{row['model']}: {row['probability']:.0%} (climatology {row['climatology']:.0%}){seen}"
        )
    more = len(due) - OPEN_SHOWN
    return [*lines, f"  and {more} more; --json lists them all"] if more > 0 else lines


def _window(row: Mapping[str, Any]) -> str:
    length = f"by {row['date']}" if row["date"] else f"{row['horizon_days']} days"
    return f"{row['kind']} {row['threshold']:g}, {length}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
