from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from models.verification.gate import Choice, choose_champion
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
HIGHER = Interval(0.05, 0.01, 0.09)


def gate_table(**models):
    rows = [
        {
            "model": model,
            "horizon_days": horizon,
            "brier_skill": (low + high) / 2,
            "brier_skill_low": low,
            "brier_skill_high": high,
        }
        for model, ends in {"climatology": [(0.0, 0.0)] * 2, **models}.items()
        for horizon, (low, high) in zip((30, 60), ends, strict=True)
    ]
    return pd.DataFrame(rows)


def differences_of(models, *lower, **against_climatology):
    """Return differences: each model beats climatology, `lower` pairs differ, all else is equal."""
    pairs = dict.fromkeys(permutations(["climatology", *models], 2), EQUAL)
    for name in models:
        found = against_climatology.get(name, LOWER)
        pairs[name, "climatology"] = found
        pairs["climatology", name] = Interval(-found.value, -found.high, -found.low)
    for first, second in lower:
        pairs[first, second], pairs[second, first] = LOWER, HIGHER
    return pairs


def choose(models, *lower, **against_climatology):
    differences = differences_of(models, *lower, **against_climatology)
    return choose_champion(gate_table(**models), SIMPLEST_FIRST, differences)


# Climatology stays


def test_climatology_stays_while_little_is_resolved():
    choice = choose_champion(gate_table(logistic=GOOD), SIMPLEST_FIRST, {})
    assert choice == (
        "climatology",
        "the days resolved at every horizon do not yet span five windows of the longest",
    )
    empty = gate_table().iloc[:0]
    assert choose_champion(empty, SIMPLEST_FIRST, {}).champion == "climatology"


def test_without_skill_at_a_horizon_climatology_stays():
    choice = choose({"persistence": UNPROVEN, "logistic": HARMFUL})
    assert choice.champion == "climatology"
    assert choice.reason.startswith("no candidate has Brier skill with the lower end")


def test_climatology_stays_where_it_is_the_only_candidate():
    differences = {("climatology", "other"): EQUAL}
    choice = choose_champion(gate_table(), SIMPLEST_FIRST, differences)
    assert choice.champion == "climatology"


def test_climatology_stays_while_nobody_beats_it():
    nearer = Interval(-0.03, -0.08, 0.002)
    choice = choose({"persistence": GOOD, "logistic": GOOD}, persistence=EQUAL, logistic=nearer)
    assert choice == (
        "climatology",
        "no candidate with skill at a horizon beats it over all horizons: the nearest, logistic, "
        "differs in log score by -0.030 [-0.080, +0.002]",
    )


def test_candidates_that_were_not_hindcast_are_passed_over():
    models = {"lightgbm": GOOD}
    assert choose(models).champion == "lightgbm"


# Skill at the horizons


@pytest.mark.parametrize(
    ("models", "champion"),
    [
        # The lower end must lie above zero at one horizon.
        ({"logistic": [(0.0, 0.5)] * 2}, "climatology"),
        ({"persistence": UNPROVEN, "logistic": GOOD}, "logistic"),
        # An upper end below zero at any horizon excludes, one of zero does not.
        ({"persistence": HARMFUL, "logistic": GOOD}, "logistic"),
        ({"logistic": [(0.1, 0.4), (-0.5, 0.0)]}, "logistic"),
        # What is not a number neither earns nor excludes.
        ({"logistic": [(0.1, 0.4), (NAN, NAN)]}, "logistic"),
        ({"logistic": [(NAN, NAN)] * 2}, "climatology"),
    ],
)
def test_skill_at_the_horizons_makes_eligible(models, champion):
    assert choose(models).champion == champion


# Skill over all horizons


@pytest.mark.parametrize(
    ("difference", "champion"),
    [
        (Interval(-0.05, -0.09, -0.01), "logistic"),
        (Interval(-0.05, -0.09, 0.0), "climatology"),
        (Interval(-0.05, NAN, NAN), "climatology"),
        (Interval(0.05, 0.01, 0.09), "climatology"),
    ],
)
def test_the_champion_beats_climatology_over_all_horizons_too(difference, champion):
    assert choose({"logistic": GOOD}, logistic=difference).champion == champion


# One candidate against another


def test_the_simplest_of_equals_wins_in_any_order():
    for order in (("blend", "persistence"), ("persistence", "blend")):
        assert choose(dict.fromkeys(order, GOOD)).champion == "persistence"


def test_a_better_challenger_replaces_a_simpler_one():
    models = {"persistence": GOOD, "logistic": GOOD}
    choice = choose(models, ("logistic", "persistence"))
    assert choice.champion == "logistic"
    assert choice.reason.endswith(
        "90 % intervals); logistic beats persistence, which is simpler, by -0.050 [-0.090, -0.010]"
    )


def test_an_interval_ending_at_zero_replaces_none():
    models = {"persistence": GOOD, "logistic": GOOD}
    differences = differences_of(models)
    differences["logistic", "persistence"] = Interval(-0.05, -0.09, 0.0)
    choice = choose_champion(gate_table(**models), SIMPLEST_FIRST, differences)
    assert choice.champion == "persistence"


@pytest.mark.parametrize(
    ("models", "lower", "champion"),
    [
        # A simpler candidate that beats a complex one stays.
        ({"persistence": GOOD, "logistic": GOOD}, ("persistence", "logistic"), "persistence"),
        # One that is not eligible beats none.
        ({"persistence": GOOD, "logistic": HARMFUL}, ("logistic", "persistence"), "persistence"),
        # Lightgbm beats persistence; logistic, simpler than lightgbm, can be told from neither.
        (
            {"persistence": GOOD, "logistic": GOOD, "lightgbm": GOOD},
            ("lightgbm", "persistence"),
            "logistic",
        ),
    ],
)
def test_the_simplest_that_none_beats_wins(models, lower, champion):
    assert choose(models, lower).champion == champion


def test_a_beaten_candidate_is_not_champion():
    models = {"persistence": GOOD, "logistic": GOOD, "lightgbm": GOOD}
    lower = [("logistic", "persistence"), ("lightgbm", "logistic")]
    choice = choose(models, *lower)
    assert choice.champion == "lightgbm"
    assert "; logistic beats persistence, which is simpler, by -0.050" in choice.reason
    assert "; lightgbm beats logistic, which is simpler, by -0.050" in choice.reason


# Reasons


def test_the_reason_has_horizon_and_numbers():
    models = {"persistence": [(0.1, 0.3), (0.2, 0.5)], "logistic": UNPROVEN}
    assert choose(models) == (
        "persistence",
        "beats the base rate (Brier skill +0.35 [+0.20, +0.50] at 60 days, difference in log score "
        "over all horizons -0.050 [-0.090, -0.010]; 90 % intervals) as no other candidate does",
    )


def test_the_reason_names_the_rivals():
    choice = choose({"persistence": GOOD, "logistic": GOOD, "blend": GOOD})
    assert choice.reason.endswith("; none of the more complex beats it (logistic, blend)")


# The candidate declared beforehand

ALL_GOOD = dict.fromkeys(("persistence", "logistic", "blend"), GOOD)


def choose_declared(models, *lower, primary="blend", **against_climatology):
    differences = differences_of(models, *lower, **against_climatology)
    table = gate_table(**models)
    return choose_champion(table, SIMPLEST_FIRST, differences, primary=primary)


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
    choice = choose_declared(models, *lower)
    assert choice.champion == champion
    if veto is None:
        assert choice.reason.startswith("was declared beforehand, and nothing vetoes it")
    else:
        ranked = choose(models, *lower)
        ending = f"; blend, declared beforehand, is not champion: {veto}"
        assert choice == (ranked.champion, ranked.reason + ending)


def test_the_declared_need_not_win_over_all_horizons():
    assert choose_declared(ALL_GOOD, blend=EQUAL).champion == "blend"


def test_an_untrained_declared_candidate_is_passed_over():
    models = {"persistence": GOOD}
    assert choose_declared(models) == choose(models)
    assert choose_champion(gate_table(blend=GOOD), SIMPLEST_FIRST, {}, primary="blend") == (
        "climatology",
        "the days resolved at every horizon do not yet span five windows of the longest",
    )


def test_the_reason_of_a_declared_candidate():
    assert choose_declared({"blend": [(0.1, 0.3), (0.2, 0.5)]}).reason == (
        "was declared beforehand, and nothing vetoes it: it beats the base rate (Brier skill +0.35 "
        "[+0.20, +0.50] at 60 days; 90 % interval), is worse at no horizon, and no candidate beats "
        "it over all horizons"
    )


# From a hindcast to the champion

WEEKS = pd.date_range("2017-01-03", periods=400, freq="7D", unit="s")
ONSETS = WEEKS[25:400:25] + pd.Timedelta(days=3)


def gated(forecasts, seed=0):
    """Return the choice among forecasts made of the true probability."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.05, 0.95, 400)
    outcome = (random.random(400) < truth).astype(float)
    tables = [
        pd.DataFrame(
            {
                "as_of": WEEKS,
                "kind": "broad",
                "horizon_days": horizon,
                "model": model,
                "probability": forecast(truth, random),
                "climatology": 0.5,
                "outcome": outcome,
                "resolved_on": WEEKS + pd.Timedelta(days=horizon),
            }
        )
        for horizon in (30, 60)
        for model, forecast in {"climatology": lambda p, _: 0 * p + 0.5, **forecasts}.items()
    ]
    table = with_episodes(pd.concat(tables, ignore_index=True), {"broad": ONSETS})
    scores = verify(table, step_days=7)
    differences = integrated_differences(table, step_days=7)
    return choose_champion(scores, SIMPLEST_FIRST, differences)


def shy(truth, random):
    return 0.35 + 0.3 * truth


def exact(truth, random):
    return truth


def noise(truth, random):
    return random.uniform(0.2, 0.8, len(truth))


@pytest.mark.parametrize(
    ("forecasts", "champion"),
    [
        ({"persistence": shy, "logistic": exact}, "logistic"),
        ({"persistence": exact, "blend": exact}, "persistence"),
    ],
    ids=["better", "equal"],
)
def test_only_a_better_forecast_replaces_a_simpler(forecasts, champion):
    assert gated(forecasts).champion == champion


def test_noise_earns_nothing():
    for seed in range(5):
        choice = gated({"persistence": noise, "logistic": noise, "blend": noise}, seed)
        assert isinstance(choice, Choice)
        assert choice.champion == "climatology"
