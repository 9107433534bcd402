"""A training's results and the comparison of two models, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from features.terminal import aligned
from models.formatting import finite, interval, long_day, percent, signed
from models.hazard.candidates import TRIALS
from models.report.card import claim_headlines
from models.report.words import SKILL, horizon_words
from models.training.skill_table import skill_table
from models.vocabulary import Kind, Verdict

if TYPE_CHECKING:
    from models.training.run import Training
    from models.training.study import Study


def training_table(training: Training) -> str:
    """Return the candidates with their skill, and what became champion and why."""
    broad = training.verification[training.verification["kind"] == Kind.BROAD]
    champion, reason = training.choice
    return "\n".join(
        [
            "Brier skill against the base rate out of sample, broad seasons (90 % interval)",
            *aligned(skill_table(training), "<>"),
            "",
            _verdicts(broad, champion),
            f"Champion: climatology, the base rate; {reason}."
            if champion == "climatology"
            else f"Champion: {champion}, which {reason}.",
            f"Fitted on {long_day(training.trained_until)}, the last scheduled refit, "
            f"to data until {long_day(training.until)}.",
        ]
    )


def study_text(study: Study) -> str:
    """Return events, claims and ablation in words."""
    return "\n".join(["", *_events(study), "", *_claims(study), "", *_ablation(study), ""])


def _events(study: Study) -> list[str]:
    events = study.before_onsets
    warned = events["lead_days"].notna()
    lines = [
        f"Before the {len(events)} onsets out of sample (P(onset in {study.horizon_days} days), "
        f"weekly): {int(warned.sum())} were preceded by a warning of "
        f"{percent(study.warning_level)} or more{_median_lead(events['lead_days'])}.",
    ]
    for row in study.contingency.to_dict("records"):
        lines.append(
            f"  at {percent(row['level'])}: {row['hits']} hits, {row['misses']} misses, "
            f"{row['false_alarms']} false alarms of {row['alarms']} alarms; "
            f"{row['followed']} of {row['weeks']} weeks followed by an onset"
        )
    without = study.without_episode["brier_skill_without"]
    whole = study.without_episode["brier_skill"].iloc[0]
    return [
        *lines,
        f"Brier skill with each episode left out in turn: {signed(without.min())} to "
        f"{signed(without.max())}, with all {signed(whole)}.",
    ]


def _claims(study: Study) -> list[str]:
    return [
        "The claims on this history: does a rise of US small caps announce an altcoin season?",
        *(f"  - {claim.sentence}" for claim in claim_headlines(study.claims)),
        "",
        f"{TRIALS} variants were tried on these years during development: read each figure as the "
        "result of a search (docs/choices.md).",
    ]


def _ablation(study: Study) -> list[str]:
    lines = [
        "What each group of features adds to the logistic hazard (paired, 90 % interval of the "
        "difference of Brier scores, broad seasons; below 0 helps)",
    ]
    broad = study.ablation[study.ablation["kind"] == Kind.BROAD]
    for group, rows in broad.groupby("group", sort=False):
        cells = (
            f"{row['horizon_days']} days {_effect(row['verdict'])} [{row['brier_low']:+.3f}, "
            f"{row['brier_high']:+.3f}]"
            for row in rows.to_dict("records")
        )
        lines.append(f"  {group:10}" + "; ".join(cells))
    return lines


def _median_lead(lead_days: pd.Series) -> str:
    known = lead_days.dropna()
    return f", {known.median():.0f} days ahead in the median" if len(known) else ""


def _verdicts(broad: pd.DataFrame, name: str) -> str:
    """Say in words at which horizons a candidate differs from the base rate."""
    scores = broad[(broad["model"] == name) & (broad["model"] != "climatology")]
    clauses = []
    for verdict in scores["verdict"].unique():
        rows = scores[scores["verdict"] == verdict]
        horizons = ", ".join(map(horizon_words, rows["horizon"]))
        clauses.append(f"{SKILL[verdict]} at {horizons}")
    return f"Verdict on {name} by 90 % intervals: {'; '.join(clauses) or 'it is the reference'}."


def _effect(verdict: str) -> str:
    return "no detectable effect" if verdict == Verdict.CANNOT_TELL else verdict


SCHEMA = "altseason.comparison/1"
_HEADS = ("horizon", "first", "second", "difference", "90 % interval", "", "days", "episodes")
_WORDS = {
    Verdict.BETTER: "first better",
    Verdict.WORSE: "second better",
    Verdict.CANNOT_TELL: "cannot tell",
}


def paired_text(table: pd.DataFrame, first: str, second: str) -> str:
    """Return a comparison for a terminal."""
    lines = [
        f"first:  {first}",
        f"second: {second}",
        "Brier skill of each against the base rate on the days that both were forecast out of",
        "sample, and the difference of their Brier scores (first - second, negative where the",
        "first is better) with its paired 90 % interval",
    ]
    for kind in table["kind"].unique():
        rows: list[tuple[str, ...]] = [_HEADS]
        rows += [_row(row) for _, row in table[table["kind"] == kind].iterrows()]
        lines += ["", f"{Kind(kind)} seasons", *aligned(rows, "<>>>>>>>")]
    return "\n".join(lines)


def paired_json(table: pd.DataFrame, first: str, second: str) -> dict[str, Any]:
    """Return a comparison under the schema `altseason.comparison/1`; all horizons are null."""
    numbers = ("first_skill", "second_skill", "difference", "difference_low", "difference_high")
    rows = [
        {
            "kind": row["kind"],
            "horizon_days": None if pd.isna(row["horizon"]) else int(row["horizon"]),
            "days": int(row["days"]),
            "episodes": int(row["episodes"]),
            **finite({name: float(row[name]) for name in numbers}),
            "verdict": row["verdict"],
        }
        for _, row in table.iterrows()
    ]
    return {"schema": SCHEMA, "first": first, "second": second, "rows": rows}


def _row(row: pd.Series) -> tuple[str, ...]:
    whole = pd.isna(row["horizon"])
    return (
        "all" if whole else f"{row['horizon']} days",
        signed(row["first_skill"]),
        signed(row["second_skill"]),
        signed(row["difference"], 3),
        interval(row["difference_low"], row["difference_high"])
        if pd.isna(row["difference_low"])
        else f"[{signed(row['difference_low'], 3)}, {signed(row['difference_high'], 3)}]",
        _WORDS[row["verdict"]],
        str(row["days"]),
        str(row["episodes"]),
    )
