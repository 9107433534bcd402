"""From a panel to verified candidates and fitted forecasters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from features.catalogue.builder import build_features
from features.market.season import season_index
from features.panel import DataError, MarketPanel, end_of_day
from models.hazard.base import THRESHOLD, HazardModel, TooFewRows
from models.hazard.candidates import CANDIDATES, PRIMARY, fit_candidates, seeded
from models.hazard.forecaster import Evidence, Forecaster
from models.hazard.leads import FloatArray, IntArray
from models.onset import OnsetDefinition, label, onsets
from models.verification.comparison import compare, integrated_differences
from models.verification.gate import Choice, choose_champion
from models.verification.hindcast import NO_KIND, REFERENCE, Landmarks, hindcast, training_rows
from models.verification.scores import log_scores
from models.verification.summary import integrated, verify
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

FIRST_DAY = pd.Timestamp("2014-07-01")
STEP_DAYS = 7
OUT_OF_SAMPLE = pd.Timestamp("2017-01-03")  # the first as_of day of the grid in 2017
REFIT_DAYS = 28
HORIZONS = (30, 60, 90, 180, 365)
REPLICATES = 100
# Below 50 half of the coins lag Bitcoin, which nobody calls a season; above 85 the onsets are few.
POOLED = tuple(float(threshold) for threshold in range(50, 90, 5))

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
        If the data end before the first refit or begin too late for it.
    """
    settings = settings or Settings()
    known, until = _known(panel, until)
    index = season_index(known)
    rows = landmarks(known, index, settings.definition)
    onset_days: dict[str, pd.DatetimeIndex] = {
        kind: onsets(index, each) for kind, each in settings.definition.by_kind().items()
    }
    schedule = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS)
    try:
        table = _hindcast(rows, schedule, settings, jobs, partial(progress, "hindcast"))
    except TooFewRows as error:
        raise DataError(f"{known.source} until {until:%Y-%m-%d}: {error}") from error
    verification = verify(table, onset_days, step_days=STEP_DAYS)
    choice = choose_champion(
        verification[verification["kind"] == Kind.BROAD],
        tuple(CANDIDATES),
        integrated_differences(table, Kind.BROAD, step_days=STEP_DAYS),
        primary=PRIMARY,
    )
    rivals = [name for name in table["model"].unique() if name != choice.champion]
    trained_until = schedule.refit_day(until)
    models, replicates = fit_with_replicates(
        rows, trained_until, onset_days[Kind.BROAD], settings, jobs=jobs,
        progress=partial(progress, "intervals"),
    )  # fmt: skip
    learnt = _learnt(rows, trained_until, onset_days, settings, known.digest)
    return Training(
        settings=settings,
        until=until,
        trained_until=trained_until,
        data_digest=known.digest,
        index=index,
        onsets=onset_days,
        hindcast=table,
        verification=verification,
        comparison=compare(table, choice.champion, rivals, onset_days, step_days=STEP_DAYS),
        integrated=integrated(table, onset_days, step_days=STEP_DAYS),
        choice=choice,
        forecasters=_forecasters(models, replicates, verification, choice, settings, learnt),
    )


def _known(panel: MarketPanel, until: pd.Timestamp | None) -> tuple[MarketPanel, pd.Timestamp]:
    """Return what was known by the end of a day, by default the panel's last, and that day."""
    until = panel.last_day if until is None else min(until, panel.last_day)
    if until < OUT_OF_SAMPLE:
        raise DataError(
            f"until must not be before {OUT_OF_SAMPLE:%Y-%m-%d}, the first day out of sample, "
            f"got {until:%Y-%m-%d}."
        )
    return panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0]), until


def _hindcast(
    rows: Landmarks,
    schedule: WalkForward,
    settings: Settings,
    jobs: int,
    progress: Callable[[int, int], None],
) -> pd.DataFrame:
    fit = partial(fit_candidates, settings.unfitted())
    table = hindcast(rows, schedule, fit, settings.horizons, jobs=jobs, progress=progress)
    if not (table["kind"] == Kind.BROAD).any():
        raise TooFewRows("no day out of sample is at risk of a broad season.")
    return table


def _learnt(
    rows: Landmarks,
    trained_until: pd.Timestamp,
    onset_days: Mapping[str, pd.DatetimeIndex],
    settings: Settings,
    digest: str,
) -> dict[str, Any]:
    """Return the evidence that all forecasters of a training share."""
    return {
        "definition": settings.definition.as_dict(),
        "trained_until": f"{trained_until:%Y-%m-%d}",
        "data_digest": digest,
        "ranges": _ranges(rows, trained_until),
        "onsets": {
            kind: [
                f"{day:%Y-%m-%d}" for day in days[(days > rows.as_of[0]) & (days <= trained_until)]
            ]
            for kind, days in onset_days.items()
        },
    }


def _forecasters(
    models: Mapping[str, HazardModel],
    replicates: Sequence[Mapping[str, HazardModel]],
    verification: pd.DataFrame,
    choice: Choice,
    settings: Settings,
    learnt: Mapping[str, Any],
) -> dict[str, Forecaster]:
    definitions = settings.definition.by_kind()
    return {
        name: Forecaster(
            name=name,
            thresholds={kind: each.threshold for kind, each in definitions.items()},
            model=model,
            climatology=models[REFERENCE],
            replicates=[replicate[name] for replicate in replicates],
            evidence=Evidence(
                **learnt,
                skill=_records(verification[verification["model"] == name]),
                reason=choice.reason if name == choice.champion else "not the champion",
            ),
        )
        for name, model in models.items()
    }


def landmarks(panel: MarketPanel, index: pd.Series, definition: OnsetDefinition) -> Landmarks:
    """Build the at-risk rows of every seventh day from 2014-07-01, for every threshold.

    Both kinds of season are rows to forecast. The thresholds 50, 55, ..., 85
    are rows to learn from besides, if both kinds lie within them: more onsets,
    of the same market.

    Parameters
    ----------
    panel : MarketPanel
        The market, cut to what was known.
    index : pandas.Series
        Its season index by day.
    definition : OnsetDefinition
        What counts as an onset of a broad season.
    """
    return landmarks_of(build_features(panel, grid_days(index)), index, definition, panel.source)


def grid_days(index: pd.Series) -> pd.DatetimeIndex:
    """Return every seventh day from 2014-07-01 to the last day of an index."""
    return pd.date_range(FIRST_DAY, index.index[-1], freq=f"{STEP_DAYS}D", unit="s")


def landmarks_of(
    features: pd.DataFrame, index: pd.Series, definition: OnsetDefinition, source: str
) -> Landmarks:
    """Build the at-risk rows of `landmarks` from the features of the grid's days."""
    days = pd.DatetimeIndex(features.index)
    frames, outcomes = [], []
    for kind, each in _definitions(definition):
        labelled = label(index, days, each)
        at_risk = labelled["at_risk"].to_numpy()
        frames.append(features[at_risk].assign(**{THRESHOLD: each.threshold}))
        outcomes.append(labelled[at_risk].assign(kind=kind))
    X, outcome = pd.concat(frames), pd.concat(outcomes)
    if X.empty:
        raise DataError(f"{source}: no day from {FIRST_DAY:%Y-%m-%d} on is at risk.")
    return Landmarks(
        X=X,
        kind=outcome["kind"].to_numpy(dtype=str),
        days_to_onset=outcome["days_to_onset"].to_numpy(dtype=float),
        days_known=outcome["days_known"].to_numpy(dtype=np.int64),
        step_days=STEP_DAYS,
    )


def _definitions(definition: OnsetDefinition) -> list[tuple[str, OnsetDefinition]]:
    """Return each kind of season with its definition, then the further thresholds, of no kind."""
    kinds = definition.by_kind()
    taken = [each.threshold for each in kinds.values()]
    further: list[float] = []
    if POOLED[0] <= min(taken) and max(taken) <= POOLED[-1]:
        further = [threshold for threshold in POOLED if threshold not in taken]
    pooled = [(NO_KIND, replace(definition, threshold=threshold)) for threshold in further]
    return [*kinds.items(), *pooled]


def fit_with_replicates(
    rows: Landmarks,
    day: pd.Timestamp,
    onset_days: pd.DatetimeIndex,
    settings: Settings,
    *,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[dict[str, HazardModel], list[dict[str, HazardModel]]]:
    """Fit the candidates on a day, once to all rows and again to resampled episodes.

    An episode is the stretch of rows that ends with an onset of a broad
    season; episodes are drawn with replacement, and settings once chosen are
    kept.

    Parameters
    ----------
    rows : Landmarks
        All rows.
    day : pandas.Timestamp
        Outcomes resolved by its end are learnt from.
    onset_days : pandas.DatetimeIndex
        Onsets of broad seasons.
    settings, jobs, progress
        As for `train`.

    Returns
    -------
    models : dict of str to HazardModel
        Fitted to all rows.
    replicates : list of dict of str to HazardModel
        One dict per resample.
    """
    X, targets, weight = training_rows(rows, day)
    with threadpool_limits(limits=1):
        models = fit_candidates(settings.unfitted(), X, targets, weight)
    settled = {name: model.settled() for name, model in models.items()}
    # Rows of an onset's own day belong to the next episode: side="right".
    episode = np.searchsorted(onset_days.to_numpy(), X.index.to_numpy(), side="right")
    random = np.random.default_rng(settings.seed)
    draws = [_draw(episode, targets, random) for _ in range(settings.replicates)]
    parallel = Parallel(n_jobs=jobs, return_as="generator")
    replicates = []
    for fitted in parallel(delayed(_refit)(settled, X, targets, weight * draw) for draw in draws):
        replicates.append(fitted)
        progress(len(replicates), len(draws))
    return models, replicates


def _draw(episode: IntArray, targets: IntArray, random: np.random.Generator) -> IntArray:
    """Return how often each row's episode was drawn; draws without any onset are repeated."""
    names, position = np.unique(episode, return_inverse=True)
    while True:
        times = np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        if (targets[times[position] > 0, 0] > 0).any():
            return times[position]


def _refit(
    settled: dict[str, HazardModel], X: pd.DataFrame, targets: IntArray, weight: FloatArray
) -> dict[str, HazardModel]:
    drawn = weight > 0
    with threadpool_limits(limits=1):
        return fit_candidates(settled, X[drawn], targets[drawn], weight[drawn])


def _ranges(rows: Landmarks, day: pd.Timestamp) -> dict[str, tuple[float, float]]:
    X = training_rows(rows, day)[0].drop(columns=THRESHOLD).dropna(axis="columns", how="all")
    return {str(name): (float(X[name].min()), float(X[name].max())) for name in X}


def _records(verification: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return rows as plain values, None for what cannot be computed."""
    table = verification.drop(columns="model").astype(object)
    return table.where(verification.notna(), None).to_dict("records")
