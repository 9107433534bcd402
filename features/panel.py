"""The market panel: named daily series, each value with the instant it became available."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.provenance import DataProvenance

Kind = Literal["level", "percent", "flow", "number"]

DAY = pd.Timedelta(days=1)
NOTHING_SAID = DataProvenance()


class DataError(ValueError):
    """Market data are missing, malformed, stale or contradictory."""


class SourceUnavailable(Exception):
    """A source of market data cannot be reached or refuses service."""


# Fund figures are published on the next business morning. Two business days, not two calendar
# days: Friday's figure is not out before Monday, or Tuesday after a holiday.
_FLOW_LAG_DAYS = 2


@dataclass(frozen=True)
class SeriesSpec:
    """What one series of the panel is and the rules its values must obey."""

    name: str
    unit: str
    kind: Kind  # a level is positive, of any base; a percent in [0, 100]; others are any number
    meaning: str  # one line for people
    max_gap_days: int = 7  # longest allowed distance between neighbouring observations

    @property
    def lag_business_days(self) -> int:
        """Business days from an observation to its publication; 0 is the end of its own day."""
        return _FLOW_LAG_DAYS if self.kind == "flow" else 0


_FOLLOWED: Mapping[str, tuple[str, Kind, str]] = {
    "rose": ("%", "percent", "share that rose in US dollars since"),
    "dollars": ("log", "number", "median log return in US dollars since"),
    "relative": ("log", "number", "median log return against Bitcoin since"),
}
_NEAR = {
    "lead": "would beat Bitcoin over 90 days had they gained {margin} % more on it",
    "lag": "would no longer beat it had they lost {margin} % on it",
}

SERIES: tuple[SeriesSpec, ...] = (
    SeriesSpec("russell2000", "level", "level", "Russell 2000 close", 10),
    SeriesSpec("sp500", "level", "level", "S&P 500 close", 10),
    SeriesSpec("iwm_flow", "% of assets", "flow",
               "IWM: change of shares outstanding x NAV over the assets of the session before", 10),
    SeriesSpec("btc_etf_flow", "% of market cap", "flow",
               "net flow of all US spot Bitcoin ETFs over Bitcoin's market cap", 10),
    SeriesSpec("eth_etf_flow", "% of market cap", "flow",
               "net flow of all US spot Ether ETFs over Ether's market cap", 10),
    SeriesSpec("bitcoin", "level", "level", "Bitcoin close in US dollars"),
    SeriesSpec("eth_btc", "level", "level", "Ether close in Bitcoin"),
    SeriesSpec("bitcoin_dominance", "%", "percent",
               "Bitcoin's share of the whole crypto market cap", 10),
    SeriesSpec("season_index", "%", "percent",
               "share of the top-50 altcoins of the day whose 90-day return beats Bitcoin's"),
    *(SeriesSpec(f"carried_breadth_{days}", "%", "percent",
                 f"season index in {days} days if every relative price stood still from now on")
      for days in (30, 60)),
    SeriesSpec("share_above_50d_mean", "%", "percent",
               "share of the top-50 altcoins above the mean of their last 50 closes in US dollars"),
    SeriesSpec("median_relative_return", "log", "number",
               "median over the top-50 altcoins of the 90-day log return against Bitcoin"),
    SeriesSpec("relative_return_dispersion", "log", "number",
               "standard deviation over the top-50 altcoins of the 90-day log return against "
               "Bitcoin"),
    SeriesSpec("coins_compared", "coins", "number",
               "altcoins of the top 50 behind the season index: those with a price on both days"),
    *(SeriesSpec(f"near_{side}_{margin}", "%", "percent",
                 f"share of the compared altcoins that {meaning.format(margin=margin)}")
      for side, meaning in _NEAR.items() for margin in (5, 10, 20)),
    SeriesSpec("rose_in_dollars", "%", "percent",
               "share of the top-50 altcoins of the day that rose in US dollars over 90 days"),
    SeriesSpec("median_dollar_return", "log", "number",
               "median over the top-50 altcoins of the 90-day log return in US dollars"),
    *(SeriesSpec(f"followed_{what}_{days}", unit, kind,
                 f"of the altcoins that were the top 50 {days} days before: {meaning}")
      for days in (30, 60, 90) for what, (unit, kind, meaning) in _FOLLOWED.items()),
    *(SeriesSpec(f"simulated_{threshold}_{days}", "%", "percent",
                 f"share of simulated paths whose season index reaches {threshold} within {days} "
                 "days")
      for threshold in (50, 75) for days in range(30, 391, 30)),
    *(SeriesSpec(f"simulated_error_{threshold}_{days}", "%", "percent",
                 f"deviation of simulated_{threshold}_{days} where the calendar quarters that its "
                 "paths are blocks of are drawn anew")
      for threshold in (50, 75) for days in (30, 60, 90)),
)  # fmt: skip

SPECS: Mapping[str, SeriesSpec] = {spec.name: spec for spec in SERIES}

_COLUMNS = ("series", "date", "value", "available_at")


def end_of_day(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the instants at which days end (24:00 UTC).

    >>> str(end_of_day(pd.DatetimeIndex(["2025-12-10"]))[0])
    '2025-12-11 00:00:00'
    """
    return days.as_unit("s") + DAY


def publication(spec: SeriesSpec, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the instants at which a series' observations became available.

    The end of the observation day, or of the `lag_business_days`-th business day (Monday to
    Friday) after it.

    >>> friday = pd.DatetimeIndex(["2025-12-05"])
    >>> str(publication(SPECS["iwm_flow"], friday)[0])
    '2025-12-10 00:00:00'
    """
    days = dates.to_numpy().astype("datetime64[D]")
    if spec.lag_business_days:
        days = np.busday_offset(days, spec.lag_business_days, roll="backward")
    return end_of_day(pd.DatetimeIndex(days.astype("datetime64[s]")))


@dataclass(frozen=True, eq=False, repr=False)
class MarketPanel:
    """Validated, immutable daily series with the instant each value became available.

    Built by `from_observations` or `from_series`, which validate.

    Examples
    --------
    >>> days = pd.date_range("2025-12-01", periods=3)
    >>> panel = MarketPanel.from_series({"bitcoin": pd.Series([1.0, 2.0, 4.0], days)}, "example")
    >>> panel.known_at(pd.Timestamp("2025-12-03")).series("bitcoin").tolist()
    [1.0, 2.0]
    """

    _series: Mapping[str, pd.DataFrame]
    source: str
    provenance: DataProvenance = NOTHING_SAID

    @classmethod
    def from_observations(
        cls,
        observations: pd.DataFrame,
        source: str,
        *,
        until: pd.Timestamp | None = None,
        provenance: DataProvenance = NOTHING_SAID,
    ) -> MarketPanel:
        """Build a panel from one long frame.

        Parameters
        ----------
        observations : pandas.DataFrame
            Columns `series` (a name in `SERIES`), `date` (observation day,
            without time zone), `value` (float64, units as in `SERIES`) and
            `available_at` (instant in UTC, without time zone). Sorted by date
            within each series.
        source : str
            Where the values came from.
        until : pandas.Timestamp, optional
            Last day an observation may carry; a later one is an error.
        provenance : DataProvenance, optional
            How the panel was made; views keep it, the digest leaves it out.

        Raises
        ------
        DataError
            If a rule is broken; the message names series, day and rule.
        """
        missing = [column for column in _COLUMNS if column not in observations.columns]
        if missing:
            raise DataError(f"{source}: column {missing[0]!r} is missing; need {_COLUMNS}.")
        groups = observations.groupby("series", sort=False, dropna=False)
        rows = {str(name): group.set_index("date").drop(columns="series") for name, group in groups}
        return cls._checked(rows, source, until, provenance)

    @classmethod
    def from_series(
        cls,
        series: Mapping[str, pd.Series],
        source: str,
        *,
        until: pd.Timestamp | None = None,
        provenance: DataProvenance = NOTHING_SAID,
    ) -> MarketPanel:
        """Build a panel from plain series, each published as its specification says.

        Parameters
        ----------
        series : mapping of str to pandas.Series
            Values by name, indexed by observation day; empty ones are left out.
        source, until, provenance
            As for `from_observations`.

        Raises
        ------
        DataError
            As for `from_observations`.
        """
        rows = {name: _published(name, values, source) for name, values in series.items()}
        held = {name: table for name, table in rows.items() if len(table)}
        return cls._checked(held, source, until, provenance)

    @classmethod
    def _checked(
        cls,
        rows: Mapping[str, pd.DataFrame],
        source: str,
        until: pd.Timestamp | None,
        provenance: DataProvenance,
    ) -> MarketPanel:
        for name in rows:
            _require_defined(name, source)
        if not rows:
            raise DataError(f"{source}: holds no observation.")
        series = {
            spec.name: _check(rows[spec.name], spec, source, until)
            for spec in SERIES
            if spec.name in rows
        }
        return cls(series, source, provenance)

    def with_series(self, series: Mapping[str, pd.Series]) -> MarketPanel:
        """Return the panel with further series, which replace those of their names."""
        if not any(len(values) for values in series.values()):
            return self
        more = MarketPanel.from_series(series, self.source)
        held = {**self._series, **more._series}
        ordered = {name: held[name] for name in SPECS if name in held}
        return MarketPanel(ordered, self.source, self.provenance)

    def without(self, names: Iterable[str]) -> MarketPanel:
        """Return the panel without some of its series."""
        left_out = set(names)
        held = {name: rows for name, rows in self._series.items() if name not in left_out}
        return MarketPanel(held, self.source, self.provenance)

    @property
    def digest(self) -> str:
        """SHA-256 of the content: series, days, values and publication instants."""
        content = hashlib.sha256()
        for name, rows in sorted(self._series.items()):
            content.update(_content(name, rows))
        return content.hexdigest()

    def digest_of(self, name: str) -> str:
        """SHA-256 of one series: its name, days, values and publication instants."""
        return hashlib.sha256(_content(name, self._rows(name))).hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the series held, in the order of `SERIES`."""
        return tuple(self._series)

    @property
    def last_day(self) -> pd.Timestamp:
        """Last observation day of the season index, else of any series."""
        held = self._series.get("season_index")
        frames: Iterable[pd.DataFrame] = self._series.values() if held is None else [held]
        days = [rows.index[-1] for rows in frames if len(rows)]
        if not days:
            raise DataError(f"{self.source}: holds no observation.")
        return max(days)

    def series(self, name: str) -> pd.Series:
        """Return one series, indexed by observation day; empty if the panel lacks it.

        Raises
        ------
        DataError
            If no such series is defined.
        """
        return self._rows(name)["value"].rename(name)

    def available_at(self, name: str) -> pd.Series:
        """Return when each value of one series became available (UTC instants)."""
        return self._rows(name)["available_at"]

    def known_at(self, instant: pd.Timestamp) -> MarketPanel:
        """Return the panel as it was at an instant: the only way to a past view.

        Parameters
        ----------
        instant : pandas.Timestamp
            UTC; with a time zone it is converted, without one it is taken as
            UTC. A value that became available exactly then is included.
        """
        instant = pd.Timestamp(instant)
        if instant.tz is not None:
            instant = instant.tz_convert("UTC").tz_localize(None)
        view = {name: rows[rows["available_at"] <= instant] for name, rows in self._series.items()}
        return MarketPanel(view, self.source, self.provenance)

    def observations(self) -> pd.DataFrame:
        """Return all values as one long frame: series, date, value, available_at."""
        return pd.concat(
            [
                rows.reset_index().assign(series=name)[list(_COLUMNS)]
                for name, rows in self._series.items()
            ],
            ignore_index=True,
        )

    def _rows(self, name: str) -> pd.DataFrame:
        _require_defined(name, self.source)
        if name in self._series:
            return self._series[name]
        nothing = pd.DatetimeIndex([], dtype="datetime64[s]", name="date")
        return pd.DataFrame({"value": np.empty(0), "available_at": nothing}, index=nothing)


def _content(name: str, rows: pd.DataFrame) -> bytes:
    columns = (
        rows.index.to_numpy().astype("<M8[s]"),
        rows["value"].to_numpy().astype("<f8"),
        rows["available_at"].to_numpy().astype("<M8[s]"),
    )
    return b"".join((f"{name}:{len(rows)}\n".encode(), *(column.tobytes() for column in columns)))


def _require_defined(name: str, source: str) -> None:
    if name not in SPECS:
        raise DataError(f"{source}: unknown series {name!r}; known are {', '.join(SPECS)}.")


def _published(name: str, values: pd.Series, source: str) -> pd.DataFrame:
    _require_defined(name, source)
    days = _instants(values.index, "date", f"{source}: {name}")
    table = pd.DataFrame({"value": values.to_numpy()}, index=days)
    return table.assign(available_at=publication(SPECS[name], days))


def _instants(values: pd.Index | pd.Series, column: str, where: str) -> pd.DatetimeIndex:
    if not pd.api.types.is_datetime64_dtype(values.dtype):
        raise DataError(
            f"{where}: {column} must be datetime64 without a time zone, got {values.dtype}."
        )
    if values.isna().any():
        raise DataError(f"{where}: {column} must not be missing.")
    return pd.DatetimeIndex(values, name=column)


def _check(
    rows: pd.DataFrame, spec: SeriesSpec, source: str, until: pd.Timestamp | None
) -> pd.DataFrame:
    """Refuse rows that break a rule, naming the first day; return them with seconds as unit."""
    where = f"{source}: {spec.name}"
    if rows["value"].dtype != np.float64:
        raise DataError(f"{where}: value must be float64, got {rows['value'].dtype}.")
    days = _instants(rows.index, "date", where)
    available = _instants(rows["available_at"], "available_at", where)
    values = rows["value"].to_numpy()
    for rule, good, got in _rules(days, values, available, spec, until):
        if not good.all():
            at = int(np.argmin(good))
            raise DataError(f"{where} on {days[at]:%Y-%m-%d}: {rule}, got {_shown(got[at])}.")
    index = days.as_unit("s")
    return pd.DataFrame({"value": values, "available_at": available.as_unit("s")}, index=index)


def _rules(
    days: pd.DatetimeIndex,
    values: np.ndarray,
    available: pd.DatetimeIndex,
    spec: SeriesSpec,
    until: pd.Timestamp | None,
) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Yield each rule, where it holds, and what a message shows of a row that breaks it."""
    step = np.append(1.0, np.diff(days.to_numpy()) / np.timedelta64(1, "D"))
    yield "the observation day must be a whole day", days == days.normalize(), days
    yield "a day must not appear twice", step != 0, days
    yield "days must be sorted", step > 0, days
    longest = spec.max_gap_days
    yield f"the gap before it must be at most {longest} days", step <= longest, step
    yield "the value must be finite", np.isfinite(values), values
    if spec.kind == "level":
        yield "a level must be positive", values > 0, values
    if spec.kind == "percent":
        yield "a percent must lie in [0, 100]", (values >= 0) & (values <= 100), values
    # A value may be published at the very end of its day, never sooner: not strict.
    yield "it must not be available before its day has ended", available >= days + DAY, available
    later = np.append(True, available[1:] >= available[:-1])
    yield "it must not be available before its predecessor", later, available
    if until is not None:
        yield f"no observation may be later than {until:%Y-%m-%d}", days <= until, days


def _shown(value: pd.Timestamp | float) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, pd.Timestamp) else f"{value:g}"
