"""Who is ranked when: rankings carried by prices, exclusions, checks, the seam, a user's file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.market import MAX_SNAPSHOT_AGE_DAYS
from features.market.rankings import RANKS, carried_rankings, recognised
from features.market.splice import joined_flow, joined_index, joined_level, until_gap
from features.panel import DataError
from features.reference import members
from features.reference.membership import load_membership
from features.sources.yahoo.rankings import altcoins, coin_of, read_universe
from tests.embedded import RANKED, iso

END = pd.Timestamp("2025-12-10")


@pytest.fixture(scope="module")
def membership():
    return load_membership()


def order_on(snapshots: pd.DataFrame, day: str) -> list[str]:
    rows = snapshots[snapshots["snapshot_date"] == day].sort_values("rank")
    return rows["coin"].tolist()


# --- rankings carried by prices ------------------------------------------------------------------


def flat_closes(days: int = 20, **prices: float) -> pd.DataFrame:
    index = pd.date_range("2026-01-01", periods=days, unit="s")
    return pd.DataFrame({coin: np.full(days, price) for coin, price in prices.items()}, index)


def test_market_caps_move_with_prices():
    closes = flat_closes(a=1.0, b=1.0, c=1.0)
    closes.loc["2026-01-10":, "c"] = 20.0
    caps = {pd.Timestamp("2026-01-01"): pd.Series({"a": 100.0, "b": 50.0, "c": 10.0})}
    snapshots = carried_rankings(caps, closes)
    assert order_on(snapshots, "2026-01-01") == ["a", "b", "c"]
    # The median of seven days follows on the fourth day of the new price.
    assert order_on(snapshots, "2026-01-12") == ["a", "b", "c"]
    assert order_on(snapshots, "2026-01-13") == ["c", "a", "b"]
    row = snapshots[(snapshots["snapshot_date"] == "2026-01-13") & (snapshots["coin"] == "c")]
    assert row["market_cap_usd"].item() == pytest.approx(200)


def test_the_supply_is_that_of_the_rankings_day():
    """A coin that has just risen threefold is ranked at the new price: no second rise follows."""
    lasting, spike = flat_closes(a=1.0, b=1.0), flat_closes(a=1.0, b=1.0)
    lasting.loc["2026-01-10":, "a"] = 3.0
    spike.loc["2026-01-10", "a"] = 3.0
    caps = {pd.Timestamp("2026-01-10"): pd.Series({"a": 30.0, "b": 20.0})}
    for closes, later in ((lasting, 30.0), (spike, 10.0)):
        snapshots = carried_rankings(caps, closes)
        cap = snapshots[snapshots["coin"] == "a"].set_index("snapshot_date")["market_cap_usd"]
        assert cap.loc["2026-01-10"] == pytest.approx(30)
        assert cap.loc["2026-01-20"] == pytest.approx(later)


def test_a_ranking_serves_from_its_day_on():
    closes = flat_closes(a=1.0, b=1.0)
    first, second = pd.Timestamp("2026-01-01"), pd.Timestamp("2026-01-10")
    alone = carried_rankings({first: pd.Series({"a": 2.0, "b": 1.0})}, closes)
    both = carried_rankings(
        {first: pd.Series({"a": 2.0, "b": 1.0}), second: pd.Series({"new": 9.0, "b": 2.0})}, closes
    )
    before = both["snapshot_date"] < second
    pd.testing.assert_frame_equal(both[before], alone[alone["snapshot_date"] < second])
    assert order_on(both, "2026-01-09") == ["a", "b"]
    assert order_on(both, "2026-01-10") == ["new", "b"]


def test_an_unpriced_coin_moves_with_the_median():
    closes = flat_closes(a=1.0, b=1.0, c=1.0)
    closes.loc["2026-01-08":, ["a", "b", "c"]] = 3.0
    closes["dead"] = np.where(closes.index < pd.Timestamp("2026-01-05"), 1.0, np.nan)
    caps = pd.Series({"a": 4.0, "dead": 3.0, "b": 2.0, "c": 1.0, "unknown": 0.5})
    snapshots = carried_rankings({closes.index[0]: caps}, closes)
    assert order_on(snapshots, "2026-01-20") == ["a", "dead", "b", "c", "unknown"]


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(3, 28))
def test_nothing_after_a_day_bears_on_its_ranking(seed, day):
    random = np.random.default_rng(seed)
    coins = [f"c{i}" for i in range(12)]
    index = pd.date_range("2026-01-01", periods=30, unit="s")
    walk = np.exp(np.cumsum(random.normal(0, 0.3, (30, 12)), axis=0))
    closes = pd.DataFrame(walk, index, coins).mask(random.random((30, 12)) < 0.2)
    rankings = {
        index[at]: pd.Series(random.random(12) + 0.1, coins) for at in (0, 9, 20)
    }  # fmt: skip
    scrambled = closes.copy()
    scrambled.iloc[day:] = random.random((30 - day, 12)) * 100
    later = {at: caps if at < index[day] else caps[::-1] * 7 for at, caps in rankings.items()}
    ours, theirs = carried_rankings(rankings, closes), carried_rankings(later, scrambled)
    pd.testing.assert_frame_equal(
        ours[ours["snapshot_date"] < index[day]], theirs[theirs["snapshot_date"] < index[day]]
    )


def test_at_most_a_hundred_are_ranked():
    caps = pd.Series(np.arange(150.0, 0, -1), [f"c{i}" for i in range(150)])
    snapshots = carried_rankings({pd.Timestamp("2026-01-01"): caps}, flat_closes(2, c0=1.0))
    assert snapshots.groupby("snapshot_date")["rank"].max().tolist() == [RANKS, RANKS]


# --- is it this coin? ----------------------------------------------------------------------------


def history(relative_30: float, relative_90: float) -> tuple[pd.Series, pd.Series]:
    days = pd.date_range(END - pd.Timedelta(days=120), END, unit="s")
    bitcoin = pd.Series(np.linspace(90_000, 100_000, len(days)), days)
    relative = pd.Series(0.0, days)
    relative.loc[END - pd.Timedelta(days=30) :] = relative_90 - relative_30
    relative.loc[END] = relative_90
    return np.exp(relative) * bitcoin, bitcoin


@pytest.mark.parametrize(
    ("thirty", "ninety", "good"),
    [(0.2, 0.5, True), (0.29, 0.41, True), (0.31, 0.5, False), (0.2, 0.61, False)],
)
def test_a_coin_is_recognised_by_its_returns(thirty, ninety, good):
    coins = pd.DataFrame(
        {"check_day": [END], "check_30": [0.2], "check_90": [0.5], "verified": [False]}, ["x"]
    )
    close, bitcoin = history(thirty, ninety)
    assert (recognised(coins, close, bitcoin, "x") is None) == good


@pytest.mark.parametrize("verified", [True, False])
def test_without_a_check_a_verified_ticker_is_needed(verified):
    coins = pd.DataFrame(
        {"check_day": [pd.NaT], "check_30": [np.nan], "check_90": [np.nan], "verified": [verified]},
        ["x"],
    )
    close, bitcoin = history(0.0, 0.0)
    assert (recognised(coins, close, bitcoin, "x") is None) == verified
    assert recognised(coins, close, bitcoin, "only Yahoo knows it") is None


# --- the embedded membership ---------------------------------------------------------------------


def test_the_embedded_membership_is_whole(membership, reference):
    snapshots = membership.snapshots
    assert membership.last_day == snapshots["snapshot_date"].max()
    assert 0 <= (reference.last_day - membership.last_day).days <= MAX_SNAPSHOT_AGE_DAYS
    for column in ("coin", "rank"):
        assert not snapshots.duplicated(["snapshot_date", column]).any()
    assert set(snapshots["coin"]) <= set(membership.coins.index)
    share = membership.coins["share"].dropna()
    assert share.sum() == pytest.approx(100, abs=0.1)
    top = order_on(snapshots, iso(RANKED))
    assert (np.diff(share[top]) <= 0).all()
    assert "terra-luna" in " ".join(membership.coins.index)  # the dead are in it


def test_only_facts_and_ratios_are_embedded(membership):
    assert list(membership.snapshots) == ["snapshot_date", "rank", "coin"]
    assert list(membership.coins) == [
        "symbol", "from", "to", "share", "check_day", "check_30", "check_90", "tickers", "verified",
    ]  # fmt: skip


def test_tickers_are_yahoos_and_complete(membership):
    for tickers in membership.coins["tickers"]:
        assert tickers
        assert all(ticker.endswith("-USD") for ticker in tickers)
    known = coin_of(membership)
    assert known["TON11419-USD"] == "toncoin"
    assert known["ETH-USD"] == "ethereum"
    assert known["POL28321-USD"] == "polygon"


def test_checks_are_returns_against_bitcoin():
    days = pd.date_range("2025-01-01", periods=100, unit="s")
    coins = pd.DataFrame({"date": days, "coin": "x", "close_btc": np.exp(0.01 * np.arange(100))})
    young = coins.tail(40).assign(coin="young")
    found = members.checks(pd.concat([coins, young]), pd.Index(["x", "young", "absent"]))
    assert found.loc["x", ["check_30", "check_90"]].tolist() == [0.3, 0.9]
    assert found.loc["young", "check_30"] == 0.3
    assert np.isnan(found.loc["young", "check_90"])
    assert found.loc["absent"].isna().all()


# --- what never counts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTC", "Bitcoin USD"), ("WBTC", "Wrapped Bitcoin"), ("STETH", "Lido Staked Ether"),
        ("USDC", "USD Coin"), ("PAXG", "PAX Gold"), ("USDE", "Ethena USDe"),
        ("XAUT", "Tether Gold"), ("XYZ", "Binance-Peg Something"),
        ("CBBTC", "Coinbase Wrapped BTC"), ("FDUSD", "First Digital USD"), ("USDT", "Tether USDt"),
        ("DAI", "Dai USD"), ("WEETH", "Wrapped eETH"), ("RSETH", "Kelp DAO Restaked ETH"),
        ("JITOSOL", "Jito Staked SOL"), ("EURC", "EURC"), ("USD1", "World Liberty Financial USD"),
        ("LBTC", "Lombard Staked BTC"), ("BUIDL", "BlackRock USD Institutional Fund"),
        ("TUSD", "TrueUSD"), ("USTC", "TerraClassicUSD"), ("KAU", "Kinesis Gold"),
    ],
)  # fmt: skip
def test_what_is_no_altcoin_is_excluded(membership, symbol, name):
    assert membership.excluded(symbol, name)


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("ETH", "Ethereum USD"), ("LDO", "Lido DAO"), ("ENA", "Ethena"), ("ONDO", "Ondo"),
        ("WLFI", "World Liberty Financial"), ("BCH", "Bitcoin Cash"), ("BTG", "Bitcoin Gold"),
        ("JTO", "Jito"), ("RPL", "Rocket Pool"), ("W", "Wormhole"), ("FXS", "Frax Share"),
        ("PENGU", "Pudgy Penguins USD"), ("DUSK", "Dusk Network"), ("USUAL", "Usual"),
    ],
)  # fmt: skip
def test_altcoins_are_not_excluded(membership, symbol, name):
    assert membership.excluded(symbol, name) is None


def test_no_coin_ranked_in_recent_years_is_excluded(membership):
    recent = membership.coins[membership.coins["to"] >= "2020"]
    assert len(recent) > 150
    assert not [s for s in recent["symbol"] if membership.excluded(s, "")]


def ranking_of(coins: int) -> pd.DataFrame:
    rows = [("BTC-USD", "BTC", "Bitcoin", 1e15), ("ETH-USD", "ETH", "Ethereum", 1e14)]
    rows += [(f"C{i}-USD", f"C{i}", f"Coin {i}", 1e12 - i) for i in range(coins)]
    rows.append(("WETH-USD", "WETH", "Wrapped Ether", 1e13))
    return pd.DataFrame(rows, columns=["ticker", "symbol", "name", "market_cap_usd"])


def test_a_ranking_becomes_altcoins_by_market_cap(membership):
    table = altcoins(ranking_of(120), membership)
    assert table.index[:3].tolist() == ["ethereum", "c0-usd", "c1-usd"]
    assert table["ticker"].iloc[0] == "ETH-USD"
    assert len(table) == RANKS
    with pytest.raises(DataError, match="holds 31 altcoins, need 50"):
        altcoins(ranking_of(30), membership)


# --- the seam ------------------------------------------------------------------------------------


def level(days: int = 100, seed: int = 0) -> pd.Series:
    random = np.random.default_rng(seed)
    index = pd.date_range(END - pd.Timedelta(days=days - 1), END, unit="s")
    return pd.Series(100 * np.exp(np.cumsum(random.normal(0, 0.02, days))), index)


def test_a_level_goes_on_with_its_returns():
    embedded = level()
    later = pd.Series([5.0, 10.0], pd.date_range(END + pd.Timedelta(days=1), periods=2, unit="s"))
    live = pd.concat([embedded * 0.05, later])
    joined, sentence = joined_level(embedded, live, "bitcoin")
    pd.testing.assert_series_equal(joined.loc[:END], embedded)
    np.testing.assert_allclose(joined.loc[END + pd.Timedelta(days=1) :], [100, 200])
    assert "60 days to 2025-12-10" in sentence


def test_a_disagreeing_level_is_refused():
    embedded = level()
    live = embedded * np.where(np.arange(100) % 8 == 0, 1.05, 1.0)
    with pytest.raises(DataError, match=r"^bitcoin: .* most on 20\d\d-.*live.*embedded.*--refresh"):
        joined_level(embedded, live, "bitcoin")
    # One wrong print touches two returns, which is allowed.
    live = embedded.copy()
    live.iloc[-20] *= 1.5
    joined, _ = joined_level(embedded, live, "bitcoin")
    pd.testing.assert_series_equal(joined, embedded)


def test_a_rebased_level_is_refused():
    """It disagrees on one day only, but every later value would be off by the step."""
    embedded = level()
    live = embedded.copy()
    live.iloc[-20:] *= 1.1
    with pytest.raises(
        DataError, match=r"^bitcoin: live values changed .* last 10 are -9.09 % off"
    ):
        joined_level(embedded, live, "bitcoin")


def test_a_level_without_an_overlap_is_refused():
    embedded = level()
    with pytest.raises(DataError, match="share 10 of the last 60 embedded days"):
        joined_level(embedded, embedded.iloc[-10:], "sp500")


def test_indices_that_disagree_are_refused():
    embedded = pd.DataFrame({"season_index": level().clip(0, 100), "other": 1.0})
    joined, sentence = joined_index(embedded, embedded + 2)
    assert "2.0 points" in sentence
    pd.testing.assert_frame_equal(joined, embedded)
    with pytest.raises(DataError, match=r"differ by 6.0 points .* at most 5 are allowed"):
        joined_index(embedded, embedded + 6)
    with pytest.raises(DataError, match="only 5 of the 60 days"):
        joined_index(embedded, embedded.iloc[-5:])


def test_a_series_ends_at_its_first_long_gap():
    values = level(30)
    cut, sentence = until_gap(values.drop(values.index[10:20]), "bitcoin")
    pd.testing.assert_series_equal(cut, values.iloc[:10], check_freq=False)
    assert "no value between 2025-11-20 and 2025-12-01" in sentence
    whole, nothing = until_gap(values.drop(values.index[10:15]), "bitcoin")
    assert nothing is None
    assert len(whole) == 25


# --- a user's universe ---------------------------------------------------------------------------


def test_a_users_universe_is_read(membership, tmp_path):
    path = tmp_path / "universe.csv"
    path.write_text(
        "snapshot_date,rank,ticker\n2026-01-01,1,ETH-USD\n2026-01-01,2,NAN-USD\n"
        "2026-02-01,1,SUI20947-USD\n"
    )
    read = read_universe(path, membership, pd.Timestamp("2026-02-01"))
    assert read["coin"].tolist() == ["ethereum", "nan-usd", "sui"]
    read.to_parquet(tmp_path / "universe.parquet")
    again = read_universe(tmp_path / "universe.parquet", membership, pd.Timestamp("2026-02-01"))
    pd.testing.assert_frame_equal(read, again)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("2026-01-01,1.5,ETH-USD", "rank must be a whole number"),
        ("2027-01-01,1,ETH-USD", "must not be later than 2026-02-01"),
        ("2026-01-01,1,AAPL", "must be an altcoin's ticker"),
        ("2026-01-01,1,BTC-USD", "Bitcoin never counts"),
        ("2026-01-01,1,USDT-USD", "stablecoin never counts"),
        ("2026-01-01,1,ETH-USD\n2026-01-01,2,ETH-USD", "row 2: ETH-USD on 2026-01-01"),
    ],
)
def test_a_bad_universe_is_refused_in_one_sentence(content, message, membership, tmp_path):
    path = tmp_path / "universe.csv"
    path.write_text(f"snapshot_date,rank,ticker\n{content}\n")
    with pytest.raises(DataError, match=message):
        read_universe(path, membership, pd.Timestamp("2026-02-01"))


def test_flows_with_gaps_are_no_window():
    """Figures recorded every other session would make 42 sessions pass for 21."""
    sessions = pd.bdate_range("2025-09-01", "2026-06-30", unit="s")
    embedded = pd.Series(1.0, sessions[sessions <= "2025-12-10"])
    later = sessions[sessions > "2025-12-10"]
    whole, said = joined_flow(embedded, pd.Series(2.0, later), sessions, "iwm_flow")
    assert (len(whole), said) == (len(sessions), None)
    # Three holidays or lost days in a window pass, a fourth ends it.
    few = pd.Series(2.0, later.delete([5, 10, 15]))
    assert joined_flow(embedded, few, sessions, "iwm_flow")[1] is None
    cut, said = joined_flow(embedded, few.drop(later[20]), sessions, "iwm_flow")
    assert cut.index[-1] == later[19]
    assert said.startswith(f"iwm_flow: only 17 of the 21 sessions to {later[20]:%Y-%m-%d}")
    late = joined_flow(embedded, pd.Series(2.0, later[30:]), sessions, "iwm_flow")[0]
    pd.testing.assert_series_equal(late, embedded, check_freq=False)
