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
    from models.tracking.reading import Stored, load_forecaster
    from models.tracking.runs import Provenance, log_training, training_run
    from models.tracking.serving import ServedForecaster
    from models.tracking.store import CHAMPION, DIGEST_TAG, FORECASTER_FILE, MODEL_NAME, ui_command

__all__ = [
    "CHAMPION",
    "DIGEST_TAG",
    "FORECASTER_FILE",
    "MODEL_NAME",
    "Provenance",
    "ServedForecaster",
    "Stored",
    "load_forecaster",
    "log_training",
    "training_run",
    "ui_command",
]

_ROOMS = ("store", "reading", "serving", "runs")


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for."""
    if name in __all__:
        for room in _ROOMS:
            module = import_module(f"{__name__}.{room}")
            if name in vars(module):
                return vars(module)[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
