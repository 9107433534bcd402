"""The store of fund figures: merging, contradictions, damage, two writers, and the command."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.market.supply import ETHER_SUPPLY, bitcoin_supply
from features.panel import DataError, MarketPanel
from features.sources.etf_flows import flow_store
from features.sources.etf_flows.command import app
from features.sources.etf_flows.flow_store import FILE, LIMITS, add, read, rows_of
from features.sources.etf_flows.location import DATA_VARIABLE, flow_directory
from features.sources.etf_flows.series import fund_flows, fund_gaps, record_shares
from tests.commands import run_command, run_python

BTC, ETH = "btc_etf_net_flow_usd", "eth_etf_net_flow_usd"
SHARES, NAV = "iwm_shares_outstanding", "iwm_nav"
DAYS = pd.bdate_range("2025-11-03", periods=20, unit="s")
CLOSES = pd.Series(100_000.0, pd.date_range("2025-10-01", "2025-12-10", unit="s"))


def some(name, values, days=DAYS, origin="first.csv"):
    return rows_of(name, pd.Series(np.asarray(values, float), days[: len(values)]), origin)


def content(directory):
    return (directory / FILE).read_bytes()


# ---- merging ----


def test_added_rows_are_held_by_day_and_the_same_again_changes_nothing(tmp_path):
    assert read(tmp_path / "absent").empty
    assert not (tmp_path / "absent").exists()
    add(tmp_path, some(BTC, [3.0, 2.0, 1.0], DAYS[[4, 2, 3]]))
    add(tmp_path, some(ETH, [5.0]))
    table = read(tmp_path)
    assert table["value"].tolist() == [2.0, 1.0, 3.0, 5.0]
    assert table["origin"].unique().tolist() == ["first.csv"]
    before = content(tmp_path)
    again = add(tmp_path, some(BTC, [3.0, 2.0 * (1 + 1e-8)], DAYS[[4, 2]], "second.csv"))
    assert again["became"].tolist() == ["same", "same"]
    assert content(tmp_path) == before


def test_a_contradiction_is_refused_and_replace_is_the_way_out(tmp_path):
    add(tmp_path, some(BTC, [3e6, 2e6, 1e6]))
    before = content(tmp_path)
    second = some(BTC, [3e6, 5e6, 7e6, 4e6], origin="second.csv")
    with pytest.raises(DataError) as error:
        add(tmp_path, second)
    assert str(error.value) == (
        f"{BTC} on 2025-11-04: second.csv says 5000000, the store holds 2000000 from first.csv, "
        "and 1 more. Nothing was written; --replace if second.csv is right."
    )
    assert content(tmp_path) == before
    merged = add(tmp_path, second, replace=True)
    assert merged["became"].tolist() == ["same", "replaced", "replaced", "added"]
    assert merged["stored"].tolist()[:3] == [3e6, 2e6, 1e6]
    assert read(tmp_path)["value"].tolist() == [3e6, 5e6, 7e6, 4e6]
    assert read(tmp_path)["origin"].tolist() == ["first.csv", *["second.csv"] * 3]


def test_a_dry_run_writes_nothing(tmp_path):
    merged = add(tmp_path / "store", some(BTC, [3.0]), dry_run=True)
    assert merged["became"].tolist() == ["added"]
    assert not (tmp_path / "store").exists()


def test_the_order_of_imports_does_not_matter(tmp_path):
    parts = [some(BTC, [1.0, 2.0, 3.0]), some(BTC, [3.0, 4.0], DAYS[2:]), some(ETH, [9.0])]
    for name, order in (("a", parts), ("b", parts[::-1])):
        for part in order:
            add(tmp_path / name, part)
    assert content(tmp_path / "a") == content(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "value"),
    [(SHARES, 0.0), (SHARES, -1.0), (NAV, np.nan), (NAV, np.inf), (BTC, 1e12), (SHARES, 1e12)],
)
def test_a_figure_that_cannot_be_is_refused(tmp_path, name, value):
    with pytest.raises(DataError, match=f"first.csv: {name} on 2025-11-03: must be between"):
        add(tmp_path, some(name, [value]))
    assert not (tmp_path / FILE).exists()


def test_a_split_is_refused_from_either_side(tmp_path):
    add(tmp_path, some(SHARES, [100.0, 129.0]))
    with pytest.raises(DataError, match=f"{SHARES} on 2025-11-05: changes by .100 %"):
        add(tmp_path, some(SHARES, [258.0], DAYS[2:]))
    add(tmp_path / "other", some(SHARES, [258.0], DAYS[2:]))
    with pytest.raises(DataError, match="changes by"):
        add(tmp_path / "other", some(SHARES, [100.0, 129.0]))
    # Before 2008 they did, and a year without figures is time enough.
    for days in (["2007-06-28", "2007-06-29"], ["2023-11-06", "2024-11-04"]):
        add(tmp_path, some(SHARES, [50.0, 100.0], pd.DatetimeIndex(days)))


# ---- Yahoo's figures ----


def test_yahoos_shares_are_recorded_once_a_day(tmp_path):
    assert record_shares(tmp_path, DAYS[0], 2.8e8, 250.0) is None
    before = content(tmp_path)
    assert record_shares(tmp_path, DAYS[0], 2.8e8, 250.0) is None
    assert record_shares(tmp_path, DAYS[0], 2.8e8, 250.5) == (
        f"2025-11-03: kept {NAV} 250 from yahoo (Yahoo: 250.5)."
    )
    assert content(tmp_path) == before
    # Unchanged shares may be stale, and are no flow of zero.
    assert record_shares(tmp_path, DAYS[1], 2.8e8, 251.0) == (
        "2025-11-04: Yahoo's shares outstanding of IWM are still those of 2025-11-03; not "
        "recorded, as they may be stale."
    )
    assert record_shares(tmp_path, DAYS[2] + pd.Timedelta("15h"), 2.81e8, 251.0) is None
    table = read(tmp_path)
    assert set(table["origin"]) == {"yahoo"}
    assert table["value"].tolist() == [250.0, 251.0, 2.8e8, 2.81e8]
    assert table["date"].tolist() == [*DAYS[[0, 2]], *DAYS[[0, 2]]]


def test_files_replace_yahoo_and_not_the_reverse(tmp_path):
    record_shares(tmp_path, DAYS[0], 2.8e8, 250.0)
    assert add(tmp_path, some(SHARES, [2.79e8]))["became"].tolist() == ["replaced"]
    assert "kept iwm_shares_outstanding 279000000 from first.csv" in str(
        record_shares(tmp_path, DAYS[0], 2.8e8, 250.0)
    )
    assert read(tmp_path).set_index("series").loc[SHARES, "value"] == 2.79e8


@pytest.mark.parametrize(("shares", "nav"), [(0.0, 250.0), (np.nan, 250.0), (2.8e8, -1.0)])
def test_yahoos_nonsense_is_refused(tmp_path, shares, nav):
    with pytest.raises(DataError, match="yahoo: iwm_"):
        record_shares(tmp_path, DAYS[0], shares, nav)
    assert not (tmp_path / FILE).exists()


# ---- damage ----


@pytest.fixture
def filled(tmp_path):
    for name in (BTC, ETH, SHARES, NAV):
        add(tmp_path, some(name, np.linspace(100, 110, 20)))
    return tmp_path


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_damaged_store_is_set_aside_never_trusted(filled, share):
    broken = content(filled)[: int(share * len(content(filled)))]
    (filled / FILE).write_bytes(broken)
    with pytest.warns(UserWarning, match=rf"{FILE} was damaged and is set aside as"):
        assert read(filled).empty
    assert (filled / f"{FILE}.damaged-1").read_bytes() == broken
    add(filled, some(BTC, [1.0]))
    (filled / FILE).write_bytes(b"again")
    with pytest.warns(UserWarning, match="damaged-2"):
        add(filled, some(BTC, [2.0]))
    assert read(filled)["value"].tolist() == [2.0]


@pytest.mark.parametrize("call", [read, lambda directory: add(directory, some(BTC, [1.0]))])
def test_what_cannot_be_a_store_is_the_systems_error(tmp_path, call):
    (tmp_path / FILE).mkdir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(OSError, match=str(place)):
            call(place)


# ---- several processes ----


def _write_days(directory, first):
    days = pd.bdate_range("2020-01-01", periods=40, unit="s")
    for at in range(first, 20, 2):
        add(Path(directory), some(BTC, [float(at)], days[at:]))


def test_processes_that_write_at_once_lose_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [
        context.Process(target=_write_days, args=(str(tmp_path), first)) for first in range(2)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 2
    assert sorted(read(tmp_path)["value"]) == [float(at) for at in range(20)]


# ---- the series of a panel ----


def test_the_place_of_the_store_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path))
    assert flow_directory() == tmp_path
    monkeypatch.delenv(DATA_VARIABLE)
    assert flow_directory().name == "altseason"


def test_flows_by_hand(tmp_path):
    add(tmp_path, some(SHARES, [1000, 1100, 1045]))
    add(tmp_path, some(NAV, [10, 12, 13]))
    add(tmp_path, some(BTC, [1e9, -2e9]))
    add(tmp_path, some(ETH, [1e9, 3e9]))
    flows = fund_flows(tmp_path, CLOSES, CLOSES / 25)
    # 100 shares at 12 over 1000 x 10; -55 shares at 13 over 1100 x 12.
    assert flows["iwm_flow"].tolist() == pytest.approx([12.0, -100 * 55 * 13 / 13200])
    assert flows["iwm_flow"].index.tolist() == DAYS[1:3].tolist()
    # 562 days of 450 coins after the halving of 2024-04-20 with 19,687,500.
    assert flows["btc_etf_flow"].iloc[0] == pytest.approx(100 * 1e9 / (1e5 * 19_940_400))
    assert flows["eth_etf_flow"].tolist() == pytest.approx(
        [1e11 / 4e3 / 120.5e6, 3e11 / 4e3 / 120.5e6]
    )
    panel = MarketPanel.from_series(flows, "test")
    assert panel.names == ("iwm_flow", "btc_etf_flow", "eth_etf_flow")


def test_without_a_part_there_are_no_flows(tmp_path):
    assert fund_flows(tmp_path, CLOSES, CLOSES) == {}
    add(tmp_path, some(SHARES, [1000, 1100]))  # no NAV
    add(tmp_path, some(BTC, [1e9], pd.DatetimeIndex(["2025-09-01"])))  # before the first close
    assert fund_flows(tmp_path, CLOSES, CLOSES) == {}
    empty = pd.Series(dtype=float)
    for closes in (CLOSES.iloc[:0], empty):
        assert fund_flows(tmp_path, closes, closes) == {}


def test_only_days_after_the_last_gap_are_used(tmp_path):
    days = DAYS[[0, 1, 2, 6, 7, 8]]
    add(tmp_path, some(SHARES, [100, 101, 102, 120, 121, 123], days))
    add(tmp_path, some(NAV, [10.0] * 6, days))
    add(tmp_path, some(BTC, [1e9] * 6, days))
    with pytest.warns(UserWarning, match="no figures between") as warned:
        flows = fund_flows(tmp_path, CLOSES, CLOSES)
    assert [str(each.message).partition(":")[0] for each in warned] == ["iwm_flow", "btc_etf_flow"]
    assert "no figures between 2025-11-05 and 2025-11-11" in str(warned[0].message)
    # The change across the gap is no session's flow; a crypto fund's flow after it is.
    assert flows["iwm_flow"].tolist() == pytest.approx([100 / 120, 200 / 121])
    assert len(flows["btc_etf_flow"]) == 3


def test_five_days_without_a_session_are_no_gap():
    days = pd.DatetimeIndex(["2025-11-05", "2025-11-10", "2025-11-16"])
    assert fund_gaps(days) == [(days[1], days[2])]


def test_bitcoins_supply_by_hand():
    days = pd.DatetimeIndex(["2009-01-03", "2012-11-28", "2016-07-09", "2020-05-11", "2020-05-12"])
    assert bitcoin_supply(days).tolist() == [0, 10.5e6, 15.75e6, 18.375e6, 18.375e6 + 900]
    # 210,000 blocks after the halving of 2024 the next one comes; the end is 21 million.
    later = pd.Timestamp("2024-04-20") + pd.to_timedelta([0, 1459, 1460, 60_000], unit="D")
    supply = bitcoin_supply(later)
    assert supply.iloc[1] == pytest.approx(20_343_750 + 96 * 1.5625)
    assert supply.iloc[2] - supply.iloc[1] == pytest.approx(144 * 1.5625)
    assert 20.99e6 < supply.iloc[3] < 21e6
    days = pd.date_range("2009-01-03", "2040-01-01", unit="s")
    supply = bitcoin_supply(days)
    assert (supply.diff().dropna() >= 0).all()
    assert supply.iloc[:4000].equals(bitcoin_supply(days[:4000]))  # without look-ahead


@pytest.fixture
def closes(real_data):
    coins = pd.read_parquet(real_data / "coins.parquet")
    return [coins[coins["coin"] == coin].set_index("date")["close_usd"].sort_index()
            for coin in ("bitcoin", "ethereum")]  # fmt: skip


@pytest.mark.real_data
def test_the_supplies_are_those_that_market_caps_imply(real_data, closes):
    series = pd.read_parquet(real_data / "series.parquet")
    universe = pd.read_parquet(real_data / "universe.parquet")
    cap = series[series["series"] == "btc_market_cap_usd"].set_index("date")["value"]
    bitcoin = (cap / closes[0]).dropna().loc["2024-01-11":]
    error = (bitcoin_supply(bitcoin.index) / bitcoin - 1).abs()
    assert error.max() < 0.013
    assert error.mean() < 0.0015
    cap = universe[universe["coin"] == "ethereum"].set_index("snapshot_date")["market_cap_usd"]
    ether = (cap / closes[1]).dropna().loc["2024-07-23":]
    assert len(ether) > 100
    assert (ETHER_SUPPLY / ether - 1).abs().max() < 0.005


@pytest.mark.real_data
def test_the_flows_are_those_of_the_embedded_history(real_data, closes, reference, tmp_path):
    series = pd.read_parquet(real_data / "series.parquet")
    for name in LIMITS:
        values = series[series["series"] == name].set_index("date")["value"]
        add(tmp_path, rows_of(name, values, "real"))
    flows = fund_flows(tmp_path, *closes)
    for name, tolerance in (("iwm_flow", 1e-5), ("btc_etf_flow", 0.013), ("eth_etf_flow", 0.005)):
        embedded = reference.series(name)
        pd.testing.assert_series_equal(
            flows[name].reindex(embedded.index), embedded, rtol=tolerance, check_names=False
        )


# ---- the command ----


@pytest.fixture
def flows_csv(tmp_path):
    path = tmp_path / "flows.csv"
    path.write_text("date,net_flow_usd\n2025-12-08,-60400000\n2025-12-09,151900000\n")
    return path


def command(store, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(store))
        return run_command(app, *arguments)


def test_a_file_is_imported_shown_and_replaced(tmp_path, flows_csv):
    store = tmp_path / "store"
    asked = ("import", flows_csv, "--asset", "btc")
    dry = command(store, *asked, "--dry-run")
    assert dry.exit_code == 0
    assert "Nothing written (--dry-run)" in dry.stdout
    assert not store.exists()
    done = command(store, *asked)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "btc_etf_net_flow_usd  2025-12-08  2025-12-09  151,900,000  2     2" in done.stdout
    shown = json.loads(command(store, "show", "--json").stdout)
    assert shown["schema"] == "altseason.flows/1"
    assert shown["digest"] == flow_store.digest(read(store))
    assert {name: shown["series"][BTC][name] for name in ("last_day", "gaps", "origins")} == {
        "last_day": "2025-12-09", "gaps": [], "origins": {"flows.csv": 2},
    }  # fmt: skip
    flows_csv.write_text(flows_csv.read_text().replace("151900000", "151000000"))
    refused = command(store, *asked)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert refused.stderr.startswith(f"error: {BTC} on 2025-12-09: flows.csv says 151000000")
    assert json.loads(command(store, "show", "--json").stdout) == shown
    assert command(store, *asked, "--replace").exit_code == 0
    text = command(store, "show").stdout
    assert "151,000,000" in text
    assert f"Not held: {SHARES}, {NAV}, {ETH}. The features of these flows are missing." in text


def test_a_damaged_file_is_one_message_and_leaves_no_store(tmp_path):
    (tmp_path / "fund.xlsx").write_bytes(b"PK\x03\x04" + bytes(3000))
    # As a person runs it: a process of its own.
    done = run_python("-m", "features.sources.etf_flows", "import", tmp_path / "fund.xlsx",
                      **{DATA_VARIABLE: str(tmp_path / "store"), "NO_COLOR": "1"})  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: fund.xlsx: is damaged or no .xlsx workbook")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "store").exists()


def test_damage_is_a_warning_on_stderr(tmp_path):
    (tmp_path / FILE).write_bytes(b"damaged")
    shown = command(tmp_path, "show")
    assert shown.exit_code == 0
    assert f"Not held: {SHARES}, {NAV}, {BTC}, {ETH}" in shown.stdout
    assert shown.stderr.startswith("warning: ")
    assert "set aside" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["import", "absent.csv"], 2), (["import", "."], 2), (["import"], 2), (["show", "x"], 2),
        (["import", "pyproject.toml"], 3), (["import", "pyproject.toml", "--asset", "doge"], 2),
        (["show", "--store", "pyproject.toml"], 1),
    ],
)  # fmt: skip
def test_each_mistake_has_its_exit_code(tmp_path, arguments, code):
    done = command(tmp_path, *arguments)
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr
