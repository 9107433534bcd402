"""What the history says about the article's claims, in words that follow from stored verdicts."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from models.formatting import counted, listed
from models.vocabulary import Verdict


@dataclass(frozen=True)
class ClaimHeadline:
    """The condition by which a claim is known, at the horizon that decides most."""

    claim: str
    verdict: str
    sentence: str
    apart: tuple[str, ...]  # further rows of the claim whose interval excludes 0, as sentences


def claim_headlines(claims: pd.DataFrame) -> list[ClaimHeadline]:
    """Return the first condition of each claim at its shortest horizon.

    That is the longest at which most windows have no onset: there both outcomes are common. Rows
    that pass by their interval alone are shown with it, not hidden behind a verdict.
    """
    chosen = []
    for claim, rows in claims.groupby("claim", sort=False):
        nearest = rows[rows["horizon_days"] == rows["horizon_days"].min()]
        first = nearest.iloc[0]
        excludes = (rows["low"] > 0) | (rows["high"] < 0)
        others = rows[excludes & (rows["sentence"] != first["sentence"])]
        chosen.append(
            ClaimHeadline(
                str(claim), str(first["verdict"]), str(first["sentence"]), tuple(others["sentence"])
            )
        )
    return chosen


def claims_statement(headlines: list[ClaimHeadline]) -> str:
    """Return how many claims the history decides, and how many rows pass by interval alone."""
    decided = [each for each in headlines if each.verdict != Verdict.CANNOT_TELL]
    passing = sum(len(each.apart) for each in headlines)
    tests = f"{counted(len(headlines), 'claim')} tested"
    beside = (
        f" {counted(passing, 'further row')} of the table have an interval that excludes 0: of so "
        f"many tests some do by chance."
        if passing
        else ""
    )
    if not decided:
        return f"Of {tests} none has a detectable effect at its headline horizon.{beside}"
    names = listed([f"“{each.claim}” ({each.verdict})" for each in decided])
    return f"Of {tests} {len(decided)} show a detectable effect: {names}.{beside}"
