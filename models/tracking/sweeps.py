"""A sweep as runs: one parent, one child per specification. Only the client of a sweep logs."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import mlflow

from models.sweep.evaluate import Result
from models.sweep.run import Sweep
from models.sweep.specification import AXES
from models.sweep.summary import Summary
from models.tracking.log import use_experiment
from models.tracking.store import current, reaching, writing

EXPERIMENT = "altcoin-season-sweeps"
_EXPERIMENT_NOTE = """\
The whole study under many choices. **Each run is one sweep; open its [+] for the \
specifications**, select them and press *Compare* for the parallel coordinates. `skill` is the \
Brier skill against the base rate over all horizons (higher is better, 0 is the base rate), \
`probability` that of a broad season in the calendar year. The best of many specifications is \
best by chance too: the headline is the median one.
"""
_EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development", "mlflow.note.content": _EXPERIMENT_NOTE,
}  # fmt: skip


def log_sweep(
    sweep: Sweep,
    summary: Summary | None,
    files: Mapping[str, bytes],
    tags: Mapping[str, str],
    title: str,
    *,
    tracking_uri: str,
    experiment: str = EXPERIMENT,
) -> tuple[str, str]:
    """Log a sweep and its specifications; return the experiment's id and the parent run's.

    A sweep that was interrupted is KILLED. Raises `TrackingError` if the store fails.
    """
    with (
        reaching(tracking_uri, "failed"),
        writing(tracking_uri),
        current(tracking_uri),
    ):
        experiment_id = use_experiment(experiment, tracking_uri, _EXPERIMENT_TAGS)
        parent = mlflow.start_run(
            experiment_id=experiment_id, run_name=title, log_system_metrics=False,
            tags={**tags, "role": "sweep"},
        )  # fmt: skip
        with parent:
            mlflow.log_params(_choices(sweep))
            mlflow.log_metrics(_finite(_headlines(summary)))
            with tempfile.TemporaryDirectory() as folder:
                for name, content in files.items():
                    Path(folder, name).write_bytes(content)
                mlflow.log_artifacts(folder)
            for result in sweep.results:
                _log_specification(result, experiment_id)
        if sweep.interrupted:
            mlflow.MlflowClient().set_terminated(parent.info.run_id, "KILLED")
    return experiment_id, str(parent.info.run_id)


def _log_specification(result: Result, experiment_id: str) -> None:
    choices = result.specification.as_dict()
    figures = {name: value for name, value in result.figures.items() if name != "year"}
    with mlflow.start_run(
        experiment_id=experiment_id, run_name=str(result.specification), nested=True,
        log_system_metrics=False, tags={"role": "specification"},
    ):  # fmt: skip
        mlflow.log_params({name: _text(value) for name, value in choices.items()})
        mlflow.log_metrics(_finite(figures))


def _choices(sweep: Sweep) -> dict[str, str]:
    """Return what was varied, and over how many specifications."""
    choices = {
        axis: ", ".join(dict.fromkeys(_text(getattr(task, axis)) for task in sweep.asked))
        for axis in AXES
    }
    return {**choices, "specifications": str(len(sweep.asked)), "data_digest": sweep.digest}


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if math.isfinite(value)}


def _headlines(summary: Summary | None) -> dict[str, float]:
    """Return the median specification's figures; the best stands beside what chance would give."""
    if summary is None:
        return {}
    skill = summary.median.skill
    return {
        "median_skill": skill.value,
        "median_skill_low": skill.low,
        "median_skill_high": skill.high,
        "better": summary.better,
        "worse": summary.worse,
        "evaluated": summary.evaluated,
        "failed": summary.failed,
        "best_skill": summary.best.skill.value,
        "best_by_chance": summary.by_chance.median,
        "best_by_chance_high": summary.by_chance.high,
        **({"median_probability": summary.year.median} if summary.year else {}),
    }
