"""Run the project's commands as a person does: in this process, or in one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import Result
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from typer import Typer
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]


def run_command(app: Typer, *arguments: object) -> Result:
    """Run an application of typer in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def squeezed(text: str) -> str:
    """Return text without the frame and the line breaks that a box of typer's gives it."""
    return " ".join(text.replace("│", " ").split())


def client_of(uri: str) -> MlflowClient:
    """Return MLflow's own client of a store."""
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def runs_of(uri: str) -> list[Run]:
    """Return all runs of a store, of every experiment."""
    client = client_of(uri)
    return list(client.search_runs([e.experiment_id for e in client.search_experiments()]))


def run_python(
    *arguments: object, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, which finds the project wherever it runs."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
