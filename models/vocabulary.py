"""The words that stand in stored files and answers, each once; importing them loads nothing."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Kind of season: broad and partial by the threshold at which they begin.

    A sustained season is a broad one with enough days at the threshold from its onset.

    Examples
    --------
    >>> f"a {Kind.BROAD} season", Kind("partial") is Kind.PARTIAL
    ('a broad season', True)
    """

    BROAD = "broad"
    PARTIAL = "partial"
    SUSTAINED = "sustained"


class Verdict(StrEnum):
    """What an interval allows to be said of a forecast beside a reference."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_TELL = "cannot tell"


class CandidateName(StrEnum):
    """The candidates for champion, simplest first."""

    climatology = "climatology"
    persistence = "persistence"
    logistic = "logistic"
    simulation = "simulation"
    pool = "pool"
    logistic_all = "logistic_all"
    lightgbm = "lightgbm"
    lightgbm_all = "lightgbm_all"
