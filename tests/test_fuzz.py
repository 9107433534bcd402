"""Hundreds of spoilt flow files: success or a documented error, each time."""

from __future__ import annotations

import csv
import io

import numpy as np
import openpyxl
import pandas as pd
import pytest

from features.panel import DataError
from features.sources.etf_flows import flow_store
from features.sources.etf_flows.command import app as flows_app
from features.sources.etf_flows.layouts import read_file
from tests.commands import run_command, run_python

TODAY = pd.Timestamp("2025-12-12")
FLOW_FILES = 160


# ---- what is done to a file ----


def cut(path, random):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(random.uniform() * len(whole))])


def flip(path, random):
    whole = bytearray(path.read_bytes())
    for at in random.integers(len(whole), size=random.choice([1, 3, 30])) if whole else []:
        whole[at] ^= int(random.integers(1, 256))
    path.write_bytes(whole)


def insert(path, random):
    whole = path.read_bytes()
    at = int(random.uniform() * len(whole))
    junk = [
        b"\0",
        b'"',
        b"\n\n",
        b",",
        b"\xff\xfe",
        b"<!DOCTYPE x>",
        b"&a;",
        b"\r",
        b"1e999",
        b"]]>",
    ]
    path.write_bytes(whole[:at] + junk[random.integers(len(junk))] + whole[at:])


def empty(path, random):
    path.write_bytes(random.choice([b"", b"\n", b"PAR1", b"PK\x03\x04", b"\xef\xbb\xbf"]))


def recode(path, random):
    whole = path.read_bytes()
    kind = random.integers(4)
    if kind == 0:
        path.write_bytes(b"\xef\xbb\xbf" + whole)
    elif kind == 1:
        path.write_bytes(whole.replace(b"\n", b"\r\n"))
    elif kind == 2:
        path.write_bytes(whole.decode("latin-1").encode("utf-16"))
    else:
        path.write_bytes(whole.replace(b"a", b"\xe4", 5))


def directory_instead(path, random):
    path.unlink()
    path.mkdir()


def loop_instead(path, random):
    path.unlink()
    path.symlink_to(path.name)


def gone(path, random):
    path.unlink()


def no_permission(path, random):
    path.chmod(0)  # root reads it all the same


FILE_CHANGES = [
    cut, cut, flip, flip, insert, empty, recode, recode, directory_instead, loop_instead, gone,
    no_permission,
]  # fmt: skip


def kept(directory):
    """Return everything below a directory with its content."""
    return {
        path.name: None if path.is_symlink() or path.is_dir() else path.read_bytes()
        for path in directory.iterdir()
    }


def require_clear(error, told):
    message = str(error)
    assert message, told
    assert "\n" not in message, told
    assert len(message) < 600, told


# ---- the flow files ----

# After the embedded flows, which would contradict drawn ones, and without a holiday.
FLOW_DAYS = [f"{day:%d %b %Y}" for day in pd.bdate_range("2026-09-08", "2026-11-20")]
FLOW_TODAY = pd.Timestamp("2026-11-22")


def flow_table():
    random = np.random.default_rng(2)
    rows = [["", "IBIT", "FBTC", "GBTC", "Total"], ["Fee", "0.25%", "0.25%", "1.50%", ""]]
    for day in FLOW_DAYS:
        flows = np.round(100 * random.normal(size=3), 1)
        cells = [
            f"({-flow:,.1f})" if flow < 0 else f"{flow:,.1f}" for flow in (*flows, flows.sum())
        ]
        rows.append([day, *cells])
    return [*rows, ["Total", "1.0", "1.0", "1.0", "3.0"]]


def fund_table():
    random = np.random.default_rng(3)
    shares = 2.8e8 * np.exp(np.cumsum(0.005 * random.normal(size=len(FLOW_DAYS))))
    rows = [
        [f"{pd.Timestamp(day):%b %d, %Y}", f"{nav:.2f}", "--", f"{held:,.2f}"]
        for day, nav, held in zip(
            FLOW_DAYS, random.uniform(240, 250, len(shares)), shares, strict=True
        )
    ]
    return [["As Of", "NAV per Share", "Ex-Dividends", "Shares Outstanding"], *rows[::-1]]


def as_csv(rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_page(rows):
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<!DOCTYPE html><html><table>{body}</table></html>".encode()


def as_spreadsheet(rows):
    body = "".join(
        "<Row>"
        + "".join(f'<Cell><Data ss:Type="String">{cell}</Data></Cell>' for cell in row)
        + "</Row>\n"
        for row in rows
    )
    return (
        "\ufeff<?xml version='1.0'?>"
        "<Workbook xmlns:ss='urn:schemas-microsoft-com:office:spreadsheet'>"
        f"<Worksheet ss:Name='Historical'><Table>{body}</Table></Worksheet></Workbook>"
    ).encode()


def as_workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def plain_csv(rows):
    lines = [f"{pd.Timestamp(row[0]):%Y-%m-%d},{at * 1e6:.1f}" for at, row in enumerate(rows[2:-1])]
    return "\n".join(["date,net_flow_usd", *lines, ""]).encode()


CELLS = [
    "", "-", "--", "nan", "inf", "1e999", "(1", "1,2", "1.234,5", "0", "99999999999999", "x" * 300,
    "(0.0)", "01/02/2024", "31 Nov 2025", "2999-01-01", "Total", "IBIT", "ETHA", "5%", "\ufffd",
]  # fmt: skip


def spoil_rows(rows, random):
    """Change a table's cells, rows or columns."""
    rows = [list(row) for row in rows]
    at = int(random.integers(len(rows)))
    kind = random.integers(6)
    if kind == 0:
        rows[at][random.integers(len(rows[at]))] = str(random.choice(CELLS))
    elif kind == 1:
        column = int(random.integers(len(rows[0])))
        rows = [row[:column] + row[column + 1 :] for row in rows]
    elif kind == 2:
        rows[at] = rows[at][:-1]
    elif kind == 3:
        rows.insert(at, list(rows[random.integers(len(rows))]))
    elif kind == 4:
        rows = [rows[0], *(rows[int(i)] for i in 1 + random.permutation(len(rows) - 1))]
    else:
        rows = rows[:at]
    return rows


def spoilt_flow_file(path, seed):
    """Write a fund file with one to three changes; return what was done."""
    random = np.random.default_rng(seed)
    kind = FLOW_KINDS[seed % len(FLOW_KINDS)]
    rows, form = kind
    rows = [list(row) for row in rows]
    done = [form.__name__]
    for _ in range(random.integers(3)):
        if len(rows) > 3:
            rows = spoil_rows(rows, random)
            done.append("rows")
    try:
        path.write_bytes(form(rows))
    except (ValueError, IndexError, TypeError):
        path.write_bytes(as_csv([["date"], ["x"]]))
    if len(done) == 1 or random.uniform() < 0.5:
        change = FILE_CHANGES[random.integers(len(FILE_CHANGES))]
        change(path, random)
        done.append(change.__name__)
    return ", ".join(done)


FLOW_KINDS = [
    (flow_table(), as_csv), (flow_table(), as_page), (fund_table(), as_csv),
    (fund_table(), as_spreadsheet), (fund_table(), as_page), (flow_table(), plain_csv),
    (fund_table(), as_workbook),
]  # fmt: skip


@pytest.mark.filterwarnings("error")
def test_a_spoilt_file_is_whole_or_refused(tmp_path):
    ends = {"read": 0, "refused": 0}
    store = tmp_path / "store"
    for seed in range(FLOW_FILES):
        path = tmp_path / f"flows-{seed}"
        told = f"seed {seed}: {spoilt_flow_file(path, seed)}"
        plain = FLOW_KINDS[seed % len(FLOW_KINDS)][1] is plain_csv
        before = kept(store) if store.exists() else {}
        try:
            reading = read_file(path, asset="eth" if plain else None, until=FLOW_TODAY)
            rows = pd.concat(
                [
                    flow_store.rows_of(name, values, path.name)
                    for name, values in reading.series.items()
                ],
                ignore_index=True,
            )
            flow_store.add(store, rows)
        except DataError as error:
            require_clear(error, told)
            assert (kept(store) if store.exists() else {}) == before, told
            ends["refused"] += 1
        except Exception as error:
            raise AssertionError(told) from error
        else:
            ends["read"] += 1
        assert not store.exists() or set(kept(store)) <= {
            flow_store.FILE,
            f".{flow_store.FILE}.lock",
        }
    assert min(ends.values()) > 30
    flow_store.read(store)  # still whole: no warning


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_a_spoilt_import_has_a_documented_code(tmp_path, seed):
    told = spoilt_flow_file(tmp_path / "flows", seed)
    store = tmp_path / "store"
    done = run_command(flows_app, "import", tmp_path / "flows", "--store", store, "--asset", "btc")
    assert done.exit_code in (0, 2, 3), told
    assert done.exception is None or isinstance(done.exception, SystemExit), told
    if done.exit_code:
        assert done.stdout == "", told
        assert not (store / flow_store.FILE).exists(), told
    if done.exit_code == 3:
        assert done.stderr.startswith("error: "), told
        assert done.stderr.count("\n") == 1, told


def test_the_real_command_refuses_without_a_traceback(tmp_path):
    (tmp_path / "flows").write_bytes(as_workbook(fund_table())[:3000])
    done = run_python(
        "-m", "features.sources.etf_flows", "import", tmp_path / "flows",
        "--store", tmp_path / "store",
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: flows: is damaged or no .xlsx workbook")
    assert not (tmp_path / "store").exists()
