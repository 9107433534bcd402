"""A sweep in words and tables: the median first, the best only beside chance."""

from __future__ import annotations

import io
import json

import pandas as pd

from features.terminal import aligned
from models.formatting import (
    counted,
    listed,
    percent,
    scored,
    signed,
    wrap,
)
from models.sweep.evaluate import Result
from models.sweep.influence import Influence, varied
from models.sweep.run import Sweep
from models.sweep.specification import Grid, shown
from models.sweep.summary import Standing, Summary, Year

# Shares of the variance below this are not worth a word.
_LEAST_SHARE = 0.01
# A longer table is for a file.
_MOST_ROWS = 40
# Processor seconds that a specification took when this was built, by candidate.
_SECONDS = {"climatology": 2.0, "persistence": 4.0, "logistic": 4.0, "pool": 8.5}


def sweep_text(sweep: Sweep, summary: Summary | None) -> str:
    """Return what a sweep says, and which specifications could not be had."""
    parts = [wrap(sentence) for sentence in sentences(summary)] if summary else []
    if not parts:
        parts = ["No specification has a skill: there is nothing to say."]
    if sweep.interrupted:
        left = len(sweep.asked) - len(sweep.results) - len(sweep.failures)
        parts.append(
            f"Interrupted: {counted(left, 'specification')} left; the same command does them."
        )
    parts += [
        wrap(f"not evaluated: {each.specification}: {each.reason}") for each in sweep.failures
    ]
    return "\n".join(parts)


def summary_json(summary: Summary | None) -> str:
    """Return a summary as JSON, with its sentences; `null` where there is none."""
    content = None if summary is None else {**summary.as_dict(), "sentences": sentences(summary)}
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _headline(summary: Summary) -> str:
    """Return the median specification's skill and how many lie above 0."""
    median = summary.median
    return (
        f"The median of {counted(summary.evaluated, 'specification')} has Brier skill "
        f"{_scored(median)} over {listed([str(days) for days in summary.horizons])} days "
        f"({median.specification}); the 90 % interval lies above 0 in {summary.better} of "
        f"them, below in {summary.worse}."
    )


def sentences(summary: Summary) -> list[str]:
    """Return what a sweep says, a sentence or two a line, headline first."""
    found = [_headline(summary), _best_statement(summary)]
    # A share of NaN or 0: nothing moves it.
    if summary.influences and summary.influences[0].share > 0:
        found.append(_influence_statement(summary.influences[0]))
    found.append(_default_statement(summary))
    if summary.year:
        found.append(_year_statement(summary.year))
    return found


def _best_statement(summary: Summary) -> str:
    """Return the best specification's skill beside what it would be by chance."""
    chance, best = summary.by_chance, summary.best
    said = f"The best of {summary.evaluated} has {_scored(best)} ({best.specification})"
    if chance.specifications == 0:
        return f"{said}; the days are too few to tell what the best would have been by chance."
    return (
        f"{said}; were none of them of any skill, the best would have had "
        f"{signed(chance.median)}, and more than {signed(chance.high)} once in twenty times."
    )


def _influence_statement(strongest: Influence) -> str:
    """Return which choice moves the skill most."""
    means = sorted(strongest.means.items(), key=lambda item: item[1])
    (worst, low), (best, high) = means[0], means[-1]
    return (
        f"{_axis(strongest.axis).capitalize()} moves the skill most: on average {signed(low)} with "
        f"{shown(strongest.axis, worst)}, {signed(high)} with {shown(strongest.axis, best)} "
        f"({percent(strongest.share)} of the variance between specifications)."
    )


def _default_statement(summary: Summary) -> str:
    """Return where the program's own definition stands."""
    default = summary.default
    if default is None:
        return "The program's own definition with logistic is not among them."
    return (
        f"The program's own definition ({default.specification}) ranks {default.rank} of "
        f"{summary.evaluated} with {_scored(default)}."
    )


def _year_statement(year: Year) -> str:
    """Return how far the choices move the year's probability."""
    shares = [
        f"{_axis(each.axis)} {percent(each.share)}"
        for each in year.influences
        if each.share >= _LEAST_SHARE
    ]
    explained = (
        f" The choices explain {percent(year.explained)} of its variance without interactions "
        f"({', '.join(shares)})."
        if shares
        else ""
    )
    begun = f"; {year.begun} of them have seen an onset in it already" if year.begun else ""
    return (
        f"P(a broad season begins in {year.year}): median {percent(year.median)}, from "
        f"{percent(year.low)} to {percent(year.high)} over the specifications{begun}.{explained}"
    )


def _axis(axis: str) -> str:
    return {"candidate": "model", "without": "group left out"}.get(axis, axis.removesuffix("_days"))


def _scored(standing: Standing) -> str:
    return scored(*standing.skill)


def table_bytes(table: pd.DataFrame, ending: str) -> bytes:
    """Return a table as CSV, Parquet or JSON (one object a row), by a file's ending."""
    if ending == ".parquet":
        content = io.BytesIO()
        table.to_parquet(content, index=False)
        return content.getvalue()
    if ending == ".json":
        # Python's own JSON gives every bit of a number; it has no NaN.
        plain = table.astype(object).where(table.notna(), None).to_dict("records")
        return f"{json.dumps(plain, indent=1, allow_nan=False)}\n".encode()
    return table.to_csv(index=False, lineterminator="\n").encode()


def table_text(sweep: Sweep) -> str:
    """Return the specifications with skill and chance; empty where there are too many to read."""
    if not 0 < len(sweep.results) <= _MOST_ROWS:
        return ""
    axes = varied(sweep.table()) or ["candidate"]
    names = [*(f"skill_{days}" for days in sweep.horizons), "skill"]
    heads = [*(f"{days} days" for days in sweep.horizons), "together"]
    year = f"P({sweep.results[0].figures['year']})"
    rows = [["", *heads, year], *(_row(result, axes, names) for result in sweep.results)]
    return "\n".join([*aligned(rows, "<>"), "", ""])


def _row(result: Result, axes: list[str], names: list[str]) -> list[str]:
    title = ", ".join(shown(axis, getattr(result.specification, axis)) for axis in axes)
    figures = result.figures
    skills = [scored(*(figures[f"{name}{end}"] for end in ("", "_low", "_high"))) for name in names]
    return [title, *skills, percent(figures["probability"])]


def grid_text(made: Grid, jobs: int) -> str:
    """Return the specifications of a grid and the time that they would take."""
    lines = [str(specification) for specification in made.specifications]
    lines += [
        f"left out, {counted(n, 'specification')}: {why}" for why, n in made.obstacles.items()
    ]
    timed = [_SECONDS[s.candidate] for s in made.specifications if s.candidate in _SECONDS]
    untimed = len(made.specifications) - len(timed)
    rest = f"; {untimed} of a model that was never timed not counted" if untimed else ""
    lines.append(
        f"{counted(len(made.specifications), 'specification')}, about "
        f"{counted(max(round(sum(timed) / jobs / 60), 1), 'minute')} with --jobs {jobs}{rest}."
    )
    return "\n".join(lines)
