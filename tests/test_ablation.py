from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from features.catalogue.features import CATALOGUE
from features.market.season import season_index
from models.hazard.candidates import BREADTH_CORE, fit_candidates
from models.season.definition import OnsetDefinition
from models.training.ablation import COLUMNS, CORE, ablation, compare_groups, feature_groups
from models.training.landmarks import landmarks
from models.training.run import OUT_OF_SAMPLE, REFIT_DAYS, Settings
from models.verification.contrasts import window_contrasts
from models.verification.hindcast import hindcast
from models.verification.intervals import difference_interval
from models.verification.walk_forward import WalkForward

UNTIL = pd.Timestamp("2017-09-30")
GROUPS = {"better": ("a", "b"), "worse": ("c",), "same": ("d",)}
CORE_FORECAST = 0.5


def table_of(kind="broad", horizon=30, n=200, seed=0):
    """Return a hindcast in which one group forecasts better than the core, one worse, one alike."""
    random = np.random.default_rng(seed)
    outcome = random.integers(0, 2, n).astype(float)
    probabilities = {
        "climatology": np.full(n, 0.4),
        CORE: np.full(n, CORE_FORECAST),
        "better": np.where(outcome == 1, 0.7, 0.3),
        "worse": np.where(outcome == 1, 0.3, 0.7),
        "same": np.full(n, CORE_FORECAST),
    }
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "as_of": pd.date_range("2017-01-03", periods=n, freq="7D"),
                    "kind": kind,
                    "horizon_days": horizon,
                    "model": name,
                    "probability": values,
                    "outcome": outcome,
                }
            )
            for name, values in probabilities.items()
        ]
    )


# Groups


def test_groups_are_the_catalogue_without_core():
    groups = feature_groups()
    assert set(groups) == {"russell", "etf_flows", "eth_btc", "breadth", "bitcoin"}
    added = [name for names in groups.values() for name in names]
    observed = {feature.name for feature in CATALOGUE if feature.group != "simulation"}
    assert len(added) == len(set(added))
    assert set(added) == observed - set(BREADTH_CORE)


# The comparison


@pytest.fixture(scope="module")
def compared():
    return compare_groups(table_of(), GROUPS).set_index("group")


def test_differences_are_means_of_paired_scores(compared):
    assert compared.loc["better", "brier_difference"] == pytest.approx(0.3**2 - 0.5**2)
    assert compared.loc["worse", "brier_difference"] == pytest.approx(0.7**2 - 0.5**2)
    assert compared.loc["better", "log_difference"] == pytest.approx(np.log(0.5 / 0.7))
    assert compared.loc["same", "brier_difference"] == 0
    assert compared["days"].unique().tolist() == [200]
    assert compared["features"].to_dict() == {"better": 2, "worse": 1, "same": 1}


def test_skill_is_against_climatology(compared):
    outcome = table_of()["outcome"].iloc[:200]
    reference = ((outcome - 0.4) ** 2).mean()
    assert compared.loc["same", "brier_skill_with"] == pytest.approx(1 - 0.25 / reference)
    assert compared.loc["better", "brier_skill_with"] == pytest.approx(1 - 0.09 / reference)
    assert np.ptp(compared["brier_skill_without"]) == 0


def test_verdicts_follow_the_intervals(compared):
    assert compared["verdict"].to_dict() == {
        "better": "helps", "worse": "harms", "same": "cannot tell",
    }  # fmt: skip


def test_a_group_that_helps_and_harms_cannot_tell():
    table = table_of()
    better, worse, same = (
        (table["model"] == name).to_numpy() for name in ("better", "worse", "same")
    )
    first_half = np.arange(200) < 100
    table.loc[same, "probability"] = np.where(
        first_half, table.loc[better, "probability"], table.loc[worse, "probability"]
    )
    row = compare_groups(table, {"same": ("d",)}).iloc[0]
    assert row["brier_low"] < 0 < row["brier_high"]
    assert row["verdict"] == "cannot tell"


def test_scores_that_disagree_cannot_tell():
    # Better on most days, and on one in 25 all but certain of the wrong outcome.
    table = table_of()
    better = (table["model"] == "better").to_numpy()
    wrong = np.arange(200) % 25 == 0
    outcome, usual = (table.loc[better, name].to_numpy() for name in ("outcome", "probability"))
    table.loc[better, "probability"] = np.where(wrong, np.abs(outcome - (1 - 1e-7)), usual)
    row = compare_groups(table, {"better": ("a",)}).iloc[0]
    assert row["brier_high"] < 0 < row["log_low"]
    assert row["verdict"] == "cannot tell"


@pytest.mark.parametrize("horizon", [30, 180])
def test_windows_are_as_long_as_the_horizon(horizon):
    table = table_of(horizon=horizon)
    better = (table["model"] == "better").to_numpy()
    random = np.random.default_rng(2)
    table.loc[better, "probability"] = random.uniform(0.2, 0.8, better.sum())
    row = compare_groups(table, {"better": ("a",)}).iloc[0]
    first = table[table["model"] == CORE]
    outcome, own = first["outcome"].to_numpy(), table.loc[better, "probability"].to_numpy()
    days = pd.DatetimeIndex(first["as_of"])
    expected = difference_interval(
        (own - outcome) ** 2,
        (CORE_FORECAST - outcome) ** 2,
        window_contrasts(days, horizon_days=horizon, step_days=7),
    )
    assert (row["brier_low"], row["brier_high"]) == pytest.approx(expected[1:])


def test_forecasts_not_resolved_yet_are_left_out(compared):
    table = table_of()
    opened = table.assign(as_of=table["as_of"] + pd.Timedelta(days=1400), outcome=np.nan)
    again = compare_groups(pd.concat([table, opened]), GROUPS).set_index("group")
    pd.testing.assert_frame_equal(compared, again)


def test_outcomes_that_are_all_the_same_tell_nothing():
    row = compare_groups(table_of().assign(outcome=1.0), {"better": ("a",)}).iloc[0]
    assert row["verdict"] == "cannot tell"
    assert np.isnan(row["brier_difference"])
    assert np.isnan(row["log_skill_with"])


# The hindcast that it compares


@pytest.fixture(scope="module")
def short(reference):
    seen = []
    table = ablation(
        reference, Settings(horizons=(30, 60)), until=UNTIL,
        progress=lambda *step: seen.append(step),
    )  # fmt: skip
    return table, seen


def test_one_row_per_kind_horizon_and_group(short):
    table, seen = short
    assert table.columns.tolist() == list(COLUMNS)
    assert len(table) == 2 * 2 * len(feature_groups())
    assert not table.duplicated(["kind", "horizon_days", "group"]).any()
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_the_groups_change_the_forecasts(short):
    table, _ = short
    assert (table["brier_difference"] != 0).all()
    # The control: they are all compared with the same forecasts.
    without = table.groupby(["kind", "horizon_days"])["brier_skill_without"]
    assert (without.max() == without.min()).all()


def test_the_core_is_the_candidate_logistic(reference, short):
    known = reference.known_at(UNTIL + pd.Timedelta(days=1))
    rows = landmarks(known, season_index(known), OnsetDefinition())
    fit = partial(fit_candidates, Settings(candidates=("logistic",)).unfitted())
    made = hindcast(rows, WalkForward(OUT_OF_SAMPLE, REFIT_DAYS), fit, [30])
    own = made[(made["model"] == "logistic") & (made["kind"] == "broad") & made["outcome"].notna()]
    own, reference_score = (
        ((own[name] - own["outcome"]) ** 2).mean() for name in ("probability", "climatology")
    )
    table, _ = short
    row = table[(table["kind"] == "broad") & (table["horizon_days"] == 30)].iloc[0]
    assert row["brier_skill_without"] == pytest.approx(1 - own / reference_score, rel=1e-12)
