"""Track record and state of the data as text: what was forecast and came, what the data are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from features.health import STALE_DAYS
from features.plausibility.pegs import RULE as NO_ALTCOIN
from features.terminal import aligned
from models.answers import Event, State
from models.forecasting.data_quality import DataHealth, SeriesHealth
from models.formatting import counted, iso_day, listed, long_day, signed
from models.ledger.judging import RULE, MadeWhen, Status
from models.ledger.scores import TrackRecord
from models.report.terminal import Terminal
from models.report.words import IN_STATE

_PLAIN = Terminal()
_TITLES = {
    Event.BEGINS: "A season begins",
    Event.STANDS: "The index stands at the threshold",
    Event.LASTS: "The standing season goes on",
    Event.DAYS: "Days in season",
    Event.FIRST: "Day of the first onset",
}
_HEADS = (
    "", "model", "resolved", "open", "came", "expected", "base rate", "Brier", "its base rate",
    "skill", "apart",
)  # fmt: skip


def track_record_text(record: TrackRecord, terminal: Terminal = _PLAIN) -> str:
    """Return a track record for a person: forecasts made ahead of time first, then replays."""
    entries = record.ledger.entries
    if not entries:
        return "The ledger holds no forecast yet."
    days = [each.as_of for each in entries]
    age = "" if record.age_days is None else f" ({counted(record.age_days, 'day')} old)"
    blocks = [
        terminal.bold(
            terminal.wrap(
                f"Track record: {counted(len(entries), 'forecast')} of {long_day(min(days))} to "
                f"{long_day(max(days))}, judged by data to {long_day(record.last_day)}{age}"
            )
        ),
        terminal.wrap(RULE),
    ]
    for made, heading in (
        (MadeWhen.AHEAD, "Made ahead of time"),
        (MadeWhen.REPLAY, "Replays: recorded late, no evidence of foresight"),
    ):
        tables = list(_tables(record.scores[record.scores["made"] == made], terminal))
        if tables:
            blocks += [terminal.bold(heading), *tables]
    blocks += list(_notes(record, terminal))
    return "\n\n".join(blocks)


def _tables(scores: pd.DataFrame, terminal: Terminal) -> Iterator[str]:
    """Yield a table for each question; dates asked for once are summed up, not listed."""
    for question, title in _TITLES.items():
        rows = scores[(scores["question"] == question) & _lasting(scores)]
        if rows.empty:
            continue
        cells = [_HEADS, *map(_cells, rows.to_dict("records"))]
        lines = aligned(cells, "<<>>>>>>>>>")
        yield "\n".join([title, terminal.faint(lines[0]), *lines[1:]])


def _lasting(scores: pd.DataFrame) -> pd.Series:
    """Return the groups that recur: windows by length, and calendar years."""
    window = scores["window"].astype(str)
    return window.str.endswith(" days") | window.str.fullmatch(r"\d{4}")


def _cells(row: dict) -> tuple[str, ...]:  # type: ignore[type-arg]
    state = "" if row["state"] == State.AT_RISK else f", {IN_STATE[row['state']]}"
    name = f"{row['kind']}, {row['window']}{state}"
    # Outside the state at risk few episodes stand behind a forecast: counts, no skill.
    skill = signed(row.get("brier_skill")) if row["state"] == State.AT_RISK else ""
    return (
        name, str(row["model"]), f"{row['resolved']}", f"{row['open']}", _count(row.get("came")),
        _number(row.get("expected"), 1), _number(row.get("expected_by_base_rate"), 1),
        _number(row.get("brier"), 3), _number(row.get("brier_base_rate"), 3), skill,
        f"{row['separate_windows']}",
    )  # fmt: skip


def _notes(record: TrackRecord, terminal: Terminal) -> Iterator[str]:
    yield terminal.wrap(
        "expected: the sum of the chances, to hold against what came; apart: windows that share "
        "no day; skill: 0 is the base rate, 1 perfect, for forecasts made at risk only."
    )
    waiting = record.answers[record.answers["status"] == Status.OPEN]
    if len(waiting):
        due = waiting["resolved_on"].min()
        yield terminal.wrap(
            f"{counted(len(waiting), 'answer')} open. Data to {long_day(due)} would resolve the "
            f"next ({record.resolved_by(due)}), data to today the most: predict.py score --source "
            f"auto."
        )
    ruled_out = record.scores.get("ruled_out", pd.Series(dtype=float)).fillna(0).sum()
    if ruled_out:
        yield terminal.warning(
            terminal.wrap(f"{counted(int(ruled_out), 'forecast')} ruled out what happened.")
        )
    if record.revised:
        lines = [f"line {each.line} ({long_day(each.as_of)})" for each in record.revised[:5]]
        more = len(record.revised) - len(lines)
        rest = f" and {more} more" if more > 0 else ""
        yield terminal.warning(
            terminal.wrap(
                f"Values have been revised since, of {listed(lines)}{rest}: what was forecast "
                f"stays as recorded; --json lists each."
            )
        )


def _count(value: object) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.0f}"  # type: ignore[call-overload]


def _number(value: object, digits: int) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.{digits}f}"  # type: ignore[call-overload]


def health_text(health: DataHealth) -> str:
    """Return the state of the data for a person to read."""
    age = f"{counted(health.age_days, 'day')} old" if health.age_days >= 0 else "after the clock"
    lines = [
        f"Source {health.source}, digest {health.digest[:12]}: to {iso_day(health.last_day)}, "
        f"{age}.",
        _fitness(health),
        *([health.witness.text] if health.witness else []),
        "",
        *_series(_merged(health.series)),
    ]
    if health.coverage:
        lines += ["", "Share of the top 50 that could be compared over 90 days, by year"]
        lines += [
            f"  {year.year}  {year.source:<9}{100 * year.coverage:>4.0f} %  of {year.days} days"
            + (f", {year.unused_days} without an index" if year.unused_days else "")
            for year in health.coverage
        ]
    left_out = [each for each in health.findings if each.rule == NO_ALTCOIN]
    noted = [each.text for each in health.findings
             if each.consequence == "note" and each not in left_out]  # fmt: skip
    for title, sentences in (
        ("Made", health.steps),
        ("No altcoins, left out of the rankings", [f"{e.series}: {e.said}" for e in left_out]),
        ("Noted", noted),
        ("Changed by the source after they were stored", [f"{e.text}." for e in health.revisions]),
        ("Problems", health.problems),
    ):
        if sentences:
            lines += ["", title, *(f"  - {sentence}" for sentence in sentences)]
    return "\n".join(lines)


def _fitness(health: DataHealth) -> str:
    if health.refusal:
        return f"A forecast would be refused: {health.refusal}"
    # Strict, as everywhere: data of exactly a week ago are still current.
    if health.age_days > STALE_DAYS:
        return f"Fit for a forecast of {iso_day(health.last_day)} or before, not of today."
    return "Fit for a forecast."


def _series(series: Sequence[SeriesHealth]) -> list[str]:
    heads = ("series", "first day", "last day", "age", "covered", "gaps", "longest", "digest")
    head, *rows = aligned([(*heads, "source"), *map(_series_cells, series)], "<<<>>>><<")
    lines = [head]
    for each, row in zip(series, rows, strict=True):
        lines += [row, *([f"    {each.problem}"] if each.problem else [])]
    return lines


def _series_cells(series: SeriesHealth) -> tuple[str, ...]:
    if series.first_day is None or series.last_day is None:
        return (series.series,)
    return (
        series.series,
        iso_day(series.first_day),
        iso_day(series.last_day),
        f"{series.age_days}",
        f"{100 * series.coverage:.1f} %",
        f"{series.gaps}",
        f"{series.longest_gap_days}",
        series.digest,
        series.source,
    )


def _merged(rows: Iterable[SeriesHealth]) -> list[SeriesHealth]:
    """Show series that are alike but for their number, such as the simulated ones, as one."""
    groups: dict[tuple[object, ...], list[SeriesHealth]] = {}
    for row in rows:
        many = row.series.startswith(("simulated_", "followed_"))
        name = row.series.split("_")[0] if many else row.series
        alike = (name, row.first_day, row.last_day, row.observations, row.source)
        groups.setdefault(alike, []).append(row)
    return [
        same[0]
        if len(same) == 1
        else replace(same[0], series=f"{key[0]} ({len(same)} series)", digest="see --json")
        for key, same in groups.items()
    ]
