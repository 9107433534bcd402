"""Later days into a directory of one's own: what is said already stays, or is named."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.panel import DataError
from features.sources.append import directory as appending
from features.sources.append.command import main
from features.sources.append.directory import Contradiction, append
from features.sources.files import TABLES, load_files, load_tables
from tests.commands import run_python

FIRST, SEAM, LAST = (pd.Timestamp(day) for day in ("2024-01-01", "2024-06-20", "2024-06-30"))
DAY_OF = {"series": "date", "coins": "date", "universe": "snapshot_date"}


def sixty_coins() -> dict[str, pd.DataFrame]:
    """The whole market: 60 coins, weekly snapshots, seven series of which the flows come late."""
    random = np.random.default_rng(7)
    days = pd.date_range(FIRST, LAST)
    names = ["bitcoin", "ethereum", *(f"coin{number}" for number in range(58))]
    usd = 100 * np.exp(np.cumsum(0.05 * random.normal(size=(len(days), len(names))), axis=0))
    coins = pd.DataFrame(
        {
            "date": np.repeat(days, len(names)),
            "coin": np.tile(names, len(days)),
            "symbol": np.tile([name[:4].upper() for name in names], len(days)),
            "close_usd": usd.ravel(),
            "close_btc": (usd / usd[:, :1]).ravel(),
            "market_cap_usd": np.where(random.uniform(size=usd.size) < 0.3, np.nan, usd.ravel()),
        }
    )
    snapshots = [
        pd.DataFrame({"snapshot_date": day, "rank": np.arange(1, 60), "coin": names[1:],
                      "market_cap_usd": usd[at, 1:]})
        for at, day in enumerate(days)
        if at % 7 == 0
    ]  # fmt: skip
    sessions = days[days.day_of_week < 5]
    series = []
    units = {
        "russell2000_close": 2e3, "sp500_close": 5e3, "iwm_nav": 200.0,
        "iwm_shares_outstanding": 3e8, "btc_market_cap_usd": 1e3,
        "crypto_market_cap_ex_btc_usd": 1e12, "btc_etf_net_flow_usd": 1e8,
    }  # fmt: skip
    for name, unit in units.items():
        walk = unit * np.exp(0.01 * np.cumsum(random.normal(size=len(sessions))))
        if name == "btc_market_cap_usd":
            walk = 1.96e7 * usd[days.day_of_week < 5, 0]
        series.append(pd.DataFrame({"series": name, "date": sessions, "value": walk}))
    return {
        "series": pd.concat(series, ignore_index=True),
        "coins": coins,
        "universe": pd.concat(snapshots, ignore_index=True),
    }


MARKET = sixty_coins()


def cut(first: pd.Timestamp, last: pd.Timestamp) -> dict[str, pd.DataFrame]:
    tables = {name: rows[rows[DAY_OF[name]].between(first, last)] for name, rows in MARKET.items()}
    # The flows of the last two days are not out yet.
    late = (tables["series"]["series"] == "btc_etf_net_flow_usd") & (
        tables["series"]["date"] > last - pd.Timedelta(days=2)
    )
    return {**tables, "series": tables["series"][~late]}


def write(directory: Path, tables: dict[str, pd.DataFrame], form: str = "parquet") -> Path:
    directory.mkdir(exist_ok=True)
    for name, rows in tables.items():
        if form == "parquet":
            rows.to_parquet(directory / f"{name}.parquet", index=False)
        else:
            rows.to_csv(directory / f"{name}.csv", index=False)
    return directory


@pytest.fixture
def mine(tmp_path) -> Path:
    return write(tmp_path / "mine", cut(FIRST, SEAM))


@pytest.fixture
def later(tmp_path) -> Path:
    """The days after the seam and eight days before it."""
    return write(tmp_path / "later", cut(SEAM - pd.Timedelta(days=8), LAST))


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.suffix != ".lock"}


def same_until(old, new):
    """Every series of the old panel stands at the head of the new one, to the bit."""
    assert set(old.names) <= set(new.names)
    for name in old.names:
        head = new.series(name).iloc[: len(old.series(name))]
        pd.testing.assert_series_equal(old.series(name), head, check_exact=True, check_freq=False)


@pytest.mark.parametrize("form", ["parquet", "csv"])
@pytest.mark.parametrize("later_form", ["parquet", "csv"])
def test_appended_days_give_the_panel_of_the_whole(tmp_path, form, later_form):
    mine = write(tmp_path / "mine", cut(FIRST, SEAM), form)
    later = write(tmp_path / "later", cut(SEAM - pd.Timedelta(days=8), LAST), later_form)
    whole = load_files(write(tmp_path / "whole", cut(FIRST, LAST)))
    before = load_files(mine)
    done = append(mine, later)
    after = load_files(mine)
    assert after.digest == done.panel.digest == whole.digest
    same_until(before, after)
    assert after.last_day == LAST
    assert done.revised.empty
    assert done.revisions.empty
    assert [path.suffix for path in sorted(mine.iterdir()) if path.suffix != ".lock"] == [
        f".{form}"
    ] * 3
    # Again: everything is there, and no byte moves.
    kept = content(mine)
    again = append(mine, later)
    assert {name: merge.added for name, merge in again.merges.items()} == dict.fromkeys(TABLES, 0)
    assert content(mine) == kept


def test_form_and_other_columns_stay(mine, later):
    coins = pd.read_parquet(mine / "coins.parquet")
    coins["date"], coins["note"] = coins["date"].astype("datetime64[ms]"), "by hand"
    coins["coin"] = coins["coin"].astype("category")
    coins.to_parquet(mine / "coins.parquet", index=False)
    universe = pd.read_parquet(mine / "universe.parquet").astype({"rank": "int16"})
    universe.to_parquet(mine / "universe.parquet", index=False)
    append(mine, later)
    grown = pd.read_parquet(mine / "coins.parquet")
    assert grown["date"].dtype == "datetime64[ms]"
    assert pd.read_parquet(mine / "universe.parquet")["rank"].dtype == np.int16
    assert (grown["symbol"] == MARKET["coins"]["symbol"].to_numpy()).all()
    assert grown.loc[grown["date"] <= SEAM, "note"].eq("by hand").all()
    assert grown.loc[grown["date"] > SEAM, "note"].isna().all()


def test_some_of_the_tables_will_do(mine, later):
    for name in ("coins", "universe"):
        (later / f"{name}.parquet").unlink()
    before = content(mine)
    done = append(mine, later)
    assert list(done.merges) == ["series"]
    assert done.merges["series"].added == len(cut(FIRST, LAST)["series"]) - len(
        cut(FIRST, SEAM)["series"]
    )
    after = content(mine)
    assert [name for name in after if after[name] != before[name]] == ["series.parquet"]


def test_nothing_is_written_on_trial(mine, later):
    before = content(mine), sorted(mine.iterdir())
    done = append(mine, later, dry_run=True)
    assert done.panel.last_day == LAST
    assert (content(mine), sorted(mine.iterdir())) == before


# --- what contradicts ----------------------------------------------------------------------------


def changed(later: Path, table: str, label: str, day: pd.Timestamp, column: str, value: float):
    rows = pd.read_parquet(later / f"{table}.parquet")
    own = "series" if table == "series" else "coin"
    at = (rows[own] == label) & (rows[DAY_OF[table]] == day)
    assert at.sum() == 1
    old = float(rows.loc[at, column].iloc[0])
    rows.loc[at, column] = value
    rows.to_parquet(later / f"{table}.parquet", index=False)
    return old


IN_SERIES, IN_COINS, IN_UNIVERSE = (
    pd.Timestamp(day) for day in ("2024-06-18", "2024-06-15", "2024-06-17")
)


@pytest.mark.parametrize(
    ("table", "label", "day", "column", "value"),
    [
        ("series", "sp500_close", IN_SERIES, "value", 1234.5),
        ("coins", "coin7", IN_COINS, "close_usd", 17.0),
        ("coins", "coin7", IN_COINS, "market_cap_usd", np.nan),
        ("universe", "coin7", IN_UNIVERSE, "market_cap_usd", 5.0),
    ],
)
def test_a_contradiction_is_named_and_nothing_written(
    mine, later, table, label, day, column, value
):
    changed(later, "coins", "coin7", IN_COINS, "market_cap_usd", 40.0)
    changed(mine, "coins", "coin7", IN_COINS, "market_cap_usd", 40.0)
    old = changed(later, table, label, day, column, value)
    before = content(mine)
    with pytest.raises(Contradiction, match=r"1 values of .* --replace if .* is right") as caught:
        append(mine, later)
    (row,) = caught.value.rows.to_dict("records")
    assert (row["table"], row["name"], row["date"], row["column"]) == (table, label, day, column)
    assert row["old"] == old
    assert row["new"] == value or (np.isnan(row["new"]) and np.isnan(value))
    assert content(mine) == before


def test_the_smallest_difference_counts(mine, later):
    old = changed(later, "coins", "coin7", IN_COINS, "close_usd", 1.0)
    changed(later, "coins", "coin7", IN_COINS, "close_usd", np.nextafter(old, np.inf))
    with pytest.raises(Contradiction):
        append(mine, later)


@pytest.mark.parametrize(
    ("table", "label", "day"),
    [("coins", "coin3", SEAM), ("coins", "coin3", IN_COINS), ("universe", "coin3", IN_UNIVERSE),
     ("series", "sp500_close", IN_SERIES)],
)  # fmt: skip
def test_an_old_day_is_not_filled_in_unseen(mine, later, table, label, day):
    path = mine / f"{table}.parquet"
    rows = pd.read_parquet(path)
    own = "series" if table == "series" else "coin"
    rows[~((rows[own] == label) & (rows[DAY_OF[table]] == day))].to_parquet(path, index=False)
    with pytest.raises(Contradiction) as caught:
        append(mine, later)
    assert set(caught.value.rows["name"]) == {label}
    assert caught.value.rows["old"].isna().all()


def test_an_old_snapshot_revises_the_index(mine, later):
    path = mine / "universe.parquet"
    rows = pd.read_parquet(path)
    rows[rows["snapshot_date"] < IN_UNIVERSE].to_parquet(path, index=False)
    with pytest.raises(Contradiction) as caught:
        append(mine, later)
    assert set(caught.value.rows["date"]) == {IN_UNIVERSE}


def test_a_series_goes_on_from_its_own_end(mine, later):
    # btc_etf_net_flow_usd ends two days before the others: its next days are no revision.
    ends = pd.read_parquet(mine / "series.parquet").groupby("series")["date"].max()
    assert ends["btc_etf_net_flow_usd"] < ends["sp500_close"]
    assert append(mine, later).revised.empty


def test_replacing_says_what_was_and_what_is(mine, later):
    coins = pd.read_parquet(later / "coins.parquet").set_index(["coin", "date"])
    # Not so far that the coin's two closes contradict each other.
    price = 1.25 * coins.loc[("coin7", IN_COINS), "close_usd"]
    old = changed(later, "coins", "coin7", IN_COINS, "close_usd", price)
    before = load_files(mine)
    done = append(mine, later, replace=True)
    assert done.report == mine / "revisions-1.csv"
    report = pd.read_csv(done.report)
    assert report.to_dict("records") == [
        {"table": "coins", "name": "coin7", "date": f"{IN_COINS:%Y-%m-%d}", "column": "close_usd",
         "old": old, "new": price}
    ]  # fmt: skip
    after = load_files(mine)
    assert set(done.revisions["series"]) == {"share_above_50d_mean"}
    for name, row in done.revisions.groupby("series"):
        for day, was, now in row[["date", "old", "new"]].itertuples(index=False):
            assert (before.series(name)[day], after.series(name)[day]) == (was, now)
    changed(later, "coins", "coin7", IN_COINS, "close_usd", old)
    assert append(mine, later, replace=True).report == mine / "revisions-2.csv"
    same_until(before, load_files(mine))


def test_a_snapshot_is_replaced_as_a_whole(mine, later):
    path = later / "universe.parquet"
    rows = pd.read_parquet(path)
    day = rows["snapshot_date"] == IN_UNIVERSE
    # coin5 has left, those behind it moved up by one.
    rows = rows[~(day & (rows["coin"] == "coin5"))]
    rows.loc[day & (rows["rank"] > 7), "rank"] -= 1
    rows.to_parquet(path, index=False)
    with pytest.raises(Contradiction):
        append(mine, later)
    done = append(mine, later, replace=True)
    assert done.merges["universe"].removed == 1
    gone = done.revised[(done.revised["name"] == "coin5") & (done.revised["column"] == "rank")]
    assert gone["old"].tolist() == [7]
    assert gone["new"].isna().all()
    _, _, universe = load_tables(mine)
    snapshot = universe[universe["snapshot_date"] == IN_UNIVERSE]
    assert "coin5" not in set(snapshot["coin"])
    assert sorted(snapshot["rank"]) == list(range(1, 59))


# --- rules and failures --------------------------------------------------------------------------


def spoil(later, table, column, value):
    rows = pd.read_parquet(later / f"{table}.parquet")
    rows.loc[rows.index[-1], column] = value
    rows.to_parquet(later / f"{table}.parquet", index=False)


@pytest.mark.parametrize(
    ("table", "column", "value", "rule"),
    [
        ("coins", "close_usd", -1.0, "close_usd must be finite and positive"),
        ("coins", "coin", "coin1", "two rows for one day"),
        ("universe", "rank", 3, "on 2024-06-24 rank 3 is held by both"),
        ("series", "value", np.inf, "must be finite"),
        ("series", "date", pd.Timestamp("2024-12-02"), "must not be later than 2024-07-01"),
    ],
)
def test_the_union_is_checked_before_it_is_written(mine, later, table, column, value, rule):
    spoil(later, table, column, value)
    before = content(mine)
    with pytest.raises(DataError, match=rule) as caught:
        append(mine, later, until=pd.Timestamp("2024-07-01"))
    assert str(later) in str(caught.value)
    assert "altseason-" not in str(caught.value)
    assert content(mine) == before


def test_an_impossible_column_is_named(mine, later):
    rows = pd.read_parquet(mine / "coins.parquet")
    rows["market_cap_usd"] = rows["market_cap_usd"].round().astype("Int32")
    rows.to_parquet(mine / "coins.parquet", index=False)
    with pytest.raises(DataError, match=r"column 'market_cap_usd' \(int32\) cannot hold"):
        append(mine, later)


def test_nothing_to_append_is_an_error(mine, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds none of series, coins, universe"):
        append(mine, tmp_path / "empty")


@pytest.mark.parametrize("full", [1, 2, 3])
def test_a_full_disk_leaves_the_tables_alone(mine, later, monkeypatch, full):
    before, copied = content(mine), []

    def no_space(source, target):
        copied.append(target)
        if len(copied) == full:
            Path(target).write_bytes(Path(source).read_bytes()[:100])
            raise OSError(errno.ENOSPC, "No space left on device")
        shutil.copyfile(source, target)

    monkeypatch.setattr(appending.shutil, "copyfile", no_space)
    with pytest.raises(OSError, match="No space left"):
        append(mine, later)
    assert content(mine) == before


def test_links_and_modes_stay(mine, later, tmp_path):
    target = tmp_path / "elsewhere.parquet"
    (mine / "coins.parquet").rename(target)
    (mine / "coins.parquet").symlink_to(target)
    target.chmod(0o640)
    append(mine, later)
    assert (mine / "coins.parquet").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert load_files(mine).last_day == LAST


@pytest.mark.parametrize("moved", [1, 2])
def test_a_killed_run_is_finished_by_the_next(mine, later, tmp_path, monkeypatch, moved):
    whole = load_files(write(tmp_path / "whole", cut(FIRST, LAST)))
    replace, done = Path.replace, []

    def killed(path, target):
        if len(done) == moved:
            raise KeyboardInterrupt
        done.append(target)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        append(mine, later)
    monkeypatch.setattr(Path, "replace", replace)
    assert len(done) == moved
    append(mine, later)
    assert load_files(mine).digest == whole.digest


# --- the command ---------------------------------------------------------------------------------


def run_append(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["append", *map(str, arguments)])
    code = main()
    out, err = capsys.readouterr()
    return code, out, err


def test_the_command_says_what_it_did(mine, later, monkeypatch, capsys):
    where = ("--data-dir", mine, "--add", later)
    code, out, err = run_append(monkeypatch, capsys, *where, "--dry-run")
    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "coins: 600 rows added, 540 there already, 0 replaced, 0 removed."
    assert out.splitlines()[-2].startswith("The season index ends on 2024-06-30 (before: 2024-06")
    assert out.splitlines()[-1] == "Nothing written (--dry-run)."
    old = changed(later, "coins", "coin7", IN_COINS, "close_usd", 17.0)
    code, out, err = run_append(monkeypatch, capsys, *where)
    assert (code, out) == (3, "")
    named, error = err.splitlines()
    assert named == f"coins: coin7 on 2024-06-15: close_usd is {old!r}, would be 17.0"
    assert error.startswith("error: 1 values of")
    code, out, _ = run_append(monkeypatch, capsys, *where, "--replace")
    assert code == 0
    assert named in out
    assert out.splitlines()[-1] == f"What was replaced: {mine / 'revisions-1.csv'}"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_an_unwritable_directory_is_exit_1(mine, later, monkeypatch, capsys):
    mine.chmod(0o500)
    assert run_append(monkeypatch, capsys, "--data-dir", mine, "--add", later)[0] == 1
    mine.chmod(0o700)


def test_an_irreplaceable_table_is_exit_1(mine, later, monkeypatch, capsys):
    def refused(*arguments):
        raise PermissionError(errno.EACCES, "Permission denied", str(mine))

    monkeypatch.setattr(appending.shutil, "copyfile", refused)
    code, out, err = run_append(monkeypatch, capsys, "--data-dir", mine, "--add", later)
    assert (code, out) == (1, "")
    assert err == f"error: {mine}: Permission denied.\n"


@pytest.mark.parametrize("arguments", [[], ["--data-dir", "."], ["--data-dir", ".", "--add", "."],
                                       ["--data-dir", ".", "--add", "absent"]])  # fmt: skip
def test_a_mistaken_command_is_exit_2(arguments, tmp_path):
    done = run_python("-m", "features.sources.append", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
