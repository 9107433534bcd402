"""The article's claims, tested on the history: counts, rates, intervals and one sentence each.

The article of 2025-12-10 reads a Russell 2000 record as a green light for an
altcoin season. Each claim is put as a condition on at-risk days: how often
did a broad season begin after such days, and how often after all others?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from features.catalogue.frame import build_features
from features.market.season import at_risk, season_index
from features.panel import MarketPanel, end_of_day
from models.forecasting.signals import CONDITIONS, ETHER
from models.formatting import percent, signed
from models.hazard.forecaster import ClaimRecord
from models.hazard.leads import FloatArray
from models.season.definition import OnsetDefinition
from models.season.labels import label, onsets
from models.training.landmarks import FIRST_DAY
from models.verification.association import (
    CANNOT_TELL,
    LESS,
    MORE,
    Association,
    History,
    compare,
    exact_interval,
    in_words,
    rank,
)

if TYPE_CHECKING:
    from models.training.run import Training

HORIZONS = (90, 180, 365)
# The horizon whose rows headline: the longest at which most windows have no onset. There both
# outcomes are common; over a longer one a season begins after almost any day, whatever it shows.
HEADLINE_DAYS = 90


# A row of the table: the figures are those of `Association`, NaN with nothing to compare with.
_FIGURES = tuple(name for name in Association._fields if name != "scarce")
COLUMNS = ("claim", "horizon_days", "condition", *_FIGURES, "sentence")
_Row = dict[str, Any]
_RANKED = "eth_btc_momentum_90"
_PARTIAL = "partial alone"
_KEPT = (
    "claim", "condition", "horizon_days", "days", "spells", "onsets", "rate", "otherwise", "low",
    "high", "verdict",
)  # fmt: skip


def claims(panel: MarketPanel, definition: OnsetDefinition, until: pd.Timestamp) -> pd.DataFrame:
    """Test the article's claims on every at-risk day from 2014-07-01 with a resolved window.

    One row per condition and horizon, in the order of the article. What intervals, placebos and
    verdicts are is written in `models.verification.association`. Two rows read otherwise. ETH/BTC
    *as a ranking*: `rate` is the AUC of its momentum, against 1/2. *Partial alone*: one entry per
    partial season, `rate` is the share without a broad onset, its interval is Clopper and
    Pearson's, and nothing stands beside it.
    """
    known = panel.known_at(end_of_day(pd.DatetimeIndex([until]))[0])
    index = season_index(known)
    days = pd.date_range(FIRST_DAY, index.index[-1], unit="s")
    X, outcomes = build_features(known, days), label(index, days, definition)
    rows = [
        row
        for horizon in HORIZONS
        for row in _at_horizon(X, outcomes, horizon, definition.quiet_days)
    ]
    order = [condition.claim for condition in CONDITIONS]
    rows.sort(key=lambda row: order.index(row["claim"]))
    return pd.DataFrame([*rows, _partial_alone(index, definition)], columns=list(COLUMNS))


def claim_records(table: pd.DataFrame) -> tuple[ClaimRecord, ...]:
    """Return the headline rows of the claims as a stored forecaster keeps them."""
    rows = table[(table["horizon_days"] == HEADLINE_DAYS) & (table["claim"] != _PARTIAL)]
    rows = rows.rename(columns={"rate_otherwise": "otherwise"})[list(_KEPT)]
    rows = rows.assign(verdict=[str(verdict) for verdict in rows["verdict"]]).astype(object)
    records = rows.where(rows.notna(), None).to_dict("records")
    return tuple(
        ClaimRecord(**{str(name): value for name, value in each.items()}) for each in records
    )


def with_claims(training: Training, tested: pd.DataFrame) -> Training:
    """Return a training whose forecasters know what followed the article's signs."""
    records = claim_records(tested)
    return replace(
        training,
        forecasters={
            name: replace(each, evidence=replace(each.evidence, claims=records))
            for name, each in training.forecasters.items()
        },
    )


def _at_horizon(
    X: pd.DataFrame, outcomes: pd.DataFrame, horizon: int, quiet_days: int
) -> Iterator[_Row]:
    """Yield the rows of one horizon; conditions known on the same days share their resamples."""
    resolved = (outcomes["at_risk"] & (outcomes["days_known"] >= horizon)).to_numpy()
    ahead = outcomes["days_to_onset"].to_numpy(dtype=float)
    counts: dict[bytes, FloatArray] = {}
    for condition in CONDITIONS:
        known = X[list(condition.features)].notna().all(axis=1).to_numpy()
        own, key = X[known], known.tobytes()
        days = pd.DatetimeIndex(own.index)
        history = History(days, resolved[known], ahead[known], horizon, quiet_days)
        if key not in counts:
            counts[key] = history.counts()
        association = compare(history, condition.holds(own).to_numpy(dtype=bool), counts[key])
        yield _row(condition.claim, horizon, condition.name, association, _comparison)
        if condition.claim == ETHER:
            association = rank(history, own[_RANKED].to_numpy(), counts[key])
            yield _row(
                condition.claim, horizon, "ETH/BTC momentum as a ranking", association, _ranking
            )


def _row(
    claim: str,
    horizon: int,
    condition: str,
    association: Association,
    sentence: Callable[[str, int, Association], str],
) -> _Row:
    words = sentence(condition, horizon, association)
    figures = [getattr(association, name) for name in _FIGURES]
    return dict(zip(COLUMNS, (claim, horizon, condition, *figures, words), strict=True))


def _partial_alone(index: pd.Series, definition: OnsetDefinition) -> _Row:
    """Count the partial seasons in which no broad one began.

    A broad season counts from the day of the partial onset until the partial
    season's last day, or until 90 days after its onset if that is later. A
    season is over once it has been followed by the quiet days of the definition.
    """
    kind = definition.partial()
    quiet = at_risk(index, threshold=kind.threshold, quiet_days=kind.quiet_days)
    free = index.index[quiet].to_numpy()
    begun = onsets(index, kind).to_numpy()
    begun = begun[begun >= FIRST_DAY]
    after = np.searchsorted(free, begun)
    begun, after = begun[after < len(free)], after[after < len(free)]
    # At risk again means quiet on that day and on the quiet days before it.
    last = free[after] - np.timedelta64(kind.quiet_days + 1, "D")
    end = np.maximum(last, begun + np.timedelta64(HORIZONS[0], "D"))
    resolved = end <= index.index[-1]
    begun, end = begun[resolved, None], end[resolved, None]
    broad = onsets(index, definition).to_numpy()
    # Both ends belong: a broad season may begin with the partial one and on its last day.
    inside = (broad >= begun) & (broad <= end)
    return _alone(int((~inside.any(axis=1)).sum()), len(begun), int(inside.any(axis=0).sum()))


def _alone(alone: int, seasons: int, onset_count: int) -> _Row:
    rate = alone / seasons if seasons else float("nan")
    low, high = exact_interval(alone, seasons)
    verdict = "most do" if low > 0.5 else "few do" if high < 0.5 else CANNOT_TELL
    words = {CANNOT_TELL: "too few to call that the rule or the exception"}
    return {
        "claim": _PARTIAL, "horizon_days": HORIZONS[0], "condition": "partial season",
        "days": seasons, "spells": seasons, "onsets": onset_count,
        "rate": rate, "rate_low": low, "rate_high": high, "verdict": verdict,
        "sentence": (
            f"Of {seasons} partial seasons {alone} stayed without a broad one while "
            f"they lasted and for {HORIZONS[0]} days after their onset: {percent(rate)} "
            f"[{percent(low)}, {percent(high)}]; {words.get(verdict, verdict)}."
        ),
    }  # fmt: skip


def _comparison(condition: str, horizon: int, association: Association) -> str:
    if not association.days:
        return f"{condition}: no such day has been resolved {horizon} days ahead, so it is open."
    rate, low, high, otherwise = map(
        percent,
        (association.rate, association.rate_low, association.rate_high, association.rate_otherwise),
    )
    events = ", ".join(
        in_words(getattr(association, f"{one}s"), one) for one in ("day", "spell", "onset")
    )
    begin = (
        f"{condition}: a broad season began within {horizon} days of {rate} [{low}, {high}] of "
        f"such days ({events}) and of {otherwise} of the others"
    )
    return _end(
        begin, association, {word: f"onsets followed such days {word}" for word in (MORE, LESS)}
    )


def _ranking(condition: str, horizon: int, association: Association) -> str:
    if np.isnan(association.rate):
        return (
            f"{condition}: with {association.scarce} {horizon} days ahead no effect is detectable."
        )
    begin = (
        f"{condition}: it was higher before an onset within {horizon} days than before none with "
        f"probability {association.rate:.2f} "
        f"[{association.rate_low:.2f}, {association.rate_high:.2f}] "
        f"({in_words(association.onsets, 'onset')}), where 0.50 is no association"
    )
    return _end(begin, association, {MORE: "strength comes first", LESS: "weakness comes first"})


def _end(begin: str, association: Association, words: dict[str, str]) -> str:
    if association.scarce:
        return f"{begin}; with {association.scarce} no effect is detectable."
    difference, low, high = (
        signed(100 * end, 0) for end in (association.difference, association.low, association.high)
    )
    return (
        f"{begin}, a difference of {difference} points [{low}, {high}] that "
        f"{percent(association.placebo)} of the placebos reach: "
        f"{words.get(association.verdict, 'no detectable effect')}."
    )
