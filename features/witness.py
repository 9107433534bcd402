"""A second witness: our season index beside one that somebody else publishes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.panel import DataError

# Days before the newest that are judged, not judged by.
_RECENT_DAYS = 30
REFERENCE_DAYS = 365
# The publisher's own address gives the last 90 days.
_MIN_REFERENCE = 45
_QUANTILES = (0.01, 0.99)
# One coin of fifty.
_MARGIN = 2.0
# Points between the two on the median reference day. Of three published indices no window of 45
# days or more lies further than 16 from ours, and none is nearer to ours when it is inverted.
_FARTHEST = 25.0


@dataclass(frozen=True)
class Witness:
    """How far our index is from a published one, and whether that is usual."""

    source: str  # who publishes it
    day: pd.Timestamp  # the newest that both have
    index: float  # ours of that day (0-100)
    published: float  # theirs
    # Median, and the range of 98 % of the differences (ours less theirs) on the reference days, one
    # coin wider at either end; points.
    usual: float
    low: float
    high: float
    reference_days: int  # on which these rest
    # First of the last days in a row on which the difference is outside the range, if it is.
    differs_since: pd.Timestamp | None

    @property
    def difference(self) -> float:
        """Ours less theirs on the newest day, points."""
        return self.index - self.published

    @property
    def text(self) -> str:
        """The comparison as a sentence."""
        usual = (
            f"usually {self.usual:+.0f}, {self.low:+.0f} to {self.high:+.0f} on 98 of 100 of "
            f"{self.reference_days} days"
        )
        verdict = (
            "they agree as usual"
            if self.differs_since is None
            else f"they differ more than usual since {self.differs_since:%Y-%m-%d}"
        )
        return (
            f"Published index ({self.source}) on {self.day:%Y-%m-%d}: {self.published:.0f}, ours "
            f"{self.index:.0f}, {self.difference:+.0f} points ({usual}): {verdict}."
        )


def witness(index: pd.Series, published: pd.Series, *, source: str) -> Witness:
    """Compare our season index with a published one.

    Both are percent (0-100) by day. Their lists and hours differ from ours, so that agreement is
    judged by the distance in the year before the last 30 days. With fewer than 45 shared days
    there it cannot be, nor with values that measure something else (`DataError`).

    >>> days = pd.date_range("2025-01-01", periods=200)
    >>> ours = pd.Series(40.0, days)
    >>> ours.iloc[-3:] = 92.0
    >>> comparison = witness(ours, pd.Series(45.0, days), source="theirs")
    >>> comparison.usual, comparison.differs_since.date()
    (-5.0, datetime.date(2025, 7, 17))
    """
    difference = (index - published).dropna()
    days = pd.DatetimeIndex(difference.index)
    past = difference.iloc[:0]
    if len(days):
        newest = days[-1]
        past = difference[days <= newest - pd.Timedelta(days=_RECENT_DAYS)].iloc[-REFERENCE_DAYS:]
    if len(past) < _MIN_REFERENCE:
        raise DataError(
            f"{source}: it shares {len(past)} days with our index before the last {_RECENT_DAYS}, "
            f"need {_MIN_REFERENCE} to judge what distance is usual; give a longer history."
        )
    _require_same_scale(published[past.index], published[past.index] + past, source)
    low, high = np.quantile(past, _QUANTILES) + np.array([-_MARGIN, _MARGIN])
    inside = difference.between(low, high).to_numpy()
    # The run of days outside at the end begins after the last day inside.
    last_inside = int(np.flatnonzero(inside)[-1])
    outside = last_inside + 1 < len(days)
    return Witness(
        source=source,
        day=days[-1],
        index=float(index[days[-1]]),
        published=float(published[days[-1]]),
        usual=float(past.median()),
        low=float(low),
        high=float(high),
        reference_days=len(past),
        differs_since=days[last_inside + 1] if outside else None,
    )


def _require_same_scale(published: pd.Series, index: pd.Series, source: str) -> None:
    """Refuse values that come nearest to our index, on the same days, when they are read otherwise.

    >>> ours = pd.Series([20.0, 40.0, 30.0])
    >>> _require_same_scale(1 - ours / 100, ours, "theirs")
    Traceback (most recent call last):
    features.panel.DataError: theirs: on the median day it lies 29 points from our index, ...
    """
    share = published.abs().max() <= 1
    readings = {"": published, "inverted": 100 - published}
    if share:
        readings |= {"of 0 to 1": 100 * published, "of 0 to 1 and inverted": 100 - 100 * published}
    apart = {meant: float((index - values).abs().median()) for meant, values in readings.items()}
    # The first of equals: as given.
    nearest = min(apart, key=lambda meant: apart[meant])
    if not nearest and apart[""] <= _FARTHEST:
        return
    meant = f", {apart[nearest]:.0f} if its values are {nearest}" if nearest else ""
    raise DataError(
        f"{source}: on the median day it lies {apart['']:.0f} points from our index{meant}; at "
        f"most {_FARTHEST:g} are usual. Give the season index in percent, 100 where all coins are "
        "ahead of Bitcoin."
    )
