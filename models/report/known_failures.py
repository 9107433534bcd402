"""Where a candidate fails, in sentences made from its own figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from models.formatting import counted, long_day, percent
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind, Verdict

if TYPE_CHECKING:
    from models.training.run import Training

NEAR_DAYS = 90
BRIEF_DAYS = 20
_REFERENCE = "climatology"
_WORDS: Mapping[str, str] = {
    Verdict.BETTER: "better than the base rate",
    Verdict.WORSE: "worse than the base rate",
    Verdict.CANNOT_TELL: "no detectable skill",
}


@dataclass(frozen=True)
class CardFacts:
    """What a card is made from.

    Parameters
    ----------
    candidate : str
        Name.
    definition : OnsetDefinition
        The onset definition.
    trained_until : pandas.Timestamp
        Last day whose outcomes were learnt from.
    source : str
        Of the data.
    data_digest : str
        Of the data; empty if it is not at hand.
    index : pandas.Series
        Season index by day.
    onsets : pandas.DatetimeIndex
        Onsets of broad seasons.
    verification, integrated, hindcast : pandas.DataFrame
        As in `models.training.run.Training`.
    """

    candidate: str
    definition: OnsetDefinition
    trained_until: pd.Timestamp
    source: str
    data_digest: str
    index: pd.Series
    onsets: pd.DatetimeIndex
    verification: pd.DataFrame
    integrated: pd.DataFrame
    hindcast: pd.DataFrame

    @property
    def skill(self) -> Sequence[pd.Series]:
        """Its rows of the verification, broad seasons, by horizon."""
        return own_rows(self.verification, self.candidate)

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


def known_failures(facts: CardFacts) -> list[str]:
    """Return where a candidate fails, by its own figures: droughts, brief seasons, far horizons."""
    episodes = max((int(row["episodes"]) for row in facts.skill), default=0)
    few = (
        f"Few seasons: {counted(episodes, 'episode')} out of sample are all the independent "
        f"evidence. A market that changes (new coins, funds, rules) shows only after seasons have "
        f"come or stayed away."
    )
    found = (_drought(facts), _brief(facts), _ranking(facts), _far(facts))
    return [*filter(None, found), few]


def verdict_words(row: pd.Series) -> str:
    """Return what is said of a row of a verification."""
    return "reference" if row["model"] == _REFERENCE else _WORDS[row["verdict"]]


def own_rows(table: pd.DataFrame, candidate: str) -> Sequence[pd.Series]:
    """Return a candidate's rows of a table of scores, broad seasons."""
    if table.empty:
        return []
    own = table[(table["model"] == candidate) & (table["kind"] == Kind.BROAD)]
    return [row for _, row in own.iterrows()]


def _drought(facts: CardFacts) -> str | None:
    """Tell what was forecast in the longest wait of the hindcast, where no onset came."""
    own = facts.hindcast[
        (facts.hindcast["model"] == facts.candidate) & (facts.hindcast["kind"] == Kind.BROAD)
    ]
    if own.empty:
        return None
    # Of the horizons verified, those to the 90th day and the longest.
    horizons = sorted({_near(own["horizon_days"]), int(own["horizon_days"].max())})
    marks = pd.DatetimeIndex(
        [
            own["as_of"].min(),
            *facts.onsets[facts.onsets > own["as_of"].min()],
            facts.index.index[-1],
        ]
    )
    waits = np.diff(marks.to_numpy())
    at = int(np.argmax(waits))
    begin, end = marks[at], marks[at + 1]
    said = []
    for horizon in horizons:
        # Strict: a window that ends on the day of the onset holds it.
        dry = own[
            (own["horizon_days"] == horizon) & (own["as_of"] > begin) & (own["resolved_on"] < end)
        ]
        if len(dry):
            said.append(
                f"within {horizon} days {percent(dry['probability'].mean())} on average "
                f"(base rate {percent(dry['climatology'].mean())})"
            )
    if not said:
        return None
    return (
        f"Long droughts: from {long_day(begin)} to {long_day(end)} no onset came for "
        f"{(end - begin).days} days; in windows that were wholly within, it said "
        f"{' and '.join(said)}."
    )


def _brief(facts: CardFacts) -> str | None:
    """Tell how many seasons were brief: an onset is one day at the threshold."""
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
        f"{needed} (sustained). A chance of an onset is not a chance of a lasting season; "
        f"the outlook tells that one apart."
    )


def _ranking(facts: CardFacts) -> str | None:
    far = [row for row in facts.skill if row["horizon_days"] > NEAR_DAYS and pd.notna(row["auc"])]
    if not far:
        return None
    values = ", ".join(f"{row['auc']:.2f} at {row['horizon_days']:.0f} days" for row in far)
    # Not strict: 0.5 is chance itself.
    none = all(row["auc"] <= 0.5 for row in far)
    tail = "it ranks days no better than chance" if none else "0.5 is chance"
    return f"AUC beyond {NEAR_DAYS} days: {values}; {tail}."


def _far(facts: CardFacts) -> str | None:
    unproven = [
        f"{row['horizon_days']:.0f} days ({verdict_words(row)})"
        for row in facts.skill
        if row["verdict"] != Verdict.BETTER and row["model"] != _REFERENCE
    ]
    return f"Its skill is not shown at {', '.join(unproven)}." if unproven else None


def _near(horizons: pd.Series) -> int:
    """Return the longest horizon to the 90th day, the shortest where none is so near."""
    near = horizons[horizons <= NEAR_DAYS]
    return int(near.max() if len(near) else horizons.min())
