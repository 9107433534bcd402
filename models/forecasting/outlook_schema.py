"""The outlook as JSON and as rows of CSV."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from models.formatting import iso_day
from models.outlook.answers import Chance, FirstOnset, Outlook, SeasonLasts

Json = dict[str, Any]


def outlook_json(outlook: Outlook) -> Json:
    """Return an outlook as `outlook` of the schema `altseason.forecast/2`.

    Parameters
    ----------
    outlook : Outlook
        From `models.outlook.outlook.answer`.
    """
    window = outlook.window
    return {
        "from": iso_day(window.start),
        "by": iso_day(window.end),
        "year": window.year,
        "chances": [_chance(chance) for chance in outlook.chances],
        "first_onset": [_first_onset(first) for first in outlook.first_onset],
        "days_in_season": [asdict(days) for days in outlook.days_in_season],
        "in_season_on": [
            {"date": iso_day(each.date), **dict(each.probability)} for each in outlook.in_season_on
        ],
        "season_lasts": [asdict(lasts) for lasts in outlook.season_lasts],
        "earliest_onset": {kind: iso_day(day) for kind, day in outlook.earliest_onset},
        "paths": outlook.n_paths,
    }


def outlook_rows(outlook: Outlook) -> list[Json]:
    """Return an outlook as rows of CSV, a question and a kind each."""
    window = outlook.window
    span = {"window_start": iso_day(window.start), "window_end": iso_day(window.end)}
    rows: list[Json] = [
        {"question": "chance", **_chance(chance), **span} for chance in outlook.chances
    ]
    for first in outlook.first_onset:
        rows += _months(first, outlook)
    rows += [
        {"question": "days_in_season", **asdict(days), **span} for days in outlook.days_in_season
    ]
    for each in outlook.in_season_on:
        on = {"question": "in_season_on", "window_end": iso_day(each.date)}
        rows += [{**on, "kind": kind, "probability": share} for kind, share in each.probability]
    rows += [_lasts(lasts, outlook.as_of) for lasts in outlook.season_lasts]
    return rows


def _months(first: FirstOnset, outlook: Outlook) -> list[Json]:
    row = {"question": "first_onset", "kind": first.kind}
    start, end = outlook.window.start, outlook.window.end
    rows = []
    for month, share in first.months:
        whole = pd.Period(month, freq="M")
        days = max(whole.start_time, start), min(whole.end_time.normalize(), end)
        begins, ends = map(iso_day, days)
        rows.append({**row, "window_start": begins, "window_end": ends, "probability": share})
    return [*rows, {**row, "probability": first.none}]


def _lasts(lasts: SeasonLasts, as_of: pd.Timestamp) -> Json:
    day = as_of + pd.Timedelta(days=lasts.days)
    own = {"horizon_days": lasts.days, "window_end": iso_day(day)}
    return {"question": "season_lasts", **own, **asdict(lasts)}


def _chance(chance: Chance) -> Json:
    return {**asdict(chance), "begun_on": _day(chance.begun_on)}


def _first_onset(first: FirstOnset) -> Json:
    return {
        "kind": first.kind,
        "months": [{"month": month, "probability": share} for month, share in first.months],
        "quarters": [{"quarter": part, "probability": share} for part, share in first.quarters],
        "none": first.none,
        "median": _day(first.median),
        "interval_50": [_day(day) for day in first.interval_50],
        "interval_90": [_day(day) for day in first.interval_90],
    }


def _day(day: pd.Timestamp | None) -> str | None:
    return None if day is None else iso_day(day)
