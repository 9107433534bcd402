"""A training as runs: one parent, one child per candidate, by MLflow's own contexts."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mlflow
import pandas as pd
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException

from features.catalogue.frame import feature_frame
from models.errors import DEADLINE_SECONDS, TrackingError
from models.formatting import markdown, short_day, short_interval
from models.hazard.candidates import CANDIDATES, PRIMARY, available
from models.hazard.forecaster import Forecaster
from models.tracking import serving
from models.tracking.read import DIGESTS_FILE, DIGESTS_TAG, FORECASTER_FILE
from models.tracking.registry import Logged, Registered, Terms, register, scored_on
from models.tracking.store import (
    PRESENT,
    artifact_folder,
    client_of,
    current,
    database,
    insist,
    reaching,
    writing,
)
from models.tracking.ui import experiment_tags
from models.training.skill_table import skill_table
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.training.run import Settings, Training

REFERENCE, YEAR = "climatology", "year"
_ENDS = ("", "_low", "_high")


@dataclass(frozen=True)
class OpenRun:
    """A parent run that is open in a store."""

    tracking_uri: str
    experiment_id: str
    run_id: str
    deadline: float = DEADLINE_SECONDS


@dataclass(frozen=True)
class Beside:
    """What a training leaves beside its scores, and what it was made of."""

    source: str  # of the data
    data_end: str  # last day (ISO) of the data there were
    commit: str
    versions: Mapping[str, str]
    figures: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)  # "" for the parent
    cards: Mapping[str, bytes] = field(default_factory=dict)  # of each candidate
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    forecast: Mapping[str, float] = field(default_factory=dict)  # of the last day, as metrics


@contextlib.contextmanager
def training_run(
    tracking_uri: str, experiment: str, title: str, *, deadline: float = DEADLINE_SECONDS
) -> Iterator[OpenRun]:
    """Open the parent run; on an error or an interruption it ends FAILED."""
    with current(tracking_uri):
        with (
            reaching(tracking_uri, "cannot be opened", deadline=deadline),
            writing(tracking_uri, deadline=deadline),
        ):
            experiment_id = use_experiment(experiment, tracking_uri, experiment_tags())
            run = mlflow.start_run(
                experiment_id=experiment_id, run_name=title, log_system_metrics=False
            )
        try:
            yield OpenRun(tracking_uri, experiment_id, str(run.info.run_id), deadline)
        except BaseException:
            with contextlib.suppress(Exception), writing(tracking_uri, deadline=deadline):
                mlflow.end_run("FAILED")
            raise
        with reaching(tracking_uri, "failed", deadline=deadline):
            mlflow.end_run()


def log_training(
    run: OpenRun, training: Training, beside: Beside, who: str, when: str, *, promote: bool = True
) -> Registered:
    """Log a training into its open parent run and register its choice last."""
    contents = {"": _parent_files(training, beside)} | {
        name: {
            **_figures(beside, name),
            "model-card.md": beside.cards.get(name, b""),
            FORECASTER_FILE: forecaster.to_bytes(),
        }
        for name, forecaster in training.forecasters.items()
    }
    listed = {
        name: {file: hashlib.sha256(content).hexdigest() for file, content in files.items()}
        for name, files in contents.items()
    }
    digests = json.dumps(listed, indent=1).encode()
    sealed = hashlib.sha256(digests).hexdigest()
    terms = _terms(training, beside)
    with (
        reaching(run.tracking_uri, "failed", deadline=run.deadline),
        writing(run.tracking_uri, deadline=run.deadline),
    ):
        champion = training.choice.champion
        _log_entry(training, champion, beside, terms, sealed)
        mlflow.set_tags(_parent_tags(training))
        mlflow.log_metrics({f"forecast/{k}": v for k, v in beside.forecast.items()})
        _log_files({**contents[""], DIGESTS_FILE: digests})
        logged = {
            name: _log_candidate(run, training, name, beside, terms, sealed, contents[name])
            for name in training.forecasters
        }
        # Last in it is the champion's alias: whatever fails before leaves the champion as it was.
        return register(
            client_of(run.tracking_uri), training, terms, logged, run.run_id, sealed, who, when,
            promote=promote,
        )  # fmt: skip


def _log_candidate(
    run: OpenRun,
    training: Training,
    name: str,
    beside: Beside,
    terms: Terms,
    sealed: str,
    files: Mapping[str, bytes],
) -> Logged:
    with mlflow.start_run(
        experiment_id=run.experiment_id, run_name=f"{name}, {terms.until}", nested=True,
        log_system_metrics=False,
    ) as child:  # fmt: skip
        _log_entry(training, name, beside, terms, sealed)
        note = f"**{name}**: {CANDIDATES[name].meaning}.\n\n{_because(training, name)}"
        mlflow.set_tags({"role": "candidate", "mlflow.note.content": note})
        _log_files(files)
        model_id = _log_model(name, training.forecasters[name], files[FORECASTER_FILE])
        return Logged(model_id, str(child.info.run_id))


def run_title(settings: Settings, until: pd.Timestamp, source: str, started: pd.Timestamp) -> str:
    """Name a training after its hour and what differs from a default one."""
    plain = type(settings)(candidates=available([], settings.definition.threshold))
    # What tells trainings apart comes first: a column cuts off the rest.
    parts = [f"{short_day(started)} {started:%H:%M}"]
    if source != "reference":
        parts.append(source)
    if settings.definition != plain.definition:
        parts.append(f"threshold {settings.definition.threshold:g}")
    if set(settings.candidates) != set(plain.candidates):
        parts.append(" + ".join(settings.candidates))
    if settings.horizons != plain.horizons:
        parts.append(f"{','.join(map(str, settings.horizons))} days")
    if settings.seed != plain.seed:
        parts.append(f"seed {settings.seed}")
    return ", ".join([*parts, f"data to {until:%Y-%m-%d}"])


def use_experiment(name: str, tracking_uri: str, tags: Mapping[str, str]) -> str:
    """Return the id of an experiment, made if absent; it opens in the UI as its tags say."""
    client = client_of(tracking_uri)
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        path = database(tracking_uri)
        # Beside the database, wherever the command runs; a server has a place of its own.
        place = None if path is None else artifact_folder(path).as_uri()
        try:
            client.create_experiment(name, artifact_location=place)
        except MlflowException as error:
            if error.error_code != PRESENT:  # another training made it just now
                raise
        experiment = client.get_experiment_by_name(name)
    if experiment is None or experiment.lifecycle_stage == "deleted":
        raise TrackingError(
            f"the experiment {name!r} of the store cannot be used; if it was deleted, restore it "
            f"in MLflow or name another with --experiment."
        )
    for key, value in tags.items():
        if experiment.tags.get(key) != value:
            insist(partial(client.set_experiment_tag, experiment.experiment_id, key, value))
    return str(experiment.experiment_id)


def metrics(training: Training, name: str) -> list[Metric]:
    """Return a candidate's scores, at most forty names; the tables hold all of them."""
    values: list[tuple[str, float, int]] = []
    for kind in (Kind.BROAD, Kind.PARTIAL, Kind.SUSTAINED):
        room = "" if kind is Kind.BROAD else f"{kind}/"
        for row in _rows(training.integrated, name, kind):
            ends = _ENDS if kind is Kind.BROAD else _ENDS[:1]
            values += [(f"{room}brier_skill{end}", row[f"brier_skill{end}"], 0) for end in ends]
            if kind is Kind.BROAD:
                values += [(score, row[score], 0) for score in ("log_score", "episodes")]
        for row in _rows(training.verification, name, kind):
            label = row["horizon"] if row["horizon"] == YEAR else f"{row['horizon']}d"
            ends = _ENDS if kind is Kind.BROAD else _ENDS[:1]
            values += [
                (f"{room}brier_skill_{label}{end}", row[f"brier_skill{end}"], 0) for end in ends
            ]
            if kind is Kind.BROAD and row["horizon"] != YEAR:
                step = int(row["horizon"])
                values.append(("curves/brier_skill_by_horizon", row["brier_skill"], step))
    values += [
        ("curves/log_score_by_year", score, year)
        for year, score in training.yearly_log_scores(name).items()
    ]
    # Five decimals are more than the intervals bear, and fit the columns.
    return [
        Metric(key, round(float(value), 5), 0, step)
        for key, value, step in values
        if value is not None and math.isfinite(value)
    ]


def _rows(table: pd.DataFrame, name: str, kind: str) -> list[dict[Any, Any]]:
    if table.empty:
        return []
    return table[(table["model"] == name) & (table["kind"] == kind)].to_dict("records")


def _log_entry(training: Training, name: str, beside: Beside, terms: Terms, sealed: str) -> None:
    """Log what the training and its candidates have in common into the run that is open."""
    settings = training.settings
    mlflow.log_params(
        {
            "candidate": name,
            "seed": settings.seed,
            "source": beside.source,
            "threshold": f"{settings.definition.threshold:g}",
            "until": terms.until,
            "window": settings.definition.window_days,
            **training.forecasters[name].model.chosen(),
        }
    )
    mlflow.set_tags(
        {
            "commit": beside.commit,
            "data_digest": training.data_digest,
            "definition": json.dumps(settings.definition.as_dict()),
            "horizons": ",".join(map(str, settings.horizons)),
            "replicates": settings.replicates,
            "scored_on": scored_on(training.hindcast),
            "trained_until": f"{training.trained_until:%Y-%m-%d}",
            "versions": ", ".join(f"{name} {of}" for name, of in beside.versions.items()),
            DIGESTS_TAG: sealed,
            **_skill_tags(training, name),
        }
    )
    run = mlflow.active_run()
    assert run is not None
    client_of(mlflow.get_tracking_uri()).log_batch(run.info.run_id, metrics(training, name))
    _log_dataset(training, beside)


def _log_dataset(training: Training, beside: Beside) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = f"{beside.source} until {training.until:%Y-%m-%d}"
    dataset = Dataset(
        name="market-panel",
        digest=training.data_digest[:32],
        source_type="altseason",
        source=json.dumps({"source": source, "sha256": training.data_digest}),
        # The UI shows where data are from only for kinds of source of its own, but any profile.
        profile=json.dumps({"source": source}),
    )
    run = mlflow.active_run()
    assert run is not None
    client = client_of(mlflow.get_tracking_uri())
    context = [InputTag("mlflow.data.context", "training")]
    # Two trainings on the same data at once may both find it missing and insert it.
    insist(lambda: client.log_inputs(run.info.run_id, [DatasetInput(dataset, context)]))


def _parent_tags(training: Training) -> dict[str, str]:
    choice = training.choice
    return {
        "role": "training",
        # A list is no parameter: parallel coordinates could not lay it on an axis.
        "candidates": ",".join(training.forecasters),
        "gate_choice": choice.champion,
        "reason": choice.reason,
        "mlflow.note.content": "\n".join(
            [
                f"Champion by the gate: **{choice.champion}**; {choice.reason}.",
                "",
                "Brier skill against the base rate, broad seasons at risk (90 % interval):",
                "",
                *markdown(skill_table(training)),
            ]
        ),
    }


def _because(training: Training, name: str) -> str:
    if name == training.choice.champion:
        return f"The gate's choice: {training.choice.reason}."
    return f"Not the gate's choice, which is {training.choice.champion}."


def _skill_tags(training: Training, name: str) -> dict[str, str]:
    """Return the interval of the headline as short text, beside the metric that sorts."""
    if name == REFERENCE:
        return {"skill": "reference"}
    row = next(iter(_rows(training.integrated, name, Kind.BROAD)), {})
    return {"skill": short_interval(*(row.get(f"brier_skill{end}") for end in _ENDS[1:]))}


def _terms(training: Training, beside: Beside) -> Terms:
    return Terms(
        definition=training.settings.definition.as_dict(),
        source=beside.source,
        horizons=tuple(training.settings.horizons),
        candidates=tuple(training.forecasters),
        until=f"{training.until:%Y-%m-%d}",
        data_end=beside.data_end,
        primary=PRIMARY,
    )


def _parent_files(training: Training, beside: Beside) -> dict[str, bytes]:
    hindcast = io.BytesIO()
    training.hindcast.to_parquet(hindcast, index=False)
    every = {
        "verification": training.verification,
        "comparison": training.comparison,
        "integrated": training.integrated,
        "features": feature_frame(),
        **beside.tables,
    }
    return {
        **{f"{name}.csv": table.to_csv(index=False).encode() for name, table in every.items()},
        "hindcast.parquet": hindcast.getvalue(),
        **_figures(beside, ""),
        "model-card.md": beside.cards.get(training.choice.champion, b""),
    }


def _figures(beside: Beside, name: str) -> dict[str, bytes]:
    return {f"figures/{file}": picture for file, picture in beside.figures.get(name, {}).items()}


def _log_files(files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        mlflow.log_artifacts(folder)


def _log_model(name: str, forecaster: Forecaster, content: bytes) -> str:
    """Log a forecaster as a model of the run that is open; return the model's id."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    columns = (*forecaster.model.feature_names(), "threshold")
    signature = ModelSignature(
        Schema([ColSpec(DataType.double, column) for column in columns]),
        Schema([ColSpec(DataType.double, column) for column in serving.LEAD_COLUMNS]),
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The signature is written above, so there is no need of an example to infer it from.
        warnings.filterwarnings("ignore", message=".*input example was not provided")
        path = Path(folder, serving.served_file(content))
        path.write_bytes(content)
        logged = mlflow.pyfunc.log_model(
            name=name,
            loader_module=serving.__name__,
            data_path=str(path),
            signature=signature,
            pip_requirements=["altseason"],
        )
    return str(logged.model_id)
