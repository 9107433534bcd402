"""Values held against what is known: a published index against ours."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.panel import DataError
from features.plausibility import limits


def check_published(index: pd.Series, published: pd.Series, source: str) -> None:
    """Refuse a published index (by day, as ours) that is a share of 1, or runs against ours."""
    both = pd.concat({"ours": index, "theirs": published}, axis=1, join="inner").dropna()
    # A few days are no evidence.
    if len(both) < limits.MIN_OBSERVATIONS:
        return
    theirs = both["theirs"]
    if theirs.max() <= 1 < both["ours"].max():
        raise DataError(
            f"{source}: its values lie between {theirs.min():g} and {theirs.max():g}; an index is "
            "0 to 100: multiply them by 100."
        )
    if both.std().min() == 0:
        return
    agreement = float(np.corrcoef(both["ours"], theirs)[0, 1])
    if agreement < limits.AGAINST:
        raise DataError(
            f"{source}: it runs against our index, with a correlation of {agreement:.2f} over "
            f"{len(both)} days: is it the share of coins that Bitcoin beats? Give 100 less it."
        )
