"""Alerts held against a forecast: each fires once while it holds, as the ledger remembers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pandas as pd

from models.answers import Event, Question
from models.forecasting.parts import Forecast
from models.forecasting.questions import HORIZONS
from models.ledger.alert import Alert
from models.ledger.entry import Entry


@dataclass(frozen=True)
class AlertState:
    """What an alert finds on a day."""

    alert: Alert
    probability: float | None  # None where no season can begin in the window
    before: float | None  # in the forecast recorded last of an earlier day; None where none is
    met: bool
    fired: bool  # it holds, and the line recorded last has not fired it already

    def as_json(self) -> dict[str, Any]:
        """Return the state for the answer's `alerts`."""
        alert = self.alert
        about = {"alert": str(alert), "kind": alert.kind, "horizon_days": alert.horizon_days}
        return {**about, **{name: value for name, value in vars(self).items() if name != "alert"}}


def check_alerts(
    alerts: Sequence[Alert], forecast: Forecast, newest: Iterable[Entry]
) -> list[AlertState]:
    """Hold a forecast against alerts, and against the lines of the ledger, the newest first.

    Only lines of the same definition and threshold count: another threshold is another question.
    """
    same = (entry for entry in newest if _same_question(entry, forecast))
    last = next(same, None)
    fired = () if last is None else last.alerts
    # Strict: a second forecast of the same day is not a change.
    lines = () if last is None else chain([last], same)
    earlier = next((entry for entry in lines if entry.as_of < forecast.as_of), None)
    states = []
    for alert in alerts:
        now = _probability(alert, forecast)
        before = None if earlier is None else _recorded(alert, earlier, forecast)
        value = now
        if alert.change:
            # Rounded, so that 35 % after 25 % has risen by 10 points and not by a hair less.
            value = None if now is None or before is None else round(now - before, 12)
        met = value is not None and alert.holds(value)
        states.append(AlertState(alert, now, before, met, met and str(alert) not in fired))
    return states


def _same_question(entry: Entry, forecast: Forecast) -> bool:
    return entry.definition == forecast.definition and entry.thresholds == forecast.thresholds


def _probability(alert: Alert, forecast: Forecast) -> float | None:
    if alert.horizon_days is None:
        return forecast.year(alert.kind).probability
    answer = forecast.begins(alert.kind, alert.horizon_days)
    if answer is None:
        lengths = ", ".join(map(str, HORIZONS))
        raise ValueError(f"{alert}: a forecast has windows of {lengths} days, and the year.")
    return answer.probability


def _recorded(alert: Alert, entry: Entry, forecast: Forecast) -> float | None:
    """Return the probability of the same window, or of one as long, in an earlier line."""
    # The chance of another year or window is another question, not a change of this one.
    start, end = forecast.window.counts_from, forecast.window.end
    if alert.horizon_days is not None:
        start = entry.as_of + pd.Timedelta(days=1)
        end = entry.as_of + pd.Timedelta(days=alert.horizon_days)
    asked = Question(alert.kind, Event.BEGINS, start, end)
    return next((answer.probability for answer in entry.answers if answer.asked() == asked), None)
