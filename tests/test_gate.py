"""Which candidate becomes champion, and the reason given."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from models.verification.gate import choose_champion
from models.verification.intervals import Interval
from models.verification.samples import with_episodes
from models.verification.skill import integrated_differences, verify

SIMPLEST_FIRST = ("climatology", "persistence", "logistic", "lightgbm", "blend")
NAN = float("nan")

# Ends of the interval of Brier skill at 30 and 60 days.
GOOD = [(0.1, 0.4), (-0.1, 0.3)]
UNPROVEN = [(-0.01, 0.6), (0.0, 0.5)]
HARMFUL = [(0.3, 0.6), (-0.5, -0.01)]

LOWER = Interval(-0.05, -0.09, -0.01)
EQUAL = Interval(-0.02, -0.05, 0.01)


def scores_of(models):
    rows = [
        {"model": model, "horizon_days": horizon, "brier_skill": (low + high) / 2,
         "brier_skill_low": low, "brier_skill_high": high}
        for model, ends in {"climatology": [(0.0, 0.0)] * 2, **models}.items()
        for horizon, (low, high) in zip((30, 60), ends, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def choose(models, *lower, primary=None, **differences):
    """Choose where all beat climatology and are equal, but for `lower` pairs and `differences`.

    A difference is that of the named model's log score to climatology's.
    """
    pairs = dict.fromkeys(permutations(["climatology", *models], 2), EQUAL)
    for name in models:
        pairs[name, "climatology"] = made = differences.get(name, LOWER)
        pairs["climatology", name] = Interval(-made.value, -made.high, -made.low)
    for first, second in lower:
        pairs[first, second], pairs[second, first] = LOWER, Interval(0.05, 0.01, 0.09)
    return choose_champion(scores_of(models), SIMPLEST_FIRST, pairs, primary=primary)


def good(*names):
    return dict.fromkeys(names, GOOD)


@pytest.mark.parametrize(
    ("models", "lower", "champion"),
    [
        # The lower end must lie above zero at one horizon.
        ({"logistic": [(0.0, 0.5)] * 2}, [], "climatology"),
        ({"persistence": UNPROVEN, "logistic": GOOD}, [], "logistic"),
        # An upper end below zero at any horizon excludes, one of zero does not.
        ({"persistence": HARMFUL, "logistic": GOOD}, [], "logistic"),
        ({"logistic": [(0.1, 0.4), (-0.5, 0.0)]}, [], "logistic"),
        # What is not a number neither earns nor excludes.
        ({"logistic": [(0.1, 0.4), (NAN, NAN)]}, [], "logistic"),
        ({"logistic": [(NAN, NAN)] * 2}, [], "climatology"),
        # Of equals the simplest wins in any order; candidates not hindcast are passed over.
        (good("blend", "persistence"), [], "persistence"),
        (good("persistence", "blend"), [], "persistence"),
        (good("lightgbm"), [], "lightgbm"),
        # A better challenger replaces a simpler one; a simpler that beats a complex one stays.
        (good("persistence", "logistic"), [("logistic", "persistence")], "logistic"),
        (good("persistence", "logistic"), [("persistence", "logistic")], "persistence"),
        # A candidate that is not eligible beats none.
        ({"persistence": GOOD, "logistic": HARMFUL}, [("logistic", "persistence")], "persistence"),
        # Lightgbm beats persistence; logistic, simpler than lightgbm, can be told from neither.
        (good("persistence", "logistic", "lightgbm"), [("lightgbm", "persistence")], "logistic"),
    ],
)
def test_the_simplest_eligible_candidate_that_none_beats_wins(models, lower, champion):
    assert choose(models, *lower).champion == champion


@pytest.mark.parametrize(
    ("difference", "champion"),
    [
        (LOWER, "logistic"),
        (Interval(-0.05, -0.09, 0.0), "climatology"),
        (Interval(-0.05, NAN, NAN), "climatology"),
        (Interval(0.05, 0.01, 0.09), "climatology"),
    ],
)
def test_the_champion_beats_climatology_over_all_horizons_too(difference, champion):
    assert choose(good("logistic"), logistic=difference).champion == champion


# Reasons


def test_climatology_stays_where_nothing_can_be_compared():
    assert choose_champion(scores_of(good("logistic")), SIMPLEST_FIRST, {}, primary="logistic") == (
        "climatology",
        "the days resolved at every horizon do not yet span five windows of the longest",
    )
    assert choose({}) == ("climatology", "no other candidate was trained")


def test_climatology_stays_while_nobody_beats_it():
    choice = choose({"persistence": UNPROVEN, "logistic": HARMFUL})
    assert choice.champion == "climatology"
    assert choice.reason.startswith("no candidate has Brier skill with the lower end")
    nearer = Interval(-0.03, -0.08, 0.002)
    models = good("persistence", "logistic", "blend")
    assert choose(models, persistence=EQUAL, logistic=nearer, blend=EQUAL) == (
        "climatology",
        "no candidate with skill at a horizon beats it over all horizons: the nearest, logistic, "
        "differs in log score by -0.030 [-0.080, +0.002]",
    )


def test_the_reason_has_horizon_and_numbers():
    assert choose({"persistence": [(0.1, 0.3), (0.2, 0.5)], "logistic": UNPROVEN}) == (
        "persistence",
        "beats the base rate (Brier skill +0.35 [+0.20, +0.50] at 60 days, difference in log score "
        "over all horizons -0.050 [-0.090, -0.010]; 90 % intervals) as no other candidate does",
    )


def test_the_reason_names_those_beaten_and_those_more_complex():
    models = good("persistence", "logistic", "lightgbm", "blend")
    choice = choose(models, ("logistic", "persistence"), ("lightgbm", "logistic"))
    assert choice.champion == "lightgbm"
    assert choice.reason.endswith(
        "90 % intervals); logistic beats persistence, which is simpler, by -0.050 [-0.090, -0.010];"
        " lightgbm beats logistic, which is simpler, by -0.050 [-0.090, -0.010]; none of the more "
        "complex beats it (blend)"
    )


def test_the_year_is_a_horizon_in_words():
    table = scores_of({"logistic": [(0.1, 0.2), (0.2, 0.3)]}).assign(horizon_days=[30, "year"] * 2)
    pairs = dict.fromkeys(permutations(["climatology", "logistic"], 2), LOWER)
    reason = choose_champion(table, SIMPLEST_FIRST, pairs).reason
    assert "+0.25 [+0.20, +0.30] for the year" in reason


# The candidate declared beforehand

ALL_GOOD = good("persistence", "logistic", "blend")


@pytest.mark.parametrize(
    ("models", "lower", "champion", "veto"),
    [
        # Equal to simpler ones, by rank it would not be champion.
        (ALL_GOOD, [], "blend", None),
        ({**ALL_GOOD, "blend": [(0.1, 0.4), (-0.5, 0.0)]}, [], "blend", None),
        ({**ALL_GOOD, "blend": [(0.1, 0.4), (NAN, NAN)]}, [], "blend", None),
        (ALL_GOOD, [("blend", "logistic")], "blend", None),
        ({**ALL_GOOD, "blend": UNPROVEN}, [], "persistence",
         "its interval shows it better than the base rate at no horizon"),
        ({**ALL_GOOD, "blend": HARMFUL}, [], "persistence",
         "it is worse than the base rate at 60 days"),
        (ALL_GOOD, [("logistic", "blend")], "persistence",
         "logistic beats it by -0.050 [-0.090, -0.010] in log score"),
        # Who objects need not be eligible.
        ({**ALL_GOOD, "logistic": HARMFUL}, [("logistic", "blend")], "persistence",
         "logistic beats it by -0.050 [-0.090, -0.010] in log score"),
        ({"blend": GOOD}, [("climatology", "blend")], "climatology",
         "climatology beats it by -0.050 [-0.090, -0.010] in log score"),
    ],
)  # fmt: skip
def test_the_declared_candidate_stands_unless_vetoed(models, lower, champion, veto):
    choice, ranked = choose(models, *lower, primary="blend"), choose(models, *lower)
    assert choice.champion == champion
    if veto is None:
        assert choice.reason.startswith("was declared beforehand, and nothing vetoes it")
    else:
        ending = f"; blend, declared beforehand, is not champion: {veto}"
        assert choice == (ranked.champion, ranked.reason + ending)


def test_the_declared_need_not_win_over_all_horizons_but_be_trained():
    assert choose(ALL_GOOD, primary="blend", blend=EQUAL).champion == "blend"
    models = good("persistence")
    assert choose(models, primary="blend") == choose(models)


def test_the_reason_of_a_declared_candidate():
    assert choose({"blend": [(0.1, 0.3), (0.2, 0.5)]}, primary="blend").reason == (
        "was declared beforehand, and nothing vetoes it: it beats the base rate (Brier skill +0.35 "
        "[+0.20, +0.50] at 60 days; 90 % interval), is worse at no horizon, and no candidate beats "
        "it over all horizons"
    )


# From a hindcast to the champion

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")
ONSETS = WEEKS[25:400:25] + pd.Timedelta(days=3)


def gated(forecasts, seed=0):
    """Return the champion among forecasts made of the true probability."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.05, 0.95, 400)
    outcome = (random.random(400) < truth).astype(float)
    made = {"climatology": lambda p, _: 0 * p + 0.5, **forecasts}
    table = pd.concat(
        pd.DataFrame(
            {"as_of": WEEKS, "kind": "broad", "horizon_days": horizon, "model": model,
             "probability": forecast(truth, random), "climatology": 0.5, "outcome": outcome,
             "resolved_on": WEEKS + pd.Timedelta(days=horizon)}
        )
        for horizon in (30, 60) for model, forecast in made.items()
    )  # fmt: skip
    table = with_episodes(table, {"broad": ONSETS})
    differences = integrated_differences(table, step_days=7)
    return choose_champion(verify(table, step_days=7), SIMPLEST_FIRST, differences).champion


def test_only_a_better_forecast_replaces_a_simpler_and_noise_earns_nothing():
    shy, exact = (lambda p, _: 0.35 + 0.3 * p), (lambda p, _: p)
    assert gated({"persistence": shy, "logistic": exact}) == "logistic"
    assert gated({"persistence": exact, "blend": exact}) == "persistence"
    names = ("persistence", "logistic", "blend")
    noise = dict.fromkeys(names, lambda p, random: random.uniform(0.2, 0.8, len(p)))
    assert {gated(noise, seed) for seed in range(5)} == {"climatology"}
