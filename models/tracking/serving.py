"""What MLflow serves: the pyfunc flavour of a logged forecaster."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from models.errors import TrackingError
from models.hazard.forecaster import Forecaster

LEAD_COLUMNS = (*(f"lead_{lead}" for lead in range(1, 14)), "none")
_STEM, _END = "forecaster-", ".json.gz"


class ServedForecaster:
    """What MLflow serves: feature rows with a threshold in, probability per lead out."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probability that the onset falls in each lead of 30 days, or in none."""
        probability = self.forecaster.model.predict_proba(X)
        return pd.DataFrame(probability, columns=list(LEAD_COLUMNS), index=X.index)


def served_file(content: bytes) -> str:
    """Return the name under which a forecaster is served: it carries the digest.

    MLflow hands the loader a path and nothing else.
    """
    return f"{_STEM}{hashlib.sha256(content).hexdigest()}{_END}"


def _load_pyfunc(data_path: str) -> ServedForecaster:
    """Read the logged model; MLflow calls this by its name."""
    path = Path(data_path)
    content = path.read_bytes()
    if path.name != served_file(content):
        raise TrackingError(
            f"{path.name} is not what was logged (its digest differs from its name); "
            f"it is not used. Train again."
        )
    return ServedForecaster(Forecaster.from_bytes(content))
