"""One specification, evaluated: walk-forward, scores, the chance of the year. No figures."""

from __future__ import annotations

from functools import partial

import pandas as pd
from threadpoolctl import threadpool_limits

from models.forecasting.intervals import by_lead
from models.forecasting.seasons_ahead import fitted_renewals, seasons_ahead
from models.hazard.candidates import fit_candidates
from models.hazard.forecaster import Evidence, Forecaster
from models.outlook.answers import Chance
from models.outlook.paths import N_PATHS
from models.outlook.window import year_window
from models.season.labels import onsets
from models.sweep.material import Material
from models.sweep.result import Failure, Result, Trace
from models.sweep.specification import Specification
from models.training.landmarks import STEP_DAYS, grid_days, landmarks_of
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS, Settings
from models.verification.hindcast import REFERENCE, Landmarks, hindcast, training_rows
from models.verification.intervals import Interval
from models.verification.samples import over_horizons, with_episodes
from models.verification.scores import brier_scores
from models.verification.skill import integrated, verify
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

HORIZONS = (30, 60, 90)
_SKILL = ("brier_skill", "brier_skill_low", "brier_skill_high")


def attempt(
    material: Material, specification: Specification, horizons: tuple[int, ...] = HORIZONS
) -> Result | Failure:
    """Evaluate a specification; what fails is returned with its reason."""
    try:
        return evaluate(material, specification, horizons)
    # Whatever one specification dies of, the others live on.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Failure(specification, reason)


def evaluate(
    material: Material, specification: Specification, horizons: tuple[int, ...] = HORIZONS
) -> Result:
    """Hindcast, score and ask about the year, as `models.training.run.train` does.

    At a horizon the skill is that of a training with the same settings, to the
    last bit. One thread: the result depends neither on the machine's cores nor
    on who else computes.

    Parameters
    ----------
    material : Material
        What the specifications share.
    specification : Specification
        The choices.
    horizons : tuple of int
        Days ahead, each in [1, 390].

    Raises
    ------
    DataError, ValueError
        If the data do not suffice.
    """
    with threadpool_limits(limits=1):
        index = material.index_of(specification)
        features = material.features_of(specification)
        settings = Settings(
            candidates=(specification.candidate,),
            definition=specification.definition,
            horizons=horizons,
            seed=specification.seed,
        )
        rows = landmarks_of(
            features.loc[grid_days(index)], index, settings.definition, str(specification)
        )
        table = hindcast(
            rows,
            WalkForward(OUT_OF_SAMPLE, REFIT_DAYS),
            partial(fit_candidates, settings.unfitted()),
            horizons,
        )
        chance = year_chance(rows, index, features, settings, specification.candidate)
    return _scored(table, index, specification, chance)


def _scored(
    table: pd.DataFrame, index: pd.Series, specification: Specification, chance: Chance | None
) -> Result:
    days = onsets(index, specification.definition)
    broad = with_episodes(table[table["kind"] == Kind.BROAD], {Kind.BROAD: days})
    by_horizon = _of(verify(broad, step_days=STEP_DAYS), specification.candidate)
    overall = _of(integrated(broad, step_days=STEP_DAYS), specification.candidate)
    sample = next(iter(over_horizons(broad)))
    nan = float("nan")
    as_of = index.index[-1]
    return Result(
        specification=specification,
        onsets=len(days),
        episodes=int(overall["episodes"].iloc[0]),
        days=int(overall["days"].iloc[0]),
        horizons=tuple(int(each) for each in by_horizon["horizon_days"]),
        skill=tuple(_intervals(by_horizon)),
        integrated=_intervals(overall)[0],
        year=int(year_window(as_of).year or 0),
        probability=nan if chance is None else chance.probability,
        low=nan if chance is None else chance.low,
        high=nan if chance is None else chance.high,
        begun=chance is not None and chance.begun_on is not None,
        trace=Trace(
            sample.as_of,
            sample.scores(brier_scores, specification.candidate),
            sample.scores(brier_scores),
        ),
    )


def _of(table: pd.DataFrame, candidate: str) -> pd.DataFrame:
    return table[table["model"] == candidate]


def _intervals(table: pd.DataFrame) -> list[Interval]:
    return [Interval(*map(float, row)) for row in table[list(_SKILL)].to_numpy(dtype=float)]


def year_chance(
    rows: Landmarks, index: pd.Series, features: pd.DataFrame, settings: Settings, candidate: str
) -> Chance | None:
    """Return the chance of a broad season in the year of the day after the index's last.

    The candidate is fitted on the last scheduled refit, without replicates: the
    interval is the renewal process's alone.

    Parameters
    ----------
    rows : Landmarks
        All rows.
    index : pandas.Series
        Season index by day.
    features : pandas.DataFrame
        On the index's last day, among others.
    settings : Settings
        Definition and seed.
    candidate : str
        Which of the candidates.

    Returns
    -------
    Chance or None
        None where no season had ended to learn from.
    """
    as_of = index.index[-1]
    trained_until = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS).refit_day(as_of)
    models = fit_candidates(settings.unfitted(), *training_rows(rows, trained_until))
    kinds = settings.definition.by_kind()
    forecaster = Forecaster(
        name=candidate,
        thresholds={kind: each.threshold for kind, each in kinds.items()},
        model=models[candidate],
        climatology=models[REFERENCE],
        replicates=[models[candidate]],
        evidence=Evidence(settings.definition, trained_until, "", {}, {}, (), ""),
    )
    leads = by_lead(forecaster, features.loc[[as_of]], list(kinds))
    ahead = seasons_ahead(index, fitted_renewals(index, forecaster, as_of), leads, as_of)
    if ahead is None:
        return None
    chances = ahead.window_chances(year_window(as_of), n_paths=N_PATHS)
    return next(each for each in chances if each.kind == Kind.BROAD)
