from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
import pytest

from features.catalogue.frame import build_features
from features.market.season import season_index
from features.panel import MarketPanel, end_of_day
from models.season.definition import OnsetDefinition
from models.season.labels import label, onsets
from models.training.claims import COLUMNS, CONDITIONS, HORIZONS, claims
from models.training.landmarks import FIRST_DAY
from models.verification import association
from models.verification.association import CANNOT_TELL, MIN_EVENTS, exact_interval
from models.verification.intervals import resample_counts

PARTIAL = "partial alone"


# The table


@pytest.fixture(scope="module", autouse=True)
def few_resamples():
    """Draw 200 resamples instead of 2,000: no rate, count or day of a claim rests on them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(association, "resample_counts", partial(resample_counts, resamples=200))
        yield


@pytest.fixture(scope="module")
def random_claims(random_panel):
    return claims(random_panel, OnsetDefinition(), random_panel.last_day)


@pytest.fixture(scope="module")
def real_claims(reference):
    return claims(reference, OnsetDefinition(), reference.last_day)


def test_rows_are_conditions_by_horizons(random_claims):
    assert random_claims.columns.tolist() == list(COLUMNS)
    compared = random_claims[
        (random_claims["claim"] != PARTIAL) & (random_claims["rate_otherwise"] != 0.5)
    ]
    expected = [(condition.name, h) for condition in CONDITIONS for h in HORIZONS]
    pairs = compared[["condition", "horizon_days"]].itertuples(index=False, name=None)
    assert sorted(pairs) == sorted(expected)
    assert list(dict.fromkeys(random_claims["claim"])) == [
        *dict.fromkeys(condition.claim for condition in CONDITIONS),
        PARTIAL,
    ]


def test_every_row_says_something(random_claims, real_claims):
    for table in (random_claims, real_claims):
        assert table["sentence"].str.endswith(".").all()
        assert not table["sentence"].str.contains("nan").any()
        assert table["sentence"].is_unique
        cannot = table["verdict"] == CANNOT_TELL
        assert (
            table.loc[cannot & (table["days"] > 0), "sentence"]
            .str.contains("no detectable|no effect is detectable|too few to call")
            .all()
        )


def test_rates_and_intervals_are_in_order(real_claims):
    own = real_claims.dropna(subset="difference")
    assert (own["rate_low"] <= own["rate"] + 1e-12).all()
    assert (own["rate"] <= own["rate_high"] + 1e-12).all()
    assert (own["low"] <= own["high"]).all()
    shares = own[["rate", "rate_low", "rate_high", "rate_otherwise"]].to_numpy()
    assert ((shares >= 0) & (shares <= 1)).all()


def test_on_noise_next_to_nothing_is_claimed(random_claims):
    russell = random_claims["claim"].str.startswith("russell")
    assert (random_claims.loc[russell, "verdict"] == CANNOT_TELL).all()


def test_nothing_later_than_until_is_used(random_panel):
    until = pd.Timestamp("2017-03-31")
    cut = random_panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0])
    pd.testing.assert_frame_equal(
        claims(random_panel, OnsetDefinition(), until), claims(cut, OnsetDefinition(), until)
    )


def test_embedded_rates_are_those_counted_by_day(reference, real_claims):
    index = season_index(reference)
    days = pd.date_range(FIRST_DAY, index.index[-1], unit="s")
    outcomes, X = label(index, days, OnsetDefinition()), build_features(reference, days)
    begun = onsets(index, OnsetDefinition())
    for number, horizon in ((0, 90), (4, 180), (9, 365)):
        condition = CONDITIONS[number]
        known, holds = X[list(condition.features)].notna().all(axis=1), condition.holds(X)
        sides = {True: [], False: []}
        for day in days[outcomes["at_risk"] & (outcomes["days_known"] >= horizon) & known]:
            ahead = (begun > day) & (begun <= day + pd.Timedelta(days=horizon))
            sides[bool(holds[day])].append(ahead.any())
        row = real_claims[
            (real_claims["condition"] == condition.name) & (real_claims["horizon_days"] == horizon)
        ].iloc[0]
        assert row["days"] == len(sides[True]) >= 50
        assert row["rate"] == pytest.approx(np.mean(sides[True]))
        assert row["rate_otherwise"] == pytest.approx(np.mean(sides[False]))


def test_crypto_funds_are_too_young_to_tell(real_claims):
    own = real_claims[real_claims["claim"].str.startswith("Bitcoin-ETF")]
    assert len(own) == 2 * len(HORIZONS)
    assert (own["verdict"] == CANNOT_TELL).all()
    assert own["onsets"].max() < MIN_EVENTS


# A market of which only the season index is known


def market_of(*stretches):
    """Return a panel of season index alone: (level, days) one after the other from 2014-06-01."""
    values = np.concatenate([np.full(days, float(level)) for level, days in stretches])
    days = pd.date_range("2014-06-01", periods=len(values), unit="s")
    return MarketPanel.from_series({"season_index": pd.Series(values, days)}, "hand-made")


def partial_alone(*stretches):
    panel = market_of(*stretches)
    table = claims(panel, OnsetDefinition(), panel.last_day)
    return table[table["claim"] == PARTIAL].iloc[0]


QUIET = (20, 100)


def test_partial_seasons_with_and_without_a_broad_one():
    found = partial_alone(
        QUIET, (60, 40),  # alone
        QUIET, (60, 200), (80, 10), (60, 5),  # a broad one, late but in the partial season
        QUIET, (60, 120), (80, 1),  # on its last day
        # A broad one 90 days after the partial onset, which is a partial onset too.
        QUIET, (60, 10), (20, 80), (80, 1),
        # The same a day later: too late for the first of the two partial onsets.
        QUIET, (60, 10), (20, 81), (80, 1),
        QUIET, (80, 20),  # broad from the first day on
        (20, 200),
    )  # fmt: skip
    assert found["days"] == 8
    assert found["rate"] == 2 / 8
    assert found["onsets"] == 5
    assert (found["rate_low"], found["rate_high"]) == exact_interval(2, 8)
    assert found["sentence"].startswith("Of 8 partial seasons 2 stayed without a broad one")


@pytest.mark.parametrize(
    ("stretches", "seasons"),
    [
        # It counts once ninety days have passed,
        ((QUIET, (60, 11), (20, 79)), 0),
        ((QUIET, (60, 11), (20, 80)), 1),
        # once it is over,
        ((QUIET, (60, 150), (20, 30)), 0),
        ((QUIET, (60, 150), (20, 31)), 1),
        # and not before 2014-07-01.
        (((20, 29), (60, 20), (20, 200)), 0),
    ],
)
def test_when_a_partial_season_counts(stretches, seasons):
    assert partial_alone(*stretches)["days"] == seasons


def test_features_that_are_unknown_leave_nothing_to_say():
    panel = market_of(QUIET, (80, 20), (20, 300))
    table = claims(panel, OnsetDefinition(), panel.last_day)
    russell = table[table["claim"] == "Russell record"]
    assert (russell["days"] == 0).all()
    assert russell["rate"].isna().all()
    assert russell["sentence"].str.contains("no such day has been resolved").all()
