"""How a stored verdict reads: the one mapping from its value in files and JSON to a person's words.

Stored verdicts keep their values (`models.vocabulary.Verdict`); only what is shown comes from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from models.vocabulary import Verdict

SKILL: Mapping[str, str] = MappingProxyType(
    {
        Verdict.BETTER: "better than the base rate",
        Verdict.WORSE: "worse than the base rate",
        Verdict.CANNOT_TELL: "no detectable skill",
    }
)
SHORT_SKILL: Mapping[str, str] = MappingProxyType(
    {**SKILL, Verdict.BETTER: "better", Verdict.WORSE: "worse"}
)


def effect(verdict: str) -> str:
    """Return the verdict on a claim or on a group of features in words.

    Examples
    --------
    >>> effect("cannot tell"), effect("helps")
    ('no detectable effect', 'helps')
    """
    return "no detectable effect" if verdict == Verdict.CANNOT_TELL else verdict
