"""A market whose simulated series are computed for the days that are asked for.

Simulating every week of a directory takes minutes; a forecast reads the simulation of its own day
and of the days its trend compares, or no simulation at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from features.catalogue.frame import MAX_AGE_DAYS
from features.panel import DAY, SERIES, MarketPanel

if TYPE_CHECKING:
    from features.sources.automatic import LiveMarket

# Takes the days after which and until which to simulate, each None for no bound.
Simulate = Callable[[pd.Timestamp | None, pd.Timestamp | None], pd.DataFrame]
SIMULATED = tuple(spec.name for spec in SERIES if spec.name.startswith("simulated_"))
NOT_SIMULATED = "not simulated: only for the days of a forecast"


@dataclass(frozen=True)
class DeferredPanel:
    """A panel, and how to compute the simulated series that it lacks (None if it is whole)."""

    panel: MarketPanel
    simulate: Simulate | None = None
    live: LiveMarket | None = None  # of a live source: which, why, and the market now

    def whole(self) -> MarketPanel:
        """Return the panel with every simulated day, as a training needs it."""
        return self._with(None, None)

    def for_days(self, first: pd.Timestamp, last: pd.Timestamp) -> MarketPanel:
        """Return the panel with the simulated days that features of a span of days can read.

        The features of every day of the span, both ends included, are those of `whole`.
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
            part = f"{panel.source}, simulated {simulated.index[0]:%Y-%m-%d} and later only"
            sources = dict.fromkeys(SIMULATED, part)
        kept = {k: v for k, v in panel.provenance.sources.items() if k not in SIMULATED}
        return replace(panel, provenance=replace(panel.provenance, sources={**kept, **sources}))
