"""What the whole outlook was worth: its hindcast with the near-term hazards of a training."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.hazard.candidates import PRIMARY
from models.training.landmarks import STEP_DAYS
from models.training.outlook_hindcast import HORIZONS, near_term_of, outlook_hindcast
from models.training.outlook_skill import rank_chances, score_chances, score_days
from models.training.run import Training

N_PATHS = 2_000


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


def outlook_proof(
    training: Training,
    *,
    near_term: str = PRIMARY,
    horizons: tuple[int, ...] = HORIZONS,
    n_paths: int = N_PATHS,
    seed: int = 0,
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
