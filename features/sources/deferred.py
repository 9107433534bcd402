"""A market whose simulated series are computed for the days that are asked for.

Simulating every week of a directory takes minutes; a forecast reads the simulation of its own day
and of the days its trend compares, or none at all. So a panel comes without the simulated series,
and what they are made from beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from features.catalogue.builder import MAX_AGE_DAYS
from features.health import refusal_for_age
from features.market.market import Market
from features.panel import DAY, SERIES, DataError, MarketPanel
from features.sources.files import load_files, table_path

Simulate = Callable[[pd.Timestamp | None, pd.Timestamp | None], pd.DataFrame]
SIMULATED = tuple(spec.name for spec in SERIES if spec.name.startswith("simulated_"))
NOT_SIMULATED = "not simulated: only for the days that a forecast speaks of"


@dataclass(frozen=True)
class DeferredPanel:
    """A panel, and how to compute the simulated series that it lacks.

    Parameters
    ----------
    panel : MarketPanel
        Every series but those that wait.
    simulate : callable, optional
        Takes the days after which and until which to simulate, each None for
        no bound; None if nothing waits.

    Examples
    --------
    >>> days = pd.date_range("2025-12-01", periods=2)
    >>> panel = MarketPanel.from_series({"bitcoin": pd.Series([1.0, 2.0], days)}, "example")
    >>> DeferredPanel(panel).spoken_of(days[0], days[1]) is panel
    True
    """

    panel: MarketPanel
    simulate: Simulate | None = None

    def whole(self) -> MarketPanel:
        """Return the panel with every simulated day, as a training needs it."""
        return self._with(None, None)

    def spoken_of(self, first: pd.Timestamp, last: pd.Timestamp) -> MarketPanel:
        """Return the panel with the simulated days that features of a span of days can read.

        Parameters
        ----------
        first, last : pandas.Timestamp
            The span, both ends included.

        Returns
        -------
        MarketPanel
            The features of every day of the span are those of `whole`.
        """
        # A value may be ten days old and not eleven: strictly after the eleventh day before.
        return self._with(first - (MAX_AGE_DAYS + 1) * DAY, last)

    def _with(self, since: pd.Timestamp | None, until: pd.Timestamp | None) -> MarketPanel:
        if self.simulate is None:
            return self.panel
        simulated = self.simulate(since, until)
        panel = self.panel.with_series({str(name): simulated[name] for name in simulated})
        sources: Mapping[str, str] = {}
        if since is not None and len(simulated):
            said = f"{panel.source}, simulated {simulated.index[0]:%Y-%m-%d} and later only"
            sources = dict.fromkeys(SIMULATED, said)
        kept = {k: v for k, v in panel.provenance.sources.items() if k not in SIMULATED}
        return replace(panel, provenance=replace(panel.provenance, sources={**kept, **sources}))


def deferred_files(
    directory: Path,
    *,
    today: pd.Timestamp,
    newest: bool,
    simulation: Callable[..., pd.DataFrame],
) -> DeferredPanel:
    """Read a directory of market history; what is refused for its age costs a second.

    Parameters
    ----------
    directory : pathlib.Path
        As for `features.sources.files.load_files`.
    today : pandas.Timestamp
        Current UTC day; a later row is an error.
    newest : bool
        Whether the newest day is asked for, which must be of this week.
    simulation : callable
        `features.storage.simulations.simulated_series`, its cache given.

    Raises
    ------
    DataError
        If the data are malformed, or too old for a forecast of the newest day.
    """
    last = _last_coin_day(directory) if newest else None
    # No index is newer than the last price, so that the whole would be refused too.
    if last is not None and (refused := refusal_for_age(last, today)):
        raise DataError(refused)
    markets: list[Market] = []

    def wait(market: Market) -> pd.DataFrame:
        markets.append(market)
        return pd.DataFrame()

    panel = load_files(directory, until=today, simulation=wait)
    waiting = replace(panel.provenance, sources=dict.fromkeys(SIMULATED, NOT_SIMULATED))
    return DeferredPanel(
        replace(panel, provenance=waiting),
        lambda since, until: simulation(*markets, since=since, until=until),
    )


def _last_coin_day(directory: Path) -> pd.Timestamp | None:
    """Return the last day with a price, None where the table cannot tell: its reader says why."""
    try:
        path = table_path(directory, "coins")
        if path.suffix == ".parquet":
            table = pd.read_parquet(path, columns=["date"])
        else:
            table = pd.read_csv(path, usecols=["date"])
        last: pd.Timestamp = pd.to_datetime(table["date"]).max()
        return None if pd.isna(last) or last.tz is not None else last.normalize()
    except Exception:  # whatever is wrong with the table, reading it whole names it
        return None
