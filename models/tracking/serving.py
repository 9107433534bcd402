"""What MLflow serves: the pyfunc flavour of a logged forecaster."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from models.forecaster import Forecaster

LEAD_COLUMNS = (*(f"lead_{lead}" for lead in range(1, 14)), "none")


class ServedForecaster:
    """What MLflow serves: feature rows with a threshold in, probability per lead out."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.forecaster = forecaster

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the probability that the onset falls in each lead of 30 days, or in none."""
        probability = self.forecaster.model.predict_proba(X)
        return pd.DataFrame(probability, columns=list(LEAD_COLUMNS), index=X.index)


def _load_pyfunc(data_path: str) -> ServedForecaster:
    """Read the logged model; MLflow calls this by its name."""
    return ServedForecaster(Forecaster.from_bytes(Path(data_path).read_bytes()))
