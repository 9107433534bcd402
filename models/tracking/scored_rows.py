"""On which days and events a training was scored: scores of others are not comparable."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

from models.vocabulary import Kind

SCORED_ON_TAG = "scored_on"
COMPARABLE_TAG = "comparable"


def scored_on(hindcast: pd.DataFrame) -> str:
    """Return a short code of the days, horizons and outcomes that scores rest on.

    Parameters
    ----------
    hindcast : pandas.DataFrame
        From `models.verification.hindcast.hindcast`.

    Returns
    -------
    str
        Eight digits; the same for two hindcasts only if their scores of broad
        seasons are means over the same windows with the same outcomes.

    Examples
    --------
    >>> row = {"as_of": pd.Timestamp("2020-01-07"), "kind": "broad", "horizon_days": 30}
    >>> one = pd.DataFrame([{**row, "model": "a", "outcome": 1.0}])
    >>> scored_on(one) == scored_on(one.assign(model="b")) != scored_on(one.assign(outcome=0.0))
    True
    """
    own = hindcast[(hindcast["kind"] == Kind.BROAD) & hindcast["outcome"].notna()]
    rows = own[["as_of", "horizon_days", "outcome"]].drop_duplicates()
    rows = rows.sort_values(["as_of", "horizon_days"])
    content = (
        rows["as_of"].to_numpy().astype("<M8[s]"),
        rows["horizon_days"].to_numpy().astype("<i8"),
        rows["outcome"].to_numpy().astype("<f8"),
    )
    return hashlib.sha256(b"".join(np.ascontiguousarray(c).tobytes() for c in content)).hexdigest()[
        :8
    ]


def comparable(own: str | None, other: str | None, version: str) -> str:
    """Say in few letters whether a training's scores may be set beside those of a version.

    Examples
    --------
    >>> comparable("1a2b3c4d", "5e6f7a8b", "3"), comparable("1a2b3c4d", None, "3")
    ('no (v3)', 'unknown (v3)')
    """
    if own is None or other is None:
        return f"unknown (v{version})"
    return f"yes (v{version})" if own == other else f"no (v{version})"
