"""A sweep in words: the median first, the best only beside chance."""

from __future__ import annotations

import json

from models.formatting import (
    counted,
    iso_day,
    listed,
    percent,
    scored,
    signed,
    wrap,
)
from models.sweep.influence import Influence
from models.sweep.run import Sweep
from models.sweep.specification import shown
from models.sweep.summary import Standing, Summary, Year

# Shares of the variance below this are not worth a word.
_LEAST_SHARE = 0.01


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


def headline(summary: Summary) -> str:
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
    found = [headline(summary), best_statement(summary)]
    if summary.chosen:
        found.append(chosen_statement(summary))
    # A share of NaN or 0: nothing moves it.
    if summary.influences and summary.influences[0].share > 0:
        found.append(influence_statement(summary.influences[0]))
    found.append(default_statement(summary))
    if summary.year:
        found.append(year_statement(summary.year))
    return found


def best_statement(summary: Summary) -> str:
    """Return the best specification's skill beside what it would be by chance."""
    chance, best = summary.by_chance, summary.best
    said = f"The best of {summary.evaluated} has {_scored(best)} ({best.specification})"
    if chance.specifications == 0:
        return f"{said}; the days are too few to tell what the best would have been by chance."
    return (
        f"{said}; were none of them of any skill, the best would have had "
        f"{signed(chance.median)}, and more than {signed(chance.high)} once in twenty times."
    )


def chosen_statement(summary: Summary) -> str:
    """Return what choosing on what had resolved was worth."""
    chosen = summary.chosen
    assert chosen is not None
    return (
        f"Whoever had chosen the best so far at every refit since {iso_day(chosen.since)} would "
        f"have had {scored(*chosen.skill)}; on the same days the median specification has "
        f"{signed(chosen.median)} and hindsight's best {signed(chosen.best)}. Chosen most often, "
        f"on {percent(chosen.share)} of the refits: {chosen.favourite}."
    )


def influence_statement(strongest: Influence) -> str:
    """Return which choice moves the skill most."""
    means = sorted(strongest.means.items(), key=lambda item: item[1])
    (worst, low), (best, high) = means[0], means[-1]
    return (
        f"{_axis(strongest.axis).capitalize()} moves the skill most: on average {signed(low)} with "
        f"{shown(strongest.axis, worst)}, {signed(high)} with {shown(strongest.axis, best)} "
        f"({percent(strongest.share)} of the variance between specifications)."
    )


def default_statement(summary: Summary) -> str:
    """Return where the program's own definition stands."""
    default = summary.default
    if default is None:
        return "The program's own definition with logistic is not among them."
    return (
        f"The program's own definition ({default.specification}) stands {default.rank}. of "
        f"{summary.evaluated} with {_scored(default)}."
    )


def year_statement(year: Year) -> str:
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
