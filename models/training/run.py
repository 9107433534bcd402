"""From a panel to verified candidates and fitted forecasters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

import pandas as pd

from features.market.season import season_index
from features.panel import DataError, MarketPanel, end_of_day
from models.answers import State
from models.hazard.base import THRESHOLD, HazardModel, TooFewRows
from models.hazard.candidates import CANDIDATES, PRIMARY, fit_candidates, seeded
from models.hazard.forecaster import Evidence, Forecaster, Range
from models.season.definition import OnsetDefinition
from models.season.labels import onsets
from models.season.outcomes import Outcomes
from models.training.evidence import LAYOUT, alarm_record, fifths, skills, state_records
from models.training.landmarks import STEP_DAYS, grid_days, landmarks
from models.training.replicates import fit_with_replicates
from models.training.rows import LEAD_ENDS, PROCESS, YEAR, hindcast_rows
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
    """What a training run is asked to do; logged whole with the run."""

    candidates: tuple[str, ...] = tuple(CANDIDATES)  # climatology is always among them
    definition: OnsetDefinition = field(default_factory=OnsetDefinition)  # of a broad season
    horizons: tuple[int, ...] = HORIZONS  # days ahead at which forecasts are verified
    seed: int = 0  # of LightGBM and of the replicates
    replicates: int = REPLICATES  # refits to resampled episodes, for the intervals of a forecast

    def unfitted(self) -> dict[str, HazardModel]:
        """Return the candidates to fit, simplest first."""
        return seeded({REFERENCE, *self.candidates}, self.seed)


@dataclass(frozen=True)
class Training:
    """All that one training run has produced."""

    settings: Settings
    until: pd.Timestamp  # last day of the data used
    trained_until: pd.Timestamp  # last scheduled refit: no later outcome was learnt from
    data_digest: str
    index: pd.Series  # season index by day
    onsets: dict[str, pd.DatetimeIndex]  # of each kind or a stronger one
    hindcast: pd.DataFrame  # from `models.training.rows`: every week, state, kind and horizon
    verification: pd.DataFrame  # scores of the days at risk, at each horizon and for the year
    integrated: pd.DataFrame  # the same over all horizons
    comparison: pd.DataFrame  # paired differences between the champion and each other candidate
    choice: Choice
    forecasters: dict[str, Forecaster]  # every candidate, fitted on the last scheduled refit

    def yearly_log_scores(self, name: str) -> dict[int, float]:
        """Return a candidate's mean log score of broad seasons by year of the forecast."""
        rows = at_risk_rows(self.hindcast)
        rows = rows[
            (rows["model"] == name) & (rows["kind"] == Kind.BROAD) & rows["outcome"].notna()
        ]
        scores = log_scores(rows["outcome"].to_numpy(), rows["probability"].to_numpy())
        years = pd.DatetimeIndex(rows["as_of"]).year.to_numpy()
        by_year = pd.Series(scores).groupby(years).mean()
        return {int(str(year)): float(score) for year, score in by_year.items()}


def train(
    panel: MarketPanel,
    settings: Settings | None = None,
    *,
    until: pd.Timestamp | None = None,
    jobs: int = 1,
    progress: Progress = silent,
) -> Training:
    """Hindcast, verify and fit the candidates, and choose the champion.

    The model in force on a day is the one refitted on the last scheduled day, every 28 days from
    2017-01-03: the forecasters returned are those that a longer hindcast would use from then on.
    Nothing published after the end of `until`, by default the panel's last day, is used; the
    result does not depend on the number of processes (`jobs`).

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
    onset_days = _onset_days(index, settings.definition)
    trained_until = SCHEDULE.refit_day(until)
    with _refused_in_words(known, until):
        table = _hindcast(rows, index, settings, jobs, progress)
        models, replicates = fit_with_replicates(
            rows, trained_until, onsets(index, settings.definition), settings.unfitted(),
            n_replicates=settings.replicates, seed=settings.seed, jobs=jobs,
            progress=partial(progress, "intervals"),
        )  # fmt: skip
    scored = with_episodes(at_risk_rows(table), onset_days)
    verification = verify(scored, step_days=STEP_DAYS, layout=LAYOUT)
    by_length = scored[scored["horizon"] != YEAR]
    choice = _choice(by_length, verification)
    shared = _evidence(known, rows, settings.definition, trained_until, table)
    return Training(
        settings=settings,
        until=until,
        trained_until=trained_until,
        data_digest=known.digest,
        index=index,
        onsets=onset_days,
        hindcast=table,
        verification=verification,
        integrated=integrated(by_length, step_days=STEP_DAYS, layout=LAYOUT),
        comparison=_comparison(by_length, choice.champion),
        choice=choice,
        forecasters=_forecasters(models, replicates, scored, verification, choice, shared),
    )


def _comparison(by_length: pd.DataFrame, champion: str) -> pd.DataFrame:
    """Return the paired differences between the champion and each other candidate."""
    rivals = [name for name in by_length["model"].unique() if name != champion]
    return compare(by_length, champion, rivals, step_days=STEP_DAYS, layout=LAYOUT)


def _onset_days(index: pd.Series, definition: OnsetDefinition) -> dict[str, pd.DatetimeIndex]:
    """Return the onsets of each kind or a stronger one."""
    definitions = definition.by_kind()
    outcomes = Outcomes(index, definitions)
    return {kind: outcomes.onsets(kind) for kind in (*definitions, Kind.SUSTAINED)}


def _evidence(
    known: MarketPanel,
    rows: Landmarks,
    definition: OnsetDefinition,
    trained_until: pd.Timestamp,
    table: pd.DataFrame,
) -> Evidence:
    """Return what all candidates of a training have in common."""
    index = season_index(known)
    return Evidence(
        definition=definition,
        trained_until=trained_until,
        data_digest=known.digest,
        ranges=_ranges(rows, trained_until),
        onsets={
            kind: tuple(days[(days > rows.as_of[0]) & (days <= trained_until)])
            for kind, days in ((k, onsets(index, d)) for k, d in definition.by_kind().items())
        },
        skill=(),
        reason="not the champion",
        states=state_records(table),
    )


def at_risk_rows(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a hindcast in which the candidates have a say: those that show skill."""
    return table[(table["state"] == State.AT_RISK) & (table["model"] != PROCESS)]


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
    rows: Landmarks, index: pd.Series, settings: Settings, jobs: int, progress: Progress
) -> pd.DataFrame:
    """Return the hindcast of every candidate, continued to all horizons, kinds and states."""
    fit = partial(fit_candidates, settings.unfitted())
    near = hindcast(
        rows, SCHEDULE, fit, LEAD_ENDS, jobs=jobs, progress=partial(progress, "hindcast")
    )
    if near[near["kind"] == Kind.BROAD].empty:
        raise TooFewRows("no day out of sample is at risk of a broad season.")
    days = grid_days(index)
    table = hindcast_rows(
        near, index, settings.definition.by_kind(), SCHEDULE, days[days >= OUT_OF_SAMPLE],
        settings.horizons, jobs=jobs, progress=partial(progress, "horizons"),
    )  # fmt: skip
    broad = at_risk_rows(table[table["kind"] == Kind.BROAD])
    if broad["outcome"].isna().all():
        raise TooFewRows(
            "no forecast out of sample has been resolved, so that none can be scored; the first "
            f"one is on {broad['resolved_on'].min():%Y-%m-%d}. Give data, or --until, to then or "
            "later."
        )
    return table


def _choice(scored: pd.DataFrame, verification: pd.DataFrame) -> Choice:
    """Return the champion by its broad seasons at the horizons; the year repeats their windows."""
    broad = verification[(verification["kind"] == Kind.BROAD) & (verification["horizon"] != YEAR)]
    return choose_champion(
        broad.assign(horizon_days=broad["horizon"].astype(int)),
        tuple(CANDIDATES),
        integrated_differences(
            scored[scored["kind"] == Kind.BROAD], step_days=STEP_DAYS, layout=LAYOUT
        ),
        primary=PRIMARY,
    )


def _forecasters(
    models: Mapping[str, HazardModel],
    replicates: Sequence[Mapping[str, HazardModel]],
    scored: pd.DataFrame,
    verification: pd.DataFrame,
    choice: Choice,
    shared: Evidence,
) -> dict[str, Forecaster]:
    thresholds = {kind: each.threshold for kind, each in shared.definition.by_kind().items()}
    return {
        name: Forecaster(
            name=name,
            thresholds=thresholds,
            model=model,
            climatology=models[REFERENCE],
            replicates=[replicate[name] for replicate in replicates],
            evidence=replace(
                shared,
                skill=skills(scored, verification, name),
                fifths=fifths(scored, name),
                alarms=alarm_record(scored, name),
                reason=choice.reason if name == choice.champion else shared.reason,
            ),
        )
        for name, model in models.items()
    }


def _ranges(rows: Landmarks, day: pd.Timestamp) -> dict[str, Range]:
    X = training_rows(rows, day)[0].drop(columns=THRESHOLD).dropna(axis="columns", how="all")
    return {str(name): Range(float(X[name].min()), float(X[name].max())) for name in X}
