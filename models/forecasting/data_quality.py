"""The state of the market data, and what a reader of a forecast must be warned of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.catalogue.features import CATALOGUE
from features.health import (
    STALE_DAYS,
    StaleData,
    missing_flows,
    missing_flows_text,
    series_health,
    usable_view,
)
from features.market.season import season_index
from features.panel import DataError, MarketPanel
from features.provenance import DataProvenance, Finding, Revision, YearCoverage
from models.forecasting.parts import Note, NoteCode
from models.forecasting.status import SeasonStatus
from models.formatting import iso_day, long_day
from models.hazard.forecaster import Forecaster
from models.vocabulary import Kind

if TYPE_CHECKING:
    from features.witness import Witness

# Who publishes a season index, and what (0-100, by day).
Published = tuple[str, pd.Series]


@dataclass(frozen=True)
class SeriesHealth:
    """One series of the panel, as `features.health.series_health` describes it."""

    series: str
    first_day: pd.Timestamp | None
    last_day: pd.Timestamp | None
    age_days: int | None  # from its last day to today
    observations: int
    coverage: float  # observations over those expected, in [0, 1]
    gaps: int  # steps longer than expected
    longest_gap_days: int | None
    source: str
    digest: str  # first 12 digits of its SHA-256
    problem: str  # empty if there is none


@dataclass(frozen=True)
class DataHealth:
    """The market data and whether a forecast would be refused."""

    source: str
    digest: str
    today: pd.Timestamp  # UTC day
    last_day: pd.Timestamp
    age_days: int
    refusal: str | None  # the message with which a forecast would be refused
    refusal_code: str | None  # stale_data or day_not_usable
    series: tuple[SeriesHealth, ...]
    coverage: tuple[YearCoverage, ...]  # how much of the top 50 could be compared, by year
    steps: tuple[str, ...]
    problems: tuple[str, ...]
    findings: tuple[Finding, ...] = ()  # what the rules of plausibility noticed
    revisions: tuple[Revision, ...] = ()  # what the source has changed after it was first stored
    witness: Witness | None = None  # our index beside a published one, if one was given


def data_health(
    panel: MarketPanel,
    *,
    as_of: pd.Timestamp | None,
    today: pd.Timestamp,
    published: Published | None = None,
) -> DataHealth:
    """Describe the market data and say whether a forecast would be refused."""
    refusal, code = _refusal(panel, as_of, today)
    table = series_health(panel, today)
    table["coverage"] = table["coverage"].round(4)
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return DataHealth(
        source=panel.source,
        digest=panel.digest,
        today=today,
        last_day=panel.last_day,
        age_days=int((today - panel.last_day).days),
        refusal=refusal,
        refusal_code=code,
        series=tuple(SeriesHealth(**{str(key): row[key] for key in row}) for row in rows),
        coverage=tuple(panel.provenance.coverage),
        steps=tuple(filter(None, (*panel.provenance.steps, panel.provenance.terms))),
        problems=(*panel.provenance.problems, *_noticed(panel)),
        findings=panel.provenance.findings,
        revisions=panel.provenance.revisions,
        witness=_witness(panel, published),
    )


def _refusal(
    panel: MarketPanel, as_of: pd.Timestamp | None, today: pd.Timestamp
) -> tuple[str | None, str | None]:
    """Return why a forecast would be refused, in words and as a code; None where it would not."""
    try:
        usable_view(panel, as_of, today=today)
    except StaleData as error:
        return str(error), "stale_data"
    except DataError as error:
        return str(error), "day_not_usable"
    return None, None


def _witness(panel: MarketPanel, published: Published | None) -> Witness | None:
    if published is None:
        return None
    # Only `health` asks: a forecast loads neither.
    from features.plausibility.check import check_published
    from features.witness import witness

    source, values = published
    index = season_index(panel)
    check_published(index, values, source)
    return witness(index, values, source=source)


def _noticed(panel: MarketPanel) -> list[str]:
    """Return what the rules of plausibility noticed near the end of the data, as sentences."""
    return [each.text for each in panel.provenance.findings_on(panel.last_day)]


def provenance_tables(panel: MarketPanel, today: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return what a training run keeps of its data: each series, each step, each problem."""
    provenance = panel.provenance
    sentences = [("step", step) for step in provenance.steps]
    sentences += [("terms", provenance.terms)] if provenance.terms else []
    sentences += [("problem", problem) for problem in provenance.problems]
    sentences += [(each.consequence, each.text) for each in provenance.findings]
    sentences += [("revision", f"{each.text}.") for each in provenance.revisions]
    tables = {"data_series": series_health(panel, today)}
    if sentences:
        tables["data_provenance"] = pd.DataFrame(sentences, columns=["kind", "sentence"])
    if provenance.coverage:
        tables["data_coverage"] = pd.DataFrame(map(asdict, provenance.coverage))
    return tables


_OF_FLOWS = {feature.name for feature in CATALOGUE if feature.group == "etf_flows"}


def forecast_notes(
    status: SeasonStatus,
    forecaster: Forecaster,
    *,
    today: pd.Timestamp,
    out_of_range: Sequence[str],
) -> tuple[Note, ...]:
    """Return the warnings of a forecast."""
    notes = [
        *_on_threshold(forecaster),
        *_on_model(status, forecaster, (today - status.last_day).days),
        *_on_features(status, forecaster, out_of_range),
    ]
    return (*notes, *_on_data(status.view.provenance, status.as_of))


def _on_data(provenance: DataProvenance, day: pd.Timestamp) -> Iterator[Note]:
    """Yield the problems of the data, those of a rule with its figures, and a vendor's terms."""
    by_text = {each.text: each for each in provenance.findings_on(day)}
    for problem in provenance.problems_on(day):
        finding, fields = by_text.get(problem), {}
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
