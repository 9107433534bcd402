"""One question, one answer: base rates, the forecaster's answers, and what they must obey."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from features.market.season import season_index
from models.answers import Event, Question, State
from models.forecasting.ahead import Ahead, continued, fitted_renewals
from models.forecasting.base_rates import BaseRates
from models.forecasting.leads import NEAR_DAYS, ByLead
from models.forecasting.questions import curve_questions, standard_questions, window_of
from models.hazard.leads import LIMIT_DAYS, incidence, lead_probabilities
from models.outlook.renewal import fit_renewal
from models.season.definition import OnsetDefinition
from models.vocabulary import Kind

DAY = pd.Timedelta(days=1)
BROAD, PARTIAL, SUSTAINED = Kind.BROAD, Kind.PARTIAL, Kind.SUSTAINED
DEFINITIONS = OnsetDefinition().by_kind()


def leads(hazard: float, base: float = 0.12, replicates: int = 10) -> ByLead:
    """A forecaster that gives every lead about one hazard, and climatology another."""
    spread = np.linspace(0.8, 1.2, replicates)[:, None, None] * hazard
    drawn = lead_probabilities(np.broadcast_to(spread, (replicates, 1, 13)))
    return ByLead(
        lead_probabilities(np.full((1, 13), hazard)), drawn, drawn,
        lead_probabilities(np.full((1, 13), base)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def index(reference):
    return season_index(reference)


@pytest.fixture(scope="module")
def ahead(index):
    """Return the seasons to come on a day, with a hazard of a given size for broad seasons."""

    def make(day: str, hazard: float = 0.05, known=index, n_paths: int = 2_000) -> Ahead:
        as_of = pd.Timestamp(day)
        renewals = {
            kind: fit_renewal(known, until=as_of, definition=each)
            for kind, each in DEFINITIONS.items()
        }
        said = {BROAD: leads(hazard), PARTIAL: leads(3 * hazard, 0.25)}
        return Ahead.from_index(known, as_of, DEFINITIONS, said, renewals, n_paths=n_paths)

    return make


AT_RISK, IN_SEASON, QUIET = "2026-06-01", "2021-05-01", "2024-12-20"


def test_the_days_of_these_tests_are_in_the_three_states(ahead):
    states = [ahead(day).base.state(BROAD) for day in (AT_RISK, IN_SEASON, QUIET)]
    assert states == [State.AT_RISK, State.IN_SEASON, State.QUIET]


@pytest.mark.parametrize("day", [AT_RISK, IN_SEASON, QUIET])
def test_a_stronger_season_is_never_likelier_nor_a_longer_window_less_likely(ahead, day):
    this = ahead(day)
    answers = this.answers(curve_questions(this.as_of, list(DEFINITIONS)))
    by_kind = {
        kind: [a.probability or 0.0 for a in answers if a.kind is kind]
        for kind in (SUSTAINED, BROAD, PARTIAL)
    }
    for chances in by_kind.values():
        assert all(later >= sooner for sooner, later in pairwise(chances))
    for stronger, weaker in pairwise(by_kind.values()):
        assert all(a <= b + 1e-12 for a, b in zip(stronger, weaker, strict=True))
    for a in answers:
        if a.probability is None:
            assert a.reason
        else:
            assert a.low <= a.probability <= a.high
            assert 0 < a.base_rate < 1


def test_near_the_day_the_verified_hazards_answer_to_the_bit(ahead):
    this = ahead(AT_RISK)
    for days in (1, 30, 45, NEAR_DAYS):
        question = Question(BROAD, Event.BEGINS, this.as_of + DAY, this.as_of + days * DAY)
        (answer,) = this.answers([question])
        assert answer.probability == incidence(this.leads[BROAD].model, [days])[0, 0]
        assert answer.base_rate == incidence(this.leads[BROAD].climatology, [days])[0, 0]
        assert answer.base_state is State.AT_RISK


def test_redrawn_quarters_move_the_intervals_alone(ahead):
    narrow = ahead(AT_RISK)
    wider = lead_probabilities(np.linspace(0.2, 1.8, 10)[:, None, None] * np.full((1, 1, 13), 0.05))
    by_kind = {kind: each._replace(redrawn=wider) for kind, each in narrow.leads.items()}
    ends = [narrow.as_of + days * DAY for days in (30, 90, 120, 365)]
    asked = [Question(BROAD, Event.BEGINS, narrow.as_of + DAY, end) for end in ends]
    wide = replace(narrow, leads=by_kind).answers(asked)
    for before, after in zip(narrow.answers(asked), wide, strict=True):
        assert after.probability == before.probability
        assert after.high - after.low > before.high - before.low


def test_the_hand_over_is_smooth_and_ends_with_the_sixth_lead(ahead):
    """Hazards of 30 days pass from the last near-term one to the process, a quarter a lead."""
    this, other = ahead(AT_RISK, 0.02), ahead(AT_RISK, 0.2)

    def hazards(of: Ahead) -> np.ndarray:
        ends = [of.as_of + 30 * lead * DAY for lead in range(1, 10)]
        asked = [Question(BROAD, Event.BEGINS, of.as_of + DAY, end) for end in ends]
        survival = 1 - np.array([0.0, *(a.probability for a in of.answers(asked))])
        return 1 - survival[1:] / survival[:-1]

    low, high = hazards(this), hazards(other)
    np.testing.assert_allclose(low[:3], 0.02, atol=1e-9)
    # The share of the near term's difference that is left, but for the draws that survive.
    np.testing.assert_allclose((high - low)[3:6] / 0.18, [0.75, 0.5, 0.25], atol=0.02)
    np.testing.assert_allclose((high - low)[6:], 0, atol=0.02)
    assert max(later / sooner for sooner, later in pairwise(low[3:])) < 3


def test_what_came_after_the_day_changes_nothing(ahead, index):
    scrambled = index.copy()
    after = scrambled.index > pd.Timestamp(QUIET)
    scrambled[after] = np.random.default_rng(0).uniform(0, 100, after.sum())
    asked = standard_questions(
        pd.Timestamp(QUIET), window_of(pd.Timestamp(QUIET)), kinds=list(DEFINITIONS),
        standing=list(DEFINITIONS),
    )  # fmt: skip
    assert ahead(QUIET).answers(asked) == ahead(QUIET, known=scrambled).answers(asked)


def test_what_the_definition_makes_impossible_has_a_reason_and_no_number(ahead):
    this = ahead(IN_SEASON)
    question = Question(BROAD, Event.BEGINS, this.as_of + DAY, this.as_of + 30 * DAY)
    later = question._replace(end=this.as_of + 31 * DAY)
    impossible, possible = this.answers([question, later])
    assert impossible.probability is None
    assert "30 quiet days" in impossible.reason
    assert possible.probability is not None


def test_a_year_counts_what_has_begun_in_it(ahead):
    this = ahead(QUIET)
    window = window_of(this.as_of)
    broad, sustained = this.answers(
        [Question(k, Event.BEGINS, window.counts_from, window.end) for k in (BROAD, SUSTAINED)]
    )
    assert (broad.probability, broad.began_on) == (1.0, pd.Timestamp("2024-01-22"))
    # The season of autumn was young on that day: it may still become a sustained one.
    assert 0 < sustained.probability < 1


def test_base_rates_by_hand():
    """Two quiet days, threshold 75: which of the days of a state saw an onset in the two after."""
    values = [20.0] * 4 + [80.0] + [20.0] * 4 + [80.0] + [20.0] * 4
    index = pd.Series(values, pd.date_range("2025-01-01", periods=len(values)))
    definition = OnsetDefinition(quiet_days=2, sustained_days=1, sustained_within=1)
    as_of = index.index[-1]
    base = BaseRates(index, as_of, {BROAD: definition})
    assert base.state(BROAD) is State.AT_RISK
    # At risk are days 3, 4 (of 1 to 14), 8, 9, 13, 14; of those with two known days after them
    # 3, 4, 8 and 9 saw an onset. Fewer than five episodes: any of the 12 days counts, of which 3, 4
    # and 8, 9 did.
    share, state = base.share(Question(BROAD, Event.BEGINS, as_of + DAY, as_of + 2 * DAY))
    assert (share, state) == ((4 + 0.5) / (12 + 1), State.ANY)
    stands, _ = base.share(Question(BROAD, Event.STANDS, as_of + DAY, as_of + DAY))
    assert stands == (2 + 0.5) / (13 + 1)


def test_the_base_rate_goes_on_beyond_the_last_lead():
    climatology = lead_probabilities(np.full(13, 0.1))
    assert continued(climatology, LIMIT_DAYS) == pytest.approx(1 - 0.9**13)
    assert continued(climatology, LIMIT_DAYS + 60) == pytest.approx(1 - 0.9**15)


def test_without_a_season_to_learn_from_the_hazards_answer_alone(index):
    as_of = pd.Timestamp(AT_RISK)
    said = {BROAD: leads(0.05), PARTIAL: leads(0.1)}
    this = Ahead.from_index(index, as_of, DEFINITIONS, said, None)
    ends = [as_of + days * DAY for days in (LIMIT_DAYS, LIMIT_DAYS + 1)]
    near, far = this.answers([Question(BROAD, Event.BEGINS, as_of + DAY, end) for end in ends])
    assert near.probability == pytest.approx(1 - 0.95**13)
    assert far.probability is None
    assert "no season had ended" in far.reason


def test_renewals_are_fitted_to_what_the_training_knew(index):
    trained_until = pd.Timestamp("2020-01-01")
    evidence = SimpleNamespace(trained_until=trained_until, definition=OnsetDefinition())
    forecaster = SimpleNamespace(thresholds={BROAD: 75.0, PARTIAL: 50.0}, evidence=evidence)
    fitted = fitted_renewals(index, forecaster, pd.Timestamp("2024-01-01"))
    assert {each.history.until for each in fitted.values()} == {trained_until}
    assert (
        fitted_renewals(index.loc["2013":"2013-12-01"], forecaster, pd.Timestamp("2013-12-01"))
        is None
    )
