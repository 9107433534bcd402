"""Where the embedded history and its rankings end: what "the last day" means in every test.

The history is made again from time to time, so that no test names its end itself.
"""

from __future__ import annotations

import pandas as pd

from features.market.dollars import DOLLAR_SERIES
from features.panel import SERIES
from features.reference.load import load_reference
from features.reference.membership import load_membership

# The day of the last ranking may be before the last day with a value.
END = load_reference().last_day
RANKED = load_membership().last_day
# The last scheduled refit of a training on the whole history.
REFIT = pd.date_range("2025-11-25", END, freq="28D", unit="s")[-1]
# The days on which every feature older than Ether and the crypto funds is known.
COMPLETE_DAYS = pd.date_range("2014-07-01", END, unit="s")
SIMULATED_SERIES = [spec.name for spec in SERIES if spec.name.startswith("simulated_")]


def after(days: int) -> pd.Timestamp:
    """Return the day so many days after the end; before it, if negative."""
    return END + pd.Timedelta(days=days)


def iso(day: pd.Timestamp) -> str:
    """Return a day as the commands take and print it: 2025-12-31."""
    return f"{day:%Y-%m-%d}"


def session(day: pd.Timestamp) -> pd.Timestamp:
    """Return the last weekday until a day."""
    return pd.offsets.BDay().rollback(day)


# The series that are learnt from: coins near to flipping and returns in dollars are only shown.
SHOWN_ALONE = tuple(
    spec.name for spec in SERIES
    if spec.name in ("coins_compared", *DOLLAR_SERIES) or spec.name.startswith("near_")
)  # fmt: skip
DRAWN = tuple(spec for spec in SERIES if spec.name not in SHOWN_ALONE)
