"""What earlier processes have left unfinished in a store, put right by the next one."""

from __future__ import annotations

from mlflow.tracking import MlflowClient

from models.errors import TrackingError, Unanswered
from models.tracking.champion import left_over, settle
from models.tracking.processes import end_gone_runs, gone_runs
from models.tracking.store import connect, has_store, reaching, refuse_foreign, writing


def put_right(tracking_uri: str, *, patience_seconds: float = 5.0) -> list[str]:
    """Mark runs KILLED whose process is gone, and settle promotions that were cut off.

    Parameters
    ----------
    tracking_uri : str
        The store; where there is none yet, nothing is done.
    patience_seconds : float
        How long another writer is waited for; what it leaves to do, the next one does.

    Returns
    -------
    list of str
        What was done, or why not, a sentence each.

    Raises
    ------
    TrackingError
        If the store cannot be read; `Unanswered` if a server does not answer in time.
    """
    if not has_store(tracking_uri):
        return []
    refuse_foreign(tracking_uri)
    with reaching(tracking_uri, "cannot be opened"):
        connect(tracking_uri)
        client = MlflowClient()
        if not gone_runs(client) and not left_over(client):
            return []
    try:
        with (
            reaching(tracking_uri, "cannot be put right"),
            writing(tracking_uri, patience_seconds=patience_seconds),
        ):
            # Looked for again: who has just written may have done it.
            return [*end_gone_runs(client, gone_runs(client)), *settle(client)]
    except Unanswered:
        raise
    except TrackingError as error:
        # Whoever may only read can still be told what there is.
        return [str(error)]
