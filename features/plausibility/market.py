"""Rules on the market of coins, where each coin is the others' witness."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.market.season import MAX_SNAPSHOT_AGE_DAYS, TOP, WINDOW_DAYS
from features.plausibility import rules
from features.plausibility.rules import found, shown_factor
from features.provenance import Consequence, Finding

Floats = NDArray[np.float64]


class Prices:
    """Log prices of coins by day, and who was ranked when.

    Parameters
    ----------
    coins : pandas.DataFrame
        Columns `date`, `coin`, `close_usd`, `close_btc`; one row a coin and day.
    universe : pandas.DataFrame
        Columns `snapshot_date`, `rank`, `coin`.
    """

    def __init__(self, coins: pd.DataFrame, universe: pd.DataFrame) -> None:
        self.code, ids = pd.factorize(coins["coin"])
        self.ids = pd.Index(ids)
        self.first = coins["date"].min()
        self.row = day_numbers(coins["date"], self.first)
        shape = (int(self.row.max()) + 1, len(self.ids))
        self.usd, self.btc = np.full(shape, np.nan), np.full(shape, np.nan)
        self.usd[self.row, self.code] = np.log(coins["close_usd"].to_numpy())
        self.btc[self.row, self.code] = np.log(coins["close_btc"].to_numpy())
        self.days = pd.date_range(self.first, periods=shape[0], unit="s")
        self.members: NDArray[np.int64] = np.empty((0, TOP), int)
        self.ranked: NDArray[np.bool_] = np.empty((0, 0), bool)
        self.rank(universe)

    def column(self, coin: str) -> int | None:
        """Return the column of a coin, if it has prices."""
        return int(self.ids.get_loc(coin)) if coin in self.ids else None

    def of_members(self, table: Floats) -> Floats:
        """Return a table's values of the ranked coins: shape (days, 50), NaN for none."""
        rows = np.arange(len(table))[:, None]
        return np.where(self.members >= 0, table[rows, self.members], np.nan)

    def rank(self, universe: pd.DataFrame) -> None:
        """Take over a ranking: columns of the top 50 by day, -1 for none; never Bitcoin."""
        ranked = universe[(universe["rank"] <= TOP) & (universe["coin"] != "bitcoin")]
        ranked = ranked.sort_values(["snapshot_date", "rank"])
        days = day_numbers(ranked["snapshot_date"], self.first)
        snapshot, at = np.unique(days, return_inverse=True)
        place = ranked.groupby("snapshot_date").cumcount().to_numpy()
        table = np.full((len(snapshot), TOP), -1)
        table[at, place] = self.ids.get_indexer(pd.Index(ranked["coin"]))
        every = np.arange(len(self.days))
        newest = np.searchsorted(snapshot, every, side="right") - 1
        fresh = (newest >= 0) & (every - snapshot[newest] <= MAX_SNAPSHOT_AGE_DAYS)
        self.members = np.where(fresh[:, None], table[newest], -1)
        self.ranked = self._near()

    def _near(self) -> NDArray[np.bool_]:
        """Tell on which days a coin's close is compared: ranked then, or within the window after.

        Other closes of the table bear on nothing.
        """
        member = np.zeros((len(self.days) + WINDOW_DAYS, len(self.ids)), np.int8)
        rows, places = np.nonzero(self.members >= 0)
        member[rows, self.members[rows, places]] = 1
        counted = np.cumsum(member, axis=0, dtype=np.int16)
        near = counted[WINDOW_DAYS:] - counted[: len(self.days)] > 0
        return np.asarray(near | (member[: len(self.days)] > 0))


def day_numbers(days: pd.Series, first: pd.Timestamp) -> NDArray[np.int64]:
    """Return how many days after the first each day is."""
    since = days.to_numpy().astype("datetime64[D]") - np.datetime64(first, "D")
    return np.asarray(since.astype(np.int64))


@dataclass
class Verdict:
    """What the rules say of a market.

    Parameters
    ----------
    withheld : numpy.ndarray
        bool by day: no index may be made of that day's closes.
    left_out : numpy.ndarray
        bool, days x coins: values that are not used.
    findings : list of Finding
        What was noticed.
    """

    withheld: NDArray[np.bool_]
    left_out: NDArray[np.bool_]
    findings: list[Finding] = field(default_factory=list)


def judge(prices: Prices, bitcoin_usd: pd.Series | None) -> Verdict:
    """Apply every rule that needs more than one coin.

    Parameters
    ----------
    prices : Prices
        The market.
    bitcoin_usd : pandas.Series, optional
        Bitcoin's close in US dollars by day.
    """
    shape = prices.usd.shape
    verdict = Verdict(np.zeros(shape[0], bool), np.zeros(shape, bool))
    _frozen_market(prices, verdict)
    _common_mode(prices, verdict, bitcoin_usd)
    if bitcoin_usd is not None:
        _contradiction(prices, bitcoin_usd, verdict)
    _frozen_coins(prices, verdict)
    _steps(prices, verdict)
    return verdict


def _median(values: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Return each row's median where there are enough witnesses (else NaN), and their number."""
    count = np.isfinite(values).sum(axis=1)
    enough = count >= rules.MIN_WITNESSES
    middle = np.full(len(values), np.nan)
    middle[enough] = np.nanmedian(values[enough], axis=1)
    return middle, count


def _common_mode(prices: Prices, verdict: Verdict, bitcoin_usd: pd.Series | None) -> None:
    """Find the days on which Bitcoin's close is wrong, as all coins tell together."""
    logs = np.where(verdict.withheld[:, None], np.nan, prices.btc)
    before = _filled(logs)
    steps = np.full(logs.shape[0], np.nan)
    steps[1:], _ = _median(
        prices.of_members(logs)[1:] - prices.of_members(np.roll(before, 1, axis=0))[1:]
    )
    last = int(np.flatnonzero(np.isfinite(logs).any(axis=1))[-1])
    back = np.append(steps[1:], np.nan)
    # There and back: a smaller step will do.
    returning = (np.minimum(np.abs(steps), np.abs(back)) > rules.COMMON_RETURNING) & (
        np.sign(steps) != np.sign(back)
    )
    far = (steps > rules.COMMON_UP) | (steps < rules.COMMON_DOWN) | returning
    far &= prices.days >= rules.COMMON_SINCE
    done = 0
    for day in np.flatnonzero(far):
        if day < done:
            continue
        after, rule = _common_end(prices, logs, before, int(day), float(steps[day]), last)
        done = len(steps) if rule != "note" and after > last else after + 1
        _say_common(prices, verdict, (int(day), after), float(steps[day]), rule, bitcoin_usd)


def _common_end(
    prices: Prices, logs: Floats, before: Floats, day: int, step: float, last: int
) -> tuple[int, Consequence]:
    """Return the day after the wrong ones, and what follows."""
    members = prices.members[day]
    members = members[members >= 0]
    for later in range(day + 1, min(day + 1 + rules.RETURN_STEPS, last + 1)):
        moved = logs[later, members] - before[day - 1, members]
        if np.isfinite(moved).sum() >= rules.MIN_WITNESSES and (
            abs(np.nanmedian(moved)) < abs(step) / 2
        ):
            return later, "value left out"
    if last - day < rules.CONFIRMING:
        return last + 1, "day held back"
    if step >= rules.COMMON_LASTING_UP or step <= rules.COMMON_LASTING_DOWN:
        return last + 1, "refused"
    return day, "note"


def _say_common(
    prices: Prices,
    verdict: Verdict,
    span: tuple[int, int],
    step: float,
    consequence: Consequence,
    bitcoin_usd: pd.Series | None,
) -> None:
    day, after = span
    if consequence != "note":
        verdict.withheld[day:after] = True
    close = np.nan if bitcoin_usd is None else float(bitcoin_usd.get(prices.days[day], np.nan))
    told = {
        "value left out": "it returns: no close of these days is used",
        "day held back": "one asset that moves against all others is at fault, no season; held "
        f"back until {rules.CONFIRMING} more closes confirm it",
        "refused": "and it stays: no close from here on can be compared with those before",
        "note": "the closes after it confirm it",
    }[consequence]
    verdict.findings.append(
        found(
            "common mode", "bitcoin", (prices.days[day], prices.days[max(after - 1, day)]), close,
            float(np.exp(-step)), consequence,
            f"the median coin moves against Bitcoin by {shown_factor(step)} in a day, so that "
            f"Bitcoin's close is wrong by {shown_factor(-step)}; {told}",
        )
    )  # fmt: skip


def _filled(table: Floats) -> Floats:
    """Return a table with each column's last value carried over at most a week."""
    return pd.DataFrame(table).ffill(limit=7).to_numpy()


def _contradiction(prices: Prices, bitcoin_usd: pd.Series, verdict: Verdict) -> None:
    """Hold Bitcoin's close against what the coins' two closes say of it."""
    own = np.log(bitcoin_usd.reindex(prices.days).to_numpy(dtype=float))
    implied = prices.usd - prices.btc
    column = prices.column("bitcoin")
    median, _ = _median(prices.of_members(implied))
    apart = np.abs(own - median) > rules.CONTRADICTION
    held = np.isfinite(own) & np.isfinite(median)
    last = int(np.flatnonzero(np.isfinite(prices.btc).any(axis=1))[-1])
    if held.sum() and apart[held].mean() > 0.5:
        day = int(np.flatnonzero(apart)[0])
        verdict.withheld[day:] = True
        verdict.findings.append(_two_prices(prices, (day, last), own, median, "refused"))
    else:
        for first, after in _spells(apart & ~verdict.withheld):
            newest = after > last
            verdict.withheld[first:after] |= newest
            if column is not None:
                verdict.left_out[first:after, column] = True
            verdict.findings.append(
                _two_prices(prices, (first, after - 1), own, median,
                            "day held back" if newest else "value left out")
            )  # fmt: skip
    # A coin whose own two closes tell another Bitcoin than Bitcoin's close and the other coins.
    truth = np.where(apart, median, own)[:, None]
    wrong = (np.abs(implied - truth) > rules.COIN_CONTRADICTION) & prices.ranked
    wrong &= np.isfinite(median)[:, None]
    if column is not None:
        wrong[:, column] = False
    verdict.left_out |= wrong
    _say_coins(prices, verdict, wrong, "contradiction",
               "close_usd / close_btc is not Bitcoin's close")  # fmt: skip


def _two_prices(
    prices: Prices, span: tuple[int, int], own: Floats, median: Floats, consequence: Consequence
) -> Finding:
    first, last = span
    close, told = float(np.exp(own[first])), float(np.exp(median[first]))
    return found(
        "contradiction", "bitcoin", (prices.days[first], prices.days[last]), close, close / told,
        consequence,
        f"its close is {close:g}, but the median of close_usd / close_btc over the coins is "
        f"{told:g}",
    )  # fmt: skip


def _spells(bad: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return first day and day after the last of each run of days."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _frozen_market(prices: Prices, verdict: Verdict) -> None:
    """Find days on which many coins have exactly the close of the day before."""
    members = prices.of_members(prices.usd)
    now, past = members[1:], prices.of_members(np.roll(prices.usd, 1, axis=0))[1:]
    both = np.isfinite(now) & np.isfinite(past)
    count = both.sum(axis=1)
    share = ((now == past) & both).sum(axis=1) / np.maximum(count, 1)
    bad = np.append(False, (count >= rules.MIN_WITNESSES) & (share >= rules.FROZEN_SHARE))
    for first, after in _spells(bad):
        verdict.withheld[first:after] = True
        worst = float(share[first - 1 : after - 1].max())
        verdict.findings.append(
            found(
                "frozen market", "coins", (prices.days[first], prices.days[after - 1]), worst, 1.0,
                "refused", f"up to {worst:.0%} of the top {TOP} have exactly the close of the day "
                f"before, at most {rules.FROZEN_SHARE:.0%} may; no forecast is made of these days",
            )
        )  # fmt: skip


def _frozen_coins(prices: Prices, verdict: Verdict) -> None:
    """Leave out the closes of coins whose feed stands still."""
    same = np.zeros(prices.usd.shape, bool)
    same[1:] = prices.usd[1:] == prices.usd[:-1]
    same[verdict.withheld] = False
    same &= prices.ranked
    bad = np.zeros_like(same)
    runs = same.copy()
    for _ in range(rules.FROZEN_FINE - 1):
        runs[1:] &= runs[:-1].copy()
    for column in np.flatnonzero(runs.any(axis=0)):
        for first, after in _spells(same[:, column]):
            fine = _digits(float(np.exp(prices.usd[first, column]))) >= rules.FINE_DIGITS
            if after - first >= (rules.FROZEN_FINE if fine else rules.FROZEN_COARSE):
                bad[first:after, column] = True
    verdict.left_out |= bad
    _say_coins(prices, verdict, bad, "frozen", "the close is exactly that of the day before")


def _digits(price: float) -> int:
    """Return the significant digits of a price, of six (single precision has seven)."""
    return len(f"{price:.5e}".split("e")[0].replace(".", "").rstrip("0"))


def _steps(prices: Prices, verdict: Verdict) -> None:
    """Leave out a coin's spikes, and the days that would be compared across a change of unit."""
    clean = np.where(verdict.left_out | verdict.withheld[:, None], np.nan, prices.btc)
    before = _filled(clean)
    steps = np.full(clean.shape, np.nan)
    steps[1:] = clean[1:] - before[:-1]
    spikes, shifts = np.zeros(clean.shape, bool), np.zeros(clean.shape, bool)
    days, columns = np.nonzero((np.abs(steps) >= rules.COIN_SPIKE) & prices.ranked)
    done = dict.fromkeys(range(clean.shape[1]), 0)
    for day, column in zip(days.tolist(), columns.tolist(), strict=True):
        if day < done[column] or not _extreme(steps[:day, column], steps[day, column]):
            continue
        later = clean[day + 1 : day + 1 + rules.RETURN_STEPS, column] - before[day - 1, column]
        back = np.flatnonzero(np.abs(later) < abs(steps[day, column]) / 2)
        if back.size:
            spikes[day : day + 1 + back[0], column] = True
            done[column] = day + 2 + int(back[0])
        elif np.isfinite(clean[day + 1 :, column]).sum() < rules.CONFIRMING:
            spikes[day:, column] = True
        elif abs(steps[day, column]) >= rules.COIN_SHIFT and rules.is_unit(
            steps[day, column], rules.COIN_UNIT
        ):
            shifts[day : day + WINDOW_DAYS, column] = True
    early = prices.days < rules.COIN_SINCE
    for bad, rule in ((spikes, "spike"), (shifts, "level shift")):
        bad &= np.isfinite(prices.btc)
        noted, out = bad & early[:, None], bad & ~early[:, None]
        verdict.left_out |= out
        _say_coins(prices, verdict, out, rule, "the close jumps", steps)
        _say_coins(prices, verdict, noted, rule, "the close jumps", steps, "note")


def _extreme(past: Floats, step: float) -> bool:
    """Tell whether a step is beyond what a coin's own past knows."""
    past = np.abs(past[-rules.SCALE_DAYS :])
    past = past[np.isfinite(past)]
    if len(past) < rules.MIN_OBSERVATIONS:
        return False
    return bool(abs(step) >= rules.COIN_DEVIATIONS * np.median(past) / rules.NORMAL_MAD)


_NAMED = 6


def _say_coins(
    prices: Prices,
    verdict: Verdict,
    bad: NDArray[np.bool_],
    rule: str,
    what: str,
    steps: Floats | None = None,
    consequence: Consequence = "value left out",
) -> None:
    """Name the coins of which closes are left out, the first ones one by one."""
    columns = np.flatnonzero(bad.any(axis=0))
    for column in columns[:_NAMED]:
        days = np.flatnonzero(bad[:, column])
        first = int(days[0])
        factor = np.nan if steps is None else float(np.exp(steps[first, column]))
        by = "" if steps is None else f" by {shown_factor(float(steps[first, column]))}"
        close = float(np.exp(prices.usd[first, column]))
        verdict.findings.append(
            found(rule, str(prices.ids[column]), (prices.days[first], prices.days[days[-1]]),
                  close, factor, consequence, f"{what}{by}, {close:g} USD ({len(days)} days)")
        )  # fmt: skip
    others = columns[_NAMED:]
    if len(others):
        days = np.flatnonzero(bad[:, others].any(axis=1))
        verdict.findings.append(
            found(rule, f"{len(others)} other coins", (prices.days[days[0]], prices.days[days[-1]]),
                  float(len(others)), np.nan, consequence, what)
        )  # fmt: skip
