"""Who is champion: the alias moves at once, and nothing is said of it before it has moved.

A promotion is several writes, and a process can be killed between any two. Before the alias moves
the version only says what is intended; after it, the rest is told, and the intention is taken back
last. Whoever comes next finds an intention that is left over and settles it by the alias.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.errors import MALFORMED
from models.tracking.aliases import label_runs
from models.tracking.history import Move, note_move
from models.tracking.promotion import GATE, ROLLBACK, Champion, Terms
from models.tracking.store import ABSENT, CHALLENGER, CHAMPION, MODEL_NAME, insist

INTENDED_TAG = "promotion_intended"
NOT_PROMOTED_TAG = "not_promoted"
PARENT_RUN_TAG = "parent_run_id"
ROLLED_BACK_TO_TAG = "rolled_back_to"
HOLD_TAG = "hold"
# What a version says of its last promotion alone.
_OF_ONE_PROMOTION = {ROLLED_BACK_TO_TAG, HOLD_TAG}


@dataclass(frozen=True)
class Promotion:
    """A promotion: all that is to be said of it.

    Parameters
    ----------
    at, user, reason : str
        When, whose and why.
    by : str
        ``gate``, ``hand`` or ``rollback``.
    previous : str
        Version that a rollback would go back to, empty if there is none.
    challenger : str
        Version that is to be challenger, empty where that stays as it is.
    left : str
        Version that is rolled back, empty if none is.
    held_back : str
        Why the version had not been promoted, empty if it had or nothing was said.
    was_challenger : str
        "yes" if the version was challenger.
    hold : str
        `ON_PURPOSE` if trainings shall not replace it, empty where nothing was said.
    """

    at: str
    user: str
    reason: str
    by: str
    previous: str
    challenger: str = ""
    left: str = ""
    held_back: str = ""
    was_challenger: str = ""
    hold: str = ""

    def tags(self) -> dict[str, str]:
        """Return the tags of a version that was promoted so; a rollback keeps why it once was."""
        hold = {HOLD_TAG: self.hold} if self.hold else {}
        if self.by == ROLLBACK:
            back = f"{self.at} {self.user}: {self.reason}"
            return {ROLLED_BACK_TO_TAG: back, "previous_champion": self.previous, **hold}
        return {
            **hold,
            "promoted_at": self.at,
            "promoted_by": self.by,
            "promoted_by_user": self.user,
            "promotion_reason": self.reason,
            "previous_champion": self.previous,
        }

    @classmethod
    def from_tag(cls, text: str) -> Promotion | None:
        """Return the promotion that an intention names, None if it is not one of ours."""
        try:
            return cls(**{name: str(value) for name, value in json.loads(text).items()})
        except MALFORMED:
            return None


def make_champion(client: MlflowClient, version: str, promotion: Promotion) -> None:
    """Make a version champion; after each of the writes all that the store says is so."""
    held_back = client.get_model_version(MODEL_NAME, version).tags.get(NOT_PROMOTED_TAG, "")
    was_challenger = aliases(client).get(CHALLENGER) == version
    promotion = replace(
        promotion, held_back=held_back, was_challenger="yes" if was_challenger else ""
    )
    intention = json.dumps(asdict(promotion))
    client.set_model_version_tag(MODEL_NAME, version, INTENDED_TAG, intention)
    # What will not be so any more goes before the alias moves, what is so only then comes after.
    if was_challenger:
        client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)
    if held_back:
        client.delete_model_version_tag(MODEL_NAME, version, NOT_PROMOTED_TAG)
    point(client, CHAMPION, version)
    _tell(client, version, promotion)


def settle(client: MlflowClient) -> list[str]:
    """Settle by the alias what promotions that were cut off have left; say what was done."""
    champion = aliases(client).get(CHAMPION)
    said = []
    for each in left_over(client):
        version = str(each.version)
        promotion = Promotion.from_tag(each.tags[INTENDED_TAG])
        if version == champion and promotion is not None:
            _tell(client, version, promotion)
            said.append(f"version {version} is champion; its promotion was cut off before it was "
                        f"recorded and is recorded now.")  # fmt: skip
        else:
            _take_back(client, version, promotion)
            said.append(f"version {version} is not champion: its promotion was cut off.")
    return said


def left_over(client: MlflowClient) -> list[ModelVersion]:
    """Return the versions that say what was intended of them: that was cut off."""
    every = client.search_model_versions(f"name = '{MODEL_NAME}'", max_results=1000)
    return [each for each in every if INTENDED_TAG in each.tags]


def told(tags: Mapping[str, str], *, champion: bool) -> Mapping[str, str]:
    """Return what a version's tags say, those of a promotion included that was cut off in time."""
    promotion = Promotion.from_tag(tags.get(INTENDED_TAG, "")) if champion else None
    if promotion is None:
        return tags
    kept = {key: value for key, value in tags.items() if key not in _OF_ONE_PROMOTION}
    return {**kept, **promotion.tags()}


def point(client: MlflowClient, alias: str, version: str) -> None:
    """Let an alias name a version."""
    insist(lambda: client.set_registered_model_alias(MODEL_NAME, alias, version))


def aliases(client: MlflowClient) -> dict[str, str]:
    """Return the version that each alias names; empty if nothing is registered yet."""
    try:
        found = client.get_registered_model(MODEL_NAME).aliases
    except MlflowException as error:
        # A store that does not answer must not look like one without a champion.
        if error.error_code != ABSENT:
            raise
        return {}
    return {str(alias): str(version) for alias, version in found.items()}


def present(client: MlflowClient) -> Champion | None:
    """Return the present champion, None if there is none."""
    number = aliases(client).get(CHAMPION)
    if number is None:
        return None
    tags = told(client.get_model_version(MODEL_NAME, number).tags, champion=True)
    return Champion(
        version=number,
        terms=Terms.from_json(tags.get("terms")),
        promoted_by=ROLLBACK if ROLLED_BACK_TO_TAG in tags else tags.get("promoted_by", GATE),
        gate_choice=tags.get("gate_choice") == "yes",
        hold=tags.get(HOLD_TAG, ""),
    )


def _tell(client: MlflowClient, version: str, promotion: Promotion) -> None:
    """Say of the champion what is so now; saying it twice changes nothing."""
    for key in _OF_ONE_PROMOTION & client.get_model_version(MODEL_NAME, version).tags.keys():
        client.delete_model_version_tag(MODEL_NAME, version, key)
    for key, value in promotion.tags().items():
        client.set_model_version_tag(MODEL_NAME, version, key, value)
    if promotion.left:
        text = f"{promotion.at} {promotion.user}: {promotion.reason}"
        client.set_model_version_tag(MODEL_NAME, promotion.left, "rolled_back", text)
    if promotion.by == GATE:
        found = client.get_model_version(MODEL_NAME, version)
        for run_id in (found.tags.get(PARENT_RUN_TAG), found.run_id):
            if run_id:
                client.set_tag(str(run_id), "promoted", f"yes: {promotion.reason}")
    if promotion.challenger:
        point(client, CHALLENGER, promotion.challenger)
    _note(client, version, promotion)
    label_runs(client, aliases(client))
    client.delete_model_version_tag(MODEL_NAME, version, INTENDED_TAG)


def _note(client: MlflowClient, version: str, promotion: Promotion) -> None:
    """Add a promotion to the history of the aliases."""
    champion = present(client)
    held = champion is not None and champion.held() is not None
    why = (promotion.by, promotion.user, promotion.reason)
    note_move(client, Move(promotion.at, CHAMPION, version, *why, held=held))
    if promotion.challenger:
        reason = f"the best beside version {version}"
        move = Move(promotion.at, CHALLENGER, promotion.challenger, GATE, promotion.user, reason)
        note_move(client, move)


def _take_back(client: MlflowClient, version: str, promotion: Promotion | None) -> None:
    """Let a version be again what it was before it was to be champion."""
    if promotion is not None and promotion.held_back:
        client.set_model_version_tag(MODEL_NAME, version, NOT_PROMOTED_TAG, promotion.held_back)
    if promotion is not None and promotion.was_challenger and CHALLENGER not in aliases(client):
        point(client, CHALLENGER, version)
    client.delete_model_version_tag(MODEL_NAME, version, INTENDED_TAG)
