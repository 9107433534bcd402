"""How seasons run: past ones day by day, resampled, one of a day and one longer than any seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.market.season import PARTIAL_THRESHOLD
from models.outlook.lasting import draw_shares, sustained_law
from models.season.spells import BoolArray, FloatArray, History, IntArray, Season

# Deviation of the logarithm of elapsed days within which a past season is comparable: a season
# in its third month is compared with others in their second to fifth, not with a first day.
ELAPSED_DEVIATION = 0.5


@dataclass(frozen=True, eq=False)
class Draws:
    """Courses of seasons: pattern, day in it on the next simulated day, days to run.

    On day `position` of a course the index is at the threshold if the position is at least 0 and
    below `length` and ``SeasonLaw.in_season[pattern, position % days[pattern]]`` holds.
    """

    pattern: IntArray
    position: IntArray
    length: IntArray


@dataclass(frozen=True, eq=False)
class SeasonLaw:
    """Past seasons and what each of them counts for a new one.

    Before any is seen, one of a single day and one longer than all count once each, so that the
    share of long seasons has a uniform prior.

    Parameters
    ----------
    in_season : numpy.ndarray of bool, shape (n, longest)
        Day by day from the onset: whether the index was at the threshold.
    days : numpy.ndarray of int, shape (n,)
        Days from the onset to the last day at the threshold; not falling.
    count : numpy.ndarray, shape (n + 1,)
        What each counts; the last is the season longer than any seen, which counts once.
    quiet_days : int
        Days below the threshold that end a season.
    mean_days : float
        Mean days from the onset to the last day at the threshold of past seasons.
    sustained : numpy.ndarray of bool, shape (n + 1,)
        Which of them are sustained.
    share : numpy.ndarray, optional
        Law of the share of sustained seasons (`models.outlook.lasting`); by default as counted.
    """

    in_season: BoolArray
    days: IntArray
    count: FloatArray
    quiet_days: int
    mean_days: float
    sustained: BoolArray
    share: FloatArray | None = None

    def weights(self, random: np.random.Generator, groups: int) -> FloatArray:
        """Draw weights of the seasons (Bayesian bootstrap), cumulative: shape (groups, n + 1)."""
        drawn = random.standard_gamma(self.count, size=(groups, len(self.count)))
        weight = drawn / drawn.sum(axis=1, keepdims=True)
        lasting = self.sustained
        # Where all seasons are alike there is no share to scale.
        if self.share is not None and lasting.any() and not lasting.all():
            counted = weight[:, lasting].sum(axis=1, keepdims=True)
            share = draw_shares(self.share, groups)[:, None]
            weight *= np.where(lasting, share / counted, (1 - share) / (1 - counted))
        return np.cumsum(weight, axis=1)

    def begin(self, random: np.random.Generator, cumulative: FloatArray, mark: FloatArray) -> Draws:
        """Draw a new season for each row of cumulative weights, shape (k, n + 1).

        The mark, uniform in [0, 1), shape (k,), rises with the length of the season.
        """
        pattern = _pick(mark, cumulative)
        record = pattern == len(self.days)
        pattern = np.where(record, len(self.days) - 1, pattern)
        length = self.days[pattern] + np.where(record, self._beyond(random, len(pattern)), 0)
        return Draws(pattern, np.zeros(len(pattern), np.int64), length)

    def resume(
        self, random: np.random.Generator, now: History, groups: int, mark: FloatArray
    ) -> Draws:
        """Draw how the season that stands goes on, one course for each mark, groups in a row.

        A past season counts as far as it ever stood where this one stands: as many days below
        the threshold in a row, and, on a day at the threshold, as many days after its onset. One
        further continuation counts once: no ageing, at any elapsed length.
        """
        assert now.current is not None
        alike = self._alike(now.current, now.run)
        count = np.append(alike.max(axis=1), 1.0)
        # A season that never stood there has no chance; a Gamma of shape 0 is not defined.
        drawn = random.standard_gamma(np.maximum(count, 1e-12), size=(groups, len(count)))
        cumulative = np.cumsum(drawn / drawn.sum(axis=1, keepdims=True), axis=1)
        pattern = _pick(mark, np.repeat(cumulative, len(mark) // groups, axis=0))
        free = pattern == len(self.days)
        pattern = np.where(free, len(self.days) - 1, pattern)
        inside = np.cumsum(alike, axis=1)
        inside = inside / np.maximum(inside[:, -1:], np.finfo(float).tiny)
        position = _pick(random.random(len(pattern)), inside[pattern]) + 1
        # Below the threshold today: back on each day with chance 1 / quiet_days, then no ageing.
        wait = random.geometric(1 / self.quiet_days, len(pattern)) - 1 if now.run else 0
        length = np.where(free, self._beyond(random, len(pattern)), self.days[pattern])
        return Draws(pattern, np.where(free, -wait, position), length)

    def _beyond(self, random: np.random.Generator, size: int) -> IntArray:
        """Days that a season runs on without ageing: exponential with the mean of past seasons."""
        return np.ceil(random.exponential(self.mean_days, size)).astype(np.int64)

    def _alike(self, current: Season, run: int) -> FloatArray:
        """Return how far each day of each past season is like today, in [0, 1]; shape (n, days)."""
        size = self.in_season.shape[1] + self.quiet_days
        at = np.zeros((len(self.days), size), dtype=bool)
        at[:, : self.in_season.shape[1]] = self.in_season
        position = np.arange(size)
        runs = position - np.maximum.accumulate(np.where(at, position, -1), axis=1)
        alike = (runs == run) & (position < self.days[:, None] - 1 + self.quiet_days)
        if run:
            return alike.astype(float)
        distance = np.log((position + 1) / current.span) / ELAPSED_DEVIATION
        return alike * np.exp(-0.5 * distance**2)


def season_law(history: History) -> SeasonLaw:
    """Read the law of seasons from a history.

    An unfinished season gives its count to the seasons that ran longer, the one beyond all seen
    among them, in equal parts: Efron's redistribution to the right.

    Parameters
    ----------
    history : History
        Holds at least one season that is over.

    Returns
    -------
    SeasonLaw

    Raises
    ------
    ValueError
        If no season is over.

    References
    ----------
    Rubin (1981), https://doi.org/10.1214/aos/1176345338; one part beyond all seen: Hill (1968),
    https://doi.org/10.1080/01621459.1968.11009286; Efron (1967), 5th Berkeley Symposium.
    """
    over = [season for season in history.seasons if season.complete]
    over.sort(key=lambda season: season.span)
    if not over:
        raise ValueError(
            f"no season at {history.definition.threshold:g} was over by {history.until:%Y-%m-%d}; "
            "ask for a later day or a lower threshold."
        )
    quiet = history.definition.quiet_days
    touch = Season(over[0].onset, np.ones(1, dtype=bool), 1, 1 + quiet, True)
    mean_days = float(np.mean([season.span for season in over]))
    over = [touch, *over]
    days = np.array([season.span for season in over])
    at = np.zeros((len(over), days.max()), dtype=bool)
    for row, season in zip(at, over, strict=True):
        row[: season.span] = season.in_season
    count = np.ones(len(over) + 1)
    for season in history.seasons:
        if not season.complete:
            longer = np.append(days > season.span, True)
            count += longer / longer.sum()
    within, needed = history.definition.sustained_within, history.definition.sustained_days
    sustained = at[:, :within].sum(axis=1) >= needed
    # A season longer than any seen runs as the longest does.
    return SeasonLaw(
        at, days, count, quiet, mean_days, np.append(sustained, sustained[-1]), _share(history)
    )


def _share(history: History) -> FloatArray | None:
    """Return the law of the share of sustained seasons; partial seasons have no such share."""
    if history.definition.threshold <= PARTIAL_THRESHOLD:
        return None
    return sustained_law([each.sustained(history.definition) for each in history.seasons])


def _pick(mark: FloatArray, cumulative: FloatArray) -> IntArray:
    """Return where each mark falls in its row of cumulative weights that end with 1."""
    return np.minimum((cumulative <= mark[:, None]).sum(axis=1), cumulative.shape[1] - 1)
