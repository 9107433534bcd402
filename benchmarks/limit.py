"""How much could be known at all: ``python -m benchmarks.limit --data-dir DIR [--out PAGE]``.

In worlds that are the resampled past, a forecaster that draws from the very same blocks is as good
as one can be: what it scores is the limit. The worlds also show what it costs not to know the
process, and how often intervals hold the true chance. What is drawn was fixed beforehand in
docs/choices.md. Structure longer than a block is in no world.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri

from features.market.paths import (
    BLOCK_DAYS,
    COINS,
    THRESHOLDS,
    Floats,
    Past,
    crossings,
    future_index,
)
from features.market.season import TOP
from features.reference.load import load_reference
from features.sources.directory import checked_tables
from features.storage.atomic import staged
from models.formatting import filled, markdown
from models.hazard.base import THRESHOLD
from models.hazard.candidates import BREADTH_CORE
from models.hazard.leads import LEAD_DAYS, FloatArray, IntArray, incidence, lead_targets
from models.hazard.logistic import LogisticHazard
from models.season.definition import OnsetDefinition
from models.season.spells import BoolArray
from models.training.landmarks import POOLED, STEP_DAYS
from models.verification.contrasts import Contrasts, episode_contrasts
from models.verification.intervals import Interval, skill_interval
from models.verification.scores import brier_scores

HORIZONS = (30, 60, 90)
WORLDS, PATHS, BLOCKS, SEED = 120, 1000, 3, 0
LAST_WEEK = 180
OF_THE_DAY = pd.Timestamp("2017-01-01")  # worlds from here on show what blocks to the day cost
ONSETS, TENTHS, REPLICATES = 12, 10, 40
RESAMPLES = 20  # pasts of each week on which intervals are judged
SPLIT = pd.Timestamp("2020-01-01")
EVERY = 28  # days between those that blocks to 2019 are judged on
Z = float(ndtri(0.95))
GAIN = 0.03
BROAD = OnsetDefinition()
AT_BROAD = POOLED.index(BROAD.threshold)


class Counts(NamedTuple):
    """Paths of a day by the calendar quarter of their block, and those that crossed in time."""

    paths: FloatArray  # (quarters,)
    crossed: FloatArray  # (quarters, horizons)

    def share(self, times: FloatArray | float = 1.0) -> tuple[FloatArray, FloatArray]:
        """Return the share that crossed and its deviation, each quarter seen so many times."""
        weight = np.broadcast_to(times, self.paths.shape)
        total, quarters = float(weight @ self.paths), float(weight.sum())
        share = (weight @ self.crossed + 0.5) / (total + 1)
        excess = self.crossed - self.paths[:, None] * share
        variance = weight @ excess**2 / max(total, 1.0) ** 2 * quarters / (quarters + 1)
        return share, np.sqrt(variance)


@dataclass(frozen=True, eq=False)
class Week:
    """A day of a world at risk of a broad season: what is forecast, what came."""

    features: FloatArray  # of BREADTH_CORE
    ahead: FloatArray  # days to the first day at each of POOLED, NaN if none came or not at risk
    at_risk: BoolArray  # of each of POOLED
    known: int  # days of outcome
    counts: Counts | None  # of the paths, where it is at risk of a broad season
    to_the_day: Counts | None


def world_weeks(
    past: Past, start: int, index: FloatArray, random: np.random.Generator
) -> list[Week]:
    """Send the coins of a day along blocks and forecast each week; `index` ends on the day."""
    drawn = past.block[random.integers(len(past.block), size=BLOCKS)].reshape(-1, COINS)
    ahead = np.cumsum(drawn * past.dispersion[start], axis=0, dtype=np.float32)
    world = _laid_out(past, start, ahead)
    went = future_index(past, start, np.arange(COINS), ahead[None], TOP)[0]
    index = np.concatenate([index, went])
    begin = len(index) - len(went) - 1  # position of the first day
    weeks = []
    for day in range(0, LAST_WEEK + 1, STEP_DAYS):
        at, today = begin + day, BLOCK_DAYS - 1 + day
        quiet: BoolArray = index[at - BROAD.quiet_days : at + 1].max() < np.array(POOLED)
        reached = index[at + 1 :, None] >= np.array(POOLED)
        first = np.where(reached.any(axis=0), reached.argmax(axis=0) + 1.0, np.nan)
        counts = to_the_day = None
        if quiet[AT_BROAD]:
            counts, to_the_day = _forecast(world, today, start, random)
        features = np.array([index[at], _carried(world, today, 30), _carried(world, today, 60)])
        ahead_of = np.where(quiet, first, np.nan)
        weeks.append(Week(features, ahead_of, quiet, len(went) - day, counts, to_the_day))
    return weeks


def _laid_out(past: Past, start: int, ahead: Floats) -> Past:
    """Return the world as a past of its own: 90 days before its first day and all after."""
    coin = past.coin[start]
    before = past.log_price[start + 1 - BLOCK_DAYS : start + 1, coin] - past.log_price[start, coin]
    cap = past.log_cap[start] + np.concatenate([np.zeros_like(before), ahead])
    order = np.argsort(-cap, axis=1, kind="stable")
    return replace(
        past, log_price=np.concatenate([before, ahead]), coin=order,
        log_cap=np.take_along_axis(cap, order, axis=1),
        dispersion=np.full(len(cap), past.dispersion[start]),
    )  # fmt: skip


def _carried(world: Past, today: int, days: int) -> float:
    """Return the index in so many days if every relative price stood still."""
    top = world.coin[today, :TOP]
    then = world.log_price[today - (BLOCK_DAYS - days), top]
    return float(100 * (world.log_price[today, top] > then)[np.isfinite(then)].mean())


def _forecast(
    world: Past, today: int, start: int, random: np.random.Generator
) -> tuple[Counts, Counts]:
    """Count the paths of a day, of all blocks and of those that were over on the first day."""
    drawn = random.integers(len(world.block), size=PATHS)
    over = world.block_start[drawn] + BLOCK_DAYS <= start
    counts = _counted(world, today, drawn)
    assert counts is not None
    return counts(np.ones(PATHS, bool)), counts(over)


def _counted(past: Past, today: int, drawn: IntArray) -> Callable[[BoolArray], Counts] | None:
    """Return how to count some of the paths of drawn blocks; None where there can be none."""
    crossed = crossings(past, today, drawn[:, None], HORIZONS)
    if crossed is None:
        return None
    broad, quarter = crossed[THRESHOLDS.index(int(BROAD.threshold))], past.quarter[drawn]

    def of(some: BoolArray) -> Counts:
        number, position = np.unique(quarter[some], return_inverse=True)
        by_quarter = np.zeros((len(number), len(HORIZONS)))
        np.add.at(by_quarter, position, broad[some])
        return Counts(np.bincount(position).astype(float), by_quarter)

    return of


@dataclass(frozen=True, eq=False)
class Study:
    """The weeks at risk of a broad season in all worlds, and what each forecaster says of them."""

    world: IntArray
    recent: BoolArray  # whether the world shows what blocks to the day cost
    outcome: FloatArray  # (weeks, horizons)
    chances: dict[str, FloatArray]  # by forecaster
    counts: list[Counts]
    replicates: FloatArray  # of the hazard, (replicates, weeks, horizons)

    def skill(self, name: str, horizon: int) -> Interval:
        """Return a forecaster's Brier skill against the frequency in all worlds."""
        rows = self.recent if name in _KNOWING_LESS else np.ones(len(self.world), bool)
        outcome = self.outcome[rows, horizon]
        scores = brier_scores(outcome, self.chances[name][rows, horizon])
        base = brier_scores(outcome, np.full(len(outcome), outcome.mean()))
        return skill_interval(scores, base, _worlds(self.world[rows]))

    def years(self, gain: float = GAIN) -> float:
        """Return the years of weeks after which a gain over the pool would just show at 30 days."""
        outcome, world = self.outcome[self.recent, 0], self.world[self.recent]
        first, second = (brier_scores(outcome, self.chances[name][self.recent, 0])
                         for name in ("knows", "pool"))  # fmt: skip
        base = brier_scores(outcome, np.full(len(outcome), outcome.mean()))
        pull = (first - second - (first - second).mean()) / base.mean()
        error = _worlds(world).error(pull)
        spent = len(np.unique(world)) * (LAST_WEEK + STEP_DAYS) / 365.25
        return float(spent * (Z * error / gain) ** 2)

    def coverage(self, random: np.random.Generator) -> FloatArray:
        """Return how often intervals hold the chance of all quarters: simulation, pool x horizons.

        A past is a resample of the quarters; what is forecast from it is counted by reweighting.
        """
        held = np.zeros((2, len(HORIZONS)))
        order = np.random.default_rng(SEED).permutation(len(self.replicates))
        deviate = ndtri((order + 0.5) / len(order))[:, None]
        for week, counts in enumerate(self.counts):
            truth, quarters = counts.share()[0], len(counts.paths)
            for times in random.multinomial(quarters, np.full(quarters, 1 / quarters), RESAMPLES):
                share, error = counts.share(times.astype(float))
                shift = error / (share * (1 - share))
                alone = expit(logit(share) + shift * np.array([[-Z], [Z]]))
                drawn = expit(logit(share) + shift * deviate)
                pooled = np.quantile((drawn + self.replicates[:, week]) / 2, [0.05, 0.95], axis=0)
                held += [_inside(truth, alone), _inside(truth, pooled)]
        return held / (len(self.counts) * RESAMPLES)


def _worlds(world: IntArray) -> Contrasts:
    """Return the contrasts of rows of which each world is a unit of evidence."""
    return episode_contrasts(pd.DatetimeIndex(pd.to_datetime(world, unit="D")))


_KNOWING_LESS = ("blocks to the day", "pool")


def _inside(truth: FloatArray, ends: FloatArray) -> BoolArray:
    return (ends[0] <= truth) & (truth <= ends[1])


def study(past: Past, days: pd.DatetimeIndex, index: pd.Series, worlds: int, seed: int) -> Study:
    """Draw the worlds and forecast their weeks; `days` are those of the past, `index` the real."""
    random = np.random.default_rng(seed)
    starts = random.choice(_starts(past, days, index), size=worlds, replace=False)
    made = []
    for number, start in enumerate(map(int, starts)):
        before = index.loc[: days[start]].to_numpy()[-BROAD.quiet_days - 1 :]
        made.append(world_weeks(past, start, before, random))
        print(f"world {number + 1} of {worlds}", file=sys.stderr, flush=True)
    rows = [(number, week) for number, weeks in enumerate(made) for week in weeks if week.counts]
    world = np.array([number for number, _ in rows])
    ahead = np.array([week.ahead[AT_BROAD] for _, week in rows])
    knows = np.array([week.counts.share()[0] for _, week in rows if week.counts])
    to_day = np.array([week.to_the_day.share()[0] for _, week in rows if week.to_the_day])
    hazard, replicates = _hazards(made, rows, random)
    return Study(
        world=world, recent=np.asarray(days[starts[world]] >= OF_THE_DAY),
        outcome=(ahead[:, None] <= np.array(HORIZONS)).astype(float),
        chances={"knows": knows, "blocks to the day": to_day, "hazard of 12 seasons": hazard,
                 "pool": (to_day + hazard) / 2},
        counts=[week.counts for _, week in rows if week.counts], replicates=replicates,
    )  # fmt: skip


def _starts(past: Past, days: pd.DatetimeIndex, index: pd.Series) -> IntArray:
    """Return the days on which all coins have a price and a cap, and the index is known."""
    whole = (past.coin >= 0).all(axis=1) & np.isfinite(past.dispersion)
    whole &= np.isfinite(past.log_cap).all(axis=1)
    priced = np.isfinite(np.take_along_axis(past.log_price, np.maximum(past.coin, 0), axis=1))
    known = index.reindex(days).rolling(BROAD.quiet_days + 1).count() > BROAD.quiet_days
    found = np.flatnonzero(whole & priced.all(axis=1) & known.to_numpy())
    return found[found >= BLOCK_DAYS]


def _hazards(
    made: Sequence[list[Week]], rows: Sequence[tuple[int, Week]], random: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the chances of hazards fitted to a dozen seasons of other worlds, and replicates."""
    chances = np.empty((len(rows), len(HORIZONS)))
    replicates = np.empty((REPLICATES, len(rows), len(HORIZONS)))
    world = np.array([number for number, _ in rows])
    X = pd.DataFrame([week.features for _, week in rows], columns=BREADTH_CORE)
    X = X.assign(**{THRESHOLD: BROAD.threshold})
    for tenth in range(TENTHS):
        asked = world % TENTHS == tenth
        if not asked.any():
            continue
        others = random.permutation([n for n in range(len(made)) if n % TENTHS != tenth])
        learnt = _dozen(made, others)

        def of(drawn: Sequence[int], asked: BoolArray = asked) -> FloatArray:
            model = LogisticHazard(BREADTH_CORE).fit(*_training(made, drawn))
            return incidence(model.predict_proba(X[asked]), HORIZONS)

        chances[asked] = of(learnt)
        for replicate in replicates:
            replicate[asked] = of(_redrawn(made, learnt, random))
    return chances, replicates


def _onsets(weeks: list[Week]) -> int:
    days = {number * STEP_DAYS + week.ahead[AT_BROAD] for number, week in enumerate(weeks)}
    return len([day for day in days if not np.isnan(day)])


def _dozen(made: Sequence[list[Week]], order: IntArray) -> list[int]:
    """Return the first worlds of an order that hold a dozen onsets."""
    seen = np.cumsum([_onsets(made[number]) for number in order])
    return [int(number) for number in order[: int(np.searchsorted(seen, ONSETS)) + 1]]


def _redrawn(
    made: Sequence[list[Week]], learnt: Sequence[int], random: np.random.Generator
) -> list[int]:
    while True:
        drawn = [int(number) for number in random.choice(learnt, size=len(learnt))]
        if any(_onsets(made[number]) for number in drawn):
            return drawn


def _training(
    made: Sequence[list[Week]], worlds: Sequence[int]
) -> tuple[pd.DataFrame, IntArray, FloatArray]:
    """Return the rows of worlds at every threshold at risk, with targets and weights."""
    rows = [
        (copy * 1000 + number, *week.features, threshold, week.ahead[at], week.known)
        for copy, world in enumerate(worlds)
        for number, week in enumerate(made[world])
        for at, threshold in enumerate(POOLED)
        if week.at_risk[at]
    ]
    columns = ("day", *BREADTH_CORE, THRESHOLD, "ahead", "known")
    table = pd.DataFrame(rows, columns=list(columns)).set_index("day")
    targets = lead_targets(table["ahead"], table["known"])
    return table, targets, np.full(len(table), STEP_DAYS / LEAD_DAYS)


def blocks_to_2019(past: Past, days: pd.DatetimeIndex, random: np.random.Generator) -> FloatArray:
    """Return how often the interval from blocks to 2019 holds the chance by blocks begun since."""
    split = int(days.searchsorted(SPLIT))
    begun, over = past.block_start >= split, past.block_start + BLOCK_DAYS < split
    held = []
    for today in range(split, len(days), EVERY):
        drawn = np.concatenate(
            [random.choice(np.flatnonzero(which), PATHS) for which in (over, begun)]
        )
        if (counts := _counted(past, today, drawn)) is None:
            continue
        share, error = counts(past.block_start[drawn] < split).share()
        truth, _ = counts(past.block_start[drawn] >= split).share()
        ends = expit(logit(share) + error / (share * (1 - share)) * np.array([[-Z], [Z]]))
        held.append(_inside(truth, ends))
    return np.append(np.mean(held, axis=0), len(held))


def table(found: Study, random: np.random.Generator, since: FloatArray) -> list[list[str]]:
    """Return what was measured as rows of cells."""
    rows = [["", *(f"{horizon} days" for horizon in HORIZONS)]]
    for name in found.chances:
        skills = (found.skill(name, at) for at in range(len(HORIZONS)))
        rows.append([_MEANING[name], *(f"{s.value:+.2f} [{s.low:+.2f}, {s.high:+.2f}]"
                                       for s in skills)])  # fmt: skip
    names = ("interval of the simulation holds the true chance", "interval of the pool holds it")
    for name, held in zip(names, found.coverage(random), strict=True):
        rows.append([name, *(f"{100 * each:.0f} %" for each in held)])
    rows.append([f"interval from blocks to 2019 holds the chance since, of {since[-1]:.0f} days",
                 *(f"{100 * each:.0f} %" for each in since[:-1])])  # fmt: skip
    return rows


_MEANING = {
    "knows": "draws from the very blocks: the limit",
    "blocks to the day": "blocks to the first day alone (worlds from 2017 on)",
    "hazard of 12 seasons": "logistic hazard fitted to 12 seasons",
    "pool": "mean of the last two (worlds from 2017 on)",
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument("--worlds", type=int, default=WORLDS, help=f"worlds (default {WORLDS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed (default {SEED})")
    parser.add_argument("--out", type=Path, help="page whose region `limit` to write")
    options = parser.parse_args()
    market = checked_tables(options.data_dir).market
    past, index = Past.of(market), load_reference().series("season_index")
    found = study(past, market.days, index, options.worlds, options.seed)
    random = np.random.default_rng([options.seed, 1])
    rows = table(found, random, blocks_to_2019(past, market.days, random))
    text = "\n".join(markdown(rows)) + (
        f"\n\n{options.worlds} worlds, {len(found.world)} weeks at risk, seed {options.seed}. At "
        f"30 days a gain of {GAIN:g} over the pool would show after {found.years():.0f} years "
        "(worlds from 2017 on)."
    )
    print(text)
    if options.out:
        page = filled(options.out.read_text(), {"limit": text}, str(options.out))
        with staged(options.out) as beside:
            beside.write_text(page)


if __name__ == "__main__":
    main()
