"""The near-term hazards that a candidate had out of sample, for the hindcast of the outlook."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from models.season.spells import FloatArray

# Ends of the leads in which the near-term forecaster knows what the process does not.
NEAR_HORIZONS = (30, 60, 90)

NearTerm = Callable[[pd.Timestamp], Mapping[str, FloatArray] | None]


def near_term_of(hindcast: pd.DataFrame, model: str) -> NearTerm:
    """Return the near-term hazards that a candidate had out of sample.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `models.verification.hindcast.hindcast`, horizons of 30, 60 and 90 days among its own.
    model : str
        One of its candidates.

    Returns
    -------
    callable
        as_of to the hazards of leads 1 to 3 by kind, shape (1, 3), as the refit in force on that
        day gave them; a kind that was not at risk, or a day without a forecast, has none.

    Raises
    ------
    ValueError
        If the candidate was not verified at these horizons.

    Examples
    --------
    >>> rows = [("broad", 30, 0.2), ("broad", 60, 0.36), ("broad", 90, 0.36)]
    >>> table = pd.DataFrame(rows, columns=["kind", "horizon_days", "probability"])
    >>> day = pd.Timestamp("2025-01-07")
    >>> hazards = near_term_of(table.assign(as_of=day, model="pool"), "pool")
    >>> hazards(day)["broad"].round(2).tolist()  # 1 - 0.64 / 0.8 in the second lead
    [[0.2, 0.2, 0.0]]
    """
    own = hindcast[hindcast["model"] == model]
    wide = own.pivot_table(index=["as_of", "kind"], columns="horizon_days", values="probability")
    if lacking := [days for days in NEAR_HORIZONS if days not in wide.columns]:
        raise ValueError(
            f"near-term hazards need the probabilities of {model} within 30, 60 and 90 days, "
            f"those within {lacking[0]} are missing; verify it at these horizons."
        )
    survival = 1 - wide[list(NEAR_HORIZONS)].to_numpy()
    before = np.column_stack([np.ones(len(survival)), survival[:, :-1]])
    # Whoever is certain of an onset by a lead's end has no hazard left to tell of the next.
    hazards = 1 - np.divide(survival, before, out=np.zeros_like(survival), where=before > 0)
    known: dict[pd.Timestamp, dict[str, FloatArray]] = {}
    for (as_of, kind), row in zip(wide.index, hazards, strict=True):
        known.setdefault(pd.Timestamp(as_of), {})[str(kind)] = row[None]
    return known.get
