"""The proof of the outlook as rows of Markdown tables."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import pandas as pd

from models.forecasting.near_term import NEAR_DAYS
from models.formatting import listed, markdown, percent, scored, unsigned_interval
from models.report.regions import folded
from models.training.outlook_hindcast import REFERENCES
from models.training.outlook_proof import OutlookProof
from models.training.outlook_skill import PIT_BINS
from models.verification.intervals import Interval, verdict
from models.vocabulary import Verdict

_REFERENCE_NAMES = {
    "window_frequency": "frequency of past windows",
    "gamma_poisson": "Gamma-Poisson",
}


def outlook_tables(proof: OutlookProof) -> str:
    """Return how the outlook did in its hindcast: chances, ranking, days in season.

    Parameters
    ----------
    proof : OutlookProof
        From `models.training.outlook_proof.outlook_proof`.

    Returns
    -------
    str
        Markdown.
    """
    return "\n".join(_lines(proof))


def _lines(proof: OutlookProof) -> Iterator[str]:
    yield "### Chances: skill against two base rates\n"
    yield from markdown(_chance_rows(proof.scores))
    yield ""
    for reference in REFERENCES:
        yield folded(_separable(proof.scores, reference))
    yield "\n### Ranking: are forecasts higher before an onset than on other days?\n"
    yield "The outlook, from any state:\n"
    yield from markdown(_ranking_rows(proof.ranking))
    near = proof.at_risk["horizon_days"] <= NEAR_DAYS
    yield f"\n`{proof.near_term}`, every week at risk, as far as it answers:\n"
    yield from markdown(_ranking_rows(proof.at_risk[near]))
    yield "\n" + folded(_unused(proof.near_term, proof.at_risk[~near]))
    yield "\n### Days in season\n"
    yield from markdown(_day_rows(proof.days))
    yield "\nShare of the outcomes in each tenth of the forecast distribution (PIT), percent:\n"
    yield from markdown(_pit_rows(proof.histogram))


def _unused(name: str, ranking: pd.DataFrame) -> str:
    """Return the AUC of a candidate's own forecasts beyond 90 days, which answer nothing."""
    known = ranking.dropna(subset="auc")
    clauses = [
        f"{row['kind']} {row['horizon_days']} days {_auc(row)}" for row in known.to_dict("records")
    ]
    return (
        f"Beyond {NEAR_DAYS} days the outlook answers instead. For the record, the AUC of `{name}` "
        f"alone: {listed(clauses)}."
        if clauses
        else f"Beyond {NEAR_DAYS} days the outlook answers instead."
    )


def _chance_rows(scores: pd.DataFrame) -> list[list[str]]:
    columns = [(score, reference) for score in ("brier", "log") for reference in REFERENCES]
    heads = [f"{score.capitalize()} skill, {_REFERENCE_NAMES[each]}" for score, each in columns]
    rows = [["kind", "days", "forecasts", "with an onset", "mean forecast", "observed", *heads]]
    for (kind, days), own in scores.groupby(["kind", "horizon_days"], sort=False):
        table = own.set_index(["score", "reference"])
        cells = [scored(*table.loc[column, ["skill", "low", "high"]]) for column in columns]
        first = own.iloc[0]
        shares = percent(first["expected"]), percent(first["events"] / first["rows"])
        counts = (f"{days}", f"{first['rows']}", f"{first['events']}")
        rows.append([str(kind), *counts, *shares, *cells])
    return rows


def _separable(scores: pd.DataFrame, reference: str) -> str:
    """Say where the interval of the Brier skill against a base rate leaves out 0."""
    own = scores[(scores["score"] == "brier") & (scores["reference"] == reference)]
    apart: dict[Verdict, list[str]] = {Verdict.BETTER: [], Verdict.WORSE: []}
    for kind, rows in own.groupby("kind", sort=False):
        for side, parts in apart.items():
            days = [
                f"{row['horizon_days']}"
                for row in rows.to_dict("records")
                if verdict(Interval(row["skill"], row["low"], row["high"])) == side
            ]
            parts += [f"{kind} at {listed(days)} days"] if days else []
    better, worse = ("; ".join(parts) or "nowhere" for parts in apart.values())
    return (
        f"- Against the {_REFERENCE_NAMES[reference]}, the 90 % interval of the Brier skill lies "
        f"above 0: {better}; below 0: {worse}."
    )


def _ranking_rows(ranking: pd.DataFrame) -> list[list[str]]:
    rows = [["kind", "days", "forecasts", "with an onset", "spells of the rarer outcome", "AUC",
             "placebos as far from 0.5"]]  # fmt: skip
    for row in ranking.to_dict("records"):
        counts = (f"{row[name]}" for name in ("horizon_days", "rows", "events", "runs"))
        rows.append([str(row["kind"]), *counts, _auc(row), percent(row["placebo"])])
    return rows


def _auc(row: Mapping[Hashable, Any]) -> str:
    value = "n/a" if pd.isna(row["auc"]) else f"{row['auc']:.2f}"
    return value + unsigned_interval(row["low"], row["high"])


def _day_rows(days: pd.DataFrame) -> list[list[str]]:
    rows = [["kind", "days", "forecasts", "CRPS, days", "CRPS of past windows", "CRPS skill"]]
    for row in days.to_dict("records"):
        rows.append([
            str(row["kind"]), f"{row['horizon_days']}", f"{row['rows']}", f"{row['crps']:.1f}",
            f"{row['crps_reference']:.1f}", scored(row["skill"], row["low"], row["high"]),
        ])  # fmt: skip
    return rows


def _pit_rows(histogram: pd.DataFrame) -> list[list[str]]:
    rows = [["kind", "days", *(f"{tenth + 1}" for tenth in range(PIT_BINS))]]
    for row in histogram.to_dict("records"):
        shares = (f"{100 * row[f'{tenth}']:.0f}" for tenth in range(PIT_BINS))
        rows.append([str(row["kind"]), f"{row['horizon_days']}", *shares])
    return rows
