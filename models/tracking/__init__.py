"""MLflow: the only room that knows it.

A training run becomes a parent run with one child per candidate. Forecasters
are stored as plain parameters and read back without executing anything from
the store. The champion is registered last, after all else is safely logged.

`reading` needs neither matplotlib nor what trains; so that it stays light, the
names below are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.tracking.composition import Provenance, compose, run_title
    from models.tracking.listing import outcome_text, promoted_text, versions_json, versions_text
    from models.tracking.page import address, ui_command
    from models.tracking.reading import Stored, load_forecaster
    from models.tracking.record import Record, keep, read_record
    from models.tracking.registry import list_versions, promote, rollback
    from models.tracking.runs import log_later, log_record, training_run
    from models.tracking.store import CHALLENGER, CHAMPION, DIGEST_TAG, FORECASTER_FILE, MODEL_NAME

_HOME = {
    "composition": ("Provenance", "compose", "run_title"),
    "listing": ("outcome_text", "promoted_text", "versions_json", "versions_text"),
    "page": ("address", "ui_command"),
    "reading": ("Stored", "load_forecaster"),
    "record": ("Record", "keep", "read_record"),
    "registry": ("list_versions", "promote", "rollback"),
    "runs": ("log_later", "log_record", "training_run"),
    "store": ("CHALLENGER", "CHAMPION", "DIGEST_TAG", "FORECASTER_FILE", "MODEL_NAME"),
}

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DIGEST_TAG",
    "FORECASTER_FILE",
    "MODEL_NAME",
    "Provenance",
    "Record",
    "Stored",
    "address",
    "compose",
    "keep",
    "list_versions",
    "load_forecaster",
    "log_later",
    "log_record",
    "outcome_text",
    "promote",
    "promoted_text",
    "read_record",
    "rollback",
    "run_title",
    "training_run",
    "ui_command",
    "versions_json",
    "versions_text",
]


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for."""
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
