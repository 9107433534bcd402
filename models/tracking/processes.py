"""Runs whose process is gone: found by what a run says of the process that opened it."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mlflow.tracking import MlflowClient

from models.errors import MALFORMED

PROCESS_TAG = "process"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_MACHINE = Path("/etc/machine-id")
_NAMESPACE = Path("/proc/self/ns/pid")


def own_process() -> str:
    """Return what tells this process from every other one, for a tag."""
    return json.dumps({**_place(), "pid": os.getpid(), "started": _started(os.getpid())})


def is_gone(tag: str) -> bool:
    """Tell whether a process has ended for sure; False where that cannot be known from here.

    It can be known on the machine it ran on, in the same container: no process has its number, or
    one that started at another time; or the machine has been started anew since.

    Parameters
    ----------
    tag : str
        From `own_process`.
    """
    try:
        process = json.loads(tag)
        pid = int(process["pid"])
    except MALFORMED:
        return False
    place = _place()
    if any(process.get(name) != place[name] for name in ("host", "machine")) or pid <= 0:
        return False
    if process.get("boot") != place["boot"]:
        # Clones of one image may share a name; only one that has a number of its own is told.
        return bool(place["machine"] and place["boot"] and process.get("boot"))
    if process.get("namespace") != place["namespace"] or process.get("started") is None:
        return False
    return _started(pid) != process["started"]


def end_gone_runs(client: MlflowClient, gone: Mapping[str, str]) -> list[str]:
    """Mark runs KILLED; say which.

    Parameters
    ----------
    client : MlflowClient
        The store.
    gone : mapping of str to str
        Names of the runs by their id, from `gone_runs`.
    """
    said = []
    for run_id, name in gone.items():
        client.set_terminated(run_id, "KILLED")
        said.append(f"run {run_id} ({name}) is marked KILLED: its process is gone.")
    return said


def gone_runs(client: MlflowClient) -> dict[str, str]:
    """Return id and name of each run that is said to be running, but whose process is gone."""
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments, "attributes.status = 'RUNNING'", max_results=1000)
    return {
        str(run.info.run_id): str(run.info.run_name)
        for run in found
        if is_gone(run.data.tags.get(PROCESS_TAG, ""))
    }


def _place() -> dict[str, str]:
    return {
        "host": platform.node(),
        "machine": _text(_MACHINE),
        "boot": _text(_BOOT),
        "namespace": str(_NAMESPACE.readlink()) if _NAMESPACE.is_symlink() else "",
    }


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """Return when a process started, in the system's words; empty if there is none.

    None where the system does not tell.
    """
    if _BOOT.exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return ""
        # Its name, in brackets, may hold anything; of the fields behind it the first is its state.
        state, *fields = stat.rpartition(")")[2].split()
        return "" if state in "ZX" else fields[18]  # ticks since the machine started
    try:
        shown = subprocess.run(
            ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return shown.stdout.strip()
