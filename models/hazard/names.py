"""The candidates' names, apart from the candidates: a command's `--help` fits nothing."""

from __future__ import annotations

from enum import StrEnum


class CandidateName(StrEnum):
    """The candidates, simplest first."""

    climatology = "climatology"
    persistence = "persistence"
    logistic = "logistic"
    simulation = "simulation"
    pool = "pool"
    logistic_all = "logistic_all"
    lightgbm = "lightgbm"
    lightgbm_all = "lightgbm_all"
