"""The model card of a trained candidate: what it is for, what it has shown, where it fails.

Every figure is one of the training's own; what a sentence says of them follows from them.

References
----------
Mitchell et al. (2019), Model Cards for Model Reporting, https://doi.org/10.1145/3287560.3287596
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.answers import State
from models.formatting import counted, folded, listed, long_day, markdown, percent, scored
from models.hazard.candidates import CANDIDATES, TRIALS
from models.report.words import SKILL, horizon_words
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict

if TYPE_CHECKING:
    from models.training.run import Training

FILE = "model-card.md"
BRIEF_DAYS = 20
_REFERENCE = "climatology"
_NEAR, _FAR = "90", "365"
PURPOSE = (
    "Gives the probability that an altcoin season begins (an onset) within a number of days, "
    "beside the base rate, for people who want a number with its uncertainty instead of a story. "
    "It is research software."
)
NOT_FOR = (
    "Buying, selling or sizing a position: an onset is a crossing of an index, no profit, and "
    "costs, liquidity and taxes are not in it.",
    "A single coin, or any other index: the season index counts the largest altcoins of the day "
    "against Bitcoin.",
    "Days whose data are stale or held back, or another threshold than it was verified at.",
    "A certainty: an interval says how little so few seasons tell, and no interval sees the market "
    "itself change.",
)


@dataclass(frozen=True)
class CardFacts:
    """What a card is made from; the tables as in `models.training.run.Training`."""

    candidate: str
    definition: OnsetDefinition
    trained_until: pd.Timestamp  # last day whose outcomes were learnt from
    source: str  # of the data
    data_digest: str  # empty if it is not at hand
    index: pd.Series  # season index by day
    onsets: pd.DatetimeIndex  # of broad seasons
    verification: pd.DataFrame
    integrated: pd.DataFrame
    hindcast: pd.DataFrame

    @property
    def skill(self) -> Sequence[pd.Series]:
        """Its rows of the verification, broad seasons, by horizon."""
        return _rows(self.verification, self.candidate)

    @classmethod
    def of_training(cls, training: Training, candidate: str, source: str) -> CardFacts:
        """Return what the card of a candidate of a training is made from."""
        return cls(
            candidate=candidate,
            definition=training.settings.definition,
            trained_until=training.trained_until,
            source=source,
            data_digest=training.data_digest,
            index=training.index,
            onsets=training.onsets[Kind.BROAD],
            verification=training.verification,
            integrated=training.integrated,
            hindcast=training.hindcast,
        )


def model_cards(training: Training, source: str) -> dict[str, bytes]:
    """Return the card of every candidate of a training as Markdown."""
    return {
        name: model_card(CardFacts.of_training(training, name, source)).encode()
        for name in training.forecasters
    }


def model_card(facts: CardFacts) -> str:
    """Return the card as Markdown."""
    parts = [
        f"# Model card: {facts.candidate}",
        "## Purpose",
        PURPOSE,
        "## Data",
        _data(facts),
        "## Method",
        *_method(facts),
        "## Skill out of sample",
        *_skill(facts),
        "## Known failures",
        "\n".join(f"- {sentence}" for sentence in known_failures(facts)),
        "## Not to be used for",
        "\n".join(f"- {sentence}" for sentence in NOT_FOR),
    ]
    return "\n\n".join(folded(part) for part in parts) + "\n"


def known_failures(facts: CardFacts) -> list[str]:
    """Return where a candidate fails, by its figures: droughts, brief seasons, far horizons."""
    episodes = max((int(row["episodes"]) for row in facts.skill), default=0)
    few = (
        f"Few seasons: {counted(episodes, 'episode')} out of sample are all the independent "
        f"evidence. A market that changes (new coins, funds, rules) shows only after seasons have "
        f"come or stayed away."
    )
    return [*filter(None, (_drought(facts), _brief(facts), _far(facts))), few]


def _rows(table: pd.DataFrame, candidate: str) -> Sequence[pd.Series]:
    if table.empty:
        return []
    rows = table[(table["model"] == candidate) & (table["kind"] == Kind.BROAD)]
    return [row for _, row in rows.iterrows()]


def _drought(facts: CardFacts) -> str | None:
    """Return what was forecast in the longest wait of the hindcast, where no onset came."""
    table = facts.hindcast
    rows = table[
        (table["model"] == facts.candidate)
        & (table["kind"] == Kind.BROAD)
        & (table["state"] == State.AT_RISK)
    ]
    if rows.empty:
        return None
    after = facts.onsets[facts.onsets > rows["as_of"].min()]
    marks = pd.DatetimeIndex([rows["as_of"].min(), *after, facts.index.index[-1]])
    at = int(np.argmax(np.diff(marks.to_numpy())))
    begin, end = marks[at], marks[at + 1]
    clauses = []
    for horizon in (_NEAR, _FAR):
        # Strict: a window that ends on the day of the onset holds it.
        dry = rows[
            (rows["horizon"] == horizon) & (rows["as_of"] > begin) & (rows["resolved_on"] < end)
        ]
        if len(dry):
            clauses.append(
                f"within {horizon} days {percent(dry['probability'].mean())} on average "
                f"(base rate {percent(dry['base_rate'].mean())})"
            )
    if not clauses:
        return None
    return (
        f"Long droughts: from {long_day(begin)} to {long_day(end)} no onset came for "
        f"{(end - begin).days} days; in windows that were wholly within, it said "
        f"{' and '.join(clauses)}."
    )


def _brief(facts: CardFacts) -> str | None:
    """Return how many seasons were brief: an onset is one day at the threshold."""
    needed, within = facts.definition.sustained_days, facts.definition.sustained_within
    last = facts.index.index[-1] - pd.Timedelta(days=within - 1)
    # A season of which not all days are known is left out; on the last one of them they are: <=.
    onsets = facts.onsets[facts.onsets <= last]
    if onsets.empty:
        return None
    standing = facts.index >= facts.definition.threshold
    days = [int(standing.loc[day:].iloc[:within].sum()) for day in onsets]
    brief, held = (np.array(days) < BRIEF_DAYS).sum(), (np.array(days) >= needed).sum()
    return (
        f"Brief seasons: of {counted(len(days), 'onset')}, {brief} were followed by fewer than "
        f"{BRIEF_DAYS} days at the threshold in {within} days, {held} by at least "
        f"{needed} (sustained). A chance of an onset is not a chance of a lasting season."
    )


def _far(facts: CardFacts) -> str | None:
    unproven = [
        f"{horizon_words(row['horizon'])} ({_verdict(row)})"
        for row in facts.skill
        if row["verdict"] != Verdict.BETTER and row["model"] != _REFERENCE
    ]
    return f"Its skill is not shown at {', '.join(unproven)}." if unproven else None


def _data(facts: CardFacts) -> str:
    first, last = facts.index.index[[0, -1]]
    digest = f", SHA-256 {facts.data_digest[:12]}" if facts.data_digest else ""
    return (
        f"Source {facts.source}{digest}: season index from {long_day(first)} to {long_day(last)}, "
        f"{counted(len(facts.onsets), 'onset')} of broad seasons in it; outcomes to "
        f"{long_day(facts.trained_until)} were learnt from. Every value counts from the instant of "
        f"its publication on. The card of the embedded data, with their faults, is "
        f"`features/reference/card.json`."
    )


def _method(facts: CardFacts) -> list[str]:
    define = facts.definition
    return [
        f"`{facts.candidate}`: {CANDIDATES[facts.candidate].meaning}. A discrete-time hazard over "
        f"leads of 30 days answers the next 90 days; over the 90 after it passes to a renewal "
        f"process of quiet spells and seasons, which answers alone beyond. A broad season stands "
        f"while at least {define.threshold:g} % of the top {define.top} altcoins of the day are "
        f"ahead of Bitcoin over {define.window_days} days; its onset is the first such day after "
        f"{define.quiet_days} quiet ones.",
        f"Verified by a weekly walk-forward hindcast on days at risk; intervals are made for "
        f"windows that overlap. {TRIALS} variants had been looked at out of sample while the "
        f"program was built (docs/choices.md): a figure below is one of so many.",
    ]


def _skill(facts: CardFacts) -> list[str]:
    head = ("horizon", "Brier skill (90 % interval)", "verdict", "AUC", "miscalibration", "days",
            "episodes")  # fmt: skip
    rows = [
        (
            horizon_words(row["horizon"]), _interval(row), _verdict(row), _figure(row["auc"], 2),
            _figure(row["miscalibration"], 3), f"{row['days']:.0f}", f"{row['episodes']:.0f}",
        )
        for row in facts.skill
    ]  # fmt: skip
    whole = [
        f"Over all horizons: {_interval(row)}, log score {_figure(row['log_score'], 3)} "
        f"(lower is better)."
        for row in _rows(facts.integrated, facts.candidate)
    ]
    note = (
        "Skill is 1 - Brier score / that of the base rate: 0 is the base rate, 1 is perfect. A "
        "forecast that ranks days at random has AUC 0.5; one that keeps its promises has "
        "miscalibration 0."
    )
    return ["\n".join(markdown([head, *rows])), *whole, note]


def _verdict(row: pd.Series) -> str:
    return "reference" if row["model"] == _REFERENCE else SKILL[row["verdict"]]


def _interval(row: pd.Series) -> str:
    return scored(*(_plain(row[f"brier_skill{end}"]) for end in ("", "_low", "_high")))


def _plain(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _figure(value: float, digits: int) -> str:
    return "n/a" if pd.isna(value) else f"{value:.{digits}f}"


@dataclass(frozen=True)
class ClaimHeadline:
    """The condition by which a claim is known, at the horizon that decides most."""

    claim: str
    verdict: str
    sentence: str
    apart: tuple[str, ...]  # further rows of the claim whose interval excludes 0, as sentences


def claim_headlines(claims: pd.DataFrame) -> list[ClaimHeadline]:
    """Return the first condition of each claim at its shortest horizon.

    That is the longest at which most windows have no onset: there both outcomes are common. Rows
    that pass by their interval alone are shown with it, not hidden behind a verdict.
    """
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        nearest = rows[rows["horizon_days"] == rows["horizon_days"].min()]
        first = nearest.iloc[0]
        excludes = (rows["low"] > 0) | (rows["high"] < 0)
        others = rows[excludes & (rows["sentence"] != first["sentence"])]
        chosen.append(
            ClaimHeadline(
                str(claim), str(first["verdict"]), str(first["sentence"]), tuple(others["sentence"])
            )
        )
    return chosen


def claims_statement(headlines: list[ClaimHeadline]) -> str:
    """Return how many claims the history decides, and how many rows pass by interval alone."""
    decided = [each for each in headlines if each.verdict != Verdict.CANNOT_TELL]
    passing = sum(len(each.apart) for each in headlines)
    tests = f"{counted(len(headlines), 'claim')} tested"
    beside = (
        f" {counted(passing, 'further row')} of the table have an interval that excludes 0: of so "
        f"many tests some do by chance."
        if passing
        else ""
    )
    if not decided:
        return f"Of {tests} none has a detectable effect at its headline horizon.{beside}"
    names = listed([f"“{each.claim}” ({each.verdict})" for each in decided])
    return f"Of {tests} {len(decided)} show a detectable effect: {names}.{beside}"
