"""Which alias a choice that is not promoted gets, and what the runs say of the aliases in force.

An alias belongs to one definition and one question. `challenger` is what could be champion: it
forecasts the same event over the same horizons. Whatever asks another question is a `trial`.
"""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict

from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from models.tracking.promotion import Terms
from models.tracking.store import CHALLENGER, CHAMPION, MODEL_NAME, TRIAL

ALIAS_TAG = "alias"
_PARENT_RUN_TAG = "parent_run_id"
_EVENT = re.compile(r"threshold=([\d.]+).*?window_days=(\d+)")
_DEFINITION = re.compile(
    r"OnsetDefinition\(threshold=(\d+)(?:\.0)?, quiet_days=(\d+), "
    r"window_days=(\d+), top=(\d+)[^)]*\)"
)


def asks_the_same(one: Terms, other: Terms) -> bool:
    """Tell whether two trainings forecast the same event over the same horizons."""
    return (one.definition, one.horizons) == (other.definition, other.horizons)


def waiting_alias(new: Terms, named: dict[str, Terms | None]) -> str:
    """Return the alias of a choice that does not become champion.

    Parameters
    ----------
    new : Terms
        Its training's.
    named : mapping of str to Terms or None
        Terms of the versions that the aliases name; None where one does not tell.

    Examples
    --------
    >>> new = Terms("75", "reference", (30,), ("climatology",), "2025-12-10", "2025-12-10")
    >>> waiting_alias(new, {"champion": Terms("60", *list(vars(new).values())[1:])})
    'trial'
    """
    for alias in (CHAMPION, CHALLENGER):
        if alias in named:
            terms = named[alias]
            return CHALLENGER if terms is not None and asks_the_same(new, terms) else TRIAL
    return CHALLENGER


def terms_by_alias(client: MlflowClient, named: dict[str, str]) -> dict[str, Terms | None]:
    """Return the terms of the version that each alias names."""
    return {
        alias: Terms.from_json(client.get_model_version(MODEL_NAME, version).tags.get("terms"))
        for alias, version in named.items()
    }


def event_of(definition: str) -> tuple[float, int] | None:
    """Return threshold and window in days of a definition, None if it is not one of ours.

    Examples
    --------
    >>> event_of("OnsetDefinition(threshold=75.0, quiet_days=30, window_days=90, top=50)")
    (75.0, 90)
    """
    found = _EVENT.search(definition)
    return (float(found[1]), int(found[2])) if found else None


def briefly(reason: str) -> str:
    """Return a reason with its definitions as a person would say them.

    Examples
    --------
    >>> briefly("not OnsetDefinition(threshold=60.0, quiet_days=30, window_days=90, top=50, a=1)")
    'not index 60 (quiet 30, window 90, top 50)'
    """
    return _DEFINITION.sub(r"index \1 (quiet \2, window \3, top \4)", reason)


def label_runs(client: MlflowClient, named: dict[str, str]) -> None:
    """Let the runs of the versions that have an alias say so, and no others.

    Called after every move; it mends what an interrupted call has left.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    # The champion first: a column may cut off what comes after it.
    for alias, version in sorted(named.items(), key=lambda item: (item[0] != CHAMPION, item)):
        found = client.get_model_version(MODEL_NAME, version)
        for run_id in dict.fromkeys((found.run_id, found.tags.get(_PARENT_RUN_TAG))):
            if run_id and alias not in wanted[str(run_id)]:
                wanted[str(run_id)].append(alias)
    experiments = [each.experiment_id for each in client.search_experiments()]
    labelled = {
        str(run.info.run_id): run.data.tags[ALIAS_TAG]
        for run in client.search_runs(experiments, f"tags.{ALIAS_TAG} != ''", max_results=1000)
    }
    for run_id in labelled.keys() - wanted.keys():
        client.delete_tag(run_id, ALIAS_TAG)
    for run_id, held in wanted.items():
        text = ", ".join(held)
        if labelled.get(run_id) != text:
            with contextlib.suppress(MlflowException):  # the run may have been deleted
                client.set_tag(run_id, ALIAS_TAG, text)
