"""The registered model: which version is champion, on what terms, and who made it so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from pydantic import TypeAdapter, ValidationError

from models.answers import State
from models.errors import DEADLINE_SECONDS, TrackingError
from models.tracking.read import DIGESTS_TAG
from models.tracking.store import (
    ABSENT,
    CHALLENGER,
    CHAMPION,
    MODEL_NAME,
    PRESENT,
    TRIAL,
    changing,
    insist,
    quoted,
    shown,
)
from models.tracking.ui import MODEL_NOTE
from models.vocabulary import Kind

if TYPE_CHECKING:
    from models.training.run import Training

# The same history and the days since.
_CONTINUES = {"yahoo": "reference", "coinmarketcap": "reference"}


@dataclass(frozen=True)
class Terms:
    """On what terms a gate made its choice."""

    definition: Mapping[str, float]  # the onset definition, whole
    source: str  # of the data, such as reference
    horizons: tuple[int, ...]  # days ahead that were verified
    candidates: tuple[str, ...]  # that the gate compared
    until: str  # last day (ISO) of the data used
    data_end: str  # last day (ISO) of the data there were
    primary: str  # candidate that the gate had been told beforehand

    def asks(self) -> tuple[object, ...]:
        """Return what sets a question apart: another event or other horizons are another."""
        return dict(self.definition).items(), self.horizons


_TERMS: TypeAdapter[Terms] = TypeAdapter(Terms)


class Decision(NamedTuple):
    """Whether a choice becomes champion, and why."""

    promote: bool
    reason: str


@dataclass(frozen=True)
class Logged:
    """A candidate in the store: its model and its run."""

    model_id: str
    run_id: str


@dataclass(frozen=True)
class Registered:
    """What a training did to the registered model."""

    version: str  # of the gate's choice
    decision: Decision
    champion: str  # version that is champion now, empty if none is
    challenger: str | None  # version that is challenger
    alias: str  # that the gate's choice has got: champion, challenger or trial
    held: str = ""  # why a person keeps trainings from replacing the champion


def decide(
    new: Terms, champion: Terms | None, *, version: str = "", hold: str = "", wanted: bool = True
) -> Decision:
    """Decide whether a training's choice becomes champion.

    It does if there is no champion yet, or if its terms are the champion's: the same definition
    and horizons, its source or one that continues it, all of its candidates, all data there were,
    and those ending no earlier. What the gate chose does not matter: where it says that only
    climatology is left, climatology becomes champion, because skill that is no longer there must
    not be promised.

    Examples
    --------
    >>> new = Terms({}, "reference", (30,), ("climatology",), "2025-12-10", "2025-12-10", "pool")
    >>> decide(new, None)
    Decision(promote=True, reason='there was no champion')
    >>> decide(new, new, wanted=False).reason
    '--no-promote was given'
    """
    if not wanted:
        return Decision(False, "--no-promote was given")
    if not version and champion is None:
        return Decision(True, "there was no champion")
    if hold:
        return Decision(False, f"version {version} is held: {hold}")
    if champion is None:
        return Decision(False, f"version {version} does not state its terms")
    if differences := _differences(new, champion):
        return Decision(False, f"{'; '.join(differences)} (version {version} is champion)")
    return Decision(True, f"its gate's choice on the terms of version {version}")


def _differences(new: Terms, old: Terms) -> list[str]:
    differences = []
    for name, value in new.definition.items():
        if old.definition.get(name) != value:
            was = old.definition.get(name)
            differences.append(f"another definition: {name} {value:g}, not {was}")
    if new.source != old.source and _CONTINUES.get(new.source) != old.source:
        differences.append(f"another source: {new.source}, not {old.source}")
    if new.horizons != old.horizons:
        days = [",".join(map(str, days_ahead)) for days_ahead in (new.horizons, old.horizons)]
        differences.append(f"other horizons: {days[0]}, not {days[1]} days")
    if missing := [name for name in old.candidates if name not in new.candidates]:
        differences.append(f"a subset of the candidates: without {', '.join(missing)}")
    # ISO days compare as text. Equal ends are no obstacle: a training may be repeated.
    if new.until < new.data_end:
        differences.append(f"--until {new.until} leaves out data until {new.data_end}")
    if new.until < old.until:
        differences.append(f"the data end on {new.until}, before the champion's on {old.until}")
    return differences


def scored_on(hindcast: pd.DataFrame) -> str:
    """Return a short code of the days, horizons and outcomes that scores rest on.

    The same for two hindcasts only if their scores of broad seasons are means over the same
    windows with the same outcomes.
    """
    rows = hindcast[
        (hindcast["kind"] == Kind.BROAD)
        & (hindcast["state"] == State.AT_RISK)
        & hindcast["outcome"].notna()
    ]
    rows = rows[["as_of", "end", "outcome"]].drop_duplicates().sort_values(["as_of", "end"])
    content = (
        rows["as_of"].to_numpy().astype("<M8[s]"),
        rows["end"].to_numpy().astype("<M8[s]"),
        rows["outcome"].to_numpy().astype("<f8"),
    )
    joined = b"".join(np.ascontiguousarray(column).tobytes() for column in content)
    return hashlib.sha256(joined).hexdigest()[:8]


def register(
    client: MlflowClient,
    training: Training,
    terms: Terms,
    logged: Mapping[str, Logged],
    parent_run_id: str,
    sealed: str,
    who: str,
    when: str,
    *,
    promote: bool,
) -> Registered:
    """Register a training's choice and its challenger, and promote the choice if it may be."""
    _ensure_model(client)
    champion, choice = current_champion(client), training.choice.champion
    before, held = "", ""
    if champion is not None:
        before, held = str(champion.version), champion.tags.get("hold", "")
    decision = decide(terms, terms_of(champion), version=before, hold=held, wanted=promote)
    shared = _tags(training, terms, parent_run_id, sealed) | {"previous": before}
    create = partial(_create, client, logged, shared, choice)
    version = create(choice, training.choice.reason)
    client.set_tag(parent_run_id, "champion_run_id", logged[choice].run_id)
    client.set_tag(parent_run_id, "registered_version", version)
    challenger = named(client).get(CHALLENGER)
    if decision.promote:
        alias, standing = CHAMPION, version
        if rival := _challenger(training):
            challenger = create(rival, f"the best beside {choice}, the gate's choice")
            _point(client, CHALLENGER, challenger)
        _promote(client, version, decision.reason, by="gate", who=who, when=when, previous=before)
    else:
        alias, standing = (
            _leave(client, version, terms, terms_of(champion), decision.reason),
            before,
        )
        challenger = version if alias == CHALLENGER else challenger
    client.set_tag(parent_run_id, "alias", alias)
    return Registered(version, decision, standing, challenger, alias, held)


def _tags(training: Training, terms: Terms, parent_run_id: str, sealed: str) -> dict[str, str]:
    return {
        "trained_until": f"{training.trained_until:%Y-%m-%d}",
        "terms": _TERMS.dump_json(terms).decode(),
        "parent_run_id": parent_run_id,
        DIGESTS_TAG: sealed,
    }


def _create(
    client: MlflowClient,
    logged: Mapping[str, Logged],
    shared: Mapping[str, str],
    choice: str,
    name: str,
    reason: str,
) -> str:
    """Register a candidate and return its version."""
    made = client.create_model_version(
        MODEL_NAME, source=f"models:/{logged[name].model_id}", run_id=logged[name].run_id,
        model_id=logged[name].model_id, description=f"{name}: {reason}.",
        tags={**shared, "candidate": name, "gate_choice": "yes" if name == choice else "no"},
    )  # fmt: skip
    return str(made.version)


def _leave(
    client: MlflowClient, version: str, terms: Terms, champion: Terms | None, reason: str
) -> str:
    """Give a version that is not promoted its alias, and return that."""
    # An alias belongs to one question: whatever asks another is a trial.
    alias = CHALLENGER if champion is None or champion.asks() == terms.asks() else TRIAL
    client.set_model_version_tag(MODEL_NAME, version, "not_promoted", reason)
    _point(client, alias, version)
    return alias


def promote(
    tracking_uri: str,
    version: str | None,
    reason: str,
    who: str,
    when: str,
    *,
    hold: bool = False,
    deadline: float = DEADLINE_SECONDS,
) -> ModelVersion:
    """Make a version champion by hand; without a version, the one before the present champion.

    With `hold` no training replaces it until `resume`. TrackingError where there is no such
    version, it is champion already, or the store fails.
    """
    with changing(tracking_uri, deadline=deadline) as client:
        champion = current_champion(client)
        if version is None:
            version = _previous(champion, tracking_uri)
            by, previous = "rollback", _required(client, version, tracking_uri).tags.get("previous")
        else:
            by, previous = "hand", "" if champion is None else str(champion.version)
        _required(client, version, tracking_uri)
        if champion is not None and str(champion.version) == version and not hold:
            raise TrackingError(f"version {version} is champion already.")
        if named(client).get(CHALLENGER) == version:
            client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)
        if previous == version:
            previous = champion.tags.get("previous", "") if champion is not None else ""
        _promote(
            client, version, reason, by=by, who=who, when=when, previous=previous or "", hold=hold
        )
        return _required(client, version, tracking_uri)


def resume(
    tracking_uri: str, reason: str, who: str, when: str, *, deadline: float = DEADLINE_SECONDS
) -> str:
    """Let trainings replace the champion again, if it is held; return its version."""
    with changing(tracking_uri, deadline=deadline) as client:
        champion = current_champion(client)
        if champion is None:
            raise TrackingError(f"the store {shown(tracking_uri)} has no champion.")
        number = str(champion.version)
        if not champion.tags.get("hold"):
            raise TrackingError(
                f"version {number} is champion and not held: a training may replace it."
            )
        client.delete_model_version_tag(MODEL_NAME, number, "hold")
        client.set_model_version_tag(MODEL_NAME, number, "resumed", f"{when} {who}: {reason}")
        return number


def named(client: MlflowClient) -> dict[str, str]:
    """Return the version that each alias names; empty if nothing is registered yet."""
    try:
        aliases = client.get_registered_model(MODEL_NAME).aliases
    except MlflowException as error:
        # A store that does not answer must not look like one without a champion.
        if error.error_code != ABSENT:
            raise
        return {}
    return {str(alias): str(version) for alias, version in aliases.items()}


def current_champion(client: MlflowClient) -> ModelVersion | None:
    """Return the champion's version, None if there is none."""
    version = named(client).get(CHAMPION)
    return None if version is None else client.get_model_version(MODEL_NAME, version)


def terms_of(version: ModelVersion | None) -> Terms | None:
    """Return the terms of a version, None where it does not state them."""
    if version is None:
        return None
    try:
        return _TERMS.validate_json(version.tags.get("terms", ""))
    except ValidationError:
        return None


def outcome_text(registered: Registered, tracking_uri: str) -> str:
    """Return what a training did to the registered model, and what a person can do about it."""
    version, decision = registered.version, registered.decision
    if decision.promote:
        rival = f" Version {registered.challenger} is challenger." if registered.challenger else ""
        return f"Registered as version {version}, alias champion.{rival}"
    champion = registered.champion
    stays = f"Version {champion} stays champion" if champion else "There is no champion"
    other = (
        " It is a trial: it forecasts another event or other horizons than the champion, and says "
        "nothing of the champion's question.\n"
        if registered.alias == TRIAL
        else "\n"
    )
    return (
        f"Registered as version {version}, alias {registered.alias}: {decision.reason}. "
        f"{stays}.{other}"
        f"To make it champion all the same:\n"
        f"  train.py promote {version} --reason TEXT --tracking-uri {quoted(tracking_uri)}"
    )


def promoted_text(version: ModelVersion, verb: str) -> str:
    """Return which version is champion now, and whether it is held."""
    before = version.tags.get("previous")
    tail = f"; before it, version {before} was" if before else ""
    held = (
        " No training replaces it until train.py resume --reason TEXT."
        if version.tags.get("hold")
        else ""
    )
    candidate = version.tags.get("candidate", "")
    return f"{verb} to version {version.version} ({candidate}): it is champion{tail}.{held}"


def _promote(
    client: MlflowClient,
    version: str,
    reason: str,
    *,
    by: str,
    who: str,
    when: str,
    previous: str,
    hold: bool = False,
) -> None:
    """Make a version champion; the alias moves last, so that a failure leaves the champion."""
    tags = {
        "promoted_at": when,
        "promoted_by": by,
        "promoted_by_user": who,
        "promotion_reason": reason,
        "previous": previous,
        **({"hold": f"{who}: {reason}"} if hold else {}),
    }
    for key, value in tags.items():
        client.set_model_version_tag(MODEL_NAME, version, key, value)
    _point(client, CHAMPION, version)


def _previous(champion: ModelVersion | None, tracking_uri: str) -> str:
    if champion is None:
        raise TrackingError(f"the store {shown(tracking_uri)} has no champion.")
    if before := champion.tags.get("previous"):
        return str(before)
    raise TrackingError(f"version {champion.version} is champion and none was before it.")


def _required(client: MlflowClient, version: str, tracking_uri: str) -> ModelVersion:
    try:
        return client.get_model_version(MODEL_NAME, version)
    except MlflowException as error:
        if error.error_code not in (ABSENT, "INVALID_PARAMETER_VALUE"):
            raise
        raise TrackingError(
            f"the store {shown(tracking_uri)} has no version {version}; train.py versions lists "
            f"them."
        ) from error


def _challenger(training: Training) -> str | None:
    """Return who has the lowest log score over all horizons but for the champion and climatology.

    Where the days are too few for that, the next in simplicity.
    """
    others = [n for n in training.forecasters if n not in (training.choice.champion, "climatology")]
    scores = training.integrated
    rows = scores[(scores["kind"] == Kind.BROAD) & scores["model"].isin(others)]
    ranked = rows.dropna(subset="log_score").sort_values("log_score", kind="stable")
    return next(iter([*ranked["model"], *others]), None)


def _point(client: MlflowClient, alias: str, version: str) -> None:
    insist(lambda: client.set_registered_model_alias(MODEL_NAME, alias, version))


def _ensure_model(client: MlflowClient) -> None:
    try:
        client.create_registered_model(MODEL_NAME, description=MODEL_NOTE)
    except MlflowException as error:
        if error.error_code != PRESENT:
            raise
        if client.get_registered_model(MODEL_NAME).description != MODEL_NOTE:
            client.update_registered_model(MODEL_NAME, MODEL_NOTE)
