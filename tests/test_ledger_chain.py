"""A line that was removed, moved, doubled or forged shows, as far as anything can show it."""

from __future__ import annotations

import errno
import json
import os

import pytest

from models.errors import LedgerError
from models.ledger import book
from models.ledger.book import append, read_ledger
from models.ledger.chain import NOTHING
from models.seal import KEY_VARIABLE, digest
from tests.test_ledger import content, days
from tests.test_ledger_outlook import OLD


@pytest.fixture
def path(tmp_path):
    """A ledger of five lines."""
    path = tmp_path / "forecasts.jsonl"
    for day in days(5):
        append(path, content(day))
    return path


def sealed(line: dict) -> str:
    """Seal a line as anyone can who knows how."""
    own = {name: value for name, value in line.items() if name != "sha256"}
    return json.dumps({**own, "sha256": digest(json.dumps(own).encode())})


def refused(path, *said: str) -> None:
    for attempt in (lambda: read_ledger(path), lambda: append(path, content("2026-03-01"))):
        with pytest.raises(LedgerError) as caught:
            attempt()
        assert all(each in str(caught.value) for each in said), str(caught.value)


def test_each_line_holds_the_seal_of_the_line_before(path):
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["previous"] for line in lines] == [NOTHING, *(x["sha256"] for x in lines[:-1])]
    chain = read_ledger(path).chain
    assert (chain.begun_at, chain.line, chain.seal) == (1, 5, lines[-1]["sha256"])


@pytest.mark.parametrize(
    ("order", "line", "said"),
    [
        ((1, 2, 3, 4), 1, "a line that was before it is missing"),
        ((0, 2, 3, 4), 2, "a line that was after line 1 is missing"),
        ((0, 1, 2, 4), 4, "a line that was after line 3 is missing"),
        ((0, 2, 1, 3, 4), 2, "a line that was after line 1 is missing"),
        ((0, 1, 1, 2, 3, 4), 3, "a line that was after line 2 is missing"),
        ((1, 0, 2, 3, 4), 1, "is missing"),
        ((0, 0), 2, "it was the first line of a ledger, and others stand before it"),
    ],
)
def test_a_removed_moved_or_doubled_line_shows(path, order, line, said):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[at] for at in order))
    refused(path, f"line {line}:", said, "Restore the file from a copy")


def test_a_removed_end_does_not_show_and_is_documented_so(path):
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3]))
    assert len(read_ledger(path).entries) == 3


def test_a_whole_line_that_was_cut_off_shows_by_the_next(path):
    lines = path.read_text().splitlines()
    lines[2] = lines[2][:-90]
    path.write_text("\n".join(lines) + "\n")
    refused(path, "line 4:", "line 3 was cut off")


def test_a_crash_is_no_gap(path):
    with path.open("a") as file:
        file.write('{"schema": "altseason.ledger/3", "id"')
    append(path, content("2026-02-01"))
    assert [entry.line for entry in read_ledger(path).entries] == [1, 2, 3, 4, 5, 7]


@pytest.mark.parametrize("name", ["probability", "as_of", "sha256", "schema"])
def test_a_name_that_stands_twice_is_refused(path, name):
    lines = path.read_text().splitlines()
    value = '"altseason.ledger/3"' if name == "schema" else "0.99"
    lines[1] = lines[1].replace(f'"{name}": ', f'"{name}": {value}, "{name}": ', 1)
    path.write_text("\n".join(lines) + "\n")
    refused(path, "line 2:", f"'{name}' stands in it twice")


def test_a_ledger_from_before_goes_on_as_a_chain(tmp_path):
    path = tmp_path / "old.jsonl"
    path.write_text(OLD + "\n")
    assert read_ledger(path).chain.begun_at is None
    for day in ("2026-02-01", "2026-02-02"):
        append(path, content(day))
    ledger = read_ledger(path)
    assert ([e.line for e in ledger.entries], ledger.chain.begun_at) == ([1, 2, 3], 2)
    first = json.loads(path.read_text().splitlines()[1])
    assert first["previous"] == json.loads(OLD)["sha256"]
    whole = path.read_text().splitlines(keepends=True)
    path.write_text("".join(whole[1:]))  # the last line before the chain is held by it
    refused(path, "line 1:", "is missing")
    path.write_text("".join([*whole[1:2], OLD, "\n"]))
    refused(path, "is missing")
    path.write_text("".join([*whole, OLD, "\n"]))
    refused(path, "line 4: ", "it has no link, and lines are linked from 2 on")


def test_a_signed_ledger_shows_who_writes_without_the_key(tmp_path, monkeypatch):
    path = tmp_path / "signed.jsonl"
    monkeypatch.setenv(KEY_VARIABLE, "of the one who forecasts")
    for day in days(2):
        append(path, content(day))
    assert len(read_ledger(path).entries) == 2
    forged = json.loads(path.read_text().splitlines()[1])
    forged["windows"][0]["probability"] = 0.29
    honest = path.read_text()
    path.write_text(honest.splitlines()[0] + "\n" + sealed(forged) + "\n")
    refused(path, "line 2:", f"its signature is not that of {KEY_VARIABLE}")
    del forged["hmac"]
    path.write_text(honest.splitlines()[0] + "\n" + sealed(forged) + "\n")
    refused(path, "line 2:", "it is not signed")
    monkeypatch.delenv(KEY_VARIABLE)
    assert read_ledger(path).entries[1].windows[0].probability == 0.29  # without it nothing shows
    monkeypatch.setenv(KEY_VARIABLE, "of another")
    path.write_text(honest)
    refused(path, "line 1:", "its signature is not that")


def test_a_first_record_that_fails_leaves_no_ledger(tmp_path, monkeypatch):
    path = tmp_path / "forecasts.jsonl"

    def full(file, line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(book.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        append(path, content())
    assert not path.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[" * 200_000, "nested too deep"),
        ('{"schema": "altseason.ledger/1", "as_of": 1e999}', "Out of range float"),
        ('{"a": ' * 100_000 + "1" + "}" * 100_000, "nested too deep"),
    ],
)
def test_a_monster_of_a_line_is_one_message(path, line, said):
    with path.open("a") as file:
        file.write(line + "\n")
    refused(path, "line 6:", said)
