"""The track record: recorded forecasts against what came after them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd

from features.market.season import season_index
from features.panel import DAY, DataError, MarketPanel
from models.hazard.leads import LEAD_DAYS
from models.ledger.book import Ledger
from models.ledger.entry import PROMPT_DAYS, Entry, Window
from models.ledger.scoring import score
from models.onset import OnsetDefinition, label, onsets
from models.verification.counts import dispersion

SCHEMA = "altseason.ledger_score/1"
RULE = (
    f"A forecast counts as made ahead of time if it was recorded within {PROMPT_DAYS} days of "
    "as_of and before its window ended; any other is a replay. A window is resolved when the data "
    "reach its last day, whether an onset came early or not. Of one model's forecasts for the same "
    "day and window the first recorded counts."
)

# Windows of one length are one group; windows by a date are another, whatever their length.
_GROUP = ["made", "kind", "threshold", "by_date", "length", "last_day", "model"]
_PRIVATE = ("length", "last_day", "quiet_days")


def track_record(ledger: Ledger, panel: MarketPanel) -> dict[str, Any]:
    """Judge what a ledger holds by the data of today.

    Parameters
    ----------
    ledger : Ledger
        From `models.ledger.book.read_ledger`.
    panel : MarketPanel
        The market as it is known now, which decides the outcomes.

    Returns
    -------
    dict
        The record under the schema `altseason.ledger_score/1`, ready for JSON:
        `windows` holds every window with its status and outcome, `scores` a
        row for each way of making, kind, threshold, window and model, over
        resolved windows only.

    Raises
    ------
    DataError
        If the data begin after a recorded day, or a line counts a season as
        this program cannot.
    """
    days = [pd.Timestamp(entry.as_of) for entry in ledger.entries]
    history = _History(panel, pd.DatetimeIndex(sorted(set(days))).as_unit("s"))
    windows = _judged(ledger, history)
    return {
        "schema": SCHEMA,
        "rule": RULE,
        "ledger": {
            "lines": len(ledger.entries),
            "torn_lines": list(ledger.torn),
            "first_as_of": f"{min(days):%Y-%m-%d}" if days else None,
            "last_as_of": f"{max(days):%Y-%m-%d}" if days else None,
        },
        "data": {
            "source": panel.source,
            "digest": panel.digest,
            "last_day": f"{panel.last_day:%Y-%m-%d}",
        },
        "scores": [score(group, history.clustering(group)) for _, group in windows.groupby(_GROUP)]
        if len(windows)
        else [],
        "windows": windows.drop(columns=list(_PRIVATE), errors="ignore").to_dict("records"),
    }


def _judged(ledger: Ledger, history: _History) -> pd.DataFrame:
    """Return every window of a ledger with its status, in the order of recording."""
    windows = pd.DataFrame(
        [row for entry in ledger.entries for row in _windows(entry, history)],
        dtype=object,  # outcomes stay whole numbers beside None
    )
    if len(windows):
        said = windows[windows["status"] != "no_forecast"]
        repeated = said.index[said.duplicated([*_GROUP, "as_of"])]
        windows.loc[repeated, "status"] = "repeated"
    return windows


class _History:
    """What came after the recorded days, and how onsets clustered before them."""

    def __init__(self, panel: MarketPanel, days: pd.DatetimeIndex) -> None:
        index = season_index(panel)
        self.source, self.first = panel.source, index.index[0]
        self.ahead = cache(lambda definition: label(index, days, definition).to_dict("index"))
        self.onsets = cache(partial(onsets, index))
        self.unknown = np.append(0, np.cumsum(index.isna()))

    def days_without_index(self, as_of: pd.Timestamp, horizon: int) -> int:
        """Count the days of a window, as far as the data reach, that have no index."""
        begin = (as_of - self.first).days + 1
        begin, end = np.minimum([begin, begin + horizon], len(self.unknown) - 1)
        return int(self.unknown[end] - self.unknown[begin])

    def clustering(self, group: pd.DataFrame) -> float:
        """Return the dispersion of onsets before a group's first forecast, NaN if not known.

        Only what came before: a forecast is not excused by the cluster that it failed to foresee.
        """
        first = group.iloc[0]
        own = OnsetDefinition(threshold=first["threshold"], quiet_days=first["quiet_days"])
        until = pd.Timestamp(group["as_of"].min())
        return dispersion(self.onsets(own), first=self.first, until=until)


def _windows(entry: Entry, history: _History) -> Iterator[dict[str, Any]]:
    as_of = pd.Timestamp(entry.as_of).as_unit("s")
    if as_of < history.first:
        raise DataError(
            f"{history.source} begins on {history.first:%Y-%m-%d}, after {entry.as_of}, the day "
            f"of line {entry.line} of the ledger; name a source that holds it."
        )
    ahead = {kind: history.ahead(each)[as_of] for kind, each in _definitions(entry).items()}
    for window in entry.windows:
        yield {
            "line": entry.line,
            "as_of": f"{entry.as_of}",
            "recorded_at": f"{entry.recorded_at:%Y-%m-%dT%H:%M:%SZ}",
            "made": "ahead" if entry.ahead(window) else "replay",
            "in_training": _in_training(entry),
            "model": entry.model,
            "kind": window.kind,
            "threshold": entry.thresholds[window.kind],
            "horizon_days": window.horizon_days,
            "window_end": f"{window.end}",
            "by_date": window.by_date,
            "length": 0 if window.by_date else window.horizon_days,
            "last_day": f"{window.end}" if window.by_date else "",
            "quiet_days": int(entry.definition["quiet_days"]),
            "probability": window.probability,
            "low": window.low,
            "high": window.high,
            "climatology": window.climatology,
            **_outcome(as_of, window, ahead[window.kind]),
            "days_without_index": history.days_without_index(as_of, window.horizon_days),
        }


def _definitions(entry: Entry) -> dict[str, OnsetDefinition]:
    """Return what counts as an onset of each kind, as the line says."""
    own, said = OnsetDefinition(), entry.definition
    if (said["window_days"], said["top"]) != (own.window_days, own.top):
        raise DataError(
            f"line {entry.line} of the ledger counts the top {said['top']:g} over "
            f"{said['window_days']:g} days; this program's index is of the top {own.top} over "
            f"{own.window_days}."
        )
    try:
        quiet = replace(own, quiet_days=int(said["quiet_days"]))
        return {kind: replace(quiet, threshold=value) for kind, value in entry.thresholds.items()}
    except ValueError as error:
        raise DataError(f"line {entry.line} of the ledger: {error}") from error


def _in_training(entry: Entry) -> bool:
    # A row enters training once its first lead is resolved, on that day and not after: not strict.
    return (entry.trained_until - entry.as_of).days >= LEAD_DAYS


def _outcome(as_of: pd.Timestamp, window: Window, ahead: Mapping[Hashable, Any]) -> dict[str, Any]:
    """Return status, outcome and onset of one window."""
    # Not before its last day, even if the onset came early: the quiet windows of the same day
    # are unknown until then, and onsets alone would fill the record.
    resolved = bool(ahead["days_known"] >= window.horizon_days)
    # An onset on the window's last day is inside it.
    hit = bool(ahead["days_to_onset"] <= window.horizon_days)
    if window.probability is None:
        status = "no_forecast"
    elif not resolved:
        status = "open"
    else:
        status = "resolved" if ahead["at_risk"] else "revised"
    # For a day that is not at risk the next day in season is no onset.
    seen = hit and status != "no_forecast" and ahead["at_risk"]
    return {
        "status": status,
        "outcome": int(hit) if status == "resolved" else None,
        "onset": f"{as_of + ahead['days_to_onset'] * DAY:%Y-%m-%d}" if seen else None,
    }
