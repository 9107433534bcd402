"""What kept figures can be: limits, splits, gaps."""

from __future__ import annotations

import pandas as pd

from features.catalogue.features import FUND_START
from features.panel import DataError
from features.plausibility.book import UNITS
from features.plausibility.limits import FLOW_TIMES, LARGEST_FLOW

# From, to (both excluded): what no figure of these funds can reach, but a mistaken unit does. For
# flows ten times the largest day so far, as in the rule book.
LIMITS = {
    "iwm_shares_outstanding": (0.0, 1e11),
    "iwm_nav": (0.0, 1e6),
    **{name: (-FLOW_TIMES * day, FLOW_TIMES * day) for name, day in LARGEST_FLOW.items()},
}
_EARLIEST = pd.Timestamp("1990-01-01")
# The greatest changes from one session to the next since 2008 are 18 % (shares) and 14 % (NAV).
_MAX_JUMP = 0.30
_JUMP_DAYS = 10


def check(rows: pd.DataFrame) -> None:
    """Refuse values outside their limits; the first is named by series, day and value."""
    for name, (low, high) in LIMITS.items():
        held = rows[rows["series"] == name]
        bad = held[~((held["value"] > low) & (held["value"] < high)) | (held["date"] < _EARLIEST)]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"{row['origin']}: {name} on {row['date']:%Y-%m-%d}: must be between {low:g} and "
                f"{high:g}, on a day from {_EARLIEST:%Y} on, got {row['value']:g}: another unit? "
                f"{UNITS}."
            )


def check_jumps(table: pd.DataFrame, fresh: pd.DataFrame) -> None:
    """Refuse fund figures of a table that change like in a split, where fresh rows are involved."""
    for name in ("iwm_shares_outstanding", "iwm_nav"):
        held = table[(table["series"] == name) & (table["date"] >= FUND_START)]
        near = held["date"].diff() <= pd.Timedelta(days=_JUMP_DAYS)
        change = held["value"].pct_change()
        new = held["date"].isin(fresh.loc[fresh["series"] == name, "date"])
        bad = held[near & (change.abs() > _MAX_JUMP) & (new | new.shift(fill_value=False))]
        if len(bad):
            row = bad.iloc[0]
            raise DataError(
                f"{name} on {row['date']:%Y-%m-%d}: changes by {100 * change[bad.index[0]]:+.0f} % "
                f"within {_JUMP_DAYS} days, from {held['value'].shift()[bad.index[0]]:.10g} to "
                f"{row['value']:.10g} ({row['origin']}); at most {100 * _MAX_JUMP:.0f} % is a "
                "flow. After a split, import the fund's whole restated history with --replace."
            )
