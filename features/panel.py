"""The market panel: named daily series, each value with the instant it became available."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True)
class SeriesSpec:
    """What one series of the panel is and the rules its values must obey.

    Parameters
    ----------
    name : str
        Identifier, used by features and in every message.
    unit : str
        Unit of the values.
    kind : {"level", "percent", "flow", "number"}
        A level is positive and has an arbitrary base, a percent lies in
        [0, 100], a flow or number is any finite value.
    lag_business_days : int
        Business days from the observation to its publication; 0 means the
        end of the observation day.
    max_gap_days : int
        Longest allowed distance between neighbouring observations, days.
    meaning : str
        One line for people.
    """

    name: str
    unit: str
    kind: Kind
    lag_business_days: int
    max_gap_days: int
    meaning: str


# Fund figures are published on the next business morning. Two business days, not two calendar
# days: Friday's figure is not out before Monday, or Tuesday after a holiday.
_FUND_LAG = 2

SERIES: tuple[SeriesSpec, ...] = (
    SeriesSpec("russell2000", "level", "level", 0, 10, "Russell 2000 close"),
    SeriesSpec("sp500", "level", "level", 0, 10, "S&P 500 close"),
    SeriesSpec(
        "iwm_flow", "% of assets", "flow", _FUND_LAG, 10,
        "IWM: change of shares outstanding x NAV over the assets of the session before",
    ),
    SeriesSpec(
        "btc_etf_flow", "% of market cap", "flow", _FUND_LAG, 10,
        "net flow of all US spot Bitcoin ETFs over Bitcoin's market cap",
    ),
    SeriesSpec(
        "eth_etf_flow", "% of market cap", "flow", _FUND_LAG, 10,
        "net flow of all US spot Ether ETFs over Ether's market cap",
    ),
    SeriesSpec("bitcoin", "level", "level", 0, 7, "Bitcoin close in US dollars"),
    SeriesSpec("eth_btc", "level", "level", 0, 7, "Ether close in Bitcoin"),
    SeriesSpec(
        "bitcoin_dominance", "%", "percent", 0, 10, "Bitcoin's share of the whole crypto market cap"
    ),
    SeriesSpec(
        "season_index", "%", "percent", 0, 7,
        "share of the top-50 altcoins of the day whose 90-day return beats Bitcoin's",
    ),
    SeriesSpec(
        "carried_breadth_30", "%", "percent", 0, 7,
        "season index in 30 days if every relative price stood still from now on",
    ),
    SeriesSpec(
        "carried_breadth_60", "%", "percent", 0, 7,
        "season index in 60 days if every relative price stood still from now on",
    ),
    SeriesSpec(
        "share_above_50d_mean", "%", "percent", 0, 7,
        "share of the top-50 altcoins above the mean of their last 50 closes in US dollars",
    ),
    SeriesSpec(
        "median_relative_return", "log", "number", 0, 7,
        "median over the top-50 altcoins of the 90-day log return against Bitcoin",
    ),
    SeriesSpec(
        "relative_return_dispersion", "log", "number", 0, 7,
        "standard deviation over the top-50 altcoins of the 90-day log return against Bitcoin",
    ),
    SeriesSpec(
        "coins_compared", "coins", "number", 0, 7,
        "altcoins of the top 50 behind the season index: those with a price on both days",
    ),
    *(
        SeriesSpec(
            f"near_{side}_{margin}", "%", "percent", 0, 7,
            f"share of the compared altcoins that {meaning.format(margin=margin)}",
        )
        for side, meaning in (
            ("lead", "would beat Bitcoin over 90 days had they gained {margin} % more on it"),
            ("lag", "would no longer beat it had they lost {margin} % on it"),
        )
        for margin in (5, 10, 20)
    ),
    *(
        SeriesSpec(
            f"simulated_{threshold}_{days}", "%", "percent", 0, 7,
            f"share of simulated paths whose season index reaches {threshold} within {days} days",
        )
        for threshold in (50, 75)
        for days in range(30, 391, 30)
    ),
)  # fmt: skip

SPECS: Mapping[str, SeriesSpec] = {spec.name: spec for spec in SERIES}

_COLUMNS = ("series", "date", "value", "available_at")


def end_of_day(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the instants at which days end (24:00 UTC).

    Examples
    --------
    >>> str(end_of_day(pd.DatetimeIndex(["2025-12-10"]))[0])
    '2025-12-11 00:00:00'
    """
    return days.as_unit("s") + DAY


def publication(spec: SeriesSpec, dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return the instants at which a series' observations became available.

    Parameters
    ----------
    spec : SeriesSpec
        The series.
    dates : pandas.DatetimeIndex
        Observation days.

    Returns
    -------
    pandas.DatetimeIndex
        The end of the observation day, or of the `lag_business_days`-th
        business day (Monday to Friday) after it.

    Examples
    --------
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
        if observations.empty:
            raise DataError(f"{source}: holds no observation.")
        _check_types(observations, source)
        groups = dict(tuple(observations.groupby("series", sort=False, dropna=False)))
        for name in groups:
            _require_known(str(name), source)
        series = {}
        for spec in SERIES:
            if spec.name in groups:
                rows = groups[spec.name].set_index("date")[["value", "available_at"]]
                _check_rows(rows, spec, source, until)
                series[spec.name] = rows
        return cls(series, source, provenance)

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
            Values by name, indexed by observation day.
        source, until, provenance
            As for `from_observations`.
        """
        frames = []
        for name, values in series.items():
            _require_known(name, source)
            days = _days(values.index, name, source)
            if values.dtype != np.float64:
                raise DataError(f"{source}: {name}: values must be float64, got {values.dtype}.")
            frames.append(
                pd.DataFrame(
                    {
                        "series": name,
                        "date": days,
                        "value": values.to_numpy(),
                        "available_at": publication(SPECS[name], days),
                    }
                )
            )
        if not frames:
            raise DataError(f"{source}: holds no series at all.")
        observations = pd.concat(frames, ignore_index=True)
        return cls.from_observations(observations, source, until=until, provenance=provenance)

    def with_series(self, series: Mapping[str, pd.Series]) -> MarketPanel:
        """Return the panel with further series in it, each published as its specification says.

        Parameters
        ----------
        series : mapping of str to pandas.Series
            As for `from_series`; one that the panel holds is replaced. Empty ones are left out.
        """
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
        _require_known(name, self.source)
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


def _require_known(name: str, source: str) -> None:
    if name not in SPECS:
        raise DataError(f"{source}: unknown series {name!r}; known are {', '.join(SPECS)}.")


def _days(index: pd.Index, name: str, source: str) -> pd.DatetimeIndex:
    if not isinstance(index, pd.DatetimeIndex):
        raise DataError(f"{source}: {name}: days must be datetime64, got {index.dtype}.")
    if index.tz is not None:
        raise DataError(f"{source}: {name}: days must carry no time zone, got {index.tz}.")
    return index.as_unit("s").rename("date")


def _check_types(observations: pd.DataFrame, source: str) -> None:
    if observations["value"].dtype != np.float64:
        raise DataError(f"{source}: value must be float64, got {observations['value'].dtype}.")
    for column in ("date", "available_at"):
        dtype = observations[column].dtype
        if not pd.api.types.is_datetime64_dtype(dtype):
            zone = " (a time zone must not be mixed in)" if hasattr(dtype, "tz") else ""
            raise DataError(f"{source}: {column} must be datetime64[s], got {dtype}{zone}.")
        if observations[column].isna().any():
            raise DataError(f"{source}: {column} must not be missing.")


def _check_rows(
    rows: pd.DataFrame, spec: SeriesSpec, source: str, until: pd.Timestamp | None
) -> None:
    days = pd.DatetimeIndex(rows.index)
    values = rows["value"].to_numpy()

    def require(good: np.ndarray, rule: str) -> None:
        if not good.all():
            at = int(np.argmin(good))
            raise DataError(
                f"{source}: {spec.name} on {days[at]:%Y-%m-%d}: {rule}, got {values[at]:g}."
            )

    step = np.diff(days.to_numpy()) / np.timedelta64(1, "D")
    require((days == days.normalize()).astype(bool), "the observation day must be a whole day")
    require(np.append(True, step != 0), "a day must not appear twice")
    require(np.append(True, step > 0), "days must be sorted")
    require(np.append(True, step <= spec.max_gap_days),
            f"the gap before it must be at most {spec.max_gap_days} days")  # fmt: skip
    require(np.isfinite(values), "the value must be finite")
    if spec.kind == "level":
        require(values > 0, "a level must be positive")
    if spec.kind == "percent":
        require((values >= 0) & (values <= 100), "a percent must lie in [0, 100]")
    # A value may be published at the very end of its day, never sooner: strict.
    available = rows["available_at"].to_numpy()
    require(available >= end_of_day(days).to_numpy(),
            "it must not be available before its day has ended")  # fmt: skip
    require(np.append(True, available[1:] >= available[:-1]),
            "it must not be available before its predecessor")  # fmt: skip
    if until is not None:
        require((days <= until).astype(bool), f"no observation may be later than {until:%Y-%m-%d}")
