from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from features.market.season import season_index
from features.panel import MarketPanel, end_of_day
from models.forecasting.forecast import forecast
from models.forecasting.parts import ModelId
from models.forecasting.status import season_status
from models.hazard.base import THRESHOLD
from models.hazard.candidates import CANDIDATES, fit_candidates
from models.hazard.leads import LEAD_DAYS, expand, lead_targets
from models.season.definition import OnsetDefinition
from models.season.labels import onsets
from models.training.landmarks import STEP_DAYS, landmarks
from models.training.run import HORIZONS, OUT_OF_SAMPLE, SCHEDULE, Settings, train
from models.verification import hindcast as hindcast_module
from models.verification.hindcast import COLUMNS, NO_KIND, Landmarks, hindcast, training_rows
from models.verification.samples import with_episodes
from models.verification.skill import verify
from models.verification.walk_forward import WalkForward
from tests.embedded import DRAWN

CHEAP = Settings(candidates=("persistence", "logistic"), replicates=2)
KEYS = ["as_of", "kind", "horizon_days", "model"]
FORECAST = [*KEYS, "probability", "climatology", "fold"]


def fit_of(*names):
    return partial(fit_candidates, Settings(candidates=names).unfitted())


def rows_of(panel):
    return landmarks(panel, season_index(panel), OnsetDefinition())


def same(left, right):
    pd.testing.assert_frame_equal(
        left.reset_index(drop=True), right.reset_index(drop=True), check_exact=True
    )


def table_of(panel, names=CHEAP.candidates):
    """Return the near-term hindcast of a panel, on the schedule of a training."""
    return hindcast(rows_of(panel), SCHEDULE, fit_of(*names), HORIZONS)


@pytest.fixture(scope="module")
def cheap_table(random_panel):
    """The hindcast of the cheap candidates."""
    return table_of(random_panel)


@pytest.fixture(scope="module")
def real_table(reference):
    """The same on the embedded history until 2017."""
    return table_of(reference.known_at(pd.Timestamp("2017-07-01")))


@pytest.fixture(scope="module")
def real_rows(reference):
    """Rows of the embedded history until 2019."""
    return rows_of(reference.known_at(pd.Timestamp("2020-01-01")))


# The table


def test_one_row_per_day_kind_horizon_and_model(cheap_table, random_panel):
    table = cheap_table
    assert table.columns.tolist() == list(COLUMNS)
    assert not table.duplicated(KEYS).any()
    rows = rows_of(random_panel)
    out = (rows.as_of >= OUT_OF_SAMPLE) & (rows.kind != NO_KIND)
    days = set(zip(rows.as_of[out], rows.kind[out], strict=True))
    assert set(zip(table["as_of"], table["kind"], strict=True)) == days
    assert set(table["model"]) == {"climatology", "persistence", "logistic"}
    assert len(table) == len(days) * len(HORIZONS) * 3
    types = {name: kind.kind for name, kind in table.dtypes.items()}
    assert "".join(types[name] for name in ("probability", "climatology", "outcome")) == "fff"
    assert "".join(types[name] for name in ("horizon_days", "fold")) == "ii"
    assert "".join(types[name] for name in ("as_of", "resolved_on")) == "MM"


def test_outcomes_are_onsets_inside_windows_that_are_resolved(cheap_table, random_panel):
    table, until = cheap_table, random_panel.last_day
    by_kind = {
        kind: onsets(season_index(random_panel), each)
        for kind, each in OnsetDefinition().by_kind().items()
    }
    horizon = pd.to_timedelta(table["horizon_days"], unit="D")
    assert (table["resolved_on"] == table["as_of"] + horizon).all()
    open_still = table["resolved_on"] > until
    assert open_still.any()
    assert (table["outcome"].isna() == open_still).all()
    for row in table[~open_still].drop_duplicates(KEYS[:3]).itertuples():
        begun = by_kind[row.kind]
        inside = (begun > row.as_of) & (begun <= row.resolved_on)
        assert row.outcome == inside.any()


def test_outcomes_worked_by_hand():
    days = pd.date_range("2025-01-01", periods=6, freq="50D", unit="s")
    X = pd.DataFrame({THRESHOLD: 75.0}, index=days)
    # In training an onset and none; then known a day too short or just long enough.
    days_to_onset = np.array([20.0, np.nan, 30.0, 30.0, 31.0, np.nan])
    rows = Landmarks(X, np.full(6, "broad"), days_to_onset, np.array([90, 90, 29, 30, 59, 60]), 50)
    table = hindcast(rows, WalkForward(days[2], 400), fit_of(), [30, 60])
    outcome = table.sort_values(KEYS)["outcome"].to_numpy().reshape(4, 2)
    nan = np.nan
    np.testing.assert_array_equal(outcome, [[nan, nan], [1, nan], [0, nan], [0, 0]])


def test_forecasts_are_made_by_the_last_refit(cheap_table):
    folds = WalkForward(OUT_OF_SAMPLE, 28)
    for row in cheap_table.drop_duplicates(["as_of"]).itertuples():
        refit_on = OUT_OF_SAMPLE + pd.Timedelta(days=28 * row.fold)
        assert refit_on == folds.refit_day(row.as_of)


def test_climatology_stands_beside_every_forecast(cheap_table):
    table = cheap_table
    own = table[table["model"] == "climatology"]
    assert (own["probability"] == own["climatology"]).all()
    beside = table.merge(own, on=KEYS[:3], suffixes=("", "_own"))
    assert (beside["climatology"] == beside["probability_own"]).all()


def test_climatology_is_the_frequency_of_what_was_resolved(cheap_table, random_panel):
    rows = rows_of(random_panel)
    row = cheap_table.query("kind == 'broad' and horizon_days == 30").iloc[-1]
    refit_on = OUT_OF_SAMPLE + pd.Timedelta(days=28 * row["fold"])
    own = (rows.kind == "broad") & (rows.as_of + pd.Timedelta(days=30) <= refit_on)
    weight = STEP_DAYS / LEAD_DAYS
    onset = (rows.days_to_onset[own] <= 30).sum()
    expected = (weight * onset + 0.5) / (weight * own.sum() + 1)
    assert row["climatology"] == pytest.approx(expected, rel=1e-12)


def test_probabilities_rise_with_horizon_and_fall_with_threshold(cheap_table):
    table = cheap_table
    within = table.groupby(["as_of", "kind", "model"])["probability"]
    assert (within.diff().dropna() >= -1e-13).all()
    broad, partial = (table[table["kind"] == kind] for kind in ("broad", "partial"))
    both = broad.merge(partial, on=["as_of", "horizon_days", "model"])
    assert len(both) > 50
    assert (both["probability_y"] >= both["probability_x"] - 1e-12).all()


def test_progress_counts_the_folds(real_rows):
    seen = []
    folds = WalkForward(pd.Timestamp("2019-06-04"), refit_days=84)
    hindcast(real_rows, folds, fit_of(), [30], progress=lambda *step: seen.append(step))
    assert seen == [(done, len(seen)) for done in range(1, len(seen) + 1)]
    assert len(seen) >= 2


def test_a_horizon_beyond_reach_is_an_error(real_rows):
    folds = WalkForward(pd.Timestamp("2019-06-04"), refit_days=84)
    with pytest.raises(ValueError, match="horizon must be from 1 to 390 days, got 391"):
        hindcast(real_rows, folds, fit_of(), [30, 391])


# Training rows


def test_training_rows_have_a_resolved_lead(real_rows):
    day = pd.Timestamp("2018-01-02")
    X, targets, weight = training_rows(real_rows, day)
    age = np.asarray((day - X.index).days)
    assert age.min() >= LEAD_DAYS
    assert len(X) == (real_rows.as_of + pd.Timedelta(days=LEAD_DAYS) <= day).sum()
    assert (targets[:, 1] == np.minimum(age // LEAD_DAYS, 13)).all()
    assert (weight == STEP_DAYS / LEAD_DAYS).all()


def test_targets_are_never_better_known_than_the_data():
    X = pd.DataFrame(
        {"x": 0.0, THRESHOLD: 75.0}, index=pd.date_range("2025-01-01", periods=3, freq="30D")
    )
    rows = Landmarks(
        X, np.full(3, "broad"), np.array([70.0, 40.0, 10.0]), np.array([80, 50, 20]), 30
    )
    late = rows.targets(pd.Timestamp("2030-01-01"))
    assert late.tolist() == [[0, 2], [0, 1], [0, 0]]
    early = rows.targets(pd.Timestamp("2025-03-01"))
    assert early.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert rows.targets(pd.Timestamp("2020-01-01")).tolist() == [[0, 0]] * 3


# Nothing from the future


def outcomes_altered_after(rows, day, seed=0):
    """Return the rows with every outcome that was open at the end of a day drawn anew."""
    random = np.random.default_rng(seed)
    elapsed = np.asarray((day - rows.as_of).days)
    seen = rows.days_to_onset <= elapsed
    drawn = np.maximum(elapsed, 0) + random.integers(1, 200, len(elapsed)).astype(float)
    return replace(rows, days_to_onset=np.where(seen, rows.days_to_onset, drawn))


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_later_outcomes_change_no_forecast(real_rows, name):
    folds = WalkForward(pd.Timestamp("2019-01-01"), refit_days=112)
    refit_on = folds.start + pd.Timedelta(days=112)
    altered = outcomes_altered_after(real_rows, refit_on)
    before, after = (
        hindcast(rows, folds, fit_of(name), [30, 90, 365]) for rows in (real_rows, altered)
    )
    upto = before["fold"] <= 1
    assert upto.any()
    same(before.loc[upto, FORECAST], after.loc[upto, FORECAST])
    # The control: later refits do learn from what was altered, and outcomes did change.
    assert (before["probability"] != after["probability"])[~upto].any()
    assert not before["outcome"].equals(after["outcome"])


@pytest.mark.parametrize("day", ["2018-03-27", "2019-03-15"])
def test_a_shorter_history_gives_the_same_forecasts(cheap_table, random_panel, day):
    until = pd.Timestamp(day)
    shorter = table_of(random_panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0]))
    longer = cheap_table[cheap_table["as_of"] <= until]
    shorter = shorter.sort_values(KEYS)
    longer = longer.sort_values(KEYS)
    same(shorter[FORECAST], longer[FORECAST])
    resolved = (longer["resolved_on"] <= until).to_numpy()
    assert (longer["outcome"].to_numpy() == shorter["outcome"].to_numpy())[resolved].all()
    assert shorter["outcome"].isna().to_numpy()[~resolved].all()


def test_scrambling_later_days_changes_no_forecast(cheap_table, random_panel):
    day = pd.Timestamp("2018-06-12")
    table = random_panel.observations()
    later = (table["available_at"] > end_of_day(pd.DatetimeIndex([day]))[0]).to_numpy()
    shuffled = table["value"].to_numpy().copy()
    random = np.random.default_rng(0)
    for name in table["series"].unique():
        rows = np.flatnonzero(later & (table["series"] == name).to_numpy())
        shuffled[rows] = random.permutation(shuffled[rows])
    scrambled = MarketPanel.from_observations(table.assign(value=shuffled), "scrambled")
    made = table_of(scrambled)
    upto = cheap_table["as_of"] <= day
    same(cheap_table.loc[upto, FORECAST].sort_values(KEYS),
         made.loc[made["as_of"] <= day, FORECAST].sort_values(KEYS))  # fmt: skip
    assert not made["probability"].equals(cheap_table["probability"])


def test_processes_change_nothing(real_rows):
    folds = WalkForward(pd.Timestamp("2019-01-01"), refit_days=112)
    one, two = (
        hindcast(real_rows, folds, fit_of("logistic", "lightgbm", "pool"), [30, 90], jobs=jobs)
        for jobs in (1, 2)
    )
    same(one, two)


def forecast_day(forecaster, panel, day):
    """Return the forecaster's forecasts of a day as predict makes them: kind, horizon to values."""
    made = forecast(
        season_status(panel, forecaster, day), forecaster, ModelId(None, "run"), today=day,
        horizons=HORIZONS,
    )  # fmt: skip
    return within_90(
        {
            (answer.kind, days): (answer.probability, answer.base_rate)
            for kind in forecaster.thresholds
            for days in HORIZONS
            if (answer := made.begins(kind, days)) is not None and answer.reason is None
        }
    )


def within_90(values):
    """Keep what the forecaster answers: beyond 90 days predict goes on with the renewal process."""
    return {(kind, days): each for (kind, days), each in values.items() if days <= 90}


def hindcast_day(table, name, day):
    own = table[(table["as_of"] == day) & (table["model"] == name)]
    return {
        (row.kind, row.horizon_days): (row.probability, row.climatology) for row in own.itertuples()
    }


def test_training_until_a_refits_day_gives_the_hindcasts_forecast(reference, real_table):
    day = pd.Timestamp("2017-02-28")
    trained = train(reference, CHEAP, until=day)
    assert trained.trained_until == day
    for name in ("climatology", "persistence", "logistic"):
        expected = hindcast_day(real_table, name, day)
        assert len(expected) == 2 * len(HORIZONS)
        assert forecast_day(trained.forecasters[name], reference, day) == within_90(expected)


def test_every_candidate_gives_the_hindcasts_forecast(reference, real_rows):
    day, age = pd.Timestamp("2017-02-14"), 14  # two weeks after a refit
    trained = train(reference, Settings(replicates=1), until=day)
    assert list(trained.forecasters) == list(CANDIDATES)
    # Of the long hindcast, the fold in force on the day.
    upto = real_rows.as_of <= day
    rows = replace(
        real_rows,
        X=real_rows.X[upto],
        kind=real_rows.kind[upto],
        days_to_onset=real_rows.days_to_onset[upto],
        days_known=real_rows.days_known[upto],
    )
    folds = WalkForward(day - pd.Timedelta(days=age), 28)
    table = hindcast(rows, folds, fit_of(*CANDIDATES), HORIZONS)
    for name, forecaster in trained.forecasters.items():
        expected = hindcast_day(table, name, day)
        assert len(expected) == 2 * len(HORIZONS)
        assert forecast_day(forecaster, reference, day) == within_90(expected)


# A planted cheat


def newest_onset_ratio(rows):
    """Return how much more often the newest training rows hold an onset than the older ones.

    The newest are less than 37 days old: of them one a week has its first lead
    resolved, an onset as often as any other.
    """
    newest, older = [], []
    for day in pd.date_range(OUT_OF_SAMPLE, rows.as_of.max(), freq="28D"):
        X, targets, _ = training_rows(rows, day)
        new = np.asarray((day - X.index).days) < 37
        newest.append(targets[new, 0] > 0)
        older.append(targets[~new, 0] == 1)
    return np.concatenate(newest).mean() / np.concatenate(older).mean()


def leads_learnt_early(rows, folds):
    """Return how many leads a hindcast learns from before they are over, and how many in all."""
    counts = []
    as_of = rows.as_of
    planned = folds.folds(as_of, as_of + pd.Timedelta(days=LEAD_DAYS))
    scored = rows.kind != NO_KIND
    refits = iter([fold.refit_on for fold in planned if scored[fold.test].any()])

    def fit(X, targets, weight):
        periods = expand(targets)
        end = X.index[periods.row] + pd.to_timedelta(LEAD_DAYS * periods.lead, unit="D")
        early = np.asarray(end > next(refits))
        counts.append((early.sum(), early.size))
        return fit_candidates(Settings(candidates=()).unfitted(), X, targets, weight)

    hindcast(rows, folds, fit, [30])
    early, every = np.sum(counts, axis=0)
    return early, every


def resolving_onsets_early(days_to_onset, days_known):
    """Cheat: count a lead as known as soon as its onset is seen."""
    targets = lead_targets(days_to_onset, days_known)
    early = lead_targets(days_to_onset, np.full(len(targets), 390))
    seen = np.asarray(days_to_onset) <= np.asarray(days_known)
    cheat = np.column_stack([early[:, 0], np.maximum(early[:, 0], targets[:, 1])])
    return np.where(seen[:, None], cheat, targets)


def test_onsets_resolved_early_are_caught(reference, monkeypatch):
    rows = rows_of(reference)
    honest = newest_onset_ratio(rows)
    monkeypatch.setattr(hindcast_module, "lead_targets", resolving_onsets_early)
    cheating = newest_onset_ratio(rows)
    assert 0.7 < honest < 1.3
    assert cheating > 1.8


def test_no_lead_is_learnt_early(real_rows, monkeypatch):
    folds = WalkForward(OUT_OF_SAMPLE, refit_days=28)
    early, every = leads_learnt_early(real_rows, folds)
    assert early == 0
    assert every > 1000
    monkeypatch.setattr(hindcast_module, "lead_targets", resolving_onsets_early)
    assert leads_learnt_early(real_rows, folds)[0] > 0


# Noise


def noise_panel(seed):
    """Return a market whose seasons begin at random: every day of the index is drawn anew."""
    random = np.random.default_rng(seed)
    every = pd.date_range("2013-01-01", "2023-12-31", unit="s")
    n = len(every)
    series = {}
    for spec in DRAWN:
        values = random.normal(size=n)
        if spec.kind == "level":
            values = 100 * np.exp(np.cumsum(0.02 * values))
        elif spec.kind == "percent":
            values = random.uniform(0, 100, n)
        series[spec.name] = pd.Series(values, every)
    # Of its own: it stays as it is where a panel gains a series.
    random = np.random.default_rng([seed, 1])
    draw = random.random(n)
    begun = np.where(draw < 1 / 200, random.uniform(75, 100, n), random.uniform(50, 75, n))
    series["season_index"] = pd.Series(
        np.where(draw < 1 / 60, begun, random.uniform(0, 50, n)), every
    )
    return MarketPanel.from_series(series, f"noise:{seed}")


@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_has_skill_on_noise(seed):
    panel = noise_panel(seed)
    names = ("persistence", "logistic", "pool", "lightgbm")
    table = hindcast(rows_of(panel), WalkForward(OUT_OF_SAMPLE, 168), fit_of(*names), [30])
    index = season_index(panel)
    begun = {kind: onsets(index, each) for kind, each in OnsetDefinition().by_kind().items()}
    scores = verify(with_episodes(table, begun), step_days=STEP_DAYS)
    own = scores[scores["model"] != "climatology"]
    assert len(own) == 2 * len(names)
    assert (own["episodes"] >= 8).all()
    assert (own["brier_skill_low"] <= 0).all()
