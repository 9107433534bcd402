"""Which candidate has earned it: the choice of the champion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    scores = {str(name): rows for name, rows in verification.groupby("model")}
    contest = _Contest(scores, differences)
    candidates = [name for name in simplest_first if name in scores]
    if primary is None or primary not in scores:
        return contest.by_rank(candidates)
    if veto := contest.veto(primary):
        champion, reason = contest.by_rank(candidates)
        return Choice(
            champion, f"{reason}; {primary}, declared beforehand, is not champion: {veto}"
        )
    return Choice(
        primary,
        f"was declared beforehand, and nothing vetoes it: it beats the base rate "
        f"({contest.best(primary)}; 90 % interval), is worse at no horizon, and no candidate "
        f"beats it over all horizons",
    )


@dataclass(frozen=True)
class _Contest:
    """The candidates' scores at each horizon, and the differences between any two over all."""

    scores: Mapping[str, pd.DataFrame]
    differences: Mapping[tuple[str, str], Interval]

    def veto(self, primary: str) -> str | None:
        scores = self.scores[primary]
        if (harmed := scores["brier_skill_high"] < 0).any():
            horizon = scores.loc[harmed, "horizon_days"].iloc[0]
            return f"it is worse than the base rate {_ahead(horizon)}"
        if not self.skilled(primary):
            return "its interval shows it better than the base rate at no horizon"
        # Any candidate may object, be it eligible itself or not.
        if not (rivals := self.beating(primary, list(self.scores))):
            return None
        return f"{rivals[0]} beats it by {_text(self.differences[rivals[0], primary])} in log score"

    def by_rank(self, simplest_first: Sequence[str]) -> Choice:
        skilled = [name for name in simplest_first if self.skilled(name)]
        if not skilled:
            return Choice(
                REFERENCE,
                "no candidate has Brier skill with the lower end of its 90 % interval above 0 at "
                "one horizon and with the upper end below 0 at none",
            )
        eligible = [name for name in skilled if self.beats(name, REFERENCE)]
        if not eligible:
            nearest = min(skilled, key=lambda name: self.differences[name, REFERENCE].high)
            return Choice(
                REFERENCE,
                f"no candidate with skill at a horizon beats it over all horizons: the nearest, "
                f"{nearest}, differs in log score by {_text(self.differences[nearest, REFERENCE])}",
            )
        # Not a walk in which each winner meets the next only: "cannot tell" is not transitive, and
        # a walk could end with a candidate that equals a simpler one it has never met. One
        # candidate is always unbeaten: intervals hold their value, and the lowest score is of one.
        champion = next(name for name in eligible if not self.beating(name, eligible))
        return Choice(champion, self.reason(champion, eligible))

    def skilled(self, name: str) -> bool:
        # Both strict: an end at 0 is what climatology has against itself.
        above = (self.scores[name]["brier_skill_low"] > 0).any()
        return bool(above and not (self.scores[name]["brier_skill_high"] < 0).any())

    def beats(self, first: str, second: str) -> bool:
        return verdict(self.differences[first, second], lower_is_better=True) is Verdict.BETTER

    def beating(self, name: str, rivals: Sequence[str]) -> list[str]:
        better = [rival for rival in rivals if rival != name and self.beats(rival, name)]
        return sorted(better, key=lambda rival: self.differences[rival, name].high)

    def reason(self, champion: str, eligible: Sequence[str]) -> str:
        beats = (
            f"beats the base rate ({self.best(champion)}, difference in log score over all "
            f"horizons {_text(self.differences[champion, REFERENCE])}; 90 % intervals)"
        )
        if len(eligible) == 1:
            return f"{beats} as no other candidate does"
        clauses, position = [beats], eligible.index(champion)
        for name in eligible[:position]:
            rival = self.beating(name, eligible)[0]
            by = _text(self.differences[rival, name])
            clauses.append(f"{rival} beats {name}, which is simpler, by {by}")
        if complex_ones := eligible[position + 1 :]:
            clauses.append(f"none of the more complex beats it ({', '.join(complex_ones)})")
        return "; ".join(clauses)

    def best(self, name: str) -> str:
        row = self.scores[name].nlargest(1, "brier_skill_low").iloc[0]
        skill = Interval(row["brier_skill"], row["brier_skill_low"], row["brier_skill_high"])
        return f"Brier skill {_text(skill, 2)} {_ahead(row['horizon_days'])}"


def _ahead(horizon: object) -> str:
    return f"for the {horizon}" if isinstance(horizon, str) else f"at {horizon} days"


def _text(interval: Interval, digits: int = 3) -> str:
    value, low, high = (f"{end:+.{digits}f}" for end in interval)
    return f"{value} [{low}, {high}]"
