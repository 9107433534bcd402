"""The forecast of one day: where the season stands, the answers, drivers, evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.market.season import season_state
from features.panel import DataError
from models.answers import Answer, Event, Question, find
from models.forecasting.ahead import Ahead, fitted_renewals
from models.forecasting.beside import carried_index, in_dollars, near_flipping
from models.forecasting.data_quality import forecast_notes
from models.forecasting.leads import NEAR_DAYS, ByLead, by_lead
from models.forecasting.parts import (
    DataFinding,
    DataSummary,
    Earlier,
    Forecast,
    ForecastEvidence,
    ModelId,
    ModelSummary,
    Season,
    SecondOpinion,
)
from models.forecasting.questions import (
    HORIZONS,
    KINDS,
    Window,
    curve_questions,
    standard_questions,
    window_of,
)
from models.forecasting.signals import drivers, signals
from models.forecasting.status import SeasonStatus, season_status
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)
DAYS_AGO = (7, 30)


def forecast(
    status: SeasonStatus,
    forecaster: Forecaster,
    model_id: ModelId,
    *,
    today: pd.Timestamp,
    window: Window | None = None,
    horizons: Sequence[int] = HORIZONS,
    dates: Sequence[pd.Timestamp] | None = None,
) -> Forecast:
    """Forecast from what was known at the end of a day."""
    window = window_of(status.as_of) if window is None else window
    before = _earlier_statuses(status, forecaster)
    leads = _leads_of([status, *(each for each in before.values() if each)], forecaster)
    ahead = ahead_of(status, forecaster, leads[status.as_of])
    strange = _out_of_range(forecaster, status.features)
    questions = _questions(ahead, window, horizons, dates)
    answers = ahead.answers([*questions, *curve_questions(status.as_of, list(ahead.definitions))])
    moved, total = drivers(status, forecaster, leads[status.as_of][Kind.BROAD])
    return Forecast(
        as_of=status.as_of,
        definition=forecaster.evidence.definition,
        thresholds=dict(forecaster.thresholds),
        season=_season(status, ahead),
        window=window,
        answers=answers[: len(questions)],
        curve=answers[len(questions) :],
        earlier=_all_earlier(status, before, forecaster, leads, questions),
        drivers=moved,
        driver_sum=total,
        carried=carried_index(status),
        flipping=near_flipping(status),
        signals=signals(status.features, forecaster.evidence.claims),
        evidence=_evidence(status, forecaster, strange, answers),
        model=model_summary(model_id, forecaster),
        data=_data(status, forecaster, today),
        notes=forecast_notes(status, forecaster, today=today, out_of_range=strange),
        dollars=in_dollars(status),
    )


def _questions(
    ahead: Ahead, window: Window, horizons: Sequence[int], dates: Sequence[pd.Timestamp] | None
) -> list[Question]:
    """Return what a forecast answers: how long a season lasts only where one stands."""
    kinds = list(ahead.definitions)
    standing = [kind for kind in kinds if ahead.now[kind].current is not None]
    return standard_questions(
        ahead.as_of, window, kinds=kinds, horizons=horizons, dates=dates, standing=standing
    )


def _all_earlier(
    status: SeasonStatus,
    before: Mapping[int, SeasonStatus | None],
    forecaster: Forecaster,
    leads: Mapping[pd.Timestamp, Mapping[Kind, ByLead]],
    questions: Sequence[Question],
) -> tuple[Earlier, ...]:
    """Return the chances that a season begins, as they were on earlier days."""
    shown = [
        each
        for each in questions
        if each.question is Event.BEGINS and each.start <= status.as_of + DAY
    ]
    return tuple(
        _earlier(days, status, then, forecaster, leads, shown) for days, then in before.items()
    )


def ahead_of(status: SeasonStatus, forecaster: Forecaster, leads: Mapping[Kind, ByLead]) -> Ahead:
    """Return the seasons to come as a forecaster sees them on the day of a status."""
    definition = forecaster.evidence.definition
    return Ahead.from_index(
        status.index,
        status.as_of,
        {kind: definition.at(threshold) for kind, threshold in forecaster.thresholds.items()},
        leads,
        fitted_renewals(status.index, forecaster, status.as_of),
    )


def second_opinion(status: SeasonStatus, forecaster: Forecaster) -> SecondOpinion:
    """Return what another forecaster of the same training says of the next 90 days."""
    leads = by_lead(forecaster, status.features, [Kind.BROAD])[Kind.BROAD]
    moved, _ = drivers(status, forecaster, leads)
    at_risk = status.kinds[Kind.BROAD].at_risk
    chance = leads.probabilities([NEAR_DAYS], at_risk=np.array([True])).probability.item()
    points: dict[str, float] = {}
    for each in moved:
        points[each.group] = points.get(each.group, 0.0) + each.points
    skill = next(
        (
            each for each in forecaster.evidence.skill
            if (each.kind, each.horizon) == (Kind.BROAD, str(NEAR_DAYS))
        ),
        None,
    )  # fmt: skip
    return SecondOpinion(forecaster.name, chance if at_risk else None, skill, points)


def model_summary(model_id: ModelId, forecaster: Forecaster) -> ModelSummary:
    """Return what an answer says of its model."""
    return ModelSummary(
        name=forecaster.name,
        version=model_id.version,
        run_id=model_id.run_id,
        trained_until=forecaster.evidence.trained_until,
    )


def _earlier_statuses(
    status: SeasonStatus, forecaster: Forecaster
) -> dict[int, SeasonStatus | None]:
    """Return where the seasons stood on the earlier days, by days ago; None before the data."""
    statuses: dict[int, SeasonStatus | None] = {}
    for days in DAYS_AGO:
        try:
            statuses[days] = season_status(status.view, forecaster, status.as_of - days * DAY)
        except DataError:
            statuses[days] = None
    return statuses


def _leads_of(
    statuses: Sequence[SeasonStatus], forecaster: Forecaster
) -> dict[pd.Timestamp, dict[Kind, ByLead]]:
    """Return what a forecaster says of each status's day, all in one prediction."""
    features = pd.concat([each.features for each in statuses])
    leads = by_lead(forecaster, features, list(forecaster.thresholds))
    return {
        each.as_of: {kind: rows.row(at) for kind, rows in leads.items()}
        for at, each in enumerate(statuses)
    }


def _earlier(
    days_ago: int,
    status: SeasonStatus,
    then: SeasonStatus | None,
    forecaster: Forecaster,
    leads: Mapping[pd.Timestamp, Mapping[Kind, ByLead]],
    questions: Sequence[Question],
) -> Earlier:
    """Return the same windows from an earlier day: by length as long, by date to the same day."""
    day = status.as_of - days_ago * DAY
    answers: tuple[Answer, ...] = ()
    if then is not None:
        ahead = ahead_of(then, forecaster, leads[day])
        # Chances that only paths can count are left out: they cost a simulation each.
        at_risk = [kind for kind in ahead.definitions if ahead.now[kind].at_risk]
        answers = tuple(
            replace(each, low=None, high=None, base_rate=None, base_state=None)
            for each in ahead.answers(_moved_back(questions, status.as_of, day, at_risk))
        )
    return Earlier(
        days_ago=days_ago,
        as_of=day,
        in_sample=forecaster.evidence.in_sample(day),
        index=None if then is None else float(then.index.loc[day]),
        answers=answers,
    )


def _moved_back(
    questions: Sequence[Question], as_of: pd.Timestamp, day: pd.Timestamp, kinds: Sequence[Kind]
) -> list[Question]:
    lengths = {as_of + days * DAY for days in HORIZONS}
    moved = []
    for each in questions:
        if each.kind in kinds:
            end = day + (each.end - as_of) if each.end in lengths else each.end
            moved.append(each._replace(start=day + DAY, end=end))
    return list(dict.fromkeys(moved))


def _season(status: SeasonStatus, ahead: Ahead) -> Season:
    index = float(status.index.loc[status.as_of])
    kinds = [kind for kind in KINDS if kind in status.kinds]
    return Season(
        index=index,
        state=season_state(index, threshold=status.kinds[Kind.BROAD].threshold),
        states={kind: ahead.base.state(kind) for kind in kinds},
        reasons={kind: status.kinds[kind].reason for kind in kinds},
        last_onset={
            kind: pd.Timestamp(status.kinds[kind].onsets[-1])
            if len(status.kinds[kind].onsets) else None
            for kind in kinds
        },
        earliest_onset={kind: ahead.now[kind].earliest_onset for kind in kinds},
    )  # fmt: skip


def _evidence(
    status: SeasonStatus,
    forecaster: Forecaster,
    out_of_range: tuple[str, ...],
    answers: Sequence[Answer],
) -> ForecastEvidence:
    evidence = forecaster.evidence
    if forecaster.measured_at is None:
        onsets = len(evidence.onsets[Kind.BROAD])
    else:
        # The training knew the outcome of its last day: not strict.
        onsets = int((status.kinds[Kind.BROAD].onsets <= evidence.trained_until).sum())
    near = find(answers, Kind.BROAD, Event.BEGINS, status.as_of + NEAR_DAYS * DAY)
    chance = None if near is None else near.probability
    return ForecastEvidence(
        onsets=onsets,
        skill=evidence.skill,
        out_of_range=out_of_range,
        measured_at=forecaster.measured_at,
        states=evidence.states,
        fifth=None if chance is None else evidence.fifth(chance),
        alarms=evidence.alarms,
    )


def _data(status: SeasonStatus, forecaster: Forecaster, today: pd.Timestamp) -> DataSummary:
    view, row = status.view, status.features
    values = {name: float(row[name].iloc[0]) for name in forecaster.model.feature_names()}
    return DataSummary(
        source=view.source,
        digest=view.digest,
        dataset_digest=status.dataset_digest,
        last_day=view.last_day,
        age_days=int((today - view.last_day).days),
        provenance=tuple(view.provenance.steps),
        findings=tuple(
            DataFinding(
                each.rule, each.series, each.first_day, each.last_day, each.text, each.consequence
            )
            for each in view.provenance.findings_on(status.as_of)
        ),
        features={name: None if np.isnan(value) else value for name, value in values.items()},
    )


def _out_of_range(forecaster: Forecaster, row: pd.DataFrame) -> tuple[str, ...]:
    ranges = forecaster.evidence.ranges
    # A missing value is named as missing, not as out of range.
    return tuple(
        name
        for name in forecaster.model.feature_names()
        if name in ranges and not ranges[name].low <= row[name].iloc[0] <= ranges[name].high
        and not np.isnan(row[name].iloc[0])
    )  # fmt: skip
