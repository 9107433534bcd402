"""Whether a panel is fit for a forecast, and the state of each of its series."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue.frame import MAX_AGE_DAYS
from features.market.season import season_index
from features.panel import DAY, SERIES, DataError, MarketPanel, end_of_day

STALE_DAYS = 7
# Friday to Tuesday over a holiday.
_LONG_WEEKEND = 4

# A feature of each fund's flow, and from when on it can be expected: the first days of the funds
# and of their windows.
_FUNDS = (
    ("iwm_flow_5", "IWM", pd.Timestamp("2008-02-01")),
    ("btc_etf_flow_5", "US spot Bitcoin ETFs", pd.Timestamp("2024-02-01")),
    ("eth_etf_flow_5", "US spot Ether ETFs", pd.Timestamp("2024-08-15")),
)


class StaleData(DataError):
    """The data are too old for a forecast of today."""


def usable_view(
    panel: MarketPanel, as_of: pd.Timestamp | None = None, *, today: pd.Timestamp | None = None
) -> tuple[MarketPanel, pd.Series]:
    """Return the market and its season index (0-100, consecutive days) as known at a day's end.

    Without `as_of` it is the last day of the data, which must be at most a week before `today`
    (`StaleData`) but for the embedded history, whose age every forecast mentions. A day without
    an index is refused (`DataError`).
    """
    if as_of is None:
        _refuse_stale(panel, today)
        as_of = panel.last_day
    # On the day itself it may have ended elsewhere, hence strict.
    if today is not None and as_of > today:
        raise DataError(
            f"the clock says {today:%Y-%m-%d}, before {as_of:%Y-%m-%d}, the day to forecast from: "
            "set the clock right, or name an earlier day with --as-of."
        )
    withheld = panel.provenance.withheld(as_of)
    view = panel.known_at(end_of_day(pd.DatetimeIndex([as_of]))[0])
    if not view.series("season_index").empty:
        index = season_index(view)
        if as_of in index.index and not np.isnan(index.loc[as_of]) and not withheld:
            return view, index
    if as_of > panel.last_day and not withheld:
        # It may look back to days that are withheld without being one of them.
        withheld = panel.provenance.withheld(panel.last_day + DAY)
    raise DataError(_refusal(panel, as_of, withheld))


def _refuse_stale(panel: MarketPanel, today: pd.Timestamp | None) -> None:
    if today is None or panel.source == "reference":
        return
    if refused := refusal_for_age(panel.last_day, today):
        withheld = panel.provenance.withheld(panel.last_day + DAY)
        raise StaleData(f"{refused} {withheld}" if withheld else refused)


def _refusal(panel: MarketPanel, as_of: pd.Timestamp, withheld: str | None) -> str:
    """Return why a day has no index, and which days have one."""
    first, last = season_index(panel).index[0], panel.last_day
    span = (
        f"as_of must lie between {first:%Y-%m-%d} and {last:%Y-%m-%d}, the days of {panel.source}; "
        f"got {as_of:%Y-%m-%d}"
    )
    # Strict: on the first day itself there is an index.
    if as_of < first:
        return (
            f"{span}, which is before the history: {first:%Y-%m-%d} is the first day of which "
            "a forecast can be made."
        )
    if as_of > last and not withheld:
        return (
            f"{span}: no index of a later day is known by then, and {last:%Y-%m-%d} is the last "
            "one of which a forecast can be made."
        )
    return f"{span}." + (f" {withheld}" if withheld else "")


def refusal_for_age(last_day: pd.Timestamp, today: pd.Timestamp) -> str | None:
    """Return why data that end on a day are refused today, None if they are current.

    >>> refusal_for_age(pd.Timestamp("2026-06-06"), pd.Timestamp("2026-06-13")) is None
    True
    """
    age = (today - last_day).days
    # Not strict: data of exactly a week ago are still current.
    if age <= STALE_DAYS:
        return None
    return (
        f"the data end on {last_day:%Y-%m-%d}, {age} days ago; at most {STALE_DAYS} are "
        "allowed. Renew them (predict.py health says what is wrong) or name a day with --as-of."
    )


def missing_flows(features: pd.DataFrame) -> list[str]:
    """Return the funds whose flows are missing on a frame's last day, though the funds existed."""
    day, last = features.index[-1], features.iloc[-1]
    return [fund for name, fund, since in _FUNDS if day >= since and np.isnan(last[name])]


def missing_flows_text(funds: list[str]) -> str:
    """Return of which funds flows are missing, what that means and what can be done."""
    return (
        f"ETF flows are missing, or the market caps they are measured by: {', '.join(funds)}. "
        "Features made of them are missing; docs/live-data.md says how to import them."
    )


def series_health(panel: MarketPanel, today: pd.Timestamp) -> pd.DataFrame:
    """Describe every series that a panel can hold, one row each in the order of `SERIES`.

    `age_days` counts to `today`, `coverage` is observations over those expected between the first
    and the last day (weekdays, days or every seventh day), `gaps` are the steps longer than
    expected, `digest` the first 12 digits of SHA-256. Of a missing series days and ages are
    missing; `problem` is empty if there is none.
    """
    return pd.DataFrame([_describe(panel, spec.name, today) for spec in SERIES])


def _describe(panel: MarketPanel, name: str, today: pd.Timestamp) -> dict[str, object]:
    values = panel.series(name)
    source = panel.provenance.sources.get(name, panel.source)
    if values.empty:
        return {
            "series": name, "first_day": pd.NaT, "last_day": pd.NaT, "age_days": pd.NA,
            "observations": 0, "coverage": 0.0, "gaps": 0, "longest_gap_days": pd.NA, "source": "",
            "digest": "",
            "problem": panel.provenance.sources.get(
                name, "missing: the features made of it are missing"
            ),
        }  # fmt: skip
    days = pd.DatetimeIndex(values.index)
    steps = np.diff(days.to_numpy()) / np.timedelta64(1, "D")
    expected, usual = _rhythm(days, steps)
    behind = (panel.last_day - days[-1]).days
    problem = f"ended {behind} days before the season index: the features made of it are missing"
    return {
        "series": name,
        "first_day": days[0],
        "last_day": days[-1],
        "age_days": (today - days[-1]).days,
        "observations": len(days),
        "coverage": min(len(days) / expected, 1.0),
        "gaps": int((steps > usual).sum()),
        "longest_gap_days": int(steps.max()) if steps.size else 0,
        "source": source,
        "digest": panel.digest_of(name)[:12],
        "problem": problem if behind > MAX_AGE_DAYS else "",
    }


def _rhythm(days: pd.DatetimeIndex, steps: np.ndarray) -> tuple[float, float]:
    """Return how many observations are expected between the first and last day, and how far apart.

    A series without weekends has sessions; any other comes at its usual step.
    """
    span = days[[0, -1]].to_numpy().astype("datetime64[D]")
    usual = float(np.median(steps)) if steps.size else 1.0
    if usual == 1 and steps.size and not (days.day_of_week >= 5).any():
        return float(np.busday_count(span[0], span[1]) + 1), _LONG_WEEKEND
    return (span[1] - span[0]).astype(int) / usual + 1, usual
