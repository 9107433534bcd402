"""Windows from a day: the forecaster's own over 90 days, the renewal process beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from models.forecasting.intervals import ByLead, Probabilities
from models.forecasting.near_term import NEAR_DAYS
from models.forecasting.parts import Window
from models.forecasting.seasons_ahead import SeasonsAhead
from models.hazard.leads import LIMIT_DAYS
from models.outlook.paths import REACH_DAYS
from models.vocabulary import Kind

BEFORE_THE_DATA = "the data begin later"
TOO_FAR = f"more than {REACH_DAYS} days ahead, as far as the outlook reaches"
_NONE: tuple[float | None, ...] = (None,) * len(Probabilities._fields)
NOTHING_TO_LEARN_FROM = f"more than {LIMIT_DAYS} days ahead, and no season had ended yet"


def window_values(
    kind: Kind,
    leads: ByLead,
    ahead: SeasonsAhead | None,
    lengths: Sequence[int],
    *,
    by_process: Sequence[bool],
) -> Probabilities:
    """Return the chances of a kind that is at risk within each number of days.

    Parameters
    ----------
    kind : Kind
        Kind of season.
    leads : ByLead
        What the forecaster says of the day, one row.
    ahead : SeasonsAhead, optional
        None where no season had ended to learn from: then the forecaster answers as far as it can.
    lengths : sequence of int
        Days ahead.
    by_process : sequence of bool
        Windows that the renewal process continues: it answers them whole.

    Returns
    -------
    Probabilities
        Each of shape (lengths,); NaN beyond all reach.
    """
    days, process = np.asarray(lengths), np.asarray(by_process, dtype=bool)
    columns = Probabilities(*(np.full(len(days), np.nan) for _ in Probabilities._fields))
    # All that is computed for a window of the process is its own, the base rate too.
    far = process & (days <= REACH_DAYS) & (ahead is not None)
    near = ~far & (days <= LIMIT_DAYS)
    own = leads.probabilities(days[near].tolist(), at_risk=np.array([True]))
    for column, each in zip(columns, own, strict=True):
        column[near] = each[0]
    if ahead is not None and far.any():
        chances = ahead.chances(kind, days[far].tolist())
        climatology = np.array([ahead.climatology(kind, length) for length in days[far].tolist()])
        for column, values in zip(columns, (*chances, climatology), strict=True):
            column[far] = values
    return columns


def windows(
    kind: Kind,
    day: pd.Timestamp,
    leads: ByLead | None,
    ahead: SeasonsAhead | None,
    reason: str | None,
    *,
    horizons: Sequence[int],
    by: pd.Timestamp,
    today: pd.Timestamp,
) -> tuple[list[Window], Window]:
    """Return the windows of a kind by length, and the one by date.

    Parameters
    ----------
    kind : Kind
        Kind of season.
    day : pandas.Timestamp
        Day that they begin after.
    leads : ByLead, optional
        What the forecaster says of the day, one row; None before the data.
    ahead : SeasonsAhead, optional
        From `models.forecasting.seasons_ahead.seasons_ahead`.
    reason : str, optional
        Why no onset can come next; None where it can.
    horizons : sequence of int
        Days ahead.
    by : pandas.Timestamp
        Last day of the window by date.
    today : pandas.Timestamp
        Current UTC day, by which windows have ended or not.
    """
    lengths = [*horizons, (by - day).days]
    # The window by date may be the outlook's, and one question has one answer.
    by_process = [*(length > NEAR_DAYS for length in horizons), True]
    values = [_NONE] * len(lengths)
    if leads is not None and reason is None:
        columns = window_values(kind, leads, ahead, lengths, by_process=by_process)
        values = [tuple(map(plain, row)) for row in zip(*columns, strict=True)]
    elif leads is not None and ahead is not None:
        values = [_base_rate_alone(kind, ahead, length) for length in lengths]
    made = []
    for length, (probability, low, high, climatology) in zip(lengths, values, strict=True):
        end = day + pd.Timedelta(days=length)
        missing = None if probability is not None else _too_far(length)
        # Strict: on its last day a window is still open.
        made.append(
            Window(
                kind,
                length,
                end,
                probability,
                low,
                high,
                climatology,
                reason or missing,
                today > end,
            )
        )
    return made[:-1], made[-1]


def _base_rate_alone(kind: Kind, ahead: SeasonsAhead, days: int) -> tuple[float | None, ...]:
    """How often one begins in as long a window, from whatever state, is known in season too."""
    return (None, None, None, ahead.climatology(kind, days) if days <= REACH_DAYS else None)


def _too_far(days: int) -> str:
    return TOO_FAR if days > REACH_DAYS else NOTHING_TO_LEARN_FROM


def plain(value: float) -> float | None:
    """Return a number, None where there is none."""
    return None if np.isnan(value) else float(value)
