"""Worker processes that end with the process they work for."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time

_LOOK_SECONDS = 0.5


def end_with_parent() -> None:
    """Start a worker process that ends within a second of its parent's death.

    The initializer of every pool of processes: a parent that is killed at once cannot stop its
    workers, which would finish their task and then wait minutes for the next.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return
    watch = _watch_handle if os.name == "nt" else _watch_parent
    threading.Thread(target=watch, args=(parent.pid,), daemon=True, name="end-with-parent").start()


def _watch_parent(pid: int) -> None:
    # An orphan is given another parent.
    while os.getppid() == pid:
        time.sleep(_LOOK_SECONDS)
    os._exit(1)


def _watch_handle(pid: int) -> None:
    # On Windows an orphan keeps its parent's number, which another process may come to have.
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid == pid:
        parent.join()
        os._exit(1)
