"""A sweep as runs: one parent, one child per specification. Only the client of a sweep logs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from models.sweep.result import Result
from models.sweep.run import Sweep
from models.sweep.specification import AXES
from models.sweep.summary import Summary
from models.tracking.log import use_experiment
from models.tracking.store import client_of, reaching, writing

EXPERIMENT = "altcoin-season-sweeps"
EXPERIMENT_NOTE = """\
The whole study under many choices. **Each run is one sweep; open its [+] for the \
specifications**, select them and press *Compare* for the parallel coordinates. `skill` is the \
Brier skill against the base rate over all horizons (higher is better, 0 is the base rate), \
`probability` that of a broad season in the calendar year. The best of many specifications is \
best by chance too: the headline is the median one.
"""


@dataclass(frozen=True)
class SweepRecord:
    """All that a sweep leaves in the store.

    Parameters
    ----------
    sweep : Sweep
        Its results.
    summary : Summary, optional
        What it says; None where no specification has a skill.
    note : str
        The same in words.
    files : mapping of str to bytes
        Artifacts of the parent by file name.
    tags : mapping of str to str
        Of the parent: source, commit, versions.
    title : str
        Name of the parent.
    started_ms, finished_ms : int
        When it ran, milliseconds since 1970.
    """

    sweep: Sweep
    summary: Summary | None
    note: str
    files: Mapping[str, bytes]
    tags: Mapping[str, str]
    title: str
    started_ms: int
    finished_ms: int


def log_sweep(
    record: SweepRecord, tracking_uri: str, experiment: str = EXPERIMENT
) -> tuple[str, str]:
    """Log a sweep and its specifications; return the experiment's id and the parent run's.

    Parameters
    ----------
    record : SweepRecord
        What it leaves.
    tracking_uri : str
        The store, for instance ``sqlite:///mlflow.db``.
    experiment : str
        Created if it does not exist.

    Raises
    ------
    TrackingError
        If the store fails.
    """
    status = "KILLED" if record.sweep.interrupted else "FINISHED"
    with reaching(tracking_uri, "failed"), writing(tracking_uri):
        client = client_of(tracking_uri)
        experiment_id = use_experiment(experiment, tracking_uri, _experiment_tags())
        parent = _create(client, experiment_id, record, record.title)
        _log(client, parent, record, _parent_params(record.sweep), _headlines(record.summary),
             {**record.tags, "role": "sweep", "mlflow.note.content": record.note})  # fmt: skip
        _log_files(client, parent, record.files)
        for result in record.sweep.results:
            name = str(result.specification)
            child = _create(client, experiment_id, record, name, parent)
            _log(
                client, child, record, _params(result), _metrics(result), {"role": "specification"}
            )
            client.set_terminated(child, "FINISHED", record.finished_ms)
        client.set_terminated(parent, status, record.finished_ms)
    return experiment_id, parent


def _create(
    client: MlflowClient,
    experiment_id: str,
    record: SweepRecord,
    title: str,
    parent: str | None = None,
) -> str:
    tags = {} if parent is None else {"mlflow.parentRunId": parent}
    run = client.create_run(experiment_id, record.started_ms, tags=tags, run_name=title)
    return str(run.info.run_id)


def _log(
    client: MlflowClient,
    run_id: str,
    record: SweepRecord,
    params: Mapping[str, str],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
) -> None:
    client.log_batch(
        run_id,
        metrics=[
            Metric(key, value, record.finished_ms, 0)
            for key, value in metrics.items()
            if math.isfinite(value)
        ],
        params=[Param(key, value) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )


def _log_files(client: MlflowClient, run_id: str, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        client.log_artifacts(run_id, folder)


def _parent_params(sweep: Sweep) -> dict[str, str]:
    """Return what was varied, and over how many specifications."""
    values = {
        axis: list(dict.fromkeys(getattr(each, axis) for each in sweep.asked)) for axis in AXES
    }
    return {
        **{axis: _listed(found) for axis, found in values.items()},
        "specifications": str(len(sweep.asked)),
        "data_digest": sweep.digest,
    }


def _listed(values: Sequence[object]) -> str:
    return ", ".join(_text(value) for value in values)


def _params(result: Result) -> dict[str, str]:
    return {axis: _text(value) for axis, value in result.specification.as_dict().items()}


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _metrics(result: Result) -> dict[str, float]:
    row = result.row()
    return {
        name: float(value) for name, value in row.items() if name not in AXES and name != "year"
    }


def _headlines(summary: Summary | None) -> dict[str, float]:
    """Return the median specification's figures; the best stands beside what chance would give."""
    if summary is None:
        return {}
    value, low, high = summary.median.skill
    found = {
        "median_skill": value,
        "median_skill_low": low,
        "median_skill_high": high,
        "better": float(summary.better),
        "worse": float(summary.worse),
        "evaluated": float(summary.evaluated),
        "failed": float(summary.failed),
        "best_skill": summary.best.skill.value,
        "best_by_chance": summary.by_chance.median,
        "best_by_chance_high": summary.by_chance.high,
    }
    if summary.chosen is not None:
        found["chosen_skill"] = summary.chosen.skill.value
    if summary.year is not None:
        found["median_probability"] = summary.year.median
    return found


def _experiment_tags() -> dict[str, str]:
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": EXPERIMENT_NOTE,
    }
