"""A champion held by hand says so, is let go by resume, and no alias changes its question."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from mlflow.tracking import MlflowClient

import train
from models.errors import TrackingError
from models.tracking.aliases import waiting_alias
from models.tracking.history import HISTORY_TAG, Move, note_move, read_moves
from models.tracking.holding import alias_history, resume
from models.tracking.listing import versions_text
from models.tracking.model_versions import list_versions
from models.tracking.promotion import GATE, HAND, ROLLBACK, Champion, Terms
from models.tracking.reading import load_forecaster
from models.tracking.registry import promote, rollback
from models.tracking.runs import log_later
from models.tracking.store import MODEL_NAME
from models.tracking.training_record import keep
from tests.commands import run_command

WHO, WHEN = "ada", "2026-01-02T03:04:05+00:00"
TERMS = Terms("d75", "reference", (30, 60), ("climatology",), "2025-12-10", "2025-12-10")


@pytest.fixture
def store(logged_database, tmp_path) -> str:
    return f"sqlite:///{shutil.copy(logged_database, tmp_path / 'mlflow.db')}"


def aliases(uri: str) -> dict[str, str]:
    found = MlflowClient(uri, uri).get_registered_model(MODEL_NAME).aliases
    return {str(alias): str(version) for alias, version in found.items()}


def other_question(record, title="other"):
    terms = replace(record.terms, definition=record.terms.definition.replace("75", "60"))
    return replace(record, terms=terms, parent=replace(record.parent, name=title))


# --- held by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "gate_choice", "hold", "held"),
    [
        (GATE, True, "", None),
        (HAND, True, "", None),
        (HAND, False, "", "it was promoted by hand although its gate had chosen another"),
        (ROLLBACK, True, "", "it was rolled back to"),
        (HAND, True, "on purpose", "it is held on purpose"),
        (ROLLBACK, True, "ended", None),
        (HAND, False, "ended", None),
    ],
)
def test_who_holds_the_champion(by, gate_choice, hold, held):
    assert Champion("1", TERMS, by, gate_choice, hold).held() == held


def test_a_rollback_keeps_the_reason_of_the_version_and_says_that_it_holds(store):
    promote(store, "2", "to try it", WHO, WHEN)
    said = run_command(train.app, "rollback", "--reason", "it broke", "--tracking-uri", store)
    assert said.exit_code == 0, said.output
    assert "No training replaces version 1: it was rolled back to" in said.stdout
    assert f"train.py resume --reason TEXT --tracking-uri {store}" in said.stdout
    (champion,) = (each for each in list_versions(store) if "champion" in each.aliases)
    assert champion.promotion_reason == "there was no champion"
    assert champion.promoted_by == "gate"
    assert champion.rolled_back_to.endswith(": it broke")


def test_every_later_training_warns_until_resume(store, make_record, tmp_path):
    promote(store, "2", "to try it", WHO, WHEN)
    log = ("log", keep(make_record("later"), tmp_path), "--tracking-uri", store)
    later = run_command(train.app, *log)
    assert "warning: No training replaces version 2" in later.stderr
    assert "train.py resume" in later.stderr
    said = run_command(train.app, "resume", "--reason", "tried", "--tracking-uri", store)
    assert said.exit_code == 0, said.output
    free = log_later(make_record("free"), store, WHO, WHEN)
    assert free.decision.promote
    assert free.held is None
    with pytest.raises(TrackingError, match="is champion and not held"):
        resume(store, "again", WHO, WHEN)


def test_hold_is_on_purpose_and_only_noted(store, make_record, tmp_path):
    held = run_command(train.app, "promote", "1", "--hold", "--reason", "release",
                       "--tracking-uri", store)  # fmt: skip
    assert held.exit_code == 0, held.output
    assert "Version 1 is held on purpose" in held.stdout
    path = keep(make_record("later"), tmp_path)
    later = run_command(train.app, "log", path, "--tracking-uri", store)
    assert "note: Version 1 is held on purpose" in later.stderr
    assert "warning" not in later.stderr
    assert load_forecaster(store).model_id.version == "1"


def test_a_promotion_begins_anew(store, make_record):
    promote(store, "1", "hold it", WHO, WHEN, hold=True)
    promote(store, "2", "other", WHO, WHEN)
    promote(store, "1", "back", WHO, WHEN)
    assert log_later(make_record("free"), store, WHO, WHEN).decision.promote


# --- history -----------------------------------------------------------------------------------


def test_the_history_tells_every_move_the_newest_first(store, make_record):
    promote(store, "2", "to try it", WHO, "2026-02-01T00:00:00+00:00")
    rollback(store, "it broke", WHO, "2026-02-02T00:00:00+00:00")
    resume(store, "mended", WHO, "2026-02-03T00:00:00+00:00")
    history = alias_history(store)
    assert [(move.by, move.version, move.reason) for move in history.moves] == [
        ("resume", "1", "mended"),
        ("rollback", "1", "it broke"),
        ("hand", "2", "to try it"),
        ("gate", "2", "the best beside version 1"),
        ("gate", "1", "there was no champion"),
    ]
    assert [move.held for move in history.moves] == [False, True, True, False, False]
    said = run_command(train.app, "versions", "--history", "--tracking-uri", store).stdout
    assert "champion -> version 2 (hand, held; ada): to try it" in said
    listed = run_command(train.app, "versions", "--history", "--json", "--tracking-uri", store)
    assert json.loads(listed.stdout)["schema"] == "altseason.aliases/1"


def test_a_long_history_takes_few_tags_and_loses_nothing(store):
    client = MlflowClient(store, store)
    before = len(read_moves(client))
    moves = [Move(f"2027-{n:04d}", "champion", "1", "hand", WHO, f"{n} " * 60) for n in range(40)]
    for move in moves:
        note_move(client, move)
    note_move(client, moves[3])
    found = read_moves(client)
    assert len(found) == before + 40
    assert [move.at for move in found[:40]] == [move.at for move in moves][::-1]
    tags = client.get_registered_model(MODEL_NAME).tags
    own = [len(text) for name, text in tags.items() if name.startswith(HISTORY_TAG)]
    assert max(own) <= 5_000
    assert len(own) <= 4


def test_an_older_store_s_history_is_read_off_its_versions(store):
    client = MlflowClient(store, store)
    client.delete_registered_model_tag(MODEL_NAME, HISTORY_TAG)
    (move,) = read_moves(client)
    assert (move.version, move.by, move.reason) == ("1", "gate", "there was no champion")


# --- one alias, one question -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "alias"),
    [
        ({"until": "2020-01-01"}, "challenger"),
        ({"source": "files"}, "challenger"),
        ({"definition": "d60"}, "trial"),
        ({"horizons": (30,)}, "trial"),
    ],
)
@pytest.mark.parametrize("named", ["champion", "challenger"])
def test_another_question_is_a_trial(change, alias, named):
    assert waiting_alias(replace(TERMS, **change), {named: TERMS}) == alias


def test_without_any_version_a_choice_that_waits_is_challenger():
    assert waiting_alias(TERMS, {}) == "challenger"
    assert waiting_alias(TERMS, {"champion": None, "challenger": TERMS}) == "trial"


def test_a_trial_takes_no_other_alias_and_says_so(store, make_record, tmp_path):
    path = keep(other_question(make_record()), tmp_path)
    result = run_command(train.app, "log", path, "--tracking-uri", store)
    assert result.exit_code == 0, result.output
    assert "Registered as version 3, alias trial: another definition: index 60" in result.stdout
    assert "It is a trial" in result.stdout
    assert aliases(store) == {"champion": "1", "challenger": "2", "trial": "3"}
    assert load_forecaster(store, "trial").model_id.version == "3"


def test_promoted_by_hand_it_leaves_no_challenger_of_the_old_question(store, make_record):
    log_later(other_question(make_record()), store, WHO, WHEN)
    promote(store, "3", "the other question", WHO, WHEN)
    assert "challenger" not in aliases(store)
    assert aliases(store)["champion"] == "3"


def test_runs_say_the_alias_in_force_and_with_whom_they_compare(store, make_record, small_training):
    hindcast = small_training.hindcast
    fewer = hindcast[hindcast["as_of"] < "2018-06-01"]
    log_later(make_record("same"), store, WHO, WHEN)
    log_later(make_record("fewer", hindcast=fewer), store, WHO, WHEN)
    client = MlflowClient(store, store)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    by_name = {run.info.run_name: run.data.tags for run in runs}
    assert "alias" not in by_name["first"]
    assert by_name["fewer"]["alias"] == "champion, challenger"
    assert by_name["same"]["comparable"] == "yes (v1)"
    assert by_name["fewer"]["comparable"] == "no (v3)"
    marked = versions_text(list_versions(store)).splitlines()[2:7]
    assert [line.split()[0] for line in marked] == ["6", "5", "4!", "3!", "2!"]
