"""Controls of the verification itself: ``python -m benchmarks.controls``.

Noise must score nothing, a planted cheat must be caught, a known hazard must
be recovered. Prints one line per control; exits 1 if any fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from benchmarks.coverage import OVERLAP, skill_coverage
from benchmarks.outlook_coverage import CHANGING, chance_coverage
from benchmarks.planted import (
    AHEAD,
    HORIZON_DAYS,
    EarlyOnsets,
    displaced,
    look_ahead,
    noise,
    permuted_after,
    synthetic_market,
    true_probability,
)
from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import MarketPanel, end_of_day
from features.reference.load import load_reference
from models.hazard.base import THRESHOLD, HazardModel
from models.hazard.candidates import BREADTH_CORE, fit_candidates, to_state
from models.hazard.climatology import Climatology
from models.hazard.leads import (
    LEAD_DAYS,
    LIMIT_DAYS,
    FloatArray,
    IntArray,
    expand,
    incidence,
)
from models.hazard.logistic import LogisticHazard
from models.season.definition import OnsetDefinition
from models.training.landmarks import STEP_DAYS, landmarks
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS, Settings
from models.verification.contrasts import window_contrasts
from models.verification.hindcast import NO_KIND, REFERENCE, Landmarks, hindcast, training_rows
from models.verification.intervals import Interval, skill_interval
from models.verification.scores import brier_scores, corp
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

SEEDS = (0, 1, 2, 3)
# No honest forecast of this history has reached it.
IMPLAUSIBLE_SKILL = 0.6
EPISODES = (10, 40, 160)
_SCHEDULE = WalkForward(OUT_OF_SAMPLE, REFIT_DAYS)
_MIDDLE = pd.Timestamp("2021-06-01")


class Control(NamedTuple):
    """One control: what must hold, whether it does, and the figures behind it."""

    name: str
    passed: bool
    finding: str


def run(panel: MarketPanel) -> Iterator[Control]:
    """Run every control on a panel, one after the other."""
    rows = landmarks(panel, season_index(panel), OnsetDefinition())
    yield features_score(rows)
    yield noise_scores_nothing(rows)
    yield placebo_scores_nothing(rows)
    yield look_ahead_shows_in_skill(rows, panel)
    yield look_ahead_is_flagged(panel)
    yield early_onsets_are_flagged(rows)
    yield held_out_outcomes_change_nothing(rows)
    yield true_hazard_is_calibrated()
    yield fitted_hazard_approaches_the_true_one()


def features_score(rows: Landmarks) -> Control:
    """Check that what is to show no skill below can show skill: the true features have it."""
    skill = mean_skill(rows, [rows.X])
    return Control("the true features have skill", skill.low > 0, _skill_words(skill))


def noise_scores_nothing(rows: Landmarks, seeds: Sequence[int] = SEEDS) -> Control:
    """Check that features of noise, as slow as markets are, have no skill on the true outcomes."""
    skill = mean_skill(rows, [noise(rows.X, seed) for seed in seeds])
    return Control("features of noise have none", skill.low <= 0, _skill_words(skill, len(seeds)))


def placebo_scores_nothing(rows: Landmarks, seeds: Sequence[int] = SEEDS) -> Control:
    """Check that the true features have no skill on outcomes of another time."""
    skill = mean_skill(rows, [displaced(rows, seed) for seed in seeds])
    words = _skill_words(skill, len(seeds))
    return Control("features displaced by over a year have none", skill.low <= 0, words)


def look_ahead_shows_in_skill(rows: Landmarks, panel: MarketPanel) -> Control:
    """Check that a feature that sees the next 30 days is too good to be true."""
    ahead = look_ahead(rows.X, panel, pd.DatetimeIndex(rows.X.index))
    skill = mean_skill(rows, [ahead], (*BREADTH_CORE, AHEAD))
    return Control(
        "a feature that looks ahead is too good to be true",
        skill.value > IMPLAUSIBLE_SKILL,
        f"{_skill_words(skill)}; above {IMPLAUSIBLE_SKILL} is implausible",
    )


def look_ahead_is_flagged(panel: MarketPanel) -> Control:
    """Check that truncation flags a feature that looks ahead, and no other."""
    every = pd.date_range("2015-01-01", panel.last_day - pd.Timedelta(days=90), periods=6)
    days = pd.DatetimeIndex(every.normalize())

    def cheating(known: MarketPanel, days: pd.DatetimeIndex) -> pd.DataFrame:
        return look_ahead(build_features(known, days), known, days)

    flagged = depending_on_the_future(cheating, panel, days)
    return Control(
        "truncation flags the feature that looks ahead alone",
        flagged == [AHEAD],
        f"flagged: {', '.join(flagged) or 'none'}; on {len(days)} days",
    )


def early_onsets_are_flagged(rows: Landmarks) -> Control:
    """Check that no lead is learnt from before it is over, and that one that is gets noticed."""
    honest, every = leads_learnt_early(rows)
    cheat, _ = leads_learnt_early(EarlyOnsets(**vars(rows)))
    return Control(
        "onsets learnt before their lead is over are noticed",
        honest == 0 and cheat > 0,
        f"{honest} of {every} leads learnt early, {cheat} with the planted cheat",
    )


def held_out_outcomes_change_nothing(rows: Landmarks, refit_on: pd.Timestamp = _MIDDLE) -> Control:
    """Check that outcomes after a refit, permuted, change no parameter fitted on it."""
    before = fitted_parameters(rows, refit_on)
    after = fitted_parameters(permuted_after(rows, refit_on), refit_on)
    earlier = fitted_parameters(permuted_after(rows, refit_on - pd.Timedelta(days=365)), refit_on)
    changed = [name for name in before if before[name] != after[name]]
    learnt = [name for name in before if before[name] != earlier[name]]
    return Control(
        "outcomes held out change no fitted parameter",
        not changed and len(learnt) == len(before),
        f"{len(changed)} of {len(before)} candidates changed; "
        f"{len(learnt)} did by outcomes of the year before the refit",
    )


def true_hazard_is_calibrated(episodes: int = 2000, seed: int = 0) -> Control:
    """Check that the true probability of a synthetic market has miscalibration near 0."""
    rows = synthetic_market(episodes, seed)
    resolved = rows.days_known >= LEAD_DAYS
    outcome = (rows.days_to_onset[resolved] <= LEAD_DAYS).astype(float)
    probability = true_probability(rows.X["x"].to_numpy()[resolved], LEAD_DAYS)
    true, doubled = corp(outcome, probability), corp(outcome, probability / 2)
    share, wrong = (each.miscalibration / each.uncertainty for each in (true, doubled))
    return Control(
        "the true hazard is calibrated, half of it is not",
        share < 0.02 < wrong,
        f"miscalibration {share:.3f} of the uncertainty, {wrong:.3f} for half the probability",
    )


def fitted_hazard_approaches_the_true_one(
    episodes: Sequence[int] = EPISODES, seeds: Iterable[int] = range(8)
) -> Control:
    """Check that the error of the fitted hazard falls as episodes grow."""
    seeds = list(seeds)
    errors = [float(np.mean([hazard_error(many, seed) for seed in seeds])) for many in episodes]
    falls = all(later < earlier for earlier, later in pairwise(errors))
    listed = ", ".join(f"{e:.3f} ({n})" for e, n in zip(errors, episodes, strict=True))
    return Control(
        "the fitted hazard approaches the true one",
        falls and errors[-1] < errors[0] / 2,
        f"root mean squared error of the probability: {listed} by episodes",
    )


def intervals_hold_the_truth(table: pd.DataFrame) -> Control:
    """Nominal 90 % intervals hold it in 87 to 93 % of histories whose windows overlap fully."""
    coverage = table.loc[table["world"] == OVERLAP, "coverage"]
    return Control(
        "intervals hold the true skill",
        bool(coverage.between(0.87, 0.93).all()),
        f"nominal 90 % intervals in {100 * coverage.min():.1f} % to "
        f"{100 * coverage.max():.1f} % of simulated histories",
    )


def chances_hold_the_truth(table: pd.DataFrame) -> Control:
    """Nominal 90 % intervals hold the true chance in 85 to 95 % of histories whose law stays."""
    stays = table[table["world"] != CHANGING]
    held, bias = stays["coverage"], (stays["mean_forecast"] - stays["mean_true"]).abs()
    return Control(
        "intervals of the outlook hold the true probability",
        bool(held.between(0.85, 0.95).all() and (bias <= 0.06).all()),
        f"nominal 90 % intervals in {100 * held.min():.1f} % to {100 * held.max():.1f} % of "
        f"simulated histories, the mean within {bias.max():.3f}",
    )


def mean_skill(
    rows: Landmarks, variants: Sequence[pd.DataFrame], features: tuple[str, ...] = BREADTH_CORE
) -> Interval:
    """Return the Brier skill of the logistic hazard at 30 days, the mean over variants of rows."""
    models = {REFERENCE: Climatology(), "hazard": LogisticHazard(features)}
    scores = []
    for X in variants:
        table = hindcast(
            replace(rows, X=X), _SCHEDULE, partial(fit_candidates, models), [HORIZON_DAYS]
        )
        broad = table[(table["kind"] == Kind.BROAD) & table["outcome"].notna()]
        own = broad[broad["model"] == "hazard"].sort_values("as_of")
        outcome = own["outcome"].to_numpy()
        scores.append(brier_scores(outcome, own["probability"].to_numpy()))
    # Climatology sees no features, so that the reference is the same for all variants.
    reference = brier_scores(outcome, own[REFERENCE].to_numpy())
    as_of = pd.DatetimeIndex(own["as_of"])
    contrasts = window_contrasts(as_of, horizon_days=HORIZON_DAYS, step_days=STEP_DAYS)
    return skill_interval(np.mean(scores, axis=0), reference, contrasts)


def depending_on_the_future(
    build: Callable[[MarketPanel, pd.DatetimeIndex], pd.DataFrame],
    panel: MarketPanel,
    days: pd.DatetimeIndex,
) -> list[str]:
    """Return the features whose value on a day changes when all that came later is cut off."""
    whole = build(panel, days)
    cut = pd.concat([
        build(panel.known_at(instant), days[[position]])
        for position, instant in enumerate(end_of_day(days))
    ])  # fmt: skip
    same = (whole == cut) | (whole.isna() & cut.isna())
    return [str(name) for name in whole.columns[~same.all().to_numpy()]]


def leads_learnt_early(rows: Landmarks) -> tuple[int, int]:
    """Return how many leads a hindcast learns from before they are over, and how many in all."""
    resolved_on = rows.as_of + pd.Timedelta(days=LEAD_DAYS)
    refits = iter([
        fold.refit_on
        for fold in _SCHEDULE.folds(rows.as_of, resolved_on)
        if (rows.kind[fold.test] != NO_KIND).any()
    ])  # fmt: skip
    early = every = 0

    def fit(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> dict[str, HazardModel]:
        nonlocal early, every
        periods = expand(targets)
        end = X.index[periods.row] + pd.to_timedelta(LEAD_DAYS * periods.lead, unit="D")
        # A lead that ends on the refit day is over at its end: strict.
        early += int((end > next(refits)).sum())
        every += len(end)
        return {REFERENCE: Climatology().fit(X, targets, weight)}

    hindcast(rows, _SCHEDULE, fit, [HORIZON_DAYS])
    return early, every


def fitted_parameters(rows: Landmarks, refit_on: pd.Timestamp) -> dict[str, dict[str, Any]]:
    """Return the fitted state of every candidate in force on a refit day, by name."""
    states: dict[str, dict[str, Any]] = {}

    def fit(X: pd.DataFrame, targets: IntArray, weight: FloatArray) -> dict[str, HazardModel]:
        models = fit_candidates(Settings().unfitted(), X, targets, weight)
        states.update({name: to_state(model) for name, model in models.items()})
        return models

    hindcast(rows, WalkForward(refit_on, LIMIT_DAYS * 100), fit, [HORIZON_DAYS])
    return states


def hazard_error(episodes: int, seed: int) -> float:
    """Return the root mean squared error of the fitted probabilities of 30 and 90 days."""
    rows = synthetic_market(episodes, seed)
    model = LogisticHazard(("x",)).fit(*training_rows(rows, rows.as_of[-1]))
    x = np.linspace(-1.5, 1.5, 31)
    grid = pd.DataFrame({"x": x, THRESHOLD: 75.0})
    fitted = incidence(model.predict_proba(grid), [30, 90])
    true = np.column_stack([true_probability(x, days) for days in (30, 90)])
    return float(np.sqrt(np.mean((fitted - true) ** 2)))


def _skill_words(skill: Interval, seeds: int = 1) -> str:
    mean = f"mean of {seeds} seeds, " if seeds > 1 else ""
    return (
        f"Brier skill at {HORIZON_DAYS} days {skill.value:+.2f} "
        f"[{skill.low:+.2f}, {skill.high:+.2f}] ({mean}90 % interval)"
    )


def main() -> int:
    """Print one line per control, the coverage of intervals last; return 1 if one fails."""
    failed = 0
    held = (
        check(study())
        for check, study in (
            (intervals_hold_the_truth, skill_coverage),
            (chances_hold_the_truth, chance_coverage),
        )
    )
    for control in chain(run(load_reference()), held):
        failed += not control.passed
        print(f"{'passed' if control.passed else 'FAILED'}  {control.name}: {control.finding}")
    print(f"\n{failed} failed" if failed else "\nall passed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
