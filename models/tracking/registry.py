"""The registered model: its versions, its champion and who made it so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from features.terminal import one_line
from models.errors import TrackingError
from models.formatting import signed
from models.seal import digest
from models.tracking.aliases import (
    asks_the_same,
    label_runs,
    terms_by_alias,
    waiting_alias,
)
from models.tracking.champion import (
    NOT_PROMOTED_TAG,
    PARENT_RUN_TAG,
    Promotion,
    aliases,
    make_champion,
    point,
    present,
    settle,
)
from models.tracking.history import Move, note_move
from models.tracking.holding import Held, held_champion, hold_present
from models.tracking.manifest import seal_tags
from models.tracking.model_versions import Version, version_of
from models.tracking.promotion import (
    GATE,
    HAND,
    ON_PURPOSE,
    ROLLBACK,
    Decision,
    Terms,
    decide,
)
from models.tracking.scored_rows import COMPARABLE_TAG, SCORED_ON_TAG, comparable
from models.tracking.store import (
    ABSENT,
    CHALLENGER,
    CHAMPION,
    DIGEST_TAG,
    MODEL_NAME,
    PRESENT,
    SKILL_TAG,
    opened,
    reaching,
    shown,
    writing,
)
from models.tracking.training_record import RunRecord, TrainingRecord
from models.tracking.ui import MODEL_NOTE


@dataclass(frozen=True)
class Logged:
    """A candidate in the store: its model and its run."""

    model_id: str
    run_id: str


@dataclass(frozen=True)
class Registered:
    """What a training did to the registered model.

    Parameters
    ----------
    version : str
        Version of the gate's choice.
    decision : Decision
        Whether it became champion, and why.
    champion : str
        Version that is champion now, empty if none is.
    challenger : str, optional
        Version that is challenger.
    alias : str
        Alias that the gate's choice has got: champion, challenger or trial.
    held : Held, optional
        The champion, if a person keeps trainings from replacing it.
    """

    version: str
    decision: Decision
    champion: str
    challenger: str | None
    alias: str = CHAMPION
    held: Held | None = None


def register(
    client: MlflowClient,
    record: TrainingRecord,
    logged: Mapping[str, Logged],
    parent_run_id: str,
    who: str,
    when: str,
    *,
    promote: bool,
) -> Registered:
    """Register a training's choice and its challenger, and promote the choice if it may be.

    Parameters
    ----------
    client : MlflowClient
        The store.
    record : TrainingRecord
        The training.
    logged : mapping of str to Logged
        Its candidates in the store.
    parent_run_id : str
        Its run.
    who, when : str
        For the tags.
    promote : bool
        False keeps the champion.
    """
    settle(client)
    _ensure_model(client)
    decision = decide(record.terms, present(client), wanted=promote)
    version = _create(client, record, record.champion, logged[record.champion], parent_run_id)
    challenger: str | None = None
    if decision.promote:
        name = record.challenger
        challenger = name and _create(client, record, name, logged[name], parent_run_id)
        # On a server another training may have promoted its choice meanwhile.
        decision = decide(record.terms, present(client), wanted=promote)
    beside = aliases(client).get(CHAMPION)
    tags = {
        **_comparison(client, record, beside),
        "registered_version": version,
        "champion_run_id": logged[record.champion].run_id,
        **({} if decision.promote else {"promoted": f"not by its training: {decision.reason}"}),
    }
    for run_id in (parent_run_id, logged[record.champion].run_id):
        for key, value in tags.items():
            client.set_tag(run_id, key, value)
    if decision.promote:
        before = aliases(client).get(CHAMPION, "")
        promotion = Promotion(when, who, decision.reason, GATE, before, challenger or "")
        make_champion(client, version, promotion)
        return Registered(version, decision, version, challenger, CHAMPION, held_champion(client))
    return _wait(client, record, version, decision, Move(when, "", version, "trial", who, ""))


def _wait(
    client: MlflowClient, record: TrainingRecord, version: str, decision: Decision, move: Move
) -> Registered:
    """Give a choice that is not promoted the alias of what it asks."""
    alias = waiting_alias(record.terms, terms_by_alias(client, aliases(client)))
    client.set_model_version_tag(MODEL_NAME, version, NOT_PROMOTED_TAG, decision.reason)
    point(client, alias, version)
    note_move(client, replace(move, alias=alias, reason=decision.reason))
    named = aliases(client)
    label_runs(client, named)
    champion, challenger = named.get(CHAMPION, ""), named.get(CHALLENGER)
    return Registered(version, decision, champion, challenger, alias, held_champion(client))


def _comparison(
    client: MlflowClient, record: TrainingRecord, champion: str | None
) -> dict[str, str]:
    """Return the tag that says whether a training's scores may be set beside the champion's."""
    if champion is None:
        return {}
    run_id = client.get_model_version(MODEL_NAME, champion).run_id
    try:
        theirs = client.get_run(str(run_id)).data.tags.get(SCORED_ON_TAG)
    except MlflowException:  # its run may have been deleted
        theirs = None
    return {COMPARABLE_TAG: comparable(record.parent.tags.get(SCORED_ON_TAG), theirs, champion)}


def promote(
    tracking_uri: str, version: str, reason: str, who: str, when: str, *, hold: bool = False
) -> Version:
    """Make a version champion by hand.

    Parameters
    ----------
    tracking_uri : str
        The store.
    version : str
        Version number.
    reason : str
        Why; shown in the UI.
    who, when : str
        For the tags.
    hold : bool
        Whether no training shall replace it; a champion that is one already is then held.

    Raises
    ------
    TrackingError
        If there is no such version, it is champion already, or the store fails.
    """
    client = opened(tracking_uri)
    with reaching(tracking_uri, "failed"), writing(tracking_uri):
        settle(client)
        _require(client, version, tracking_uri)
        before = aliases(client).get(CHAMPION, "")
        if before == version and not hold:
            raise TrackingError(f"version {version} is champion already.")
        _leave_other_questions(client, version)
        if before == version:
            hold_present(client, version, reason, who, when)
        else:
            held = ON_PURPOSE if hold else ""
            make_champion(client, version, Promotion(when, who, reason, HAND, before, hold=held))
        return version_of(client, _require(client, version, tracking_uri), aliases(client))


def rollback(tracking_uri: str, reason: str, who: str, when: str, *, hold: bool = False) -> Version:
    """Make the version champion that was before the present one.

    Parameters
    ----------
    tracking_uri, reason, who, when, hold
        As for `promote`.

    Raises
    ------
    TrackingError
        If there is no champion, none before it, or the store fails.
    """
    client = opened(tracking_uri)
    with reaching(tracking_uri, "failed"), writing(tracking_uri):
        settle(client)
        number = aliases(client).get(CHAMPION)
        if number is None:
            raise TrackingError(f"the store {shown(tracking_uri)} has no champion.")
        champion = client.get_model_version(MODEL_NAME, number)
        before = champion.tags.get("previous_champion")
        if not before:
            raise TrackingError(f"version {number} is champion and none was before it.")
        target = _require(client, before, tracking_uri)
        # Who was champion before it stays as it is: a further rollback goes further back.
        previous = target.tags.get("previous_champion", "")
        held = ON_PURPOSE if hold else ""
        promotion = Promotion(when, who, reason, ROLLBACK, previous, left=number, hold=held)
        make_champion(client, before, promotion)
        return version_of(client, _require(client, before, tracking_uri), aliases(client))


def _leave_other_questions(client: MlflowClient, version: str) -> None:
    """Take the alias challenger from a version that asks another question than the champion to be.

    It goes before the champion comes: an alias belongs to one definition and one question.
    """
    new = Terms.from_json(client.get_model_version(MODEL_NAME, version).tags.get("terms"))
    rival = terms_by_alias(client, aliases(client)).get(CHALLENGER)
    if new is not None and rival is not None and not asks_the_same(new, rival):
        client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)


def _require(client: MlflowClient, version: str, tracking_uri: str) -> ModelVersion:
    absent = TrackingError(
        f"the store {shown(tracking_uri)} holds no version {one_line(version, longest=80)!r} of "
        f"{MODEL_NAME}; train.py versions lists them."
    )
    try:
        found = client.get_model_version(MODEL_NAME, version)
    except MlflowException as error:
        if error.error_code in (ABSENT, "INVALID_PARAMETER_VALUE"):
            raise absent from error
        raise
    # Of a server that answers whatever it is asked: nothing must be said of what it does not hold.
    if str(found.version) != version:
        raise absent
    return found


def _ensure_model(client: MlflowClient) -> None:
    try:
        client.create_registered_model(MODEL_NAME, description=MODEL_NOTE)
    except MlflowException as error:
        if error.error_code != PRESENT:
            raise
        if client.get_registered_model(MODEL_NAME).description != MODEL_NOTE:
            client.update_registered_model(MODEL_NAME, MODEL_NOTE)


def _create(
    client: MlflowClient, record: TrainingRecord, name: str, logged: Logged, parent_run_id: str
) -> str:
    entry = record.children[name]
    chosen = name == record.champion
    tags = {
        "candidate": name,
        SKILL_TAG: _headline(entry),
        "gate_choice": "yes" if chosen else "no",
        "trained_until": entry.tags["trained_until"],
        "terms": record.terms.to_json(),
        PARENT_RUN_TAG: parent_run_id,
        DIGEST_TAG: digest(entry.forecaster or b""),
        **seal_tags(record.manifest()),
    }
    version = client.create_model_version(
        MODEL_NAME,
        source=f"models:/{logged.model_id}",
        run_id=logged.run_id,
        model_id=logged.model_id,
        tags=tags,
        description=f"{name}, {record.parent.name}: "
        + (record.reason if chosen else f"the best beside {record.champion}, the gate's choice")
        + ".",
    )
    return str(version.version)


def _headline(entry: RunRecord) -> str:
    """Return the skill over all horizons with its interval, in few letters."""
    values = {each.key: each.value for each in entry.metrics}
    said = entry.tags.get(SKILL_TAG, "")
    return f"{signed(values.get('brier_skill'))} ({said})" if "brier_skill" in values else said
