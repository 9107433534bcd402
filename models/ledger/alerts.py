"""Alerts: conditions on a forecast, each told once while it holds, as the ledger remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from features.terminal import one_line
from models.answers import Event, Question
from models.forecasting.parts import Forecast
from models.forecasting.questions import HORIZONS
from models.ledger.entry import Entry
from models.vocabulary import Kind

_ALERT = re.compile(
    r"(?P<kind>\w+):(?P<window>\d+|year)(?P<change>:change)?"
    r"(?P<side>>=|<=)(?P<bound>[+-]?\d+(?:\.\d+)?)(?P<percent>%)?",
)
FORM = "KIND:WINDOW>=P such as broad:30>=0.5, sustained:year>=40%, broad:90:change<=-0.1"


@dataclass(frozen=True)
class Alert:
    """A condition on one probability of a forecast, or on its change."""

    kind: Kind
    horizon_days: int | None  # None for the year, or the window asked for
    change: bool  # whether the change since the forecast recorded before is meant
    at_least: bool  # whether the condition is `>=`; else it is `<=`
    bound: float  # in [0, 1]; of a change in [-1, 1]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the alert that a text asks for.

        Raises
        ------
        ValueError
            If it asks for none.

        Examples
        --------
        >>> str(Alert.parse("broad:30 >= 50%")), str(Alert.parse("broad:year:change<=-0.1"))
        ('broad:30>=0.5', 'broad:year:change<=-0.1')
        """
        shown = one_line(text, longest=80)
        found = _ALERT.fullmatch("".join(text.split()))
        if found is None or found["kind"] not in set(Kind):
            kinds = ", ".join(Kind)
            raise ValueError(f"must be {FORM}, with a kind of {kinds}; got {shown!r}.")
        bound = float(found["bound"]) / (100 if found["percent"] else 1)
        least = -1 if found["change"] else 0
        if not least <= bound <= 1:
            raise ValueError(f"the bound must lie in [{least}, 1], got {bound:g} in {shown!r}.")
        days = None if found["window"] == "year" else int(found["window"])
        return cls(
            Kind(found["kind"]), days, found["change"] is not None, found["side"] == ">=", bound
        )

    def __str__(self) -> str:
        """Return the text that `parse` reads, in its shortest form."""
        window = "year" if self.horizon_days is None else self.horizon_days
        change = ":change" if self.change else ""
        return f"{self.kind}:{window}{change}{'>=' if self.at_least else '<='}{self.bound:g}"

    def holds(self, value: float) -> bool:
        """Tell whether a value meets the condition; on the bound it does."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True)
class AlertState:
    """What an alert finds on a day."""

    alert: Alert
    probability: float | None  # None where no season can begin in the window
    before: float | None  # in the forecast recorded last of an earlier day; None where none is
    met: bool
    fired: bool  # it holds, and the line recorded last has not fired it already


def check_alerts(
    alerts: Sequence[Alert], forecast: Forecast, entries: Sequence[Entry]
) -> list[AlertState]:
    """Hold a forecast against alerts, and against the lines of the ledger so far.

    Only lines of the same definition and threshold count: another threshold is another question.

    Raises
    ------
    ValueError
        If the forecast has no window of a length that is asked for.
    """
    same = [each for each in entries if _same_question(each, forecast)]
    fired = same[-1].alerts if same else ()
    # Strict: a second forecast of the same day is not a change.
    earlier = [each for each in same if each.as_of < forecast.as_of]
    states = []
    for alert in alerts:
        now = _probability(alert, forecast)
        before = _recorded(alert, earlier[-1], forecast) if earlier else None
        value = now
        if alert.change:
            # Rounded, so that 35 % after 25 % has risen by 10 points and not by a hair less.
            value = None if now is None or before is None else round(now - before, 12)
        met = value is not None and alert.holds(value)
        states.append(AlertState(alert, now, before, met, met and str(alert) not in fired))
    return states


def alert_json(state: AlertState) -> dict[str, Any]:
    """Return the state of an alert for the answer's `alerts`."""
    return {
        "alert": str(state.alert),
        "kind": state.alert.kind,
        "horizon_days": state.alert.horizon_days,
        "probability": state.probability,
        "before": state.before,
        "met": state.met,
        "fired": state.fired,
    }


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
    return next((each.probability for each in entry.answers if each.asked() == asked), None)
