"""The rule book: faults put into a made-up market are found, and the market itself is not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import predict
from features.health import usable_view
from features.market.supply import bitcoin_supply
from features.panel import DataError, MarketPanel
from features.plausibility.book import RULES, is_unit
from features.plausibility.check import (
    check_market,
    check_published,
    check_series,
    rules_table,
    rules_text,
)
from features.plausibility.limits import PEGS, STEPS
from features.plausibility.series import (
    check_flow,
    check_frozen,
    check_sessions,
    check_steps,
    closed_days,
)
from features.plausibility.steps import usual_step
from features.provenance import DataProvenance, Finding
from features.sources.directory import deferred_files, load_files
from models.forecasting.data_quality import data_health
from models.forecasting.records import health_json
from models.report.checks_text import health_text

ROOT = Path(__file__).parents[1]
LAST = pd.Timestamp("2025-06-30")
DAYS = pd.date_range(end=LAST, periods=300, unit="s")
COINS = ["ethereum", *(f"coin{number}" for number in range(54))]
SESSIONS = DAYS[(DAYS.day_of_week < 5) & ~DAYS.isin(closed_days(2024, 2025))]


def market():
    """Return coins and universe: Bitcoin, Ether and 54 others, each a random walk."""
    random = np.random.default_rng(3)
    bitcoin = 60_000 * np.exp(np.cumsum(0.02 * random.normal(size=len(DAYS))))
    closes = {"bitcoin": bitcoin}
    for place, coin in enumerate(COINS):
        # Prices with digits, as feeds have them.
        base = 3000.0 if coin == "ethereum" else 1.23457 * (1 + place)
        closes[coin] = base * np.exp(np.cumsum(0.04 * random.normal(size=len(DAYS))))
    coins = pd.concat(
        pd.DataFrame({"date": DAYS, "coin": coin, "close_usd": close,
                      "close_btc": close / bitcoin, "market_cap_usd": np.nan})
        for coin, close in closes.items()
    )  # fmt: skip
    ranks = np.arange(1.0, len(COINS) + 1)
    universe = pd.DataFrame({
        "snapshot_date": np.repeat(DAYS, len(COINS)),
        "rank": np.tile(ranks, len(DAYS)),
        "coin": np.tile(COINS, len(DAYS)),
        "market_cap_usd": np.tile(1e12 / ranks, len(DAYS)),
    })  # fmt: skip
    return coins.reset_index(drop=True), universe


def bitcoin_wrong(coins, factor, first, last=LAST, *, usd=True, btc=True):
    coins = coins.copy()
    hit, own = coins["date"].between(first, last), coins["coin"] == "bitcoin"
    if usd:
        coins.loc[hit & own, "close_usd"] *= factor
    if btc:
        coins.loc[hit & ~own, "close_btc"] /= factor
    return coins


def ago(days):
    return LAST - pd.Timedelta(days=days)


def only(findings):
    (finding,) = findings
    return finding


# --- the market ----------------------------------------------------------------------------------


def test_a_market_without_fault_passes_untouched():
    coins, universe = market()
    checked = check_market(coins, universe)
    assert checked.findings == ()
    assert checked.coins is coins
    assert checked.universe is universe
    assert len(checked.withheld) == 0


@pytest.mark.parametrize("factor", [0.5, 1 / 14, 2.0])
@pytest.mark.parametrize("what", [{}, {"usd": False}, {"btc": False}])
def test_a_wrong_last_close_of_bitcoin_holds_the_day_back(factor, what):
    coins, universe = market()
    checked = check_market(bitcoin_wrong(coins, factor, LAST, **what), universe)
    assert checked.withheld.tolist() == [LAST]
    assert {each.consequence for each in checked.findings} == {"day held back"}
    first = checked.findings[0]
    assert (first.series, first.first_day) == ("bitcoin", LAST)
    # The median coin moved itself by some percent that day.
    assert first.factor == pytest.approx(factor, rel=0.1)
    assert checked.coins["date"].max() == ago(1)


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.33, 2.0])
def test_a_past_spike_of_bitcoin_is_left_out_for_all_coins(factor):
    coins, universe = market()
    checked = check_market(bitcoin_wrong(coins, factor, ago(16), ago(16)), universe)
    assert checked.withheld.tolist() == [ago(16)]
    assert only(checked.findings).consequence == "value left out"


def test_a_step_of_all_coins_is_held_back_until_two_more_closes_confirm_it():
    """x1.23 up stays below what no market does: news, once it has stayed."""
    coins, universe = market()
    rise = bitcoin_wrong(coins, 1 / 1.23, ago(10))
    said = {}
    for days in (10, 9, 8):
        known = rise[rise["date"] <= ago(days)]
        checked = check_market(known, universe[universe["snapshot_date"] <= ago(days)])
        said[days] = (only(checked.findings).consequence, len(checked.withheld))
    assert said == {10: ("day held back", 1), 9: ("day held back", 2), 8: ("note", 0)}


@pytest.mark.parametrize("factor", [0.5, 2.0, 0.1])
def test_a_bitcoin_of_another_unit_is_refused_from_its_first_day_on(factor):
    coins, universe = market()
    checked = check_market(bitcoin_wrong(coins, factor, ago(15)), universe)
    assert only(checked.findings).consequence == "refused"
    assert checked.withheld[0] == ago(15)
    assert checked.withheld[-1] == LAST


def test_a_crash_of_all_coins_in_which_bitcoin_falls_less_is_no_fault():
    coins, universe = market()
    fall = coins["date"] >= ago(5)
    coins.loc[fall & (coins["coin"] == "bitcoin"), "close_usd"] *= 0.63
    # As on the worst days there were: the quartiles lie half of the median's move apart.
    spread = dict(zip(COINS, np.random.default_rng(8).normal(0, 0.1, len(COINS)), strict=True))
    others = fall & (coins["coin"] != "bitcoin")
    by = 0.76 * np.exp(coins.loc[others, "coin"].map(spread))
    coins.loc[others, "close_usd"] *= 0.63 * by
    coins.loc[others, "close_btc"] *= by
    assert check_market(coins, universe).findings == ()


@pytest.mark.parametrize(
    ("share", "days", "consequence"),
    [(1.0, 1, "refused"), (1.0, 20, "refused"), (0.4, 3, "refused"), (0.1, 20, "value left out")],
)
def test_feeds_that_stand_still(share, days, consequence):
    coins, universe = market()
    chosen = COINS[: int(share * len(COINS))]
    still = coins[coins["date"] == ago(days)].set_index("coin")
    hit = (coins["date"] > ago(days)) & coins["coin"].isin(chosen)
    for column in ("close_usd", "close_btc"):
        coins.loc[hit, column] = coins.loc[hit, "coin"].map(still[column])
    checked = check_market(coins, universe)
    assert {each.consequence for each in checked.findings if "frozen" in each.rule} == {consequence}
    if consequence == "refused":
        assert checked.withheld.tolist() == list(DAYS[-days:])
    else:
        left = checked.coins[checked.coins["coin"].isin(chosen)]
        assert left["date"].max() == ago(days - 3)


def test_a_price_of_few_digits_may_repeat():
    coins, universe = market()
    own = coins["coin"] == "coin3"
    coins.loc[own & (coins["date"] > ago(12)), ["close_usd"]] = 0.000012
    coins.loc[own, "close_btc"] = coins.loc[own, "close_usd"] / coins.loc[
        coins["coin"] == "bitcoin", "close_usd"].to_numpy()  # fmt: skip
    assert "frozen" not in {each.rule for each in check_market(coins, universe).findings}


@pytest.mark.parametrize(
    ("factor", "days", "rule"),
    [(100.0, 1, "spike"), (0.01, 2, "spike"), (1000.0, 30, "level shift"), (100.0, 0, "spike")],
)
def test_a_coin_that_jumps_is_left_out_by_name(factor, days, rule):
    coins, universe = market()
    last = LAST if days in (0, 30) else ago(20 - days + 1)
    first = LAST if days == 0 else ago(20)
    hit = coins["date"].between(first, last) & (coins["coin"] == "coin7")
    coins.loc[hit, ["close_usd", "close_btc"]] *= factor
    checked = check_market(coins, universe)
    finding = only(checked.findings)
    assert (finding.rule, finding.series, finding.first_day) == (rule, "coin7", first)
    assert finding.factor == pytest.approx(factor, rel=0.3)
    gone = coins.index.difference(checked.coins.index)
    assert gone.tolist() == coins.index[hit].tolist()


def test_a_coin_whose_two_closes_tell_two_bitcoins_is_left_out_that_day():
    coins, universe = market()
    hit = (coins["date"] == ago(3)) & (coins["coin"] == "coin7")
    coins.loc[hit, "close_btc"] *= 1.5
    checked = check_market(coins, universe)
    assert (only(checked.findings).rule, only(checked.findings).series) == (
        "contradiction",
        "coin7",
    )
    assert coins.index.difference(checked.coins.index).tolist() == coins.index[hit].tolist()


def test_a_few_coins_are_no_witnesses():
    coins, universe = market()
    few = ["bitcoin", *COINS[:9]]
    wrong = bitcoin_wrong(coins, 0.5, LAST)
    checked = check_market(wrong[wrong["coin"].isin(few)], universe[universe["coin"].isin(few)])
    assert not any(each.rule == "common mode" for each in checked.findings)


# --- a table wrong as a whole --------------------------------------------------------------------


def following():
    """Return the market with coins that follow Bitcoin, as real ones do."""
    coins, universe = market()
    bitcoin = coins[coins["coin"] == "bitcoin"].set_index("date")["close_usd"]
    others = coins["coin"] != "bitcoin"
    coins.loc[others, "close_usd"] *= coins["date"].map(bitcoin / bitcoin.iloc[0])
    return in_bitcoin(coins, bitcoin), universe


def in_bitcoin(coins, bitcoin):
    """Return coins with the closes in Bitcoin that their closes in dollars make."""
    others = coins["coin"] != "bitcoin"
    coins = coins[coins["date"].isin(bitcoin.index)].copy()
    coins.loc[others, "close_btc"] = coins["close_usd"] / coins["date"].map(bitcoin)
    return coins.dropna(subset=["close_btc"]).reset_index(drop=True)


def bitcoin_of(coins):
    return coins[coins["coin"] == "bitcoin"].set_index("date")["close_usd"]


def drawn_since(coins, since, whose, *, logs=False, digits=17):
    """Return coins of which weekly closes are drawn to days by straight lines."""
    wide = coins.pivot_table(index="date", columns="coin", values="close_usd")
    form, back = (np.log, np.exp) if logs else (lambda table: table, lambda table: table)
    weekly = back(form(wide).iloc[5::7].reindex(DAYS).interpolate(limit_area="inside"))
    weekly = weekly.map(lambda close: float(f"{close:.{digits}g}"))
    chosen = wide.columns.isin(whose)
    wide.loc[ago(since) :, chosen] = weekly.loc[ago(since) :, chosen]
    rows = wide.rename_axis("date").melt(
        var_name="coin", value_name="close_usd", ignore_index=False)  # fmt: skip
    rows = rows.reset_index().dropna().assign(close_btc=1.0)
    return in_bitcoin(rows, bitcoin_of(rows))


def still_since(coins, since, whose, noise):
    close = coins["coin"].map(coins[coins["date"] == ago(since)].set_index("coin")["close_usd"])
    hit = (coins["date"] > ago(since)) & coins["coin"].isin(whose)
    shake = np.exp(noise * np.random.default_rng(1).normal(size=len(coins)))
    coins = coins.assign(close_usd=coins["close_usd"].where(~hit, close * shake))
    return in_bitcoin(coins, bitcoin_of(coins))


def times_since(coins, since, coin, factor, until=0):
    hit = coins["date"].between(ago(since), ago(until)) & (coins["coin"] == coin)
    columns = ["close_usd", "close_btc"]
    return coins.assign(**{name: coins[name].where(~hit, factor * coins[name]) for name in columns})


def apart_since(coins, since, days, who="coins"):
    moved = ((coins["coin"] != "bitcoin") == (who == "coins")) & (coins["date"] >= ago(since))
    date = coins["date"].where(~moved, coins["date"] + pd.Timedelta(days=days))
    coins = coins.assign(date=date)[date <= LAST].drop_duplicates(["date", "coin"])
    return in_bitcoin(coins, bitcoin_of(coins))


def test_coins_that_follow_bitcoin_pass():
    coins, universe = following()
    assert check_market(coins, universe).findings == ()


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("since", [299, 60, 30])
@pytest.mark.parametrize("who", ["coins", "bitcoin"])
def test_coins_and_bitcoin_a_day_apart_are_refused(days, since, who):
    """Both ways, of the whole table and since a seam: the fault is the stamp, not Bitcoin."""
    coins, universe = following()
    checked = check_market(apart_since(coins, since, days, who=who), universe)
    apart = [each for each in checked.findings if each.rule == "a day apart"]
    assert {each.consequence for each in apart} == {"refused"}
    assert checked.withheld[-1] >= ago(1)
    # What was known before it shows stays as it was.
    assert 0 <= (checked.withheld[0] - ago(since)).days <= 30
    later = "after" if (days == 1) == (who == "coins") else "before"
    assert f"a day {later} Bitcoin" in apart[0].said
    assert "common mode" not in {each.rule for each in checked.findings}


@pytest.mark.parametrize(
    ("logs", "digits", "whose"),
    [
        (True, 17, ["bitcoin", *COINS]), (False, 6, ["bitcoin", *COINS]), (True, 6, COINS),
        (False, 17, COINS), (True, 17, ["bitcoin"]), (False, 6, ["coin3"]),
    ],
)  # fmt: skip
def test_weekly_closes_drawn_to_days_by_lines(logs, digits, whose):
    coins, universe = following()
    checked = check_market(drawn_since(coins, 100, whose, logs=logs, digits=digits), universe)
    finding = next(each for each in checked.findings if each.rule == "drawn line")
    if whose == ["coin3"]:
        # A week in which the coin hardly moved stands still as well.
        assert {each.series for each in checked.findings} == {"coin3"}
        return
    assert finding.consequence == "refused"
    assert abs((finding.first_day - ago(100)).days) <= 7
    assert abs((finding.last_day - LAST).days) <= 7


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-5])
def test_a_feed_that_stands_still_may_carry_noise(noise):
    coins, universe = following()
    checked = check_market(still_since(coins, 11, COINS[:35], noise), universe)
    assert checked.withheld.tolist() == list(DAYS[-11:])
    checked = check_market(still_since(coins, 11, ["bitcoin"], noise / 10), universe)
    # What hardly differs from an exact repeat is held back at once.
    assert checked.withheld.tolist() in (list(DAYS[-11:]), list(DAYS[-10:]))
    assert only(checked.findings).series == "bitcoin"


@pytest.mark.parametrize("factor", [4.0, 0.25, 8.0, 1 / 24000, 1000.0])
@pytest.mark.parametrize("cap", [True, False])
def test_a_redenominated_coin_is_left_out_across_the_step(factor, cap):
    """The market cap beside it stays, or the rank does where there is no cap."""
    coins, universe = following()
    if cap:
        coins["market_cap_usd"] = 1e6 * coins["close_usd"]
    hit = (coins["coin"] == "coin7") & (coins["date"] >= ago(20))
    coins = times_since(coins, 20, "coin7", factor)
    checked = check_market(coins, universe)
    finding = only(checked.findings)
    assert finding.rule in ("redenomination", "level shift")
    assert (finding.series, finding.consequence) == ("coin7", "value left out")
    gone = coins.index.difference(checked.coins.index)
    # The rank shows it some days later than the cap.
    assert set(gone) <= set(coins.index[hit])
    assert len(gone) == hit.sum() if cap or finding.rule == "level shift" else len(gone) >= 7


def test_a_real_rise_and_fall_takes_the_rank_and_the_cap_with_it():
    for factor, rank in ((4.2, 3.5), (0.15, 54.5)):
        coins, universe = following()
        hit = (coins["coin"] == "coin20") & (coins["date"] >= ago(20))
        coins.loc[hit, ["close_usd", "close_btc"]] *= factor
        coins["market_cap_usd"] = 1e6 * coins["close_usd"]
        moved = (universe["coin"] == "coin20") & (universe["snapshot_date"] >= ago(16))
        universe.loc[moved, "rank"] = rank
        universe["rank"] = universe.groupby("snapshot_date")["rank"].rank()
        checked = check_market(coins, universe)
        assert len(checked.coins) == len(coins)
        assert {each.consequence for each in checked.findings} <= {"note"}


# --- a ranking as a whole ------------------------------------------------------------------------


def ranked(change, since=40, until=0):
    """Return the market with another ranking on some days; `change` takes the rows of one day."""
    coins, universe = market()
    days = universe["snapshot_date"]
    hit = days.between(ago(since), ago(until))
    parts = [change(rows.copy()) for _, rows in universe[hit].groupby("snapshot_date")]
    return coins, pd.concat([universe[~hit], *parts], ignore_index=True)


def test_ranks_with_gaps_close_up():
    gaps = {1, 3, 6, 8, 11, 20, 30, 33}
    free = [rank for rank in range(1, 99) if rank not in gaps][: len(COINS)]
    coins, universe = ranked(lambda rows: rows.assign(rank=np.array(free, float)), since=299)
    checked = check_market(coins, universe)
    assert (only(checked.findings).rule, only(checked.findings).consequence) == ("ranking", "note")
    pd.testing.assert_frame_equal(checked.universe, market()[1])


NO_RANKINGS = {
    "25 coins": lambda rows: rows.head(25),
    "49 coins": lambda rows: rows.head(49),
    "without page 1": lambda rows: rows[rows["rank"] > 25],
    "without page 1, renumbered": lambda rows: rows[rows["rank"] > 4].assign(
        rank=lambda left: left["rank"] - 4),
    "reversed": lambda rows: rows.assign(rank=rows["rank"].to_numpy()[::-1]),
    "shuffled": lambda rows: rows.assign(rank=np.random.default_rng(int(
        rows["snapshot_date"].iloc[0].timestamp())).permutation(rows["rank"].to_numpy())),
    "shuffled without caps": lambda rows: rows.assign(
        market_cap_usd=np.nan, rank=np.random.default_rng(0).permutation(rows["rank"].to_numpy())),
    "other coins": lambda rows: rows.assign(
        coin=["x" + coin if place % 2 else coin for place, coin in enumerate(rows["coin"])]),
}  # fmt: skip


@pytest.mark.parametrize("change", NO_RANKINGS.values(), ids=NO_RANKINGS)
@pytest.mark.parametrize(("since", "until"), [(0, 0), (90, 60)])
def test_where_a_day_has_no_ranking_the_last_whole_one_stands_in(change, since, until):
    coins, universe = ranked(change, since, until)
    checked = check_market(coins, universe)
    finding = only(checked.findings)
    assert (finding.rule, finding.consequence) == ("ranking", "value left out")
    assert (finding.first_day, finding.last_day) == (ago(since), ago(until))
    assert f"{ago(since + 1):%Y-%m-%d} stands in" in finding.said
    days = checked.universe["snapshot_date"]
    assert not days.between(ago(since), ago(until)).any()


def test_a_stand_in_serves_45_days_and_then_the_day_is_refused():
    coins, universe = ranked(NO_RANKINGS["25 coins"], since=60)
    left, refused = check_market(coins, universe).findings
    assert (left.first_day, left.consequence) == (ago(60), "value left out")
    assert (refused.first_day, refused.last_day, refused.consequence) == (ago(15), LAST, "refused")


def test_a_source_without_a_whole_ranking_is_refused_and_a_small_one_is_not():
    coins, universe = ranked(NO_RANKINGS["reversed"], since=299)
    with pytest.raises(DataError, match="no day has a whole ranking"):
        check_market(coins, universe)
    coins, universe = ranked(NO_RANKINGS["25 coins"], since=299)
    assert check_market(coins, universe).findings == ()


def test_a_staked_coin_is_recognised_beside_its_coin_at_any_rank():
    """The coin it follows is looked for among the altcoins, not among raw ranks."""
    coins, universe = following()
    own = coins[coins["coin"] == "coin40"].assign(coin="staked-coin40")
    own[["close_usd", "close_btc"]] *= 1.04
    rows = universe[universe["coin"] == "coin40"].assign(
        coin="staked-coin40", rank=len(COINS) + 1.0
    )
    checked = check_market(pd.concat([coins, own]), pd.concat([universe, rows]),
                           named={"staked-coin40": "staked"}.get)  # fmt: skip
    assert only(checked.findings).series == "staked-coin40"


# --- what is no altcoin --------------------------------------------------------------------------


def with_token(price, coin="token", noise=0.0):
    """Return the market with one more coin, at rank 3, at a price made of all closes."""
    coins, universe = market()
    usd = coins.pivot_table(index="date", columns="coin", values="close_usd")
    random = np.random.default_rng(9)
    close = price(usd) * np.exp(noise * random.normal(size=len(DAYS)))
    token = pd.DataFrame({"date": DAYS, "coin": coin, "close_usd": close.to_numpy(),
                          "close_btc": (close / usd["bitcoin"]).to_numpy(),
                          "market_cap_usd": np.nan})  # fmt: skip
    rows = pd.DataFrame({"snapshot_date": DAYS, "rank": 2.5, "coin": coin, "market_cap_usd": 4e11})
    full = pd.concat([universe, rows]).sort_values(["snapshot_date", "rank"], ignore_index=True)
    full["rank"] = full.groupby("snapshot_date").cumcount() + 1.0
    return pd.concat([coins, token], ignore_index=True), full, universe


YEARS = np.arange(len(DAYS)) / 365.25
PEGGED = {
    "dollar": (lambda usd: 0 * usd["bitcoin"] + 1.0, 0.003, "the dollar"),
    "exact dollar": (lambda usd: 0 * usd["bitcoin"] + 1.0, 0.0, "the dollar"),
    "fund": (lambda usd: 0 * usd["bitcoin"] + 110.0 * np.exp(0.045 * YEARS), 1e-4,
             "the dollar with interest"),
    "wrapped": (lambda usd: 0.9995 * usd["bitcoin"], 0.002, "Bitcoin"),
    "staked Bitcoin": (lambda usd: 1.08 * usd["bitcoin"] * np.exp(0.02 * YEARS), 0.002, "Bitcoin"),
    "staked": (lambda usd: 1.15 * usd["ethereum"] * np.exp(0.03 * YEARS), 0.002, "Ether"),
}  # fmt: skip


@pytest.mark.parametrize(("price", "noise", "asset"), PEGGED.values(), ids=PEGGED)
def test_what_follows_another_asset_is_left_out_whatever_its_name(price, noise, asset):
    coins, full, universe = with_token(price, noise=noise)
    checked = check_market(coins, full)
    finding = only(checked.findings)
    assert (finding.rule, finding.series) == ("no altcoin", "token")
    assert f"follows {asset}" in finding.said
    left = checked.universe
    late = left["snapshot_date"] >= DAYS[14]
    assert "token" not in set(left.loc[late, "coin"])
    # The ranks close up: as if it had never been there.
    expected = universe[universe["snapshot_date"] >= DAYS[14]]
    pd.testing.assert_frame_equal(left[late].reset_index(drop=True),
                                  expected.reset_index(drop=True))  # fmt: skip


QUIET = {
    "calm altcoin": lambda usd: 3.9 * np.exp(
        np.cumsum(0.0032 * np.random.default_rng(1).normal(size=len(DAYS)))) + 0 * usd["bitcoin"],
    "near a dollar": lambda usd: 1.0 * np.exp(
        np.cumsum(0.02 * np.random.default_rng(2).normal(size=len(DAYS)))) + 0 * usd["bitcoin"],
    "with Ether at an eighth": lambda usd: 0.125 * usd["ethereum"] * np.exp(
        np.cumsum(0.005 * np.random.default_rng(3).normal(size=len(DAYS)))),
    "one satoshi": lambda usd: 1e-8 * usd["bitcoin"],
}  # fmt: skip


@pytest.mark.parametrize("price", QUIET.values(), ids=QUIET)
def test_a_quiet_altcoin_stays(price):
    coins, full, _ = with_token(price)
    assert "no altcoin" not in {each.rule for each in check_market(coins, full).findings}


def test_a_token_is_judged_by_its_past_alone():
    """A coin that is pegged from the middle on is ranked until then, whatever comes after."""
    half = len(DAYS) // 2
    walk = np.exp(np.cumsum(0.05 * np.random.default_rng(5).normal(size=len(DAYS))))
    walk[half:] = 1.0
    coins, full, _ = with_token(lambda usd: 0 * usd["bitcoin"] + walk)
    whole = check_market(coins, full).universe
    known = check_market(
        coins[coins["date"] <= DAYS[200]], full[full["snapshot_date"] <= DAYS[200]]
    )
    cut = whole[whole["snapshot_date"] <= DAYS[200]]
    pd.testing.assert_frame_equal(cut, known.universe)
    ranked = cut.loc[cut["coin"] == "token", "snapshot_date"]
    assert DAYS[half] <= ranked.max() < DAYS[half + 60]


def test_bitcoin_never_ranks():
    coins, universe = market()
    rows = pd.DataFrame({"snapshot_date": DAYS, "rank": 0.5, "coin": "bitcoin"})
    full = pd.concat([rows, universe]).sort_values(["snapshot_date", "rank"], ignore_index=True)
    full["rank"] = full.groupby("snapshot_date").cumcount() + 1.0
    left = check_market(coins, full).universe
    assert left["coin"].tolist() == universe["coin"].tolist()
    assert left["rank"].tolist() == universe["rank"].tolist()


def test_names_help_where_there_is_no_price():
    coins, universe = market()
    rows = pd.DataFrame({"snapshot_date": DAYS, "rank": 99.0, "coin": "wrapped-thing"})
    full = pd.concat([universe, rows], ignore_index=True)
    said = {"wrapped-thing": "wrapped or bridged", "coin5": "wrapped or bridged"}
    checked = check_market(coins, full, named=said.get)
    left = checked.universe
    assert "wrapped-thing" not in set(left["coin"])
    # coin5 is called so too, but its price is its own once there are prices to tell.
    assert (left.loc[left["coin"] == "coin5", "snapshot_date"] >= DAYS[13]).all()
    assert (left["coin"] == "coin5").sum() == len(DAYS) - 13


def test_two_tokens_of_gold_are_one_asset():
    gold = 3000 * np.exp(np.cumsum(0.008 * np.random.default_rng(4).normal(size=len(DAYS))))
    coins, full, _ = with_token(lambda usd: 0 * usd["bitcoin"] + gold, noise=5e-4)
    twin = coins[coins["coin"] == "token"].assign(coin="twin")
    twin[["close_usd", "close_btc"]] *= 1.001
    ranked = pd.concat([full, full[full["coin"] == "token"].assign(coin="twin", rank=90.0)])
    found = check_market(pd.concat([coins, twin]), ranked).findings
    assert {each.series for each in found if each.rule == "no altcoin"} == {"token", "twin"}


# --- single series -------------------------------------------------------------------------------


def closes(seed=0, scale=0.01, base=2000.0, days=SESSIONS):
    random = np.random.default_rng(seed)
    return pd.Series(base * np.exp(np.cumsum(scale * random.normal(size=len(days)))), days)


@pytest.mark.parametrize(
    ("factor", "first", "after", "rule", "consequence"),
    [
        (10.0, 150, None, "level shift", "feature dropped"),
        (0.5, 150, None, "level shift", "feature dropped"),
        (0.001, 150, 151, "spike", "value left out"),
        (2.0, 150, 153, "spike", "value left out"),
        (2.0, -1, None, "unconfirmed step", "value left out"),
        (2.0, -2, None, "unconfirmed step", "value left out"),
    ],
)
def test_steps_of_one_series(factor, first, after, rule, consequence):
    values = closes()
    values.iloc[first:after] *= factor
    kept, findings = check_steps("russell2000", values, STEPS["russell2000"])
    finding = only(findings)
    assert (finding.rule, finding.consequence) == (rule, consequence)
    assert finding.first_day == values.index[first]
    assert finding.factor == pytest.approx(factor, rel=0.05)
    gone = values.index[first:after]
    assert kept.index.tolist() == values.index.difference(gone).tolist()


def test_the_usual_step_is_the_median_of_the_past():
    """By hand: steps of 1, 2, 3, ... percent; the median of the first 60 is 30.5 percent."""
    steps = pd.Series(np.arange(1.0, 63.0) / 100)
    scale = usual_step(steps)
    assert np.isnan(scale.iloc[:60]).all()
    assert scale.iloc[60] == pytest.approx(0.305 / 0.6745)


def test_a_second_witness_tells_a_smaller_fault():
    together = closes()
    russell, sp500 = together.copy(), 3.0 * together
    russell.iloc[150] *= 1.12
    kept, findings = check_series({"russell2000": russell, "sp500": sp500})
    assert [(each.series, each.rule) for each in findings] == [("russell2000", "spike")]
    assert len(kept["sp500"]) == len(sp500)
    alone, findings = check_series({"russell2000": russell})
    assert findings == []
    assert alone["russell2000"].equals(russell)


def test_a_move_that_both_make_is_the_market():
    together = closes()
    together.iloc[150:] *= 0.86
    _, findings = check_series({"russell2000": together, "sp500": 3.0 * together})
    assert findings == []


def test_a_frozen_series_ends_where_the_gap_is_too_long():
    values = closes()
    values.iloc[100:120] = values.iloc[99]
    kept, findings = check_series({"russell2000": values})
    assert [each.consequence for each in findings] == ["value left out", "feature dropped"]
    assert kept["russell2000"].index[-1] == values.index[102]


def test_three_equal_closes_are_no_frozen_feed():
    values = closes()
    values.iloc[100:104] = values.iloc[100]
    assert check_frozen("sp500", values, STEPS["sp500"])[1] == []


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("first", [0, 150])
def test_flows_in_another_unit(factor, first):
    random = np.random.default_rng(1)
    flows = pd.Series(2e8 * random.normal(size=len(SESSIONS)), SESSIONS)
    flows.iloc[first:] *= factor
    kept, findings = check_series({"btc_etf_net_flow_usd": flows})
    finding = findings[0]
    assert (finding.rule, finding.consequence) == ("scale", "feature dropped")
    # The first days of a change of unit may be small ones.
    assert len(kept["btc_etf_net_flow_usd"]) <= first + 5


def test_ordinary_flows_pass():
    random = np.random.default_rng(1)
    flows = pd.Series(2e8 * random.standard_t(3, size=len(SESSIONS)), SESSIONS)
    assert check_flow("btc_etf_net_flow_usd", flows)[1] == []


@pytest.mark.parametrize(("flow", "filled"), [(False, True), (True, True), (False, False)])
def test_weekends(flow, filled):
    values = closes().asfreq("D")
    values = values.fillna(0.0) if flow else values.ffill()
    if not filled:
        values = values * np.exp(0.01 * np.random.default_rng(0).normal(size=len(values)))
    kept, findings = check_sessions("sp500", values, flow=flow)
    assert only(findings).consequence == ("value left out" if filled else "feature dropped")
    weekend = values.index[values.index.day_of_week >= 5]
    if filled:
        assert kept.index.equals(values.index.difference(weekend))
    else:
        assert kept.index[-1] < weekend[1]


def test_a_market_cap_that_is_not_the_close_times_the_supply():
    bitcoin = closes(days=DAYS, base=60_000.0)
    cap = 1.98e7 * bitcoin
    cap.iloc[50:53] /= 1000
    kept, findings = check_series({"btc_market_cap_usd": cap}, bitcoin_usd=bitcoin)
    assert only(findings).rule == "scale"
    assert len(kept["btc_market_cap_usd"]) == len(cap) - 3


@pytest.mark.parametrize(
    ("factor", "unit"), [(10, True), (1e-3, True), (2, True), (0.62, False), (7.3, False)]
)
def test_what_is_the_factor_of_a_unit(factor, unit):
    assert is_unit(float(np.log(factor))) is unit


# --- against what is known -----------------------------------------------------------------------


def test_a_market_cap_of_ether_in_millions():
    ether = closes(days=DAYS, base=3000.0)
    cap = 1.2e8 * ether
    kept, findings = check_series({"eth_market_cap_usd": cap / 1e6}, ether_usd=ether)
    assert (only(findings).rule, len(kept["eth_market_cap_usd"])) == ("scale", 0)
    assert check_series({"eth_market_cap_usd": cap}, ether_usd=ether)[1] == []


def test_a_flow_on_a_day_without_session_is_left_out():
    days = pd.bdate_range("2024-12-01", "2025-02-14")
    flows = pd.Series(2e8 * np.random.default_rng(1).normal(size=len(days)), days)
    kept, findings = check_sessions("btc_etf_net_flow_usd", flows, flow=True)
    closed = pd.DatetimeIndex(["2024-12-25", "2025-01-01", "2025-01-09", "2025-01-20"])
    assert flows.index.difference(kept.index).tolist() == closed.tolist()
    assert only(findings).consequence == "value left out"


def test_a_few_flows_in_millions_among_those_in_dollars():
    flows = pd.Series(2e8 * np.random.default_rng(1).normal(size=len(SESSIONS)), SESSIONS)
    flows.iloc[[150, 160, 170]] /= 1e6
    kept, findings = check_flow("btc_etf_net_flow_usd", flows)
    assert only(findings).rule == "scale"
    assert kept.index[-1] == SESSIONS[149]


@pytest.mark.parametrize("days", [6, 11])
def test_a_bitcoin_that_drifts_from_its_market_cap_is_at_fault(days):
    coins, universe = following()
    cap = bitcoin_supply(DAYS) * bitcoin_of(coins)
    drift = pd.Series(np.exp(-0.03 * (days - np.arange(days)[::-1])), DAYS[-days:])
    factor = coins["date"].map(drift).fillna(1.0)
    own = coins["coin"] == "bitcoin"
    wrong = coins.copy()
    wrong.loc[own, "close_usd"] *= factor
    checked = check_market(in_bitcoin(wrong, bitcoin_of(wrong)), universe, bitcoin_cap=cap)
    assert only(checked.findings).consequence == "day held back"
    assert abs((checked.withheld[0] - DAYS[-days]).days) <= 2
    assert checked.withheld[-1] == LAST


def test_a_published_index_of_another_scale_or_sign_is_refused():
    days = pd.date_range("2025-01-01", periods=200)
    ours = pd.Series(50 + 30 * np.sin(np.arange(200) / 20), days)
    check_published(ours, ours + 7, "theirs")
    check_published(ours.iloc[:40], 100 - ours, "theirs")
    with pytest.raises(DataError, match="multiply them by 100"):
        check_published(ours, ours / 100, "theirs")
    with pytest.raises(DataError, match="runs against our index"):
        check_published(ours, 100 - ours, "theirs")


# --- a past day ----------------------------------------------------------------------------------


# Each begins 40 days before the last.
PLANTED = {
    "a day after": lambda coins: apart_since(coins, 40, 1),
    "a day before": lambda coins: apart_since(coins, 40, -1),
    "all drawn": lambda coins: drawn_since(coins, 40, ["bitcoin", *COINS]),
    "Bitcoin drawn": lambda coins: drawn_since(coins, 40, ["bitcoin"]),
    "a coin drawn": lambda coins: drawn_since(coins, 40, ["coin3"]),
    "all still": lambda coins: still_since(coins, 41, COINS, 0.0),
    "many nearly still": lambda coins: still_since(coins, 41, COINS[:30], 4e-4),
    "a coin still": lambda coins: still_since(coins, 41, ["coin3"], 0.0),
    "a coin nearly still": lambda coins: still_since(coins, 41, ["coin3"], 4e-4),
    "Bitcoin still": lambda coins: still_since(coins, 41, ["bitcoin"], 0.0),
    "Bitcoin nearly still": lambda coins: still_since(coins, 41, ["bitcoin"], 2e-4),
    "Bitcoin halved": lambda coins: bitcoin_wrong(coins, 0.5, ago(40)),
    "Bitcoin halved for a day": lambda coins: bitcoin_wrong(coins, 0.5, ago(40), ago(40)),
    "close_usd of Bitcoin": lambda coins: bitcoin_wrong(coins, 1.3, ago(40), ago(38), btc=False),
    "a coin's unit": lambda coins: times_since(coins, 40, "coin7", 1000.0),
    "a coin merged": lambda coins: times_since(coins, 40, "coin20", 4.0),
    "a coin's spike": lambda coins: times_since(coins, 40, "coin7", 100.0, until=39),
    "a real rise": lambda coins: times_since(coins, 40, "coin7", 3.5),
}


def known_by(day, coins, universe):
    """Return which closes and ranks are used of a table cut on a day; none if it is refused."""
    cut = coins[coins["date"] <= day], universe[universe["snapshot_date"] <= day]
    checked = check_market(*cut)
    ranks = checked.universe[["snapshot_date", "rank", "coin"]]
    return (set(zip(checked.coins["date"], checked.coins["coin"], strict=True)),
            set(ranks.itertuples(index=False, name=None)))  # fmt: skip


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_what_was_used_on_a_day_stays_used_whatever_comes_later(plant):
    """Only days of the fault that were held back may be released, when closes confirm them."""
    coins, universe = (
        table[table[day] > ago(150)]
        for table, day in zip(following(), ("date", "snapshot_date"), strict=True)
    )
    coins = plant(coins).reset_index(drop=True)
    later, _ = known_by(LAST, coins, universe)
    for days in (41, 40, 39, 35, 20):
        day = ago(days)
        used, _ = known_by(day, coins, universe)
        assert used <= later
        held_back = {date for date, _ in later - used if date <= day}
        assert min(held_back, default=LAST) >= ago(40)


@pytest.mark.parametrize("change", ["25 coins", "without page 1, renumbered", "shuffled"])
def test_a_ranking_is_judged_by_its_past_alone(change):
    coins, universe = ranked(NO_RANKINGS[change], since=40, until=20)
    later = known_by(LAST, coins, universe)[1]
    for days in (40, 30, 19):
        day = ago(days)
        assert known_by(day, coins, universe)[1] == {row for row in later if row[0] <= day}


def russell(values):
    return check_series({"russell2000": values})[0]["russell2000"]


SERIES_FAULTS = {
    "unit": lambda values: values.where(values.index < SESSIONS[150], 10 * values),
    "spike": lambda values: values.where(values.index != SESSIONS[150], 10 * values),
    "still": lambda values: values.where(values.index < SESSIONS[150], values.iloc[150]),
    "nearly still": lambda values: values.where(
        values.index < SESSIONS[150], values.iloc[150] + 1e-4 * values),
    "shifted": lambda values: values.set_axis(
        values.index.where(values.index < SESSIONS[150], values.index + pd.Timedelta(days=1))),
}  # fmt: skip


@pytest.mark.parametrize("plant", SERIES_FAULTS.values(), ids=SERIES_FAULTS)
def test_what_was_used_of_a_series_stays_used(plant):
    values = plant(closes())
    later = set(russell(values).index)
    for end in (150, 151, 152, 153, 155, 158, 170):
        cut = values.iloc[:end]
        used, expected = set(russell(cut).index), {day for day in later if day <= cut.index[-1]}
        assert used <= later
        assert expected - used <= set(cut.index[-2:])


def test_a_directory_is_judged_by_what_was_known(tmp_path):
    """`--as-of` of a past day takes no row after it, to the bit."""
    coins, universe = following()
    day = ago(40)

    def known(name, coins):
        return deferred_files(
            written(tmp_path / name, coins, universe), today=LAST, newest=False,
            simulation=lambda *_: None, known_by=day).panel  # fmt: skip

    sane = known("sane", coins)
    assert sane.last_day == day
    assert known("halved", bitcoin_wrong(coins, 0.5, ago(39))).digest == sane.digest


# --- what is said --------------------------------------------------------------------------------


def written(directory, coins, universe):
    series = pd.DataFrame({"series": "sp500_close", "date": SESSIONS, "value": closes()})
    directory.mkdir(parents=True, exist_ok=True)
    for name, table in {"series": series, "coins": coins, "universe": universe}.items():
        table.to_parquet(directory / f"{name}.parquet", index=False)
    return directory


def test_a_held_back_day_is_said_in_every_place(tmp_path):
    coins, universe = market()
    sane = load_files(written(tmp_path / "sane", coins, universe))
    panel = load_files(written(tmp_path / "wrong", bitcoin_wrong(coins, 0.5, LAST), universe))
    assert panel.last_day == ago(1)
    for name in ("season_index", "bitcoin", "eth_btc"):
        pd.testing.assert_series_equal(panel.series(name), sane.series(name).loc[: ago(1)])
    today = LAST + pd.Timedelta(days=1)
    state = data_health(panel, as_of=None, today=today)
    assert state.refusal is None
    document = health_json(state)
    assert document["findings"][0]["rule"] == "common mode"
    assert document["findings"][0]["consequence"] == "day held back"
    assert "common mode; day held back" in health_text(state)
    assert any("common mode" in said for said in panel.provenance.problems_on(ago(1)))
    refused = data_health(panel, as_of=LAST, today=today).refusal
    assert "as_of must lie between" in refused
    assert "common mode; day held back" in refused
    usable_view(panel, None, today=today)


def test_what_is_left_out_of_a_ranking_is_listed(tmp_path):
    price, noise, _ = PEGGED["staked"]
    coins, full, universe = with_token(price, noise=noise)
    panel = load_files(written(tmp_path / "with", coins, full))
    sane = load_files(written(tmp_path / "without", coins, universe))
    pd.testing.assert_series_equal(panel.series("season_index"), sane.series("season_index"))
    said = health_text(data_health(panel, as_of=None, today=LAST))
    assert "token: follows Ether" in said


def test_a_day_that_looks_back_to_withheld_ones_is_refused_with_their_cause():
    days = pd.date_range("2025-01-01", periods=100)
    day = pd.Timedelta(days=1)
    first, last = days[-1] + day, days[-1] + 9 * day
    finding = Finding("a day apart", "coins", first, last, 0.9, np.nan,
                      "refused", "the median coin moves a day after", "wait")  # fmt: skip
    panel = MarketPanel.from_series({"season_index": pd.Series(50.0, days)}, "example")
    panel = replace(panel, provenance=DataProvenance(findings=(finding,)))
    with pytest.raises(DataError, match="the median coin moves a day after"):
        usable_view(panel, days[-1] + 10 * day)


def test_a_finding_concerns_the_days_that_rest_on_it():
    day = pd.Timestamp("2025-06-01")
    finding = Finding("spike", "x", day, day, 1.0, np.nan, "value left out", "is wrong", "wait")
    said = DataProvenance(findings=(finding,))
    assert said.problems_on(day - pd.Timedelta(days=1)) == ()
    assert said.problems_on(day) == (finding.text,)
    assert said.problems_on(day + pd.Timedelta(days=400)) == ()
    assert DataProvenance(findings=(replace(finding, consequence="note"),)).problems_on(day) == ()
    held = DataProvenance(findings=(replace(finding, consequence="day held back"),))
    assert held.problems_on(day - pd.Timedelta(days=1)) == (finding.text.replace(
        "value left out", "day held back"),)  # fmt: skip
    assert held.withheld(day) is not None
    assert held.withheld(day + pd.Timedelta(days=1)) is None


def test_the_rules_are_shown_by_the_command_and_the_page():
    done = CliRunner().invoke(predict.app, ["health", "--rules"])
    assert done.exit_code == 0
    assert done.stdout.strip() == rules_text().strip()
    page = (ROOT / "docs" / "data-rules.md").read_text()
    assert rules_table() in page
    for name in RULES:
        assert f"| {name} |" in page
    assert len({peg.asset for peg in PEGS}) == len(PEGS)


# --- real data -----------------------------------------------------------------------------------


def test_the_embedded_history_passes(reference):
    series = {name: reference.series(name) for name in reference.names}
    kept, findings = check_series(series)
    assert findings == []
    assert all(kept[name].equals(values) for name, values in series.items())


@pytest.mark.real_data
def test_the_real_history_passes_but_for_notes(real_data):
    found = load_files(real_data).provenance.findings
    assert {each.consequence for each in found} <= {"note"}
    assert "no altcoin" not in {each.rule for each in found}


EXPECTED = {
    "sane": (None, 0, None),
    "bitcoin_halved_on_the_last_day": ("common mode", 1, "bitcoin"),
    "frozen_20_days": ("frozen market", 20, "coins"),
    "ether_times_100_for_a_day": ("spike", 0, "ethereum"),
    "russell_times_10_from_a_day": ("level shift", 0, "russell2000"),
    "flows_in_millions": ("scale", 0, "btc_etf_net_flow_usd"),
    "shares_in_thousands_from_a_day": ("level shift", 0, "iwm_shares_outstanding"),
    "ranking_with_bitcoin_and_stablecoins": ("no altcoin", 0, "wrapped-bitcoin"),
}


@pytest.mark.real_data
def test_markets_wrong_as_a_whole_that_people_reported(real_data, tmp_path):
    make = real_data.parent / "cases" / "more.py"
    if not make.exists():
        pytest.skip("the cases are not beside the real history")
    subprocess.run([sys.executable, str(make), str(tmp_path)], check=True)
    sane = load_files(tmp_path / "sane")
    assert load_files(tmp_path / "ranks_with_gaps").digest == sane.digest
    for name, rule, series in (
        ("25_ranks_from_november", "ranking", "universe"),
        ("redenominated_24000", "level shift", "bnb"),
        ("merged_4_to_1", "redenomination", "dogecoin"),
        ("caps_in_millions", "scale", "eth_market_cap_usd"),
    ):
        panel = load_files(tmp_path / name)
        found = {(each.rule, each.series, each.consequence) for each in panel.provenance.findings}
        assert (rule, series, "value left out") in found, name
        assert abs(panel.series("season_index").iloc[-1] - 19.6) < 3.5
    assert load_files(tmp_path / "caps_in_millions").series("eth_etf_flow").empty
    with pytest.raises(DataError, match="a day apart; refused"):
        load_files(tmp_path / "coins_a_day_late")
    with pytest.raises(DataError, match="frozen market; refused"):
        load_files(tmp_path / "two_decimals")
    assert "market_cap_usd" in load_files(tmp_path / "no_caps").provenance.findings[-1].way_out


@pytest.mark.real_data
def test_the_cases_that_people_reported(real_data, tmp_path):
    make = real_data.parent / "cases" / "make.py"
    if not make.exists():
        pytest.skip("the cases are not beside the real history")
    subprocess.run([sys.executable, str(make), str(tmp_path)], check=True)
    last = pd.Timestamp("2025-12-10")
    for name, (rule, days, series) in EXPECTED.items():
        panel = load_files(tmp_path / name)
        found = panel.provenance.findings
        assert panel.last_day == last - pd.Timedelta(days=days), name
        if rule is None:
            assert {each.consequence for each in found} <= {"note"}
        else:
            assert (rule, series) in {(each.rule, each.series) for each in found}, name
        if not days:
            # Every other season is the one of the sane market.
            assert panel.series("season_index").iloc[-1] == pytest.approx(19.6, abs=0.1)
    assert len(load_files(tmp_path / "russell_times_10_from_a_day").series("russell2000")) > 700
    flows = load_files(tmp_path / "flows_in_millions")
    assert flows.series("btc_etf_flow").empty
    assert flows.series("eth_etf_flow").empty
