"""Where imported figures are kept. Imports nothing heavy, so that `--help` answers at once."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

DATA_VARIABLE = "ALTSEASON_DATA_DIR"


def flow_directory() -> Path:
    """Return where imported figures are kept: $ALTSEASON_DATA_DIR or the platform's place."""
    return Path(os.environ.get(DATA_VARIABLE) or user_data_path("altseason"))
