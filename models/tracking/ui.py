"""What a person sees in the MLflow UI: descriptions, the view that opens, its address."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from urllib.parse import quote

from features.terminal import FAILURE, exit_code_of
from models.errors import TrackingError
from models.tracking.store import (
    is_server,
    opened,
    quoted,
    shown,
    writing,
)

EXPERIMENT = "altcoin-season"
LOCAL = "http://127.0.0.1:5000"
# A dozen columns and their widths, pixels: all of them fit beside the menu on a screen of 1440.
_FIRST = {"1": 73, "attributes.`Run Name`": 175, "runDateAndNestInfo": 112}
_QUESTION = {"params.`threshold`": 68, "params.`window`": 56, "params.`until`": 86}
_SCORES = {
    "metrics.`brier_skill`": 74,
    "tags.`skill`": 76,
    "metrics.`brier_skill_30d`": 86,
    "metrics.`brier_skill_60d`": 86,
    "metrics.`brier_skill_90d`": 86,
}
# Skill and forecast first: the UI opens an assistant over the right third of the screen.
_TRAININGS = {
    **_FIRST,
    "tags.`alias`": 74,
    "metrics.`brier_skill`": 74,
    "tags.`skill`": 76,
    "metrics.`forecast/broad_90d`": 86,
    "metrics.`forecast/broad_year`": 86,
    "metrics.`forecast/sustained_year`": 86,
    "metrics.`brier_skill_90d`": 86,
    "tags.`gate_choice`": 76,
    "tags.`comparable`": 78,
    "params.`until`": 86,
}
_CANDIDATES = {
    **_FIRST,
    "tags.`alias`": 74,
    **_QUESTION,
    **_SCORES,
    "metrics.`log_score`": 74,
    "metrics.`episodes`": 66,
    "tags.`scored_on`": 84,
}

EXPERIMENT_NOTE = """\
How likely is it that an altcoin season begins? **Each run is one training; open its [+] for the \
candidates**, scored on the same out-of-sample days. *Views* (top right) holds two tables: \
trainings by date, candidates by skill.

| metric | meaning |
|---|---|
| `brier_skill` | 1 - Brier score / that of the base rate (candidate `climatology`), over all \
horizons. Higher is better, 0 is the base rate. `_low`, `_high`: 90 % interval, made for \
overlapping windows |
| `skill` | the interval of `brier_skill` in short, beside the number that sorts |
| `brier_skill_30d` | the same, 30 days ahead; tag `skill_30d` is its interval |
| `log_score` | mean negative log probability of what happened, over all horizons. Lower is \
better; its paired difference decides between candidates |
| `episodes` | different seasons behind the scores: the only independent evidence |
| `curves/...` | lines: skill by horizon (step = days), log score by year (step = year) |
| `more/...` | further scores by horizon: `auc_30d`, `episodes_30d`, `miscalibration_30d`, ... |
| `partial/...` | the same for partial seasons (index 50 or more) |
| `alias` | the alias in force: `champion` is what `predict.py` reads; `gate_choice` is only what \
that training's own gate named |
| `comparable` | whether it was scored on the same days and events as the champion of its day, and \
which version that was; `scored_on` is the same for all runs that may be compared |

A training's own scores are those of the candidate that its gate chose. *Compare* of candidates \
draws parallel coordinates of parameters and scores; `train.py compare A B` gives the paired \
interval. Every score is in the artifacts \
`verification.csv` and `integrated.csv`; every forecast is in `hindcast.parquet`.
"""

MODEL_NOTE = """\
Probability that an altcoin season begins.

**In**: a row of features, known at the end of a day, and the season index at which the season \
begins (`threshold`, 75 or 50). **Out**: the probability that the onset falls in each lead of 30 \
days (`lead_1` to `lead_13`), or in none.

- `@champion`: what `predict.py` reads.
- `@challenger`: the best of the others, or a choice that was not promoted; its tags say why.
- `@trial`: the last choice that answers another question (another definition or other horizons).
- `train.py versions` lists them, `train.py promote VERSION --reason TEXT` and `train.py rollback \
--reason TEXT` change the champion, `train.py resume` lets trainings go on.
"""


def experiment_tags() -> dict[str, str]:
    """Return the tags that make the experiment open as it should."""
    trainings = {"orderByKey": "attributes.start_time", "orderByAsc": False}
    candidates = {
        "searchFilter": "tags.role = 'candidate'",
        "orderByKey": "metrics.`brier_skill`",
        "orderByAsc": False,
    }
    return {
        "mlflow.experimentKind": "custom_model_development",
        "mlflow.note.content": EXPERIMENT_NOTE,
        "mlflow.sharedViewState.trainings": _view("Trainings", trainings, _TRAININGS),
        "mlflow.sharedViewState.candidates": _view("Candidates", candidates, _CANDIDATES),
    }


def _view(name: str, facets: Mapping[str, object], widths: Mapping[str, int]) -> str:
    """Return a saved view as the UI writes it, but for its dates: it changes only when we do."""
    columns = [column for column in widths if column.startswith(("tags.", "metrics.", "params."))]
    state = {
        **facets,
        "selectedColumns": columns,
        "columnOrder": list(widths),
        "columnWidths": dict(widths),
    }
    return json.dumps({"name": name, "createdAt": 0, "updatedAt": 0, "state": json.dumps(state)})


def address(tracking_uri: str, experiment_id: str) -> str:
    """Return the address at which the UI opens on the trainings.

    Without its last part MLflow opens on GenAI, whatever kind the experiment is.
    """
    root = tracking_uri.rstrip("/") if is_server(tracking_uri) else LOCAL
    return (
        f"{root}/#/experiments/{quote(experiment_id)}/runs"
        "?viewStateShareKey=trainings&workflowType=machine_learning"
    )


def ui_command(tracking_uri: str) -> str:
    """Return the command that starts the MLflow UI on a store, empty if a server has it."""
    if is_server(tracking_uri):
        return ""
    return f"mlflow ui --backend-store-uri {quoted(tracking_uri)}"


def find_address(tracking_uri: str, experiment: str = EXPERIMENT) -> str:
    """Return the address of an experiment that exists."""
    # The UI shows artifacts from where the database says they are: `writing` brings that up to
    # date in a store that was moved.
    with opened(tracking_uri) as client, writing(tracking_uri):
        stored = client.get_experiment_by_name(experiment)
        if stored is None:
            raise TrackingError(
                f"the store {shown(tracking_uri)} holds no experiment {experiment!r}; "
                f"run train.py first."
            )
        return address(tracking_uri, stored.experiment_id)


def main() -> int:
    """Print where the UI of a store opens: arguments are its address and the UI's port."""
    store, *port = sys.argv[1:]
    place = find_address(store)
    print(f"Open {place.replace(LOCAL, f'http://127.0.0.1:{port[0]}') if port else place}")
    return 0


if __name__ == "__main__":
    sys.exit(exit_code_of(main, data_error=TrackingError, data_code=FAILURE))
