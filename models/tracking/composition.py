"""From a training to the record that is logged: names, parameters, tags, metrics, files."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.catalogue.frame import feature_frame
from models.formatting import markdown, short_day, short_interval
from models.hazard.candidates import CANDIDATES, PRIMARY, available
from models.tracking.outlook_metrics import outlook_metrics
from models.tracking.promotion import Terms
from models.tracking.scored_rows import SCORED_ON_TAG, scored_on
from models.tracking.store import SKILL_TAG
from models.tracking.training_record import RunRecord, TrainingRecord, Value
from models.training.skill_table import skill_table
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.training.outlook_proof import OutlookProof
    from models.training.run import Settings, Training

REFERENCE = "climatology"
# Horizons up to here are headlines; beyond, nothing beats climatology (README).
HEADLINE_DAYS = 90
_INTERVAL = ("", "_low", "_high")
_FURTHER = ("auc", "discrimination", "episodes", "log_score", "miscalibration")


@dataclass(frozen=True)
class Provenance:
    """What a run was made of besides its settings.

    Parameters
    ----------
    source : str
        Data source.
    data_end : str
        Last day (ISO) of the data there were.
    commit : str
        Git commit, with "+changes" behind it if files differ from it.
    versions : mapping of str to str
        Versions of Python and of the packages that make the numbers.
    """

    source: str
    data_end: str
    commit: str
    versions: Mapping[str, str]


def run_title(
    settings: Settings, until: pd.Timestamp, source: str, started: pd.Timestamp | None = None
) -> str:
    """Name a training after its hour and what differs from a default one.

    Parameters
    ----------
    settings : Settings
        What it is asked to do.
    until : pandas.Timestamp
        Last day of the data used.
    source : str
        Data source.
    started : pandas.Timestamp, optional
        When it began, UTC: two trainings on the same data are told apart by it.
    """
    plain = type(settings)(candidates=available([], settings.definition.threshold))
    # What tells trainings apart comes first: a column cuts off the rest.
    parts = [f"{until:%Y-%m-%d}"] if started is None else [f"{short_day(started)} {started:%H:%M}"]
    if source != "reference":
        parts.append(source)
    if settings.definition != plain.definition:
        parts.append(f"threshold {settings.definition.threshold:g}")
    if set(settings.candidates) != set(plain.candidates):
        parts.append(_beside(settings))
    if settings.horizons != plain.horizons:
        parts.append(f"{','.join(map(str, settings.horizons))} days")
    if settings.seed != plain.seed:
        parts.append(f"seed {settings.seed}")
    if started is not None:
        parts.append(f"data to {until:%Y-%m-%d}")
    return ", ".join(parts)


def _beside(settings: Settings) -> str:
    return " + ".join(settings.candidates)


def compose(
    training: Training,
    provenance: Provenance,
    figures: Mapping[str, Mapping[str, bytes]],
    tables: Mapping[str, pd.DataFrame],
    proof: OutlookProof | None = None,
    *,
    experiment: str,
    title: str,
    run_id: str,
    started_ms: int,
    finished_ms: int,
) -> TrainingRecord:
    """Put together all that a training leaves in the store.

    Parameters
    ----------
    training : Training
        What was trained.
    provenance : Provenance
        What it was made of.
    figures : mapping of str to mapping of str to bytes
        Pictures by candidate and file name; those under "" go to the parent.
    tables : mapping of str to pandas.DataFrame
        Further tables for the parent, by name.
    proof : OutlookProof, optional
        The hindcast of the champion's outlook, whose scores become metrics of it and of the parent.
    experiment, run_id, started_ms, finished_ms
        As in `TrainingRecord`.
    title : str
        Name of the parent run.
    """
    terms = _terms(training, provenance)
    parent = _parent(training, title, terms, provenance, figures.get("", {}))
    children = {
        name: _child(training, name, title, terms, provenance, figures.get(name, {}))
        for name in training.forecasters
    }
    return TrainingRecord(
        experiment=experiment,
        run_id=run_id,
        started_ms=started_ms,
        finished_ms=finished_ms,
        parent=replace(
            parent,
            metrics=[*parent.metrics, *outlook_metrics(proof)],
            files={**parent.files, **_tables(training, tables)},
        ),
        children=_with_outlook(children, proof),
        champion=training.choice.champion,
        challenger=_challenger(training),
        reason=training.choice.reason,
        terms=terms,
        dataset=_dataset(training, provenance),
    )


def _dataset(training: Training, provenance: Provenance) -> dict[str, str]:
    return {
        "name": "market-panel",
        "digest": training.data_digest[:32],
        "source": f"{provenance.source} until {training.until:%Y-%m-%d}",
        "sha256": training.data_digest,
    }


def _with_outlook(
    children: Mapping[str, RunRecord], proof: OutlookProof | None
) -> dict[str, RunRecord]:
    """Return the children, the scores of the outlook among the metrics of whose it is."""
    if proof is None:
        return dict(children)
    own = children[proof.near_term]
    proven = replace(own, metrics=[*own.metrics, *outlook_metrics(proof)])
    return {**children, proof.near_term: proven}


def _terms(training: Training, provenance: Provenance) -> Terms:
    return Terms(
        definition=str(training.settings.definition),
        source=provenance.source,
        horizons=tuple(training.settings.horizons),
        candidates=tuple(training.forecasters),
        until=f"{training.until:%Y-%m-%d}",
        data_end=provenance.data_end,
        primary=PRIMARY,
    )


def _challenger(training: Training) -> str | None:
    """Return who has the lowest log score over all horizons but for the champion and climatology.

    Where the days are too few for that, the next in simplicity.
    """
    others = [n for n in training.forecasters if n not in (training.choice.champion, REFERENCE)]
    scores = training.integrated
    own = scores[(scores["kind"] == Kind.BROAD) & scores["model"].isin(others)]
    known = own.dropna(subset="log_score").sort_values("log_score", kind="stable")
    return next(iter([*known["model"], *others]), None)


def _parent(
    training: Training,
    title: str,
    terms: Terms,
    provenance: Provenance,
    figures: Mapping[str, bytes],
) -> RunRecord:
    """Return the training's own run: the figures of its champion, and all candidates by name."""
    champion = training.choice.champion
    entry = _entry(training, champion, title, terms, provenance, figures)
    return replace(
        entry,
        tags={
            **entry.tags,
            # A list is no parameter: parallel coordinates could not lay it on an axis.
            "candidates": ",".join(training.forecasters),
            "role": "training",
            "gate_choice": champion,
            "mlflow.note.content": _training_note(training),
        },
    )


def _child(
    training: Training,
    name: str,
    title: str,
    terms: Terms,
    provenance: Provenance,
    figures: Mapping[str, bytes],
) -> RunRecord:
    # The candidates beside it are in their training's name; here they would only be in the way.
    own = f"{name}, {title.replace(f', {_beside(training.settings)}', '')}"
    entry = _entry(training, name, own, terms, provenance, figures)
    forecaster = training.forecasters[name]
    meaning = CANDIDATES[name].meaning
    return RunRecord(
        name=entry.name,
        params=entry.params,
        tags={
            **entry.tags,
            "role": "candidate",
            "mlflow.note.content": f"**{name}**: {meaning}.\n\n{_because(training, name)}",
        },
        metrics=entry.metrics,
        files=entry.files,
        forecaster=forecaster.to_bytes(),
        features=(*forecaster.model.feature_names(), "threshold"),
    )


def _because(training: Training, name: str) -> str:
    if name == training.choice.champion:
        return f"The gate's choice: {training.choice.reason}."
    return f"Not the gate's choice, which is {training.choice.champion}."


def _entry(
    training: Training,
    name: str,
    title: str,
    terms: Terms,
    provenance: Provenance,
    figures: Mapping[str, bytes],
) -> RunRecord:
    """Return what the training and its candidates have in common."""
    settings = training.settings
    params = {
        "candidate": name,
        "seed": settings.seed,
        "source": provenance.source,
        "threshold": f"{settings.definition.threshold:g}",
        "until": terms.until,
        "window": settings.definition.window_days,
        **training.forecasters[name].model.chosen(),
    }
    tags = {
        "commit": provenance.commit,
        "data_digest": training.data_digest,
        "definition": str(settings.definition),
        "horizons": ",".join(map(str, settings.horizons)),
        "reason": training.choice.reason if name == training.choice.champion
        else f"not the choice of the gate, which is {training.choice.champion}",
        "replicates": settings.replicates,
        SCORED_ON_TAG: scored_on(training.hindcast),
        **_skill_tags(training, name),
        "trained_until": f"{training.trained_until:%Y-%m-%d}",
        "versions": ", ".join(f"{name} {of}" for name, of in provenance.versions.items()),
    }  # fmt: skip
    return RunRecord(
        name=title,
        params={key: str(value) for key, value in params.items()},
        tags={key: str(value) for key, value in tags.items()},
        metrics=metrics(training, name),
        files={f"figures/{file}": picture for file, picture in figures.items()},
    )


def metrics(training: Training, name: str) -> list[Value]:
    """Return a candidate's scores, headlines first; none is NaN.

    The rest of them is in the tables ``verification.csv`` and ``integrated.csv``.

    Parameters
    ----------
    training : Training
        What was trained.
    name : str
        Candidate.
    """
    found = [
        *_of_kind(training, name, Kind.BROAD),
        *(each._replace(key=f"partial/{each.key.removeprefix('more/')}")
          for each in _of_kind(training, name, Kind.PARTIAL)
          if each.key.partition("_")[0] in ("brier", "log")),
        *(Value("curves/brier_skill_by_horizon", row["brier_skill"], int(row["horizon_days"]))
          for row in _rows(training.verification, name, Kind.BROAD)),
        *(Value("curves/log_score_by_year", score, year)
          for year, score in training.yearly_log_scores(name).items()),
    ]  # fmt: skip
    # The page of a run shows them in this order.
    found.sort(key=lambda value: value.key.partition("/")[0] if "/" in value.key else "")
    # Five decimals are more than the intervals bear, and fit the columns; the tables hold them all.
    return [Value(v.key, round(float(v.value), 5), v.step) for v in found if _finite(v.value)]


def _of_kind(training: Training, name: str, kind: str) -> Iterable[Value]:
    for row in _rows(training.integrated, name, kind):
        for end in _INTERVAL:
            yield Value(f"brier_skill{end}", row[f"brier_skill{end}"])
        yield Value("log_score", row["log_score"])
        yield Value("episodes", row["episodes"])
    for row in _rows(training.verification, name, kind):
        days = int(row["horizon_days"])
        room = "" if days <= HEADLINE_DAYS else "more/"
        for end in _INTERVAL:
            yield Value(f"{room}brier_skill_{days}d{end}", row[f"brier_skill{end}"])
        for score in _FURTHER:
            yield Value(f"more/{score}_{days}d", row[score])


def _rows(table: pd.DataFrame, name: str, kind: str) -> list[dict[Any, Any]]:
    if table.empty:
        return []
    return table[(table["model"] == name) & (table["kind"] == kind)].to_dict("records")


def _finite(value: object) -> bool:
    return value is not None and math.isfinite(float(value))  # type: ignore[arg-type]


def _skill_tags(training: Training, name: str) -> dict[str, str]:
    """Return the intervals of the headlines as short text, beside the metrics that sort."""
    if name == REFERENCE:
        return {SKILL_TAG: "reference"}
    found = dict.fromkeys(
        (SKILL_TAG,), next(iter(_rows(training.integrated, name, Kind.BROAD)), {})
    )
    for row in _rows(training.verification, name, Kind.BROAD):
        if row["horizon_days"] <= HEADLINE_DAYS:
            found[f"{SKILL_TAG}_{row['horizon_days']}d"] = row
    return {tag: _scored(row) for tag, row in found.items()}


def _tables(training: Training, tables: Mapping[str, pd.DataFrame]) -> dict[str, bytes]:
    hindcast = io.BytesIO()
    training.hindcast.to_parquet(hindcast, index=False)
    every = {
        "verification": training.verification,
        "comparison": training.comparison,
        "integrated": training.integrated,
        "features": feature_frame(),
        **tables,
    }
    files = {f"{name}.csv": table.to_csv(index=False).encode() for name, table in every.items()}
    return {**files, "hindcast.parquet": hindcast.getvalue()}


def _training_note(training: Training) -> str:
    """Return the description of a training: its choice and a table of the candidates."""
    return "\n".join(
        [
            f"Champion by the gate: **{training.choice.champion}**; {training.choice.reason}.",
            "",
            "Brier skill against the base rate, broad seasons, out of sample (90 % interval):",
            "",
            *markdown(skill_table(training)),
        ]
    )


def _scored(row: Mapping[Any, Any]) -> str:
    return short_interval(*(row.get(f"brier_skill{end}") for end in _INTERVAL[1:]))
