"""Alerts: conditions on a forecast, each told once while it holds, as the ledger remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from features.terminal import one_line
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.forecasting.parts import Forecast
    from models.ledger.entry import Entry

_ALERT = re.compile(
    r"(?P<kind>\w+):(?P<window>\d+|year)(?P<change>:change)?"
    r"(?P<side>>=|<=)(?P<bound>[+-]?\d+(?:\.\d+)?)(?P<percent>%)?",
)
FORM = "KIND:WINDOW>=P such as broad:30>=0.5, sustained:year>=40%, broad:90:change<=-0.1"


@dataclass(frozen=True)
class Alert:
    """A condition on one probability of a forecast, or on its change.

    Parameters
    ----------
    kind : Kind
        Kind of season.
    horizon_days : int, optional
        Length of the window; None for the window of the outlook.
    change : bool
        Whether the change since the forecast recorded before is meant, not the probability.
    at_least : bool
        Whether the condition is `>=`; else it is `<=`.
    bound : float
        In [0, 1]; of a change in [-1, 1].
    """

    kind: Kind
    horizon_days: int | None
    change: bool
    at_least: bool
    bound: float

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
        told = one_line(text, longest=80)
        found = _ALERT.fullmatch("".join(text.split()))
        if found is None or found["kind"] not in set(Kind):
            kinds = ", ".join(Kind)
            raise ValueError(f"must be {FORM}, with a kind of {kinds}; got {told!r}.")
        bound = float(found["bound"]) / (100 if found["percent"] else 1)
        least = -1 if found["change"] else 0
        if not least <= bound <= 1:
            raise ValueError(f"the bound must lie in [{least}, 1], got {bound:g} in {told!r}.")
        days = None if found["window"] == "year" else int(found["window"])
        kind = Kind(found["kind"])
        if kind == Kind.SUSTAINED and days is not None:
            raise ValueError(f"a sustained season has a chance of the year alone, got {told!r}.")
        return cls(kind, days, found["change"] is not None, found["side"] == ">=", bound)

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
    """What an alert finds on a day.

    Parameters
    ----------
    alert : Alert
        The condition.
    probability : float, optional
        Of the window; None where no onset can come next.
    before : float, optional
        The same in the forecast recorded last of an earlier day; None where there is none.
    met : bool
        Whether the condition holds.
    fired : bool
        Whether it holds and the line recorded last has not told so already.
    """

    alert: Alert
    probability: float | None
    before: float | None
    met: bool
    fired: bool


def check_alerts(
    alerts: Sequence[Alert], forecast: Forecast, entries: Sequence[Entry]
) -> list[AlertState]:
    """Hold a forecast against alerts.

    Parameters
    ----------
    alerts : sequence of Alert
        What to look for.
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    entries : sequence of Entry
        The ledger so far, in the order of its lines. Only lines of the same onset definition
        count: another threshold is another question.

    Raises
    ------
    ValueError
        If the forecast has no window of a length that is asked for.
    """
    own = [each for each in entries if _same_question(each, forecast)]
    told = own[-1].alerts if own else ()
    # Strict: a second forecast of the same day is not a change.
    earlier = [each for each in own if each.as_of < forecast.as_of.date()]
    states = []
    for alert in alerts:
        now = _probability(alert, forecast)
        before = _recorded(alert, earlier[-1], forecast) if earlier else None
        value = now
        if alert.change:
            # Rounded, so that 35 % after 25 % has risen by 10 points and not by a hair less.
            value = None if now is None or before is None else round(now - before, 12)
        met = value is not None and alert.holds(value)
        states.append(AlertState(alert, now, before, met, met and str(alert) not in told))
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
    asked = forecast.definition.as_dict()
    return all(entry.definition.get(name) == value for name, value in asked.items())


def _probability(alert: Alert, forecast: Forecast) -> float | None:
    if alert.horizon_days is None:
        chances = () if forecast.outlook is None else forecast.outlook.chances
        return next((each.probability for each in chances if each.kind == alert.kind), None)
    own = {
        each.horizon_days: each.probability
        for each in forecast.windows
        if each.kind == alert.kind
    }  # fmt: skip
    if alert.horizon_days not in own:
        lengths = ", ".join(map(str, own))
        raise ValueError(f"{alert}: a forecast has windows of {lengths} days, and the year.")
    return own[alert.horizon_days]


def _recorded(alert: Alert, entry: Entry, forecast: Forecast) -> float | None:
    """Return the probability of the same window, or of one as long, in an earlier line."""
    if alert.horizon_days is not None:
        lengths = {
            each.horizon_days: each.probability
            for each in entry.windows
            if each.kind == alert.kind and not each.by_date
        }
        return lengths.get(alert.horizon_days)
    recorded, outlook = entry.outlook, forecast.outlook
    # The chance of another year or window is another question, not a change of this one.
    if recorded is None or outlook is None or recorded.end != outlook.window.end.date():
        return None
    if recorded.year != outlook.window.year:
        return None
    return next((each.probability for each in recorded.chances if each.kind == alert.kind), None)
