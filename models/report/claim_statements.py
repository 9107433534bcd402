"""What the history says about the claims tested, in words that follow from stored verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from models.formatting import listed
from models.vocabulary import Verdict

_CLAIM_DAYS = 180
_LOW_INDEX_CLAIM, _LOW_INDEX_DAYS = "index of 33 or lower", 365


@dataclass(frozen=True)
class ClaimHeadline:
    """The condition by which a claim is known: verdict and sentence."""

    claim: str
    verdict: str
    sentence: str


def claim_headlines(claims: pd.DataFrame) -> list[ClaimHeadline]:
    """Return the first condition of each claim: at 180 days, or as far as the claim looks.

    Parameters
    ----------
    claims : pandas.DataFrame
        From `models.training.claims.claims`.
    """
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        first = rows[rows["condition"] == rows["condition"].iloc[0]]
        looks_ahead = _LOW_INDEX_DAYS if claim == _LOW_INDEX_CLAIM else _CLAIM_DAYS
        row = first.loc[(first["horizon_days"] - looks_ahead).abs().idxmin()]
        chosen.append(ClaimHeadline(str(claim), str(row["verdict"]), str(row["sentence"])))
    return chosen


def claims_statement(headlines: Sequence[ClaimHeadline]) -> str:
    """Return how many claims the history decides."""
    decided = [claim for claim in headlines if claim.verdict != Verdict.CANNOT_TELL]
    total = len(headlines)
    if not decided:
        return (
            f"None of the {total} claims has a detectable effect on this history: the intervals "
            f"include 0, or a history shifted against itself shows as much."
        )
    names = listed([f"“{claim.claim}” ({claim.verdict})" for claim in decided])
    return (
        f"Of the {total} claims {len(decided)} show a detectable effect on this history: {names}. "
        f"The other {total - len(decided)} show none."
    )
