"""One specification, evaluated: walk-forward, scores, the chance of the year. No figures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from models.answers import Event, Question
from models.forecasting.ahead import Ahead, fitted_renewals
from models.forecasting.leads import by_lead
from models.forecasting.questions import Window, window_of
from models.hazard.candidates import fit_candidates
from models.hazard.forecaster import Evidence, Forecaster
from models.season.labels import onsets
from models.sweep.material import Material
from models.sweep.specification import Specification
from models.training.landmarks import STEP_DAYS, grid_days, landmarks_of
from models.training.run import SCHEDULE, Settings
from models.verification.hindcast import REFERENCE, Landmarks, hindcast, training_rows
from models.verification.samples import over_horizons, with_episodes
from models.verification.scores import brier_scores
from models.verification.skill import integrated, verify
from models.vocabulary import Kind

HORIZONS = (30, 60, 90)
_ENDS = ("", "_low", "_high")


@dataclass(frozen=True, eq=False)
class Result:
    """What one specification came to.

    The figures, in the order of the table's columns: `onsets` of broad seasons in the whole
    history; `episodes` and `days` out of sample, resolved at every horizon; `skill_<days>` at each
    horizon and `skill` over all of them (Brier skill against climatology; higher is better), with
    `_low` and `_high` (90 %); the calendar `year` of the day after the last; the `probability` of
    an onset in it with its interval, NaN where nothing can be learnt from; whether one has `begun`.
    """

    specification: Specification
    figures: dict[str, Any]
    trace: pd.DataFrame  # as_of, score, reference: Brier scores, the mean over the horizons

    def row(self) -> dict[str, Any]:
        """Return the choices and figures by column."""
        return {**self.specification.as_dict(), **self.figures}


@dataclass(frozen=True)
class Failure:
    """A specification that could not be evaluated, and why."""

    specification: Specification
    reason: str


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

    At a horizon the skill is that of a training with the same settings, to the last bit. One
    thread: the result depends neither on the machine's cores nor on who else computes. Raises
    `DataError` or `ValueError` if the data do not suffice.
    """
    index = material.by_index[specification.index].index
    features = material.features_of(specification)
    settings = Settings(
        candidates=(specification.candidate,), definition=specification.definition,
        horizons=horizons, seed=specification.seed,
    )  # fmt: skip
    with threadpool_limits(limits=1):
        rows = landmarks_of(
            features.loc[grid_days(index)], index, settings.definition, str(specification)
        )
        fit = partial(fit_candidates, settings.unfitted())
        table = hindcast(rows, SCHEDULE, fit, horizons)
        year = _year(rows, index, features, settings)
    days = onsets(index, specification.definition)
    broad = with_episodes(table[table["kind"] == Kind.BROAD], {Kind.BROAD: days})
    by_horizon = verify(broad, step_days=STEP_DAYS)
    overall = integrated(broad, step_days=STEP_DAYS)
    (whole,) = overall[overall["model"] == specification.candidate].to_dict("records")
    scored = by_horizon[by_horizon["model"] == specification.candidate].to_dict("records")
    skills = {f"skill_{row['horizon_days']}": row for row in scored} | {"skill": whole}
    figures = {
        "onsets": len(days),
        **{name: int(whole[name]) for name in ("episodes", "days")},
        **{
            f"{name}{end}": float(row[f"brier_skill{end}"])
            for name, row in skills.items()
            for end in _ENDS
        },
        **year,
    }
    return Result(specification, figures, _trace(broad, specification.candidate))


def _trace(broad: pd.DataFrame, candidate: str) -> pd.DataFrame:
    """Return the scores of the days resolved at every horizon, in the order of time."""
    sample = next(iter(over_horizons(broad)))
    return pd.DataFrame(
        {
            "as_of": sample.as_of,
            "score": sample.scores(brier_scores, candidate),
            "reference": sample.scores(brier_scores),
        }
    )


def _year(
    rows: Landmarks, index: pd.Series, features: pd.DataFrame, settings: Settings
) -> dict[str, Any]:
    """Return the chance of a broad season in the year of the day after the index's last.

    The candidate is fitted on the last scheduled refit, without replicates: the interval is the
    renewal process's alone.
    """
    (candidate,) = settings.candidates
    as_of = index.index[-1]
    trained_until = SCHEDULE.refit_day(as_of)
    models = fit_candidates(settings.unfitted(), *training_rows(rows, trained_until))
    kinds = settings.definition.by_kind()
    forecaster = Forecaster(
        name=candidate,
        thresholds={kind: definition.threshold for kind, definition in kinds.items()},
        model=models[candidate],
        climatology=models[REFERENCE],
        replicates=[models[candidate]],
        evidence=Evidence(settings.definition, trained_until, "", {}, {}, (), ""),
    )
    leads = by_lead(forecaster, features.loc[[as_of]], list(kinds))
    renewals = fitted_renewals(index, forecaster, as_of)
    window = window_of(as_of)
    if renewals is None:  # no season had ended to learn from
        return _chance(window, None, None, None, begun=False)
    ahead = Ahead.from_index(index, as_of, kinds, leads, renewals)
    (answer,) = ahead.answers([Question(Kind.BROAD, Event.BEGINS, window.counts_from, window.end)])
    begun = answer.began_on is not None
    return _chance(window, answer.probability, answer.low, answer.high, begun=begun)


def _chance(window: Window, *values: float | None, begun: bool) -> dict[str, Any]:
    names = ("probability", "probability_low", "probability_high")
    numbers = [float("nan") if value is None else value for value in values]
    return {"year": int(window.year or 0), **dict(zip(names, numbers, strict=True)), "begun": begun}
