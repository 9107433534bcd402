"""Path simulation: today's altcoins sent along resampled pasts until the index crosses.

Filtered historical simulation of first passage. A block is what the 100
largest altcoins of some past day did against Bitcoin over the 90 days after
it, the length over which the season index looks back. Blocks are drawn from
before the as_of day, scaled from their day's dispersion to today's, laid end
to end and given to today's coins by rank. Coins that rise enter the top 50.

Within 90 days a path is one block. How far a share of paths rests on which
calendar quarters there were to draw from is measured by drawing these anew:
a Bayesian bootstrap that gives every path the weight of its block's quarter.

References
----------
Barone-Adesi, Giannopoulos and Vosper (1999), https://doi.org/10.1002/(SICI)1096-9934(199908)19:5%3C583::AID-FUT5%3E3.0.CO;2-S
Rubin (1981), https://doi.org/10.1214/aos/1176345338
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray

from features.market.market import Columns, Market, at_ranks
from features.market.season import MIN_COVERAGE, TOP, WINDOW_DAYS

THRESHOLDS = (50, 75)
LEAD_ENDS = tuple(range(30, 391, 30))
PATHS = 1000
COINS = 100
BLOCK_DAYS = 90
ERROR_ENDS = tuple(end for end in LEAD_ENDS if end <= BLOCK_DAYS)
_ERROR_DIGITS = 3
_RENEWAL_DAYS = 10
_DISPERSION_DAYS = 90
_MAX_MISSING = 0.25
_MAX_DEVIATIONS = 40.0

Floats = NDArray[np.float32]


def series_name(threshold: int, days: int) -> str:
    """Return the name of a simulated series.

    Examples
    --------
    >>> series_name(75, 30)
    'simulated_75_30'
    """
    return f"simulated_{threshold}_{days}"


def error_name(threshold: int, days: int) -> str:
    """Return the name of a simulated series' deviation.

    Examples
    --------
    >>> error_name(75, 30)
    'simulated_error_75_30'
    """
    return f"simulated_error_{threshold}_{days}"


def simulate(
    market: Market,
    days: pd.DatetimeIndex,
    *,
    paths: int = PATHS,
    seed: int = 0,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Simulate, for each day, how soon the season index first crosses each threshold.

    Nothing after a day bears on its row. A day's draws depend on the seed and on how many days
    after the market's first it is; not on `jobs`, the number of threads.

    Returns
    -------
    pandas.DataFrame
        Indexed by the days that could be simulated; columns
        `simulated_<threshold>_<days>` for thresholds 50 and 75 and the ends of
        13 leads: percent of the paths (with half a path added on either side,
        so never 0 or 100) whose index reached the threshold within that many
        days. Columns `simulated_error_<threshold>_<days>` to 90 days: the
        deviation of that percentage where calendar quarters are drawn anew.
    """
    past = Past.of(market)
    numbers = np.asarray((days - market.days[0]).days)
    parallel = Parallel(n_jobs=jobs, prefer="threads", return_as="generator")
    rows = []
    for row in parallel(delayed(_first_passage)(past, int(n), paths, seed) for n in numbers):
        rows.append(row)
        progress(len(rows), len(days))
    names = [series_name(threshold, end) for threshold in THRESHOLDS for end in LEAD_ENDS]
    names += [error_name(threshold, end) for threshold in THRESHOLDS for end in ERROR_ENDS]
    table = pd.DataFrame(rows, index=days.rename("date"), columns=names)
    return table.dropna()


@dataclass(frozen=True, eq=False)
class Past:
    """What the paths of a day are drawn from, by day number."""

    log_price: Floats  # in Bitcoin, shape (days, coins)
    coin: Columns  # the column of each rank, -1 where vacant, shape (days, ranks)
    log_cap: Floats  # shape (days, ranks)
    dispersion: Floats  # shape (days,)
    block_start: Columns  # first day of each block
    block: Floats  # changes by rank in that day's dispersions, shape (blocks, days, ranks)
    quarter: Columns  # calendar quarter of each block's first day, counted through the years

    @classmethod
    def of(cls, market: Market) -> Past:
        """Lay out a market's past; what comes after a day has no part in its paths."""
        log_price = market.log_btc.astype(np.float32)
        # However old a ranking is, its coins are the past that can be drawn.
        coin = market.members(COINS, max_age=None)
        change = np.diff(log_price, axis=0, prepend=np.float32(np.nan))
        dispersion = _dispersion(change, coin)
        log_cap = np.log(market.caps(COINS)).astype(np.float32)
        start, block = _blocks(change, coin, dispersion)
        quarter = market.days.year.to_numpy() * 4 + market.days.quarter.to_numpy()
        return cls(log_price, coin, log_cap, dispersion, start, block, quarter[start])


def _dispersion(change: Floats, coin: Columns) -> Floats:
    """Return the 90-day median of the top 50's median absolute deviation of daily changes."""
    table = pd.DataFrame(at_ranks(change, coin[:, :TOP]))
    spread = table.sub(table.median(axis=1), axis=0).abs().median(axis=1)
    recent = spread.rolling(_DISPERSION_DAYS, min_periods=_DISPERSION_DAYS // 3).median()
    return recent.where(recent > 0).to_numpy(dtype=np.float32)


def _blocks(change: Floats, coin: Columns, dispersion: Floats) -> tuple[Columns, Floats]:
    """Return each block's first day and its changes by rank, in that day's dispersions.

    A missing change is that day's median; a block of which more than a quarter is missing, or in
    which a rank is vacant, is left out.
    """
    starts, blocks = [], []
    whole = (coin >= 0).all(axis=1) & (coin.shape[1] == COINS) & np.isfinite(dispersion)
    for start in map(int, np.flatnonzero(whole[: max(len(change) - BLOCK_DAYS, 0)])):
        changes = change[start + 1 : start + 1 + BLOCK_DAYS, coin[start]]
        missing = ~np.isfinite(changes)
        if missing.mean() > _MAX_MISSING or missing.all(axis=1).any():
            continue
        if missing.any():
            changes = np.where(missing, np.nanmedian(changes, axis=1, keepdims=True), changes)
        starts.append(start)
        blocks.append(np.clip(changes / dispersion[start], -_MAX_DEVIATIONS, _MAX_DEVIATIONS))
    empty = np.empty((0, BLOCK_DAYS, COINS), np.float32)
    return np.array(starts, np.int64), np.stack(blocks) if blocks else empty


def _first_passage(past: Past, today: int, paths: int, seed: int) -> NDArray[np.float64]:
    """Return what `simulate` gives of a day, NaN if it is impossible."""
    impossible = np.full(len(THRESHOLDS) * (len(LEAD_ENDS) + len(ERROR_ENDS)), np.nan)
    # A block is known once its last day has ended, which may be today: not strict.
    usable = past.block_start + BLOCK_DAYS <= today
    if not 0 <= today < len(past.log_price) or today < WINDOW_DAYS or not usable.any():
        return impossible
    random = np.random.default_rng([seed, today])
    # Blocks that are over are the first ones, so that a draw is a block's number.
    draws = random.integers(usable.sum(), size=(paths, -(-LEAD_ENDS[-1] // BLOCK_DAYS)))
    crossed = crossings(past, today, draws, LEAD_ENDS)
    if crossed is None:
        return impossible
    near = np.concatenate(crossed[:, :, : len(ERROR_ENDS)], axis=1)
    errors = 100 * _quarter_errors(near, past.quarter[draws[:, 0]])
    rounded = [float(f"{error:.{_ERROR_DIGITS}g}") for error in errors]
    return np.append(100 * (crossed.sum(axis=1).ravel() + 0.5) / (paths + 1), rounded)


def crossings(
    past: Past, today: int, draws: Columns, ends: Sequence[int]
) -> NDArray[np.bool_] | None:
    """Return whether each path of drawn blocks, (paths, blocks), has crossed by each end in days.

    Shape (thresholds, paths, ends); None where too few coins of the day can be sent along.
    """
    rank = np.flatnonzero(past.coin[today] >= 0)
    rank = rank[np.isfinite(past.log_price[today, past.coin[today, rank]])]
    rank = rank[np.isfinite(past.log_cap[today, rank])]
    # Where fewer coins than the top have a price, the index counts those of the top that have one.
    top = TOP if len(rank) >= TOP else int((rank < TOP).sum())
    if top < MIN_COVERAGE * TOP or not np.isfinite(past.dispersion[today]):
        return None
    change = past.block[:, :, rank][draws] if len(rank) < COINS else past.block[draws]
    change = change.reshape(len(draws), -1, len(rank))[:, : ends[-1]]
    ahead = np.cumsum(change * past.dispersion[today], axis=1, dtype=np.float32)
    index = future_index(past, today, rank, ahead, top)
    return np.stack(
        [np.maximum.accumulate(index >= t, axis=1)[:, np.array(ends) - 1] for t in THRESHOLDS]
    )


def _quarter_errors(crossed: NDArray[np.bool_], quarter: Columns) -> NDArray[np.float64]:
    """Return the deviation of each share of paths, (paths, columns), if quarters are drawn anew.

    Each quarter's paths get one standard exponential weight (the Bayesian bootstrap). To first
    order in the weights; exact where the quarters have equally many paths.
    """
    number, position = np.unique(quarter, return_inverse=True)
    excess = np.zeros((len(number), crossed.shape[1]))
    np.add.at(excess, position, crossed - crossed.mean(axis=0))
    variance = (excess**2).sum(axis=0) / len(quarter) ** 2
    return np.asarray(np.sqrt(variance * len(number) / (len(number) + 1)))


def future_index(
    past: Past, today: int, rank: NDArray[np.int64], ahead: Floats, top: int
) -> NDArray[np.float64]:
    """Return the season index of each path on each day to come, shape (paths, days)."""
    paths, days, _ = ahead.shape
    coin = past.coin[today, rank]
    # Log price 90 days before each of the next 90 days, against today's.
    before = past.log_price[today + 1 - WINDOW_DAYS : today + 1, coin] - past.log_price[today, coin]
    compared = np.ones((days, len(rank)), bool)
    compared[:WINDOW_DAYS] = np.isfinite(before)
    leads = np.empty(ahead.shape, bool)
    np.greater(ahead[:, :WINDOW_DAYS], before, out=leads[:, :WINDOW_DAYS])
    np.greater(ahead[:, WINDOW_DAYS:], ahead[:, :-WINDOW_DAYS], out=leads[:, WINDOW_DAYS:])
    cap = past.log_cap[today, rank]
    renewed = cap + ahead[:, _RENEWAL_DAYS - 1 : -1 : _RENEWAL_DAYS]
    caps = np.concatenate([np.broadcast_to(cap, (paths, 1, len(rank))), renewed], axis=1)
    smallest = np.partition(caps, len(rank) - top, axis=2)[:, :, [len(rank) - top]]
    member = np.repeat(caps >= smallest, _RENEWAL_DAYS, axis=1)[:, :days] & compared
    counted = np.count_nonzero(member, axis=2)
    leading = np.count_nonzero(leads & member, axis=2)
    enough = counted >= MIN_COVERAGE * TOP
    return np.where(enough, 100.0 * leading / np.maximum(counted, 1), 0.0)
