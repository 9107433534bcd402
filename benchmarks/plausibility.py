"""What the rules find, and what they should not: ``python -m benchmarks.plausibility``.

On a directory of real history: false alarms by rule, series and year; the share of faults of each
kind and size that is found when they are put in on days drawn at random; the quietest real coins
beside the limits of a peg. ``--out docs/data-rules.md`` writes the page with the rules.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.faults import Fault, Slice, faults
from features.market.season import TOP
from features.plausibility.check import check_market, check_series, rules_table
from features.plausibility.limits import (
    BITCOIN,
    ETHER,
    PEG_DAYS,
    PEG_MIN_DAYS,
    PEGS,
    STEPS,
)
from features.plausibility.pegs import RULE as NO_ALTCOIN
from features.plausibility.series import suspicious_steps
from features.provenance import Finding
from features.sources.directory import PANEL_NAMES, load_tables

SINCE = pd.Timestamp("2014-01-01")
# Faults are put in where the funds' flows have a past; a slice holds what the rules look back on.
DRAWN_FROM = pd.Timestamp("2024-10-01")
SLICE_DAYS = 460
TRIALS = 10

_INTRODUCTION = """\
# Rules that data must pass

Files, Yahoo, imports and the embedded history pass one rule book, `features/plausibility/`. What
a rule notices is said with series, day, value, rule and way out: in `predict.py health` (also
`--json`, under `findings`), among the warnings of a forecast, and beside a training. `predict.py
health --rules` prints the rules. Consequences, mildest first: a note; a value is left out; a
feature is dropped; a day is held back (the data end before it); a forecast is refused.

A withheld day that lies in the past has no index, nor have the days that look back to it. A
verdict rests on the days up to its own: what was used of a day's top 50 stays used whatever comes
later (what was held back is released when two more closes confirm it; a step that returns within
five observations takes the days between with it; a series that began in another unit goes whole).

What no rule sees: a Bitcoin close that drifts by a few percent a day, where its market cap is not
beside it (live sources have none); coins and Bitcoin a day apart in the first two or three weeks;
a split of 2 to 1 without market caps; ranks by another measure than market cap from the first day
on, without market caps; a feed that stands still under noise of more than a twentieth of its usual
move.

This page is written by `python -m benchmarks.plausibility --data-dir DIR --out docs/data-rules.md`.

"""


def read(directory: Path) -> Slice:
    """Read a directory of history."""
    series, coins, universe = load_tables(directory).values()
    observed = {
        PANEL_NAMES.get(str(name), str(name)): rows.set_index("date")["value"].sort_index()
        for name, rows in series.groupby("series")
    }
    return Slice(coins, universe, {**observed, **_of_coins(coins)})


def _of_coins(coins: pd.DataFrame) -> dict[str, pd.Series]:
    closes = {"bitcoin": ("bitcoin", "close_usd"), "eth_btc": ("ethereum", "close_btc")}
    return {
        name: coins[coins["coin"] == coin].set_index("date")[column].sort_index()
        for name, (coin, column) in closes.items()
    }


def judged(market: Slice) -> list[Finding]:
    """Return what the rules notice but for what is no altcoin."""
    cap = market.series.get("btc_market_cap_usd")
    checked = check_market(market.coins, market.universe, bitcoin_cap=cap)
    used = _of_coins(checked.coins)
    _, series = check_series({**market.series, **used}, bitcoin_usd=used["bitcoin"])
    return [each for each in (*checked.findings, *series) if each.rule != NO_ALTCOIN]


def false_alarms(market: Slice) -> list[str]:
    """Return as Markdown what the rules notice in the real history since 2014."""
    found = [each for each in judged(market) if each.last_day >= SINCE]
    years = (market.last - SINCE).days / 365.25
    lines = [
        f"## False alarms, {SINCE:%Y} to {market.last:%Y-%m-%d} ({years:.1f} years)",
        "",
        "| series | rule | consequence | day | said |",
        "|---|---|---|---|---|",
        *(
            f"| {each.series} | {each.rule} | {each.consequence} | {each.first_day:%Y-%m-%d} "
            # A vendor's close is no figure to publish; its factor is.
            f"| {re.sub(', [^ ]+ USD', '', each.said)} |"
            for each in found
        ),
        "",
    ]
    held = sum(each.withholds for each in found)
    lines.append(
        f"Days held back or refused: {held} ({held / years:.2f} a year). Steps that would have "
        "been left out on their day, until two more observations confirmed them:"
    )
    lines += ["", "| series | steps | a year |", "|---|---|---|"]
    for name, limit in STEPS.items():
        values = market.series.get(name, pd.Series(dtype=float))
        if len(values):
            bad = suspicious_steps(values, limit) & (values.index >= SINCE)
            lines.append(f"| {name} | {bad.sum()} | {bad.sum() / years:.2f} |")
    return [*lines, ""]


def cut(market: Slice, last: pd.Timestamp) -> Slice:
    """Return the piece of a market that ends on a day."""
    first = last - pd.Timedelta(days=SLICE_DAYS)
    coins = market.coins[market.coins["date"].between(first, last)]
    universe = market.universe[market.universe["snapshot_date"].between(first, last)]
    ranked = [*universe.loc[universe["rank"] <= TOP, "coin"].unique(), "bitcoin"]
    series = {name: values.loc[first:last] for name, values in market.series.items()}
    return Slice(coins[coins["coin"].isin(ranked)], universe, series)


# Whom a finding must name; other kinds may name any series.
_NAMED = {
    "Bitcoin": {"bitcoin"},
    "closes in Bitcoin": {"bitcoin"},
    "Ether": {"ethereum", "eth_btc"},
    "another coin": {"litecoin"},
    "russell2000": {"russell2000"},
    "iwm_shares": {"iwm_shares_outstanding"},
    "btc_etf": {"btc_etf_net_flow_usd"},
    "eth_etf": {"eth_etf_net_flow_usd"},
}


def is_found(
    market: Slice, fault: Fault, until_end: int | None, at: pd.Timestamp, kind: str
) -> bool:
    """Tell whether a fault is noticed on its days, with a consequence for what is at fault."""
    piece = cut(market, at)
    ago = 60 if until_end is None else min(until_end, SLICE_DAYS - 1)
    day = at - pd.Timedelta(days=ago)
    spoilt = fault(piece, day)
    near = pd.Timedelta(days=4)
    end = day if until_end is None else at
    names = next((held for head, held in _NAMED.items() if kind.startswith(head)), None)
    return any(
        each.consequence != "note"
        and (names is None or each.series in names)
        and each.first_day - near <= end
        and day <= each.last_day + near
        for each in judged(spoilt)
    )


def shares_found(market: Slice, seed: int = 0) -> list[str]:
    """Return as Markdown the share of faults found, by kind and size."""
    random = np.random.default_rng(seed)
    days = pd.date_range(DRAWN_FROM, market.last, unit="s")
    # American series have a value on the last day only if it is a session.
    days = days[(days.day_of_week < 5) & days.isin(market.series["russell2000"].index)]
    drawn = days[np.sort(random.choice(len(days), TRIALS, replace=False))]
    table: dict[str, list[str]] = {}
    for (kind, size), (fault, until_end) in faults().items():
        found = sum(is_found(market, fault, until_end, day, kind) for day in drawn)
        table.setdefault(kind, []).append(f"{size} {100 * found / TRIALS:.0f} %")
        print(f"{kind}, {size}: {found} of {TRIALS}", file=sys.stderr, flush=True)
    return [
        f"## Faults found, of {TRIALS} put in on days drawn from {DRAWN_FROM:%Y-%m} on",
        "",
        "| fault | size and share found |",
        "|---|---|",
        *(f"| {kind} | {', '.join(cells)} |" for kind, cells in table.items()),
        "",
    ]


def pegs_found(market: Slice, seed: int = 0) -> list[str]:
    """Return as Markdown the share of rankings from which made-up tokens are left out."""
    random = np.random.default_rng(seed)
    piece = cut(market, market.last - pd.Timedelta(days=60))
    bitcoin, ether = (
        piece.coins[piece.coins["coin"] == coin].set_index("date")["close_usd"]
        for coin in ("bitcoin", "ethereum")
    )
    days = bitcoin.index
    interest = np.exp(0.04 / 365.25 * np.arange(len(days)))
    gold = 3000 * np.exp(np.cumsum(0.009 * random.normal(size=len(days))))
    assets = {
        "at the dollar": 1.0 + 0 * bitcoin,
        "dollar with 4 % interest": 10.0 * interest + 0 * bitcoin,
        "at Bitcoin": 0.9995 * bitcoin, "Ether with 4 % interest": 1.1 * interest * ether,
        "gold, two tokens": gold + 0 * bitcoin, "gold, one token": gold + 0 * bitcoin,
        "three quarters of Ether's moves": 2.0 * ether**0.75,
    }  # fmt: skip
    lines = [
        "## Tokens left out of the rankings",
        "",
        "Share of the rankings, from 14 days after its first price, of made-up tokens under names "
        "that say nothing, by the deviation of their price from the asset's (normal, every day).",
        "",
        "| token | deviation and share |",
        "|---|---|",
    ]
    for name, price in assets.items():
        cells = []
        for noise in (0.0002, 0.001, 0.003, 0.01):
            tokens = ["token-a", "token-b"] if "two" in name else ["token-a"]
            part = _left_out(piece, {
                token: price * np.exp(noise * random.normal(size=len(days))) for token in tokens
            }, bitcoin)  # fmt: skip
            cells.append(f"{100 * noise:.2f} %: {100 * part:.0f} %")
        lines.append(f"| {name} | {', '.join(cells)} |")
    return [*lines, ""]


def _left_out(piece: Slice, tokens: dict[str, pd.Series], bitcoin: pd.Series) -> float:
    rows = [
        pd.DataFrame({"date": price.index, "coin": token, "close_usd": price.to_numpy(),
                      "close_btc": (price / bitcoin).to_numpy()})
        for token, price in tokens.items()
    ]  # fmt: skip
    days = piece.universe["snapshot_date"].unique()
    ranked = [
        pd.DataFrame({"snapshot_date": days, "rank": 200.0 + place, "coin": token})
        for place, token in enumerate(tokens)
    ]
    universe = pd.concat([piece.universe, *ranked], ignore_index=True)
    checked = check_market(pd.concat([piece.coins, *rows], ignore_index=True), universe)
    from_day = bitcoin.index[0] + pd.Timedelta(days=PEG_MIN_DAYS)
    due = universe[universe["coin"].isin(tokens) & (universe["snapshot_date"] >= from_day)]
    left = checked.universe
    stay = left[left["coin"].isin(tokens) & (left["snapshot_date"] >= from_day)]
    return 1 - len(stay) / len(due)


def quietest(market: Slice, count: int = 6) -> list[str]:
    """Return as Markdown the real top-50 coins that come nearest to each peg."""
    ranked = market.universe[market.universe["rank"] <= TOP]
    lines = [
        "## The quietest real coins of the top 50",
        "",
        f"Of each coin the ranking on which half of its moves over {PEG_DAYS} days were smallest.",
        "",
        "| against | coin | day | half of the moves | nine tenths | at the price of the peg |",
        "|---|---|---|---|---|---|",
    ]
    for asset in ("dollar", BITCOIN, ETHER):
        lines += [f"| {asset} | {row} |" for row in _nearest(market, ranked, asset, count)]
    return [*lines, ""]


def _nearest(market: Slice, ranked: pd.DataFrame, asset: str, count: int) -> Iterable[str]:
    column = "close_usd" if asset == "dollar" else "close_btc"
    own = market.coins[market.coins["coin"].isin(["ethereum", *ranked["coin"].unique()])]
    table = own.pivot_table(index="date", columns="coin", values=column)
    logs = pd.DataFrame(np.log(table.to_numpy()), table.index, table.columns)
    if asset == ETHER:
        logs = logs.sub(logs["ethereum"], axis=0).drop(columns="ethereum")
    moves = logs.diff().abs().rolling(PEG_DAYS, min_periods=PEG_MIN_DAYS)
    half = moves.median().loc[SINCE:].rename_axis("date")
    calm = half.melt(ignore_index=False, value_name="half").dropna().reset_index()
    keys = pd.MultiIndex.from_frame(ranked[["snapshot_date", "coin"]])
    calm = calm[pd.MultiIndex.from_frame(calm[["date", "coin"]]).isin(keys)]
    calm = calm.loc[calm.groupby("coin")["half"].idxmin()].nsmallest(count, "half")
    peg = next(each for each in PEGS if asset in each.asset)
    for day, coin, least in calm.itertuples(index=False):
        window = logs.loc[day - pd.Timedelta(days=PEG_DAYS - 1) : day, coin]
        ninth = window.diff().abs().quantile(0.9)
        level = window.dropna().between(np.log(peg.low), np.log(peg.high)).mean()
        yield (
            f"{coin} | {day:%Y-%m-%d} | {100 * least:.2f} % | {100 * ninth:.2f} % | "
            f"{100 * level:.0f} %"
        )


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="directory of market history")
    parser.add_argument("--out", type=Path, help="page to write (default: print)")
    options = parser.parse_args()
    market = read(options.data_dir)
    parts = [*false_alarms(market), *quietest(market), *pegs_found(market), *shares_found(market)]
    text = _INTRODUCTION + rules_table() + "\n" + "\n".join(parts)
    if options.out is None:
        print(text)
    else:
        options.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
