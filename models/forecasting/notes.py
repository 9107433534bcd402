"""What a reader of a forecast must be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from features.catalogue.features import CATALOGUE
from features.health import STALE_DAYS, missing_flows, missing_flows_text
from features.provenance import DataProvenance
from models.forecasting.parts import Note, NoteCode
from models.forecasting.status import SeasonStatus
from models.formatting import iso_day, long_day
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

_OF_FLOWS = {feature.name for feature in CATALOGUE if feature.group == "etf_flows"}


def forecast_notes(
    status: SeasonStatus,
    forecaster: Forecaster,
    *,
    today: pd.Timestamp,
    out_of_range: Sequence[str],
) -> tuple[Note, ...]:
    """Return the warnings of a forecast.

    Parameters
    ----------
    status : SeasonStatus
        Of its day.
    forecaster : Forecaster
        What made it.
    today : pandas.Timestamp
        Current UTC day.
    out_of_range : sequence of str
        Features outside their range in training.
    """
    notes = [
        *_on_threshold(forecaster),
        *_on_model(status, forecaster, (today - status.last_day).days),
        *_on_features(status, forecaster, out_of_range),
    ]
    return (*notes, *_on_data(status.view.provenance, status.as_of))


def _on_data(provenance: DataProvenance, day: pd.Timestamp) -> Iterator[Note]:
    """Yield the problems of the data, those of a rule with its figures, and a vendor's terms."""
    found = {each.text: each for each in provenance.findings_on(day)}
    for problem in provenance.problems_on(day):
        finding, fields = found.get(problem), {}
        if finding is not None:
            fields = {
                "rule": finding.rule,
                "series": finding.series,
                "first_day": iso_day(finding.first_day),
                "last_day": iso_day(finding.last_day),
                "consequence": finding.consequence,
            }
        yield Note(NoteCode.DATA_PROBLEM, f"Data: {problem}", fields)
    if provenance.terms:
        yield Note(NoteCode.DATA_TERMS, provenance.terms)


def _on_threshold(forecaster: Forecaster) -> list[Note]:
    if (measured := forecaster.measured_at) is None:
        return []
    asked = forecaster.thresholds[Kind.BROAD]
    text = (
        f"Broad and sustained seasons begin here at an index of {asked:g}. The skill of this model "
        f"was measured at {measured:g} and may not carry over."
    )
    fields = {"threshold": asked, "measured_at": measured}
    return [Note(NoteCode.OTHER_THRESHOLD, text, fields)]


def _on_model(status: SeasonStatus, forecaster: Forecaster, age_days: int) -> list[Note]:
    evidence, as_of = forecaster.evidence, status.as_of
    notes = []
    if forecaster.name == "climatology":
        text = f"The champion is the base rate itself (climatology): {evidence.reason}."
        notes.append(Note(NoteCode.MODEL_IS_CLIMATOLOGY, text, {"reason": evidence.reason}))
    # Strict: data of exactly a week ago still count as current.
    if age_days > STALE_DAYS:
        text = (
            f"The data are stale: their last day, {long_day(status.last_day)}, was {age_days} days "
            f"ago."
        )
        fields: dict[str, object] = {
            "age_days": age_days,
            "last_day": iso_day(status.last_day),
            "allowed_days": STALE_DAYS,
        }
        notes.append(Note(NoteCode.STALE_DATA, text, fields))
    if evidence.in_sample(as_of):
        trained = (
            "The model was trained on this day"
            if evidence.in_training(as_of)
            else "The model was trained on outcomes after this day"
        )
        text = (
            f"{trained} (until {long_day(evidence.trained_until)}): "
            f"this forecast is in sample. For one out of sample, retrain with --until "
            f"{iso_day(as_of)}."
        )
        fields = {"trained_until": iso_day(evidence.trained_until)}
        notes.append(Note(NoteCode.IN_SAMPLE, text, fields))
    return notes


def _on_features(
    status: SeasonStatus, forecaster: Forecaster, out_of_range: Sequence[str]
) -> list[Note]:
    notes = []
    row = status.features
    flows = missing_flows(row)
    missing = [
        name
        for name in forecaster.model.feature_names()
        # Features made of missing flows are named once, with the flows.
        if np.isnan(row[name].iloc[0]) and not (flows and name in _OF_FLOWS)
    ]
    if missing:
        text = f"Missing features that the model does without: {', '.join(missing)}."
        notes.append(Note(NoteCode.MISSING_FEATURES, text, {"features": missing}))
    if flows:
        text = missing_flows_text(flows)
        notes.append(Note(NoteCode.MISSING_FLOWS, text, {"funds": flows}))
    if out_of_range:
        text = f"Outside the training range: {', '.join(out_of_range)}."
        notes.append(Note(NoteCode.OUT_OF_RANGE, text, {"features": list(out_of_range)}))
    return notes
