"""Rules on fund flows, which have no sign and no level: their size against their own past."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.plausibility.rules import (
    FLOW_TIMES,
    LARGEST_FLOW,
    MIN_OBSERVATIONS,
    SCALE_DAYS,
    SCALES,
    SMALL_FLOW,
    SMALL_FLOWS,
    found,
)
from features.provenance import Finding


def check_scale(name: str, values: pd.Series) -> tuple[pd.Series, list[Finding]]:
    """Drop a series whose usual value is decades off what its unit gives.

    Parameters
    ----------
    name : str
        A key of `features.plausibility.rules.SCALES`.
    values : pandas.Series
        By observation day, sorted.

    Examples
    --------
    >>> days = pd.bdate_range("2025-01-01", periods=70)
    >>> millions = pd.Series(120.0, days)
    >>> kept, findings = check_scale("btc_etf_net_flow_usd", millions)
    >>> len(kept), findings[0].consequence
    (0, 'feature dropped')
    """
    low, high = SCALES[name]
    size = values[values != 0].abs()
    # A few figures are no series to speak of.
    if len(size) < MIN_OBSERVATIONS:
        return values, []
    usual = float(size.iloc[-SCALE_DAYS:].median())
    if low <= usual <= high:
        return values, []
    said = f"the usual value is {usual:g}, not between {low:g} and {high:g}: another unit"
    factor = usual / float(np.sqrt(low * high))
    where = (values.index[0], values.index[-1])
    return values.iloc[:0], [found("scale", name, where, usual, factor, "feature dropped", said)]


def check_flow(name: str, values: pd.Series) -> tuple[pd.Series, list[Finding]]:
    """End a series of flows where its unit changes: far above any day, or far below the usual.

    Parameters
    ----------
    name : str
        A key of `features.plausibility.rules.LARGEST_FLOW`.
    values : pandas.Series
        US dollars by session, sorted.

    Examples
    --------
    >>> days = pd.bdate_range("2025-01-01", periods=3)
    >>> flows = pd.Series([1e8, -1.48e10, 1e8], days)
    >>> kept, findings = check_flow("btc_etf_net_flow_usd", flows)
    >>> len(kept), findings[0].rule
    (1, 'scale')
    """
    size = values.abs()
    largest = size.cummax().shift(fill_value=0.0).clip(lower=LARGEST_FLOW[name])
    high = (size > FLOW_TIMES * largest).to_numpy()
    usual = size.rolling(SCALE_DAYS, min_periods=MIN_OBSERVATIONS).median().shift(SMALL_FLOWS)
    small = size.rolling(SMALL_FLOWS).max() < SMALL_FLOW * usual
    # The run is seen on its last day and begins before it.
    low = small.to_numpy()
    starts = [int(np.argmax(high))] if high.any() else []
    starts += [int(np.argmax(low)) - SMALL_FLOWS + 1] if low.any() else []
    if not starts:
        return values, []
    first = min(starts)
    value = float(values.iloc[first])
    if high[first]:
        base, said = float(largest.iloc[first]), f"{value:g}, the largest day before is"
    else:
        base = float(usual.iloc[first + SMALL_FLOWS - 1])
        said = f"{SMALL_FLOWS} sessions in a row as small as {value:g}, the usual day is"
    finding = found(
        "scale", name, (values.index[first], values.index[-1]), value, abs(value) / base,
        "feature dropped", f"{said} {base:g}: another unit; the series ends the day before",
    )  # fmt: skip
    return values.iloc[:first], [finding]
