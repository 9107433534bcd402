"""The model card: every figure is one of the training's own, every failure follows from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.formatting import scored
from models.report.known_failures import CardFacts, known_failures
from models.report.model_card import FILE, NOT_FOR, model_card, model_cards
from models.report.record import Prospective, ProspectiveGroup
from models.season.definition import OnsetDefinition
from models.tracking.attachments import attached
from models.vocabulary import Verdict

DAYS = pd.date_range("2020-01-01", "2020-12-31", unit="s")
DEFINITION = OnsetDefinition()


def row(horizon, verdict=Verdict.BETTER, auc=0.7):
    return {
        "model": "pool", "kind": "broad", "horizon_days": horizon, "brier_skill": 0.2,
        "brier_skill_low": 0.1, "brier_skill_high": 0.3, "verdict": verdict, "auc": auc,
        "miscalibration": 0.01, "days": 40, "episodes": 2,
    }  # fmt: skip


@pytest.fixture
def facts() -> CardFacts:
    """Onsets on 1 March (10 days long) and on 1 August (40 days long); weekly forecasts of 0.25."""
    index = pd.Series(20.0, DAYS)
    index.loc["2020-03-01":"2020-03-10"] = 80.0
    index.loc["2020-08-01":"2020-09-09"] = 80.0
    as_of = pd.date_range("2020-01-01", "2020-12-30", freq="7D", unit="s")
    hindcast = pd.DataFrame(
        {"as_of": as_of, "kind": "broad", "horizon_days": 30, "model": "pool", "probability": 0.25,
         "climatology": 0.5, "resolved_on": as_of + pd.Timedelta(days=30)}
    )  # fmt: skip
    return CardFacts(
        candidate="pool",
        definition=DEFINITION,
        trained_until=DAYS[-1],
        source="reference",
        data_digest="0123456789abcdef",
        index=index,
        onsets=pd.DatetimeIndex(["2020-03-01", "2020-08-01"]),
        verification=pd.DataFrame([row(30), row(180, Verdict.CANNOT_TELL, 0.4)]),
        integrated=pd.DataFrame([{**row(0), "log_score": 0.4}]),
        hindcast=hindcast,
    )


def test_each_known_failure_is_told_in_figures_worked_by_hand(facts):
    drought, brief, ranking, far, few = known_failures(facts)
    # March to August are 153 days, August to the end of the year 152.
    assert "from 1 Mar 2020 to 1 Aug 2020 no onset came for 153 days" in drought
    assert "within 30 days 25 % on average (base rate 50 %)" in drought
    assert "of 2 onsets, 1 were followed by fewer than 20 days" in brief
    assert "1 by at least 30 (sustained)" in brief
    assert "0.40 at 180 days; it ranks days no better than chance" in ranking
    assert far == "Its skill is not shown at 180 days (no detectable skill)."
    assert "2 episodes" in few


def test_only_windows_wholly_within_the_drought_count(facts):
    own = facts.hindcast
    inside = (own["as_of"] > "2020-03-01") & (own["resolved_on"] < "2020-08-01")
    changed = own.assign(probability=np.where(inside, 0.1, 0.9))
    assert "within 30 days 10 % on average" in known_failures(replace(facts, hindcast=changed))[0]


def test_a_season_of_which_not_all_days_are_known_is_not_called_brief(facts):
    early = replace(facts, index=facts.index.loc[:"2020-08-05"])
    assert "of 1 onset, 1 were" in known_failures(early)[1]


def test_where_nothing_fails_nothing_is_said(facts):
    good = replace(facts, verification=pd.DataFrame([row(30), row(180, auc=0.6)]))
    said = known_failures(good)
    assert not any("not shown" in each for each in said)
    assert any("0.60 at 180 days; 0.5 is chance" in each for each in said)
    empty = replace(facts, hindcast=facts.hindcast.iloc[:0], onsets=facts.onsets[:0])
    assert not any(each.startswith(("Long", "Brief")) for each in known_failures(empty))


def test_the_prospective_record_is_the_candidate_s_own(facts):
    rows = tuple(
        pd.Series({"candidate": name, "brier_skill": skill})
        for name, skill in (("pool", 0.5), ("logistic", -0.3))
    )
    record = Prospective(DAYS[0], DAYS[9], (ProspectiveGroup(30, 21, 5, 0, rows),))
    card = model_card(facts, record)
    assert "| 30 days | pool | +0.50 | 21 | 5 | 0 |" in card
    assert "-0.30" not in card
    assert "none of `lightgbm`" in model_card(replace(facts, candidate="lightgbm"), record)


def test_each_candidate_of_a_training_has_a_card_of_its_own_figures(small_training, make_record):
    cards = model_cards(small_training, "reference")
    assert set(cards) == set(small_training.forecasters)
    for name in ("persistence", "logistic"):
        text = cards[name][FILE].decode()
        own = small_training.verification.query(f"model == '{name}' and kind == 'broad'")
        for each in own.to_dict("records"):
            skill = scored(*(each[f"brier_skill{end}"] for end in ("", "_low", "_high")))
            assert f"| {each['horizon_days']} days | {skill} |" in text
        assert small_training.data_digest[:12] in text
        assert all(sentence.split()[0] in text for sentence in NOT_FOR)
    record = attached(make_record(), cards)
    assert record.children["persistence"].files[FILE] == cards["persistence"][FILE]
    assert record.parent.files[FILE] == cards[record.champion][FILE]
    assert set(make_record().parent.files) < set(record.parent.files)


def test_climatology_is_the_reference_and_no_verdict(small_training):
    card = model_cards(small_training, "reference")["climatology"][FILE].decode()
    assert "| reference |" in card
