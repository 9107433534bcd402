"""Every branch of the rule by which a training's choice replaces the champion, or does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.season.definition import OnsetDefinition
from models.tracking.promotion import GATE, HAND, ROLLBACK, Champion, Terms, decide

TERMS = Terms(
    definition="OnsetDefinition(threshold=75.0)",
    source="reference",
    horizons=(30, 60, 90),
    candidates=("climatology", "persistence", "logistic"),
    until="2025-12-10",
    data_end="2025-12-10",
)
CHAMPION = Champion("4", TERMS, GATE, gate_choice=True)


def test_the_first_choice_becomes_champion_on_any_terms():
    odd = replace(TERMS, source="files", until="2019-01-01", candidates=("climatology",))
    assert decide(odd, None) == (True, "there was no champion")


@pytest.mark.parametrize(
    "change",
    [
        {"until": "2026-01-10", "data_end": "2026-01-10"},
        {},
        {"candidates": (*TERMS.candidates, "pool")},
    ],
    ids=["newer data", "the same", "further candidate"],
)
def test_the_same_procedure_replaces_the_champion(change):
    decision = decide(replace(TERMS, **change), CHAMPION)
    assert decision == (True, "its gate's choice on the terms of version 4")


def test_a_champion_of_the_older_rule_is_replaced():
    old = '{"definition": "d", "source": "s", "horizons": [30], "candidates": ["climatology"], '
    stored = Terms.from_json(old + '"until": "2025-12-10", "data_end": "2025-12-10"}')
    new = replace(stored, primary="pool")
    assert decide(new, Champion("4", stored, GATE, gate_choice=True)) == (
        True,
        "its gate's choice on the terms of version 4, which was chosen before pool was declared",
    )
    assert Terms.from_json(new.to_json()) == new


def test_an_older_definition_is_the_same():
    old = "OnsetDefinition(threshold=75.0, quiet_days=30, window_days=90, top=50)"
    stored = Terms.from_json(replace(TERMS, definition=old).to_json())
    now = replace(TERMS, definition=str(OnsetDefinition()))
    assert decide(now, Champion("4", stored, GATE, gate_choice=True)).promote
    assert Terms.from_json(now.to_json()) == now


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"definition": "OnsetDefinition(threshold=80.0)"},
         "another definition: OnsetDefinition(threshold=80.0), not "
         "OnsetDefinition(threshold=75.0)"),
        ({"source": "files"}, "another source: files, not reference"),
        ({"horizons": (30, 60)}, "other horizons: 30,60, not 30,60,90 days"),
        ({"candidates": ("climatology", "logistic", "pool")},
         "a subset of the candidates: without persistence"),
        ({"until": "2025-12-10", "data_end": "2026-01-31"},
         "--until 2025-12-10 leaves out data until 2026-01-31"),
        ({"until": "2025-12-09", "data_end": "2025-12-09"},
         "the data end on 2025-12-09, before the champion's on 2025-12-10"),
    ],
)  # fmt: skip
def test_other_terms_are_a_trial_and_replace_nothing(change, reason):
    decision = decide(replace(TERMS, **change), CHAMPION)
    assert not decision.promote
    assert decision.reason == f"{reason} (version 4 is champion)"


def test_yahoo_continues_the_embedded_history_not_the_reverse():
    newer = replace(TERMS, source="yahoo", until="2026-01-10", data_end="2026-01-10")
    assert decide(newer, CHAMPION).promote
    back = decide(replace(TERMS, until="2026-02-01", data_end="2026-02-01"),
                  Champion("5", newer, GATE, gate_choice=True))  # fmt: skip
    assert back == (False, "another source: reference, not yahoo (version 5 is champion)")


def test_all_differences_are_named():
    other = replace(TERMS, source="files", horizons=(30,))
    assert decide(other, CHAMPION).reason.count(";") == 1


def test_asked_not_to():
    for champion in (None, CHAMPION):
        assert decide(TERMS, champion, wanted=False) == (False, "--no-promote was given")


def test_a_champion_by_hand_is_held():
    held = replace(CHAMPION, promoted_by=HAND, gate_choice=False)
    assert decide(TERMS, held) == (
        False,
        "version 4 stays champion: it was promoted by hand although its gate had chosen another",
    )
    assert decide(TERMS, replace(held, gate_choice=True)).promote


def test_a_rolled_back_champion_is_held():
    held = replace(CHAMPION, promoted_by=ROLLBACK)
    assert decide(TERMS, held) == (False, "version 4 stays champion: it was rolled back to")


def test_a_champion_without_terms_is_not_replaced():
    assert decide(TERMS, replace(CHAMPION, terms=None)) == (
        False, "version 4 does not state its terms",
    )  # fmt: skip


words = st.text(min_size=1, max_size=8)
days = st.dates().map(str)
terms = st.builds(
    Terms, words, words, st.lists(st.integers(1, 390), min_size=1).map(tuple),
    st.lists(words, min_size=1).map(tuple), days, days,
)  # fmt: skip


@given(terms)
def test_terms_survive_the_tag(each):
    assert Terms.from_json(each.to_json()) == each


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "75", '{"definition": "x"}'])
def test_what_are_no_terms_is_none(text):
    assert Terms.from_json(text) is None


@given(terms, terms)
def test_data_that_end_earlier_replace_no_champion(new, old):
    if decide(new, Champion("1", old, GATE, gate_choice=True)).promote:
        assert new.until >= old.until
        assert new.until >= new.data_end
        assert set(old.candidates) <= set(new.candidates)
