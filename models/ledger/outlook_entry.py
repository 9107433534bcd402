"""The outlook of a line of the ledger: what of it is kept, and what must hold of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from math import isclose
from typing import Any

from models.formatting import iso_day
from models.outlook.answers import Outlook
from models.plain_values import finite
from models.vocabulary import Kind

_QUANTILES = ("low", "low_50", "median", "high_50", "high")


@dataclass(frozen=True)
class RecordedChance:
    """P(an onset of the kind or a stronger one in the window); 1 if one has `begun_on` a day."""

    kind: Kind
    probability: float
    low: float
    high: float
    climatology: float
    begun_on: date | None


@dataclass(frozen=True)
class RecordedFirstOnset:
    """P(first onset after as_of in each month of the window), in order, and P(none in it)."""

    kind: Kind
    months: tuple[tuple[str, float], ...]
    none: float


@dataclass(frozen=True)
class RecordedDays:
    """Days at the threshold: quantiles at 5, 25, 50, 75 and 95 %, P(0), and those `known`."""

    kind: Kind
    known: int
    low: float
    low_50: float
    median: float
    high_50: float
    high: float
    none: float


@dataclass(frozen=True)
class RecordedInSeason:
    """P(the index stands at the kind's threshold on a day)."""

    kind: Kind
    day: date
    probability: float


@dataclass(frozen=True)
class RecordedLasts:
    """P(the season that stands on as_of has a day at the threshold `days` days on or later)."""

    kind: Kind
    days: int
    probability: float


@dataclass(frozen=True)
class RecordedOutlook:
    """The outlook of one line.

    Parameters
    ----------
    start, end : datetime.date
        First and last day that are forecast.
    counts_from : datetime.date
        First day whose onsets count as begun: 1 January for a year, else `start`.
    year : int, optional
        Set for a calendar year.
    chances, first_onset, days_in_season, in_season_on, season_lasts
        What was said.
    """

    start: date
    end: date
    counts_from: date
    year: int | None
    chances: tuple[RecordedChance, ...]
    first_onset: tuple[RecordedFirstOnset, ...]
    days_in_season: tuple[RecordedDays, ...]
    in_season_on: tuple[RecordedInSeason, ...]
    season_lasts: tuple[RecordedLasts, ...]


def outlook_content(outlook: Outlook) -> dict[str, Any]:
    """Return what a line keeps of an outlook: all that judging it takes, and nothing drawn."""
    window = outlook.window
    return {
        "from": iso_day(window.start),
        "by": iso_day(window.end),
        "counts_from": iso_day(window.counts_from),
        "year": window.year,
        "chances": [
            {**asdict(each), "begun_on": None if each.begun_on is None else iso_day(each.begun_on)}
            for each in outlook.chances
        ],
        "first_onset": [
            {
                "kind": each.kind,
                "months": [{"month": name, "probability": share} for name, share in each.months],
                "none": each.none,
            }
            for each in outlook.first_onset
        ],
        "days_in_season": [
            {
                "kind": each.kind,
                "known": each.known,
                **{name: float(getattr(each, name)) for name in (*_QUANTILES, "none")},
            }
            for each in outlook.days_in_season
        ],
        "in_season_on": [
            {"date": iso_day(each.date), **dict(each.probability)} for each in outlook.in_season_on
        ],
        "season_lasts": [asdict(each) for each in outlook.season_lasts],
    }


def outlook_from_content(
    content: Mapping[str, Any], as_of: date, thresholds: Mapping[Kind, float]
) -> RecordedOutlook:
    """Return the outlook of a line's content; LookupError, TypeError, ValueError if malformed."""
    start, end, counts_from = (
        date.fromisoformat(content[name]) for name in ("from", "by", "counts_from")
    )
    # A window begins after as_of, whose own day is known.
    if not (as_of < start <= end and counts_from <= start):
        raise ValueError(f"a window of {as_of} cannot run from {start} to {end}")
    year = content["year"]
    # A calendar year is that of its first day, 1 January.
    if year is not None and year != counts_from.year:
        raise ValueError(f"year must be that of {counts_from}, got {str(year)[:40]}")
    recorded = RecordedOutlook(
        start=start,
        end=end,
        counts_from=counts_from,
        year=None if year is None else int(year),
        chances=tuple(_chance(each) for each in content["chances"]),
        first_onset=tuple(_first_onset(each) for each in content["first_onset"]),
        days_in_season=tuple(_days(each) for each in content["days_in_season"]),
        in_season_on=tuple(
            RecordedInSeason(Kind(kind), date.fromisoformat(each["date"]), _share(each, kind))
            for each in content["in_season_on"]
            for kind in each
            if kind != "date"
        ),
        season_lasts=tuple(
            RecordedLasts(Kind(each["kind"]), int(each["days"]), _share(each, "probability"))
            for each in content["season_lasts"]
        ),
    )
    _check(recorded, as_of, thresholds)
    return recorded


def _check(recorded: RecordedOutlook, as_of: date, thresholds: Mapping[Kind, float]) -> None:
    if Kind.BROAD not in thresholds:
        raise ValueError(f"an outlook needs a threshold of {Kind.BROAD} seasons")
    begin = {
        *(each.kind for each in recorded.chances),
        *(each.kind for each in recorded.first_onset),
    }
    stand = {each.kind for each in recorded.days_in_season}
    stand |= {each.kind for each in recorded.in_season_on} | {e.kind for e in recorded.season_lasts}
    # A sustained season has no threshold of its own: it begins as a broad one.
    if unknown := sorted((stand | begin - {Kind.SUSTAINED}) - {*thresholds}):
        raise ValueError(f"kind must be one of {', '.join(thresholds)}, got {str(unknown[0])!r}")
    months = _months(recorded.start, recorded.end)
    if any([name for name, _ in each.months] != months for each in recorded.first_onset):
        raise ValueError(f"the months must be those from {months[0]} to {months[-1]}")
    if not {each.kind for each in recorded.first_onset} <= {each.kind for each in recorded.chances}:
        raise ValueError("a first onset needs the chance of its kind")
    early = [e.day for e in recorded.in_season_on if e.day <= as_of]
    if early or any(each.days < 1 for each in recorded.season_lasts):
        raise ValueError(f"what is forecast must come after {as_of}")


def _months(start: date, end: date) -> list[str]:
    first, last = (12 * day.year + day.month - 1 for day in (start, end))
    return [f"{month // 12}-{month % 12 + 1:02}" for month in range(first, last + 1)]


def _chance(content: Mapping[str, Any]) -> RecordedChance:
    begun_on = content["begun_on"]
    return RecordedChance(
        kind=Kind(content["kind"]),
        probability=_share(content, "probability"),
        low=_share(content, "low"),
        high=_share(content, "high"),
        climatology=_share(content, "climatology"),
        begun_on=None if begun_on is None else date.fromisoformat(begun_on),
    )


def _first_onset(content: Mapping[str, Any]) -> RecordedFirstOnset:
    months = tuple((str(each["month"]), _share(each, "probability")) for each in content["months"])
    none = _share(content, "none")
    total = sum(share for _, share in months) + none
    if not isclose(total, 1, abs_tol=1e-6):
        raise ValueError(f"the months and none must sum to 1, got {total:g}")
    return RecordedFirstOnset(Kind(content["kind"]), months, none)


def _days(content: Mapping[str, Any]) -> RecordedDays:
    values = {name: finite(content[name], name) for name in _QUANTILES}
    if list(values.values()) != sorted(values.values()):
        raise ValueError(f"{', '.join(_QUANTILES)} must not fall, got {list(values.values())}")
    known, none = int(content["known"]), _share(content, "none")
    return RecordedDays(kind=Kind(content["kind"]), known=known, none=none, **values)


def _share(content: Mapping[str, Any], name: str) -> float:
    value = finite(content[name], name)
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in [0, 1], got {value:g}")
    return value
