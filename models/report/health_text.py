"""The state of the market data as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from features.health import STALE_DAYS
from features.plausibility.pegs import RULE as NO_ALTCOIN
from features.terminal import aligned
from models.forecasting.data_quality import DataHealth, SeriesHealth
from models.formatting import counted, iso_day


def health_text(health: DataHealth) -> str:
    """Return the state of the data for a person to read.

    Parameters
    ----------
    health : DataHealth
        From `models.forecasting.data_quality.data_health`.
    """
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
    head, *rows = aligned([(*heads, "source"), *map(_cells, series)], "<<<>>>><<")
    lines = [head]
    for each, row in zip(series, rows, strict=True):
        lines += [row, *([f"    {each.problem}"] if each.problem else [])]
    return lines


def _cells(series: SeriesHealth) -> tuple[str, ...]:
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
        name = row.series.split("_")[0] if row.series.startswith("simulated") else row.series
        alike = (name, row.first_day, row.last_day, row.observations, row.source)
        groups.setdefault(alike, []).append(row)
    return [
        same[0]
        if len(same) == 1
        else replace(same[0], series=f"{key[0]} ({len(same)} series)", digest="see --json")
        for key, same in groups.items()
    ]
