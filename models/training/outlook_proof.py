"""What the whole outlook was worth: its hindcast with the near-term hazards of a training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from models.hazard.candidates import PRIMARY
from models.hazard.forecaster import OutlookSkill
from models.training.landmarks import STEP_DAYS
from models.training.outlook_hindcast import HORIZONS, outlook_hindcast
from models.training.outlook_near_term import NEAR_HORIZONS, near_term_of
from models.training.outlook_skill import rank_chances, score_chances, score_days
from models.training.run import Training
from models.verification.intervals import Interval, verdict
from models.vocabulary import Kind

N_PATHS = 2_000
# The base rate that stands beside every chance of an outlook.
BASE_RATE = "window_frequency"

_ENDS = ("low", "high", "auc", "auc_low", "auc_high", "excess_low", "excess_high")


@dataclass(frozen=True)
class OutlookProof:
    """The outlook out of sample, any state, and the ranking of the near-term forecaster beside it.

    Parameters
    ----------
    near_term : str
        Candidate whose hazards carry the first 90 days.
    scores : pandas.DataFrame
        From `score_chances`.
    ranking : pandas.DataFrame
        From `rank_chances`.
    at_risk : pandas.DataFrame
        The same of the candidate's own weekly forecasts on days at risk, every horizon verified.
    days : pandas.DataFrame
        Scores of the days in season, from `score_days`.
    histogram : pandas.DataFrame
        PIT of the days in season, from `score_days`.
    """

    near_term: str
    scores: pd.DataFrame
    ranking: pd.DataFrame
    at_risk: pd.DataFrame
    days: pd.DataFrame
    histogram: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the outlook's own tables by name."""
        names = ("scores", "ranking", "days", "histogram")
        return {f"outlook_{name}": getattr(self, name) for name in names}


def outlook_proof(
    training: Training,
    *,
    near_term: str = PRIMARY,
    horizons: tuple[int, ...] = HORIZONS,
    n_paths: int = N_PATHS,
    seed: int = 0,
    jobs: int = 1,
) -> OutlookProof:
    """Hindcast the outlook on every scheduled refit and score it.

    Parameters
    ----------
    training : Training
        Verified at 30, 60 and 90 days among its horizons.
    near_term : str
        Candidate whose out-of-sample hazards the first 90 days follow, as single values: their
        spread moves intervals, which are not scored, and hardly a mean.
    horizons : tuple of int
        Days ahead.
    n_paths, seed : int
        As for `models.outlook.paths.simulate`.
    jobs : int
        Processes; the result does not depend on it.

    Raises
    ------
    ValueError
        If the candidate was not verified at 30, 60 and 90 days.
    """
    kinds = training.settings.definition.by_kind()
    chances, days = outlook_hindcast(
        training.index,
        definitions={str(kind): each for kind, each in kinds.items()},
        near_term=near_term_of(training.hindcast, near_term),
        horizons=horizons,
        n_paths=n_paths,
        seed=seed,
        jobs=jobs,
    )
    scores, histogram = score_days(days)
    own = training.hindcast[training.hindcast["model"] == near_term].dropna(subset="outcome")
    return OutlookProof(
        near_term=near_term,
        scores=score_chances(chances),
        ranking=rank_chances(chances),
        at_risk=rank_chances(own, step_days=STEP_DAYS),
        days=scores,
        histogram=histogram,
    )


def provable(training: Training) -> bool:
    """Tell whether a training verified what the outlook's hindcast needs, and for long."""
    first, last = training.hindcast["as_of"].min(), training.index.index[-1]
    reach = pd.Timedelta(days=2 * max(HORIZONS))
    return set(NEAR_HORIZONS) <= set(training.settings.horizons) and last - first >= reach


def with_outlook(training: Training, proof: OutlookProof) -> Training:
    """Return a training whose forecaster of that name knows what its outlook has shown."""
    forecaster = training.forecasters[proof.near_term]
    evidence = replace(forecaster.evidence, outlook=outlook_skill(proof))
    proven = {proof.near_term: replace(forecaster, evidence=evidence)}
    return replace(training, forecasters={**training.forecasters, **proven})


def outlook_skill(proof: OutlookProof) -> tuple[OutlookSkill, ...]:
    """Return what the outlook's chances were worth, by kind and horizon.

    Brier skill against the frequency of past windows; None for what cannot be computed.
    """
    scores = proof.scores[
        (proof.scores["score"] == "brier") & (proof.scores["reference"] == BASE_RATE)
    ]
    key = ["kind", "horizon_days"]
    ranking = proof.ranking[[*key, "episodes", "runs", "auc", "low", "high"]]
    table = scores.drop(columns=["score", "reference", "value", "reference_value"]).merge(
        ranking.rename(columns={"low": "auc_low", "high": "auc_high"}), on=key
    )
    return tuple(
        OutlookSkill(
            kind=Kind(row["kind"]),
            horizon_days=row["horizon_days"],
            value=None if pd.isna(row["skill"]) else row["skill"],
            days=row["rows"],
            episodes=row["episodes"],
            verdict=verdict(Interval(row["skill"], row["low"], row["high"])),
            spells=row["runs"],
            expected=row["expected"],
            observed=row["events"] / row["rows"],
            **{name: None if pd.isna(row[name]) else row[name] for name in _ENDS},
        )
        for row in table.to_dict("records")
    )
