"""The seasons to come as they look at the end of a day: the near-term hazard, renewal beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.forecasting.intervals import ByLead
from models.forecasting.near_term import near_term_hazards
from models.hazard.forecaster import Forecaster
from models.outlook.answers import Chance, Outlook
from models.outlook.level import onset_by_day, parameter_draws
from models.outlook.outlook import answer, window_chances
from models.outlook.paths import N_GROUPS, N_PATHS, Paths, known_onsets, simulate
from models.outlook.renewal import Renewal, fit_renewal
from models.outlook.waiting import exact_interval
from models.outlook.window import OutlookWindow
from models.season.spells import FloatArray, History, observe
from models.season.windows import window_frequency
from models.vocabulary import Kind

SEED = 0
# A year of curves; a season that stands needs 120: asked about for 90 days, 30 quiet ones end it.
_LEAST_DAYS = 365

Renewals = Mapping[str, Renewal]


@dataclass(frozen=True, eq=False)
class SeasonsAhead:
    """The process of every kind of season, and the state it is in.

    Parameters
    ----------
    as_of : pandas.Timestamp
        The day.
    renewals : mapping of str to Renewal
        Kind to its process, from the highest threshold to the lowest.
    now : mapping of str to History
        Where the same kinds stand.
    near_term : mapping of str to numpy.ndarray, shape (replicates, 3)
        Hazards of the first three leads for kinds at risk.
    """

    as_of: pd.Timestamp
    renewals: Renewals
    now: Mapping[str, History]
    near_term: Mapping[str, FloatArray]

    def chances(
        self, kind: str, lengths: Sequence[int]
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return P(an onset within each number of days) and its 90 % credible interval.

        Parameters
        ----------
        kind : str
            A kind that is at risk.
        lengths : sequence of int
            Days ahead, each in [1, 1096].
        """
        uniform = parameter_draws(SEED, N_GROUPS)
        by_group = onset_by_day(self.renewals, self.now, self.near_term, uniform, max(lengths))
        chances = by_group[kind][np.asarray(lengths) - 1]
        low, high = exact_interval(chances)
        centre = chances.mean(axis=-1)
        return centre, np.minimum(low, centre), np.maximum(high, centre)

    def climatology(self, kind: str, days: int) -> float:
        """Return in how many past windows of as many days, from any state, an onset fell."""
        now = list(self.now.values())
        onsets = known_onsets(now, kind, list(self.now))
        return window_frequency(onsets, now[0].first, self.as_of, days)

    def paths(self, days: int, *, n_paths: int = N_PATHS) -> Paths:
        """Simulate the seasons of so many days ahead, at most 1096."""
        return simulate(
            self.renewals,
            self.now,
            days=days,
            near_term=self.near_term,
            n_paths=n_paths,
            seed=SEED,
        )

    def outlook(
        self,
        window: OutlookWindow,
        *,
        dates: Sequence[pd.Timestamp] = (),
    ) -> Outlook:
        """Answer every question about a window.

        Parameters
        ----------
        window : OutlookWindow
            From `models.outlook.window`.
        dates : sequence of pandas.Timestamp
            Days to tell the chance of being in season on, at most three years ahead.
        """
        last = max([window.end, *dates])
        days = max((last - self.as_of).days, _LEAST_DAYS)
        return answer(self.paths(days), window, dates=dates)

    def window_chances(self, window: OutlookWindow, *, n_paths: int) -> tuple[Chance, ...]:
        """Answer how likely a season of each kind is in a window, and nothing else.

        Parameters
        ----------
        window : OutlookWindow
            From `models.outlook.window`.
        n_paths : int
            Paths to simulate.
        """
        paths = self.paths((window.end - self.as_of).days, n_paths=n_paths)
        return window_chances(paths, window)


def seasons_ahead(
    index: pd.Series,
    renewals: Renewals | None,
    leads: Mapping[Kind, ByLead],
    as_of: pd.Timestamp,
) -> SeasonsAhead | None:
    """Return the seasons to come as a forecaster sees them at the end of a day.

    Parameters
    ----------
    index : pandas.Series
        Season index by day; what comes after the day is not read.
    renewals : mapping of str to Renewal, optional
        From `fitted_renewals`.
    leads : mapping of Kind to ByLead
        What the forecaster says of the day, one row each.
    as_of : pandas.Timestamp
        The day.

    Returns
    -------
    SeasonsAhead or None
        None where there is no process to go on with.
    """
    if renewals is None:
        return None
    now = {
        kind: observe(index, until=as_of, definition=renewal.history.definition)
        for kind, renewal in renewals.items()
    }
    near_term = {
        str(kind): near_term_hazards(own) for kind, own in leads.items() if now[kind].at_risk
    }
    return SeasonsAhead(as_of, renewals, now, near_term)


def fitted_renewals(
    index: pd.Series, forecaster: Forecaster, as_of: pd.Timestamp
) -> Renewals | None:
    """Fit the process of each kind to what had resolved by the end of a training, or by a day.

    Parameters
    ----------
    index : pandas.Series
        Season index by day.
    forecaster : Forecaster
        Its training's end and its thresholds count.
    as_of : pandas.Timestamp
        Day after which nothing is known.

    Returns
    -------
    mapping of str to Renewal, or None
        None where no season of a kind was over by then: there is nothing to learn from.
    """
    until = fitted_until(forecaster, as_of)
    definition = forecaster.evidence.definition
    by_threshold = sorted(forecaster.thresholds.items(), key=lambda each: -each[1])
    try:
        return {
            str(kind): fit_renewal(index, until=until, definition=definition.at(threshold))
            for kind, threshold in by_threshold
        }
    except ValueError:
        return None


def fitted_until(forecaster: Forecaster, as_of: pd.Timestamp) -> pd.Timestamp:
    """Return the last day that the renewal process of a day has learnt from."""
    return min(forecaster.evidence.trained_until, as_of)
