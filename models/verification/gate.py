"""Which candidate has earned it: the choice of the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import pandas as pd

from models.verification.hindcast import REFERENCE
from models.verification.intervals import Interval, verdict
from models.vocabulary import Verdict


class Choice(NamedTuple):
    """The champion and why."""

    champion: str
    reason: str


def choose_champion(
    verification: pd.DataFrame,
    simplest_first: Sequence[str],
    differences: Mapping[tuple[str, str], Interval],
    *,
    primary: str | None = None,
) -> Choice:
    """Choose the declared primary candidate unless the figures veto it, else by rank.

    `verification` is from `verify`, `differences` from `integrated_differences`, both of one kind
    of season. The primary stands if its Brier skill against climatology is above 0 with the lower
    end of the 90 % interval at one horizon and below 0 with the upper end at none, and no other
    candidate's log score over all horizons is lower by the interval of their paired difference.

    By rank, the choice is the simplest candidate that beats climatology and that no such candidate
    beats. A candidate is eligible if it has skill at a horizon and harm at none, as above, and if
    the paired difference of its log score over all horizons to climatology's is below 0 with the
    upper end of its interval. Of two eligible candidates the simpler is kept unless the interval
    of their paired difference says that the other is better. Climatology is the choice where no
    candidate is eligible.
    """
    if set(verification["model"]) == {REFERENCE}:
        return Choice(REFERENCE, "no other candidate was trained")
    if not differences:
        return Choice(
            REFERENCE,
            "the days resolved at every horizon do not yet span five windows of the longest",
        )
    by_model = {str(name): scores for name, scores in verification.groupby("model")}
    ranked = partial(_by_rank, by_model, simplest_first, differences)
    if primary is None or primary not in by_model:
        return ranked()
    if veto := _veto(primary, by_model, differences):
        choice = ranked()
        return Choice(
            choice.champion,
            f"{choice.reason}; {primary}, declared beforehand, is not champion: {veto}",
        )
    return Choice(
        primary,
        f"was declared beforehand, and nothing vetoes it: it beats the base rate "
        f"({_best(by_model[primary])}; 90 % interval), is worse at no horizon, and no candidate "
        f"beats it over all horizons",
    )


def _veto(
    primary: str,
    by_model: Mapping[str, pd.DataFrame],
    differences: Mapping[tuple[str, str], Interval],
) -> str | None:
    """Say why the primary cannot be champion, None if it can."""
    scores = by_model[primary]
    if (harmed := scores["brier_skill_high"] < 0).any():
        return (
            f"it is worse than the base rate at {scores.loc[harmed, 'horizon_days'].iloc[0]} days"
        )
    if not _skilled(scores):
        return "its interval shows it better than the base rate at no horizon"
    # Any candidate may object, be it eligible itself or not.
    rivals = [name for name in by_model if name != primary and _beats(differences[name, primary])]
    if not rivals:
        return None
    winner = min(rivals, key=lambda name: differences[name, primary].high)
    return f"{winner} beats it by {_text(differences[winner, primary])} in log score"


def _by_rank(
    by_model: Mapping[str, pd.DataFrame],
    simplest_first: Sequence[str],
    differences: Mapping[tuple[str, str], Interval],
) -> Choice:
    skilled = [name for name in simplest_first if name in by_model and _skilled(by_model[name])]
    if not skilled:
        return Choice(
            REFERENCE,
            "no candidate has Brier skill with the lower end of its 90 % interval above 0 at one "
            "horizon and with the upper end below 0 at none",
        )
    eligible = [name for name in skilled if _beats(differences[name, REFERENCE])]
    if not eligible:
        nearest = min(skilled, key=lambda name: differences[name, REFERENCE].high)
        return Choice(
            REFERENCE,
            f"no candidate with skill at a horizon beats it over all horizons: the nearest, "
            f"{nearest}, differs in log score by {_text(differences[nearest, REFERENCE])}",
        )
    champion = _simplest_unbeaten(eligible, differences)
    return Choice(champion, _reason(champion, eligible, by_model[champion], differences))


def _skilled(scores: pd.DataFrame) -> bool:
    # Both strict: an end at 0 is what climatology has against itself.
    above = (scores["brier_skill_low"] > 0).any()
    return bool(above and not (scores["brier_skill_high"] < 0).any())


def _beats(difference: Interval) -> bool:
    return verdict(difference, lower_is_better=True) is Verdict.BETTER


def _simplest_unbeaten(
    eligible: Sequence[str], differences: Mapping[tuple[str, str], Interval]
) -> str:
    # Not a walk in which each winner meets the next only: "cannot tell" is not transitive, and a
    # walk could end with a candidate that equals a simpler one it has never met. One is always
    # unbeaten: intervals hold their value, so that nobody beats the one that scores lowest.
    for name in eligible:
        if not any(_beats(differences[rival, name]) for rival in eligible if rival != name):
            return name
    raise ValueError(
        f"differences must leave a candidate unbeaten, but each of {', '.join(eligible)} is beaten "
        f"by another; take them from one call of integrated_differences."
    )


def _reason(
    champion: str,
    eligible: Sequence[str],
    scores: pd.DataFrame,
    differences: Mapping[tuple[str, str], Interval],
) -> str:
    beats = (
        f"beats the base rate ({_best(scores)}, difference in log score over all horizons "
        f"{_text(differences[champion, REFERENCE])}; 90 % intervals)"
    )
    if len(eligible) == 1:
        return f"{beats} as no other candidate does"
    position = eligible.index(champion)
    clauses = [beats, *(_beaten(name, eligible, differences) for name in eligible[:position])]
    if complex_ones := eligible[position + 1 :]:
        clauses.append(f"none of the more complex beats it ({', '.join(complex_ones)})")
    return "; ".join(clauses)


def _beaten(
    name: str, eligible: Sequence[str], differences: Mapping[tuple[str, str], Interval]
) -> str:
    rivals = [rival for rival in eligible if rival != name]
    winner = min(rivals, key=lambda rival: differences[rival, name].high)
    return f"{winner} beats {name}, which is simpler, by {_text(differences[winner, name])}"


def _best(scores: pd.DataFrame) -> str:
    best = scores.nlargest(1, "brier_skill_low").iloc[0]
    skill = Interval(best["brier_skill"], best["brier_skill_low"], best["brier_skill_high"])
    return f"Brier skill {_text(skill, 2)} at {best['horizon_days']} days"


def _text(interval: Interval, digits: int = 3) -> str:
    value, low, high = (f"{end:+.{digits}f}" for end in interval)
    return f"{value} [{low}, {high}]"
