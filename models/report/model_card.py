"""The model card of a trained candidate: what it is for, what it has shown, where it fails.

Every figure is one of the training's own; what a sentence says of them follows from them.

References
----------
Mitchell et al. (2019), Model Cards for Model Reporting, https://doi.org/10.1145/3287560.3287596
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from models.formatting import counted, iso_day, long_day, markdown, scored, signed
from models.hazard.candidates import CANDIDATES, TRIALS
from models.report.known_failures import CardFacts, known_failures, own_rows, verdict_words
from models.report.record import Prospective, prospective
from models.report.regions import folded

if TYPE_CHECKING:
    from models.training.run import Training

FILE = "model-card.md"
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


def model_card(facts: CardFacts, record: Prospective | None = None) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    facts : CardFacts
        Of one candidate.
    record : Prospective, optional
        From `models.report.record.prospective`, which is read if it is not given.
    """
    record = prospective() if record is None else record
    parts = [
        f"# Model card: {facts.candidate}",
        "## Purpose",
        PURPOSE,
        "## Data",
        *_data(facts),
        "## Method",
        *_method(facts),
        "## Skill out of sample",
        *_skill(facts),
        "## Prospective record",
        *_prospective(record, facts.candidate),
        "## Known failures",
        "\n".join(f"- {sentence}" for sentence in known_failures(facts)),
        "## Not to be used for",
        "\n".join(f"- {sentence}" for sentence in NOT_FOR),
    ]
    return "\n\n".join(folded(part) for part in parts) + "\n"


def model_cards(training: Training, source: str) -> dict[str, dict[str, bytes]]:
    """Return the card of every candidate of a training, by candidate and file name."""
    return {
        name: {FILE: model_card(CardFacts.of_training(training, name, source)).encode()}
        for name in training.forecasters
    }


def _data(facts: CardFacts) -> list[str]:
    first, last = facts.index.index[[0, -1]]
    digest = f", SHA-256 {facts.data_digest[:12]}" if facts.data_digest else ""
    return [
        f"Source {facts.source}{digest}: season index from {long_day(first)} to {long_day(last)}, "
        f"{counted(len(facts.onsets), 'onset')} of broad seasons in it; outcomes to "
        f"{long_day(facts.trained_until)} were learnt from. Every value counts from the instant of "
        f"its publication on. The card of the embedded data, with their faults, is "
        f"`features/reference/card.json`."
    ]


def _method(facts: CardFacts) -> list[str]:
    define = facts.definition.as_dict()
    return [
        f"`{facts.candidate}`: {CANDIDATES[facts.candidate].meaning}. A discrete-time hazard over "
        f"13 leads of 30 days gives every horizon. A broad season stands while at least "
        f"{define['threshold']:g} % of the top {define['top']:g} altcoins of the day are ahead of "
        f"Bitcoin over {define['window_days']:g} days; its onset is the first such day after "
        f"{define['quiet_days']:g} quiet ones.",
        f"Verified by a weekly walk-forward hindcast; intervals are made for windows that overlap. "
        f"{TRIALS} variants had been looked at out of sample while the program was built "
        f"(docs/choices.md): a figure below is one of so many.",
    ]


def _skill(facts: CardFacts) -> list[str]:
    head = ("horizon", "Brier skill (90 % interval)", "verdict", "AUC", "miscalibration", "days",
            "episodes")  # fmt: skip
    rows = [
        (
            f"{row['horizon_days']:.0f} days",
            _interval(row),
            verdict_words(row),
            _figure(row["auc"], 2),
            _figure(row["miscalibration"], 3),
            f"{row['days']:.0f}",
            f"{row['episodes']:.0f}",
        )
        for row in facts.skill
    ]
    whole = [
        f"Over all horizons: {_interval(row)}, log score {_figure(row['log_score'], 3)} "
        f"(lower is better)."
        for row in own_rows(facts.integrated, facts.candidate)
    ]
    note = (
        "Skill is 1 - Brier score / that of the base rate: 0 is the base rate, 1 is perfect. A "
        "forecast that ranks days at random has AUC 0.5; one that keeps its promises has "
        "miscalibration 0."
    )
    return ["\n".join(markdown([head, *rows])), *whole, note]


def _prospective(record: Prospective, candidate: str) -> list[str]:
    """Tell how forecasts did whose outcome nobody had seen, of this candidate where it is there."""
    rows = [
        (
            f"{group.horizon_days} days", str(row["candidate"]), signed(row["brier_skill"]),
            str(group.forecasts), str(group.separate_windows), str(group.onsets),
        )
        for group in record.groups
        for row in group.rows
        if row["candidate"] == candidate
    ]  # fmt: skip
    intro = (
        f"Forecasts of the release whose data ended on {iso_day(record.frozen)}, in the weeks "
        f"since, outcomes known to {iso_day(record.known_until)}"
    )
    if not rows:
        return [f"{intro}: none of `{candidate}`."]
    head = ("horizon", "candidate", "Brier skill", "weeks resolved", "windows that share no day",
            "onsets")  # fmt: skip
    return [f"{intro}:", "\n".join(markdown([head, *rows]))]


def _interval(row: pd.Series) -> str:
    return scored(*(_plain(row[f"brier_skill{end}"]) for end in ("", "_low", "_high")))


def _plain(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _figure(value: float, digits: int) -> str:
    return "n/a" if pd.isna(value) else f"{value:.{digits}f}"
