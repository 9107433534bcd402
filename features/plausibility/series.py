"""Rules on one series: steps, values that stand still, weekends, units."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from pandas.tseries.holiday import (
    AbstractHolidayCalendar,
    GoodFriday,
    Holiday,
    USLaborDay,
    USMartinLutherKingJr,
    USMemorialDay,
    USPresidentsDay,
    USThanksgivingDay,
    nearest_workday,
    sunday_to_monday,
)

from features.market.market import Masks
from features.market.supply import ETHER_SUPPLY, bitcoin_supply
from features.plausibility.book import found, in_days, rule, shown_factor
from features.plausibility.limits import (
    CAPS,
    COIN_SINCE,
    FLOW_TIMES,
    LARGEST_FLOW,
    MIN_OBSERVATIONS,
    SCALE_DAYS,
    SCALES,
    SMALL_FLOW,
    SMALL_FLOWS,
    SMALLEST_FLOW,
    STEPS,
    TOGETHER,
    StepLimit,
)
from features.plausibility.steps import judged_series, repeats, run_of, runs, usual_step
from features.provenance import Finding

Checked = tuple[pd.Series, list[Finding]]

# Series of American sessions: a value of theirs on a weekend is none.
SESSIONS = frozenset({"russell2000", "sp500", "iwm_nav", "iwm_shares_outstanding", *LARGEST_FLOW})
# The panel takes no series with a longer gap.
MAX_GAP = pd.Timedelta(days=7)


def check_series(
    observed: Mapping[str, pd.Series],
    *,
    bitcoin_usd: pd.Series | None = None,
    ether_usd: pd.Series | None = None,
) -> tuple[dict[str, pd.Series], list[Finding]]:
    """Return what the rules leave of single series (sorted, by observation day), and the findings.

    Names are those of `limits.STEPS` and `SCALES`; others pass. `bitcoin_usd` and `ether_usd`,
    closes by day, are witnesses of market caps. A series that is dropped comes back empty.
    """
    kept, findings = dict(observed), list[Finding]()
    for name in observed:
        kept[name], noticed = _check_one(name, kept[name], observed)
        findings += noticed
    for name, (coin, _, _) in CAPS.items():
        close = bitcoin_usd if coin == "Bitcoin" else ether_usd
        if close is not None and name in kept:
            kept[name], noticed = check_cap(name, kept[name], close)
            findings += noticed
    return kept, findings


def _check_one(name: str, values: pd.Series, observed: Mapping[str, pd.Series]) -> Checked:
    before, findings = values, list[Finding]()
    # What is no number is refused by the panel's own rules.
    if not np.isfinite(values).all():
        return values, findings
    if name in SESSIONS and len(values):
        values, findings = check_sessions(name, values, flow=name in LARGEST_FLOW)
    if name in SCALES:
        values, noticed = check_scale(name, values)
        findings += noticed
    if name in LARGEST_FLOW:
        values, noticed = check_flow(name, values)
        findings += noticed
    limit = STEPS.get(name)
    if limit is None or not len(values) or not (values > 0).all():
        return values, findings
    other, apart = TOGETHER.get(name, ("", limit))
    whole = other in observed and (observed[other] > 0).all()
    witness = (observed[other], apart) if whole else None
    values, noticed = check_steps(name, values, limit, witness=witness)
    values, stood = check_frozen(name, values, limit)
    values, cut = _until_gap(name, values, before)
    return values, [*findings, *noticed, *stood, *cut]


# --- steps ---------------------------------------------------------------------------------------


def check_steps(
    name: str,
    values: pd.Series,
    limit: StepLimit,
    *,
    witness: tuple[pd.Series, StepLimit] | None = None,
) -> Checked:
    """Leave out spikes and unconfirmed steps, and end a series at a step that stays."""
    logs, keep = np.log(values.to_numpy()), np.ones(len(values), bool)
    findings: list[Finding] = []
    suspicious = suspicious_steps(values, limit, witness)
    kinds = {"spike": _spike, "unconfirmed": _unconfirmed, "lasting": _shift, "note": _confirmed}
    for first, after, kind in judged_series(logs, suspicious, limit.lasting):
        ends = kind in ("unconfirmed", "lasting")
        keep[first : len(values) if ends else after] = kind == "note"
        days = (values.index[first], values.index[-1 if ends else after - 1])
        findings.append(kinds[kind](name, days, values.iloc[first - 1 : first + 1]))
        if ends:
            break
    return values[keep], findings


def suspicious_steps(
    values: pd.Series, limit: StepLimit, witness: tuple[pd.Series, StepLimit] | None = None
) -> Masks:
    """Return which observations are a step beyond the limit away from the one before.

    A witness is a series that moves alike, with the limit for the difference of both steps.
    """
    steps = pd.Series(np.log(values), values.index).diff()
    usual = usual_step(steps)
    bad = steps.abs() > np.maximum(limit.floor, limit.deviations * usual)
    if witness is not None:
        other, apart = witness
        both = pd.concat({"own": values, "other": other}, axis=1, join="inner")
        logs = pd.DataFrame(np.log(both.to_numpy()), both.index, both.columns).diff()
        gap = logs["own"] - logs["other"]
        far = gap.abs() > np.maximum(apart.floor, apart.deviations * usual_step(gap))
        # Of the two the one that moved is at fault; after a fault of the other both look apart.
        mine = logs["own"].abs() > logs["other"].abs()
        bad |= (far & mine).reindex(bad.index, fill_value=False)
    judged = usual.notna() & (values.index >= limit.since)
    return (bad & judged).to_numpy()


Days = tuple[pd.Timestamp, pd.Timestamp]


def _seen(two: pd.Series) -> tuple[float, float, str]:
    """Return a value, its factor over the one before, and both as words."""
    before, value = map(float, two)
    step = float(np.log(value) - np.log(before))
    said = f"{value:g} after {before:g} the observation before, {shown_factor(step)}"
    return value, float(np.exp(step)), said


@rule("spike")
def _spike(name: str, days: Days, two: pd.Series) -> Finding:
    """A step that returns within five observations.

    Limit: series: the step limit below; coins: x{x.COIN_SPIKE:.0f} and {COIN_DEVIATIONS:.0f} usual
    steps of the coin.
    Why: floors lie a third above the greatest real step; 15 to 30 robust deviations above 20.
    Then: the days between are left out.
    Way out: {WAIT}.
    """
    value, factor, said = _seen(two)
    return found("spike", name, days, value, factor, "value left out", said)


@rule("unconfirmed step")
def _unconfirmed(name: str, days: Days, two: pd.Series) -> Finding:
    """A step beyond the limit on the last two observations.

    Limit: the step limit below, or that against the series that moves alike.
    Why: one observation does not separate a fault from news; {CONFIRMING} more do.
    Then: the values are left out until then.
    Way out: {WAIT}.
    """
    value, factor, said = _seen(two)
    return found("unconfirmed step", name, days, value, factor, "value left out", said)


@rule("level shift")
def _shift(name: str, days: Days, two: pd.Series) -> Finding:
    """A step that stays: a unit, a split, another instrument.

    Limit: series: x1.16 (indices) to x3 beyond the step limit; coins: x{x.COIN_SHIFT:.0f} and
    {COIN_DEVIATIONS:.0f} usual steps, or x{x.COIN_RISE:.0f} up.
    Why: two more observations confirm a market's step, but no market does this.
    Then: the series ends before it; a coin is left out of comparisons across it where the factor
    is a unit's (a power of ten) or the rise is too great, else it is noted.
    Way out: {UNITS}.
    """
    value, factor, seen = _seen(two)
    said = f"{seen}, and it stays: the series ends the day before"
    return found("level shift", name, days, value, factor, "feature dropped", said)


def _confirmed(name: str, days: Days, two: pd.Series) -> Finding:
    value, factor, seen = _seen(two)
    said = f"{seen}; the observations after it confirm it"
    return found("unconfirmed step", name, days, value, factor, "note", said)


# --- what stands still, and gaps -----------------------------------------------------------------


@rule("frozen")
def check_frozen(name: str, values: pd.Series, limit: StepLimit) -> Checked:
    """One feed stands still.

    Limit: a change far below the usual one ({STILL:.1%} of the mean of the {NOISE_DAYS} days
    before, or {NEARLY:.0%} for {NEARLY_RUN} days in a row); coins: {FROZEN_FINE} days (with under
    {FINE_DIGITS} digits {FROZEN_COARSE}); series: 4 observations; Bitcoin: {FROZEN_BITCOIN} days,
    or exactly on the last one.
    Why: real runs: 2 days (12 with few digits); indices and shares 2; Bitcoin 1, twice since 2014.
    Then: the repeated values are left out; where the closes in Bitcoin rest on them, the days are
    left out for all coins and the last ones held back.
    Way out: fetch these days again.
    """
    same, nearly = repeats(np.log(values.to_numpy()))
    judged = np.asarray(values.index >= limit.since)  # days before count towards no run
    bad = run_of(same & judged, limit.frozen) | (nearly & judged)
    findings = []
    for first, after in runs(bad):
        days, value = (values.index[first], values.index[after - 1]), float(values.iloc[first])
        said = f"{value:g} is repeated on {after - first} observations"
        findings.append(found("frozen", name, days, value, 1.0, "value left out", said))
    return values[~bad], findings


def _until_gap(name: str, values: pd.Series, before: pd.Series) -> Checked:
    """End a series where leaving values out has made a gap that no window may span."""
    left_out = before.index.difference(values.index)
    steps = values.index.to_series().diff()
    wide = steps[steps > MAX_GAP]
    for day in wide.index:
        start = day - wide[day]
        if ((left_out > start) & (left_out < day)).any():
            said = f"too many values in a row were left out: the series ends on {start:%Y-%m-%d}"
            where, value = (pd.Timestamp(day), values.index[-1]), float(values[day])
            cut = found("frozen", name, where, value, np.nan, "feature dropped", said)
            return values.loc[:start], [cut]
    return values, []


@rule("calendar")
def check_sessions(name: str, values: pd.Series, *, flow: bool = False) -> Checked:
    """Values on days without a session.

    Limit: a Saturday or Sunday in a series of American sessions; flows on a day on which New York's
    exchanges were closed.
    Why: windows count sessions: filled days shorten them, shifted days move them.
    Then: repeated and zero values are left out, and others on closed days; others on weekends show
    shifted days: the series ends before them.
    Way out: give one row per session, dated in New York.
    """
    index = pd.DatetimeIndex(values.index)
    weekend, findings = index.day_of_week >= 5, list[Finding]()
    filled = ((values == 0) if flow else (values.diff() == 0)).to_numpy()
    # The first may be the one that all others repeat.
    shifted = weekend & ~filled & (index > index[0])
    if shifted.any():
        day = index[shifted][0]
        value, where = float(values[day]), (day, index[-1])
        said = (
            f"{value:g} on {day:%A}: no session of New York; {shifted.sum()} such days; the "
            "series ends before"
        )
        findings.append(found("calendar", name, where, value, np.nan, "feature dropped", said))
        values, index = values[index < day], index[index < day]
        weekend = weekend[: len(index)]
    # A holiday's close repeats the last one, if it is there; its flow is that of another day.
    closed = (
        index.isin(closed_days(index[0].year, index[-1].year)) & flow & (values != 0).to_numpy()
    )
    for off, what in ((weekend, "Saturdays and Sundays"), (closed, "closed days")):
        if not off.any():
            continue
        days, first = index[off], float(values[off].iloc[0])
        where = (days[0], days[-1])
        said = f"{first:g} on {days[0]:%Y-%m-%d}: {len(days)} {what} have a value"
        findings.append(found("calendar", name, where, first, np.nan, "value left out", said))
    return values[~(weekend | closed)], findings


# Days of mourning, of storms and of September 2001, on which the exchanges did not open.
_CLOSED = pd.DatetimeIndex([
    "2001-09-11", "2001-09-12", "2001-09-13", "2001-09-14", "2004-06-11", "2007-01-02",
    "2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09",
])  # fmt: skip


@cache
def closed_days(first: int, last: int) -> pd.DatetimeIndex:
    """Return the weekdays of some years on which New York's exchanges were closed.

    Examples
    --------
    >>> " ".join(f"{day:%m-%d}" for day in closed_days(2025, 2025))
    '01-01 01-09 01-20 02-17 04-18 05-26 06-19 07-04 09-01 11-27 12-25'
    """
    # The rules of earlier years are others.
    begin, end = pd.Timestamp(max(first, 2001), 1, 1), pd.Timestamp(last, 12, 31)
    days = _Exchange().holidays(begin, end)
    return days.union(_CLOSED[(begin <= _CLOSED) & (end >= _CLOSED)])


class _Exchange(AbstractHolidayCalendar):
    """Holidays of the New York exchanges; one that falls on a Saturday closes no year's end."""

    rules = [  # noqa: RUF012  pandas declares it so
        Holiday("New Year", month=1, day=1, observance=sunday_to_monday),
        USMartinLutherKingJr, USPresidentsDay, GoodFriday, USMemorialDay,
        Holiday("Juneteenth", month=6, day=19, start_date="2022-01-01", observance=nearest_workday),
        Holiday("Independence", month=7, day=4, observance=nearest_workday),
        USLaborDay, USThanksgivingDay,
        Holiday("Christmas", month=12, day=25, observance=nearest_workday),
    ]  # fmt: skip


# --- units ---------------------------------------------------------------------------------------


@rule("scale")
def check_scale(name: str, values: pd.Series) -> Checked:
    """A series in another unit.

    Limit: median of the first {MIN_OBSERVATIONS} values decades off; a flow above
    {FLOW_TIMES:.0f} times the largest day, or below {SMALLEST_FLOW:,.0f} dollars; three sessions
    below {SMALL_FLOW:.0%} of the usual day; a market cap of Bitcoin or Ether over its close that is
    no supply, or one of all others that is in no proportion to Bitcoin's.
    Why: units differ by thousands, markets do not.
    Then: a feature that changes its unit is dropped from there on, one that began in another is
    dropped whole once {MIN_OBSERVATIONS} values show it; an import is refused.
    Way out: {UNITS}.
    """
    low, high = SCALES[name]
    size = values[values != 0].abs()
    # A few figures are no series to speak of.
    if len(size) < MIN_OBSERVATIONS:
        return values, []
    # The unit that it begins in; what changes it later is a step.
    usual = float(size.iloc[:MIN_OBSERVATIONS].median())
    if low <= usual <= high:
        return values, []
    said = f"the usual value is {usual:g}, not between {low:g} and {high:g}: another unit"
    factor = usual / float(np.sqrt(low * high))
    where = (values.index[0], values.index[-1])
    return values.iloc[:0], [found("scale", name, where, usual, factor, "feature dropped", said)]


def check_flow(name: str, values: pd.Series) -> Checked:
    """End a series of flows (dollars) where its unit changes: far above any day, or far below."""
    size = values.abs()
    largest = size.cummax().shift(fill_value=0.0).clip(lower=LARGEST_FLOW[name])
    high = (size > FLOW_TIMES * largest).to_numpy()
    usual = size.rolling(SCALE_DAYS, min_periods=MIN_OBSERVATIONS).median().shift(SMALL_FLOWS)
    low = (size.rolling(SMALL_FLOWS).max() < SMALL_FLOW * usual).to_numpy()
    high = high | ((size > 0) & (size < SMALLEST_FLOW)).to_numpy()
    starts = [int(np.argmax(high))] if high.any() else []
    starts += [int(np.argmax(low))] if low.any() else []
    if not starts:
        return values, []
    first = min(starts)
    value = float(values.iloc[first])
    if abs(value) < SMALLEST_FLOW:
        base, seen = SMALLEST_FLOW, f"{value:g} US dollars, no day of the funds is below"
    elif high[first]:
        base, seen = float(largest.iloc[first]), f"{value:g}, the largest day before is"
    else:
        base = float(usual.iloc[first])
        seen = f"{SMALL_FLOWS} sessions in a row as small as {value:g}, the usual day is"
    said = f"{seen} {base:g}: another unit; the series ends the day before"
    where = (values.index[first], values.index[-1])
    dropped = found("scale", name, where, value, abs(value) / base, "feature dropped", said)
    return values.iloc[:first], [dropped]


def check_cap(name: str, values: pd.Series, close: pd.Series) -> Checked:
    """Leave out market caps that are in no proportion to a coin's close times its supply."""
    coin, low, high = CAPS[name]
    days = pd.DatetimeIndex(values.index.intersection(close.index))
    if coin == "Ether":
        # Before, the supply grew; since, it has stayed within 5 % of one figure.
        days = days[days >= COIN_SINCE]
    # A few figures are no series to speak of.
    if len(days) < MIN_OBSERVATIONS:
        return values, []
    off = values[days] / close[days] / (ETHER_SUPPLY if coin == "Ether" else bitcoin_supply(days))
    bad = off[(off > high) | (off < low)]
    if bad.empty:
        return values, []
    where, value, factor = (bad.index[0], bad.index[-1]), values[bad.index[0]], float(bad.iloc[0])
    said = f"{value:g} over {coin}'s close is {factor:.3g} times its supply ({in_days(len(bad))})"
    finding = found("scale", name, where, value, factor, "value left out", said)
    return values.drop(bad.index), [finding]
