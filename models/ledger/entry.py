"""An entry of the ledger: what a line says, and what must hold of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

from models.forecasting.parts import DataSummary, Forecast
from models.forecasting.schema import finding_json, model_json, window_json
from models.formatting import iso_day
from models.ledger.outlook_entry import RecordedOutlook, outlook_content, outlook_from_content
from models.plain_values import finite
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

SCHEMA = "altseason.ledger/3"
# Lines from before the chain, and from before the outlook, are read too.
_WITHOUT_OUTLOOK = "altseason.ledger/1"
SCHEMAS = (SCHEMA, "altseason.ledger/2", _WITHOUT_OUTLOOK)
PROMPT_DAYS = 7

_INSTANT = "%Y-%m-%dT%H:%M:%SZ"
# What older lines and forecasters, which do not name it, meant.
_SUSTAINED: dict[str, float] = {
    name: OnsetDefinition().as_dict()[name] for name in ("sustained_days", "sustained_within")
}
_DEFINITION = ("threshold", "quiet_days", "window_days", "top", *_SUSTAINED)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class RecordedWindow:
    """One probability of a line: an onset in (as_of, as_of + horizon_days].

    Parameters
    ----------
    kind : Kind
        Kind of season.
    horizon_days : int
        Length in days.
    end : datetime.date
        Last day.
    by_date : bool
        Whether the last day was asked for, not the length.
    probability, low, high, climatology : float or None
        In [0, 1]; none of the first three where no onset could come next.
    """

    kind: Kind
    horizon_days: int
    end: date
    by_date: bool
    probability: float | None
    low: float | None
    high: float | None
    climatology: float | None


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Parameters
    ----------
    line : int
        Its number in the file, from 1.
    id : str
        Digest of as_of, model, data and, if it is not the model's own, the threshold.
    as_of : datetime.date
        Day whose end closed the information.
    recorded_at : datetime.datetime
        When it was recorded, UTC.
    replay : bool
        Whether that was more than 7 days after as_of.
    definition : mapping of str to float
        The onset definition of broad seasons.
    thresholds : mapping of Kind to float
        Season index at which each kind of season begins.
    model : str
        Candidate.
    trained_until : datetime.date
        Day whose end closed its training data.
    windows : tuple of RecordedWindow
        What was forecast.
    outlook : RecordedOutlook, optional
        The seasons to come, where the line tells of them.
    alerts : tuple of str
        Alerts that held when it was recorded.
    index : float, optional
        Season index of the day, as it was known.
    features : mapping of str to float or None
        What the model was given of the day; empty in lines that do not tell.
    findings : tuple of str
        What the rules of plausibility noticed then, as sentences.
    """

    line: int
    id: str
    as_of: date
    recorded_at: datetime
    replay: bool
    definition: Mapping[str, float]
    thresholds: Mapping[Kind, float]
    model: str
    trained_until: date
    windows: tuple[RecordedWindow, ...]
    outlook: RecordedOutlook | None = None
    alerts: tuple[str, ...] = ()
    index: float | None = None
    features: Mapping[str, float | None] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, content: Mapping[str, Any], line: int) -> Self:
        """Return the entry of a line's content; LookupError, TypeError, ValueError if malformed."""
        as_of = date.fromisoformat(content["as_of"])
        thresholds = {Kind(key): finite(value, key) for key, value in content["thresholds"].items()}
        definition = _SUSTAINED | content["definition"]
        outlook = None if content["schema"] == _WITHOUT_OUTLOOK else content["outlook"]
        if not isinstance(content["windows"], list):
            raise TypeError("windows must be a list")
        return cls(
            line=line,
            id=str(content["id"]),
            as_of=as_of,
            recorded_at=datetime.strptime(content["recorded_at"], _INSTANT).replace(tzinfo=UTC),
            replay=bool(content["replay"]),
            definition={key: finite(definition[key], key) for key in _DEFINITION},
            thresholds=thresholds,
            model=str(content["model"]["name"]),
            trained_until=date.fromisoformat(content["model"]["trained_until"]),
            windows=tuple(_window(window, as_of, thresholds) for window in content["windows"]),
            outlook=None if outlook is None else outlook_from_content(outlook, as_of, thresholds),
            alerts=tuple(map(str, content.get("alerts", ()))),
            index=_number(content.get("season", {}).get("index"), "season index"),
            features={
                str(name): _number(value, str(name))
                for name, value in content.get("data", {}).get("features", {}).items()
            },
            findings=tuple(
                str(each["text"]) for each in content.get("data", {}).get("findings", ())
            ),
        )

    def ahead(self, end: date) -> bool:
        """Tell whether a window was forecast ahead of time, and is no replay.

        It was if the line was recorded within `PROMPT_DAYS` after as_of and
        before the window's last day had ended.
        """
        # The last day ends at 24:00 UTC; at that instant its outcome is known, hence strict.
        return not self.replay and self.recorded_at < _end_of(end)


def content_of(
    forecast: Forecast,
    *,
    thresholds: Mapping[Kind, float],
    forecaster_sha256: str,
    recorded_at: datetime,
    commit: str,
    versions: Mapping[str, str],
    alerts: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the content of the line that records a forecast.

    Parameters
    ----------
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    thresholds : mapping of str to float
        Season index at which each kind of season begins.
    forecaster_sha256 : str
        Digest of the stored forecaster.
    recorded_at : datetime.datetime
        The present instant, UTC.
    commit : str
        Git commit of the program.
    versions : mapping of str to str
        Versions of Python and packages.
    alerts : sequence of str
        Alerts that hold.
    """
    as_of, data = iso_day(forecast.as_of), forecast.data
    parts = [as_of, forecast.model.run_id, forecaster_sha256, data.digest]
    if forecast.evidence.measured_at is not None:
        # The same model asked for seasons at another index is another forecast.
        parts.append(f"{forecast.definition.threshold!r}")
    return {
        "schema": SCHEMA,
        "id": hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32],
        "as_of": as_of,
        "recorded_at": recorded_at.astimezone(UTC).strftime(_INSTANT),
        # A week is the age up to which data count as current; at its very end they still do.
        "replay": recorded_at > _end_of(forecast.as_of.date()) + PROMPT_DAYS * _DAY,
        "definition": _SUSTAINED | forecast.definition.as_dict(),
        "thresholds": dict(thresholds),
        "season": {"index": forecast.season.index, "at_risk": dict(forecast.season.at_risk)},
        "windows": [
            *({**window_json(window), "by_date": False} for window in forecast.windows),
            *({**window_json(window), "by_date": True} for window in forecast.by_date),
        ],
        "outlook": None if forecast.outlook is None else outlook_content(forecast.outlook),
        "model": {**model_json(forecast.model), "forecaster_sha256": forecaster_sha256},
        "data": _data(data),
        "commit": commit,
        "versions": dict(versions),
        "alerts": list(alerts),
    }


def _data(data: DataSummary) -> dict[str, Any]:
    return {
        "source": data.source,
        "digest": data.digest,
        "last_day": iso_day(data.last_day),
        # What is needed to tell later whether values that it rests on have been revised.
        "features": dict(data.features),
        "findings": [finding_json(each) for each in data.findings],
    }


def _number(value: object, name: str) -> float | None:
    return None if value is None else finite(value, name)


def _window(
    window: Mapping[str, Any], as_of: date, thresholds: Mapping[Kind, float]
) -> RecordedWindow:
    values = {
        name: _number(window[name], name) for name in ("probability", "low", "high", "climatology")
    }
    outside = [name for name, value in values.items() if value is not None and not 0 <= value <= 1]
    end, days = date.fromisoformat(window["window_end"]), int(window["horizon_days"])
    # Without a probability the base rate may stand alone.
    given = [name for name, value in values.items() if value is not None]
    if given not in ([], ["climatology"], list(values)):
        raise ValueError(f"of {', '.join(values)} all must be given, or climatology, or none")
    if window["kind"] not in thresholds:
        raise ValueError(f"kind must be one of {', '.join(thresholds)}, got {window['kind']!r}")
    if outside:
        raise ValueError(f"{outside[0]} must lie in [0, 1], got {values[outside[0]]:g}")
    if days < 1 or as_of + days * _DAY != end:
        raise ValueError(f"a window of {days} days from {as_of} cannot end on {end}")
    return RecordedWindow(
        kind=Kind(window["kind"]),
        horizon_days=days,
        end=end,
        by_date=bool(window["by_date"]),
        **values,
    )


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY
