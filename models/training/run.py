"""From a panel to verified candidates and fitted forecasters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from features.market.season import season_index
from features.panel import DataError, MarketPanel, end_of_day
from models.hazard.base import THRESHOLD, HazardModel, TooFewRows
from models.hazard.candidates import CANDIDATES, PRIMARY, fit_candidates, seeded
from models.hazard.forecaster import Evidence, Forecaster, Range, skill_of
from models.season.definition import OnsetDefinition
from models.season.labels import onsets
from models.training.landmarks import STEP_DAYS, landmarks
from models.training.replicates import fit_with_replicates
from models.verification.gate import Choice, choose_champion
from models.verification.hindcast import REFERENCE, Landmarks, hindcast, training_rows
from models.verification.samples import with_episodes
from models.verification.scores import log_scores
from models.verification.skill import compare, integrated, integrated_differences, verify
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

OUT_OF_SAMPLE = pd.Timestamp("2017-01-03")  # the first as_of day of the grid in 2017
REFIT_DAYS = 28
SCHEDULE = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS)
HORIZONS = (30, 60, 90, 180, 365)
REPLICATES = 100

Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Settings:
    """What a training run is asked to do; logged whole with the run.

    Parameters
    ----------
    candidates : tuple of str
        Names from `CANDIDATES`; climatology is always among them.
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    horizons : tuple of int
        Days ahead at which forecasts are verified, each in [1, 390].
    seed : int
        Seed of LightGBM and of the replicates.
    replicates : int
        Refits to resampled episodes behind the intervals of a forecast.
    """

    candidates: tuple[str, ...] = tuple(CANDIDATES)
    definition: OnsetDefinition = field(default_factory=OnsetDefinition)
    horizons: tuple[int, ...] = HORIZONS
    seed: int = 0
    replicates: int = REPLICATES

    def unfitted(self) -> dict[str, HazardModel]:
        """Return the candidates to fit, simplest first."""
        return seeded({REFERENCE, *self.candidates}, self.seed)


@dataclass(frozen=True)
class Training:
    """All that one training run has produced.

    Parameters
    ----------
    settings : Settings
        What it was asked to do.
    until : pandas.Timestamp
        Last day of the data used.
    trained_until : pandas.Timestamp
        Last scheduled refit: its outcomes and no later ones were learnt from.
    data_digest : str
        Digest of the data used.
    index : pandas.Series
        Season index by day.
    onsets : dict of str to pandas.DatetimeIndex
        Onsets of each kind.
    hindcast : pandas.DataFrame
        Out-of-sample forecasts.
    verification : pandas.DataFrame
        Their scores at each horizon.
    integrated : pandas.DataFrame
        Their scores over all horizons.
    comparison : pandas.DataFrame
        Paired differences between the champion and each other candidate.
    choice : Choice
        The champion and why.
    forecasters : dict of str to Forecaster
        Every candidate, fitted on the last scheduled refit.
    """

    settings: Settings
    until: pd.Timestamp
    trained_until: pd.Timestamp
    data_digest: str
    index: pd.Series
    onsets: dict[str, pd.DatetimeIndex]
    hindcast: pd.DataFrame
    verification: pd.DataFrame
    integrated: pd.DataFrame
    comparison: pd.DataFrame
    choice: Choice
    forecasters: dict[str, Forecaster]

    def yearly_log_scores(self, name: str) -> dict[int, float]:
        """Return a candidate's mean log score of broad seasons by year of the forecast."""
        own = self.hindcast[
            (self.hindcast["model"] == name)
            & (self.hindcast["kind"] == Kind.BROAD)
            & self.hindcast["outcome"].notna()
        ]
        scores = log_scores(own["outcome"].to_numpy(), own["probability"].to_numpy())
        years = pd.DatetimeIndex(own["as_of"]).year.to_numpy()
        return {int(year): float(scores[years == year].mean()) for year in np.unique(years)}


def train(
    panel: MarketPanel,
    settings: Settings | None = None,
    *,
    until: pd.Timestamp | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Training:
    """Hindcast, verify and fit the candidates, and choose the champion.

    The model in force on a day is the one refitted on the last scheduled day,
    every 28 days from 2017-01-03: the forecasters returned are those that a
    longer hindcast would use from then on.

    Parameters
    ----------
    panel : MarketPanel
        The market.
    settings : Settings, optional
        What to do.
    until : pandas.Timestamp, optional
        Nothing published after the end of this day is used; by default the
        panel's last day.
    jobs : int
        Processes; the result does not depend on it.
    progress : callable
        Called with a stage and how many of its steps are done and in all.

    Raises
    ------
    DataError
        If the data end before the first refit or begin too late for it, or if no forecast out of
        sample has been resolved by their end.
    """
    settings = settings or Settings()
    known, until = _known(panel, until)
    index = season_index(known)
    rows = landmarks(known, index, settings.definition)
    onset_days: dict[str, pd.DatetimeIndex] = {
        kind: onsets(index, each) for kind, each in settings.definition.by_kind().items()
    }
    trained_until = SCHEDULE.refit_day(until)
    with _refused_in_words(known, until):
        table = _hindcast(rows, onset_days, settings, jobs, partial(progress, "hindcast"))
        models, replicates = fit_with_replicates(
            rows, trained_until, onset_days[Kind.BROAD], settings.unfitted(), jobs=jobs,
            n_replicates=settings.replicates, seed=settings.seed,
            progress=partial(progress, "intervals"),
        )  # fmt: skip
    verification = verify(table, step_days=STEP_DAYS)
    choice = _choice(table, verification)
    shared = _shared(rows, trained_until, onset_days, settings, known.digest)
    return Training(
        settings=settings,
        until=until,
        trained_until=trained_until,
        data_digest=known.digest,
        index=index,
        onsets=onset_days,
        hindcast=table.drop(columns="episode"),
        verification=verification,
        comparison=_comparison(table, choice.champion),
        integrated=integrated(table, step_days=STEP_DAYS),
        choice=choice,
        forecasters=_forecasters(models, replicates, verification, choice, settings, shared),
    )


def _known(panel: MarketPanel, until: pd.Timestamp | None) -> tuple[MarketPanel, pd.Timestamp]:
    """Return what was known by the end of a day, by default the panel's last, and that day."""
    until = panel.last_day if until is None else min(until, panel.last_day)
    first = season_index(panel).index[0]
    # Strict, both: an index of one day is known, and the first day out of sample can be judged.
    if until < first:
        raise DataError(
            f"until must not be before {first:%Y-%m-%d}, the first day of {panel.source}, got "
            f"{until:%Y-%m-%d}."
        )
    if until < OUT_OF_SAMPLE:
        raise DataError(
            f"until must not be before {OUT_OF_SAMPLE:%Y-%m-%d}, the first day out of sample, "
            f"got {until:%Y-%m-%d}."
        )
    return panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0]), until


@contextmanager
def _refused_in_words(known: MarketPanel, until: pd.Timestamp) -> Iterator[None]:
    """Say of which data there are too few rows."""
    try:
        yield
    except TooFewRows as error:
        raise DataError(f"{known.source} until {until:%Y-%m-%d}: {error}") from error


def _hindcast(
    rows: Landmarks,
    onset_days: Mapping[str, pd.DatetimeIndex],
    settings: Settings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    fit = partial(fit_candidates, settings.unfitted())
    table = hindcast(rows, SCHEDULE, fit, settings.horizons, jobs=jobs, progress=progress)
    broad = table[table["kind"] == Kind.BROAD]
    if broad.empty:
        raise TooFewRows("no day out of sample is at risk of a broad season.")
    if broad["outcome"].isna().all():
        raise TooFewRows(
            "no forecast out of sample has been resolved, so that none can be scored; the first "
            f"one is on {broad['resolved_on'].min():%Y-%m-%d}. Give data, or --until, to then or "
            "later."
        )
    return with_episodes(table, onset_days)


def _choice(table: pd.DataFrame, verification: pd.DataFrame) -> Choice:
    return choose_champion(
        verification[verification["kind"] == Kind.BROAD],
        tuple(CANDIDATES),
        integrated_differences(table[table["kind"] == Kind.BROAD], step_days=STEP_DAYS),
        primary=PRIMARY,
    )


def _comparison(table: pd.DataFrame, champion: str) -> pd.DataFrame:
    rivals = [name for name in table["model"].unique() if name != champion]
    return compare(table, champion, rivals, step_days=STEP_DAYS)


def _shared(
    rows: Landmarks,
    trained_until: pd.Timestamp,
    onset_days: Mapping[str, pd.DatetimeIndex],
    settings: Settings,
    digest: str,
) -> Evidence:
    """Return the evidence that all forecasters of a training share, without their skill."""
    return Evidence(
        definition=settings.definition,
        trained_until=trained_until,
        data_digest=digest,
        ranges=_ranges(rows, trained_until),
        onsets={
            Kind(kind): tuple(days[(days > rows.as_of[0]) & (days <= trained_until)])
            for kind, days in onset_days.items()
        },
        skill=(),
        reason="not the champion",
    )


def _forecasters(
    models: Mapping[str, HazardModel],
    replicates: Sequence[Mapping[str, HazardModel]],
    verification: pd.DataFrame,
    choice: Choice,
    settings: Settings,
    shared: Evidence,
) -> dict[str, Forecaster]:
    definitions = settings.definition.by_kind()
    of_model = {
        name: verification[verification["model"] == name].to_dict("records") for name in models
    }
    return {
        name: Forecaster(
            name=name,
            thresholds={kind: each.threshold for kind, each in definitions.items()},
            model=model,
            climatology=models[REFERENCE],
            replicates=[replicate[name] for replicate in replicates],
            evidence=replace(
                shared,
                skill=tuple(map(skill_of, of_model[name])),
                reason=choice.reason if name == choice.champion else shared.reason,
            ),
        )
        for name, model in models.items()
    }


def _ranges(rows: Landmarks, day: pd.Timestamp) -> dict[str, Range]:
    X = training_rows(rows, day)[0].drop(columns=THRESHOLD).dropna(axis="columns", how="all")
    return {str(name): Range(float(X[name].min()), float(X[name].max())) for name in X}
