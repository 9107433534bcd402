"""The archive in the layout of forecast hubs, worked by hand."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pandas as pd

from models.answers import Answer, Event, State
from models.ledger.hub import COLUMNS, OUTCOMES, archive
from models.vocabulary import Kind

DAY = pd.Timestamp("2026-06-06")


def rows(files: dict[str, str], name: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(files[name]), dtype=str)


def test_hindcast_and_ledger_are_rows_of_a_hub_with_what_came():
    hindcast = pd.DataFrame(
        {
            "as_of": DAY, "kind": Kind.BROAD, "horizon": ["30", "90"], "model": "pool",
            "end": [DAY + pd.Timedelta(days=30), DAY + pd.Timedelta(days=90)],
            "probability": [0.25, 0.5], "outcome": [0.0, float("nan")],
        }
    )  # fmt: skip
    day = pd.Timestamp("2027-01-01")
    common = {"kind": Kind.SUSTAINED, "start": day, "end": day + pd.Timedelta(days=364)}
    begins = Answer(question=Event.BEGINS, state=State.AT_RISK, probability=0.4, **common)
    asked = Answer(question=Event.FIRST, state=State.AT_RISK, probability=0.4,
                   quantiles={"0.05": 240.0, "0.95": None}, **common)  # fmt: skip
    never = Answer(question=Event.STANDS, state=State.AT_RISK, reason="impossible", **common)
    # The year of an onset that was seen is an observation; the rest of the same year a forecast.
    to = {"kind": Kind.BROAD, "end": pd.Timestamp("2026-12-31"), "question": Event.BEGINS}
    year = Answer(state=State.AT_RISK, probability=1.0, start=pd.Timestamp("2026-01-01"),
                  began_on=pd.Timestamp("2026-02-01"), **to)  # fmt: skip
    rest = Answer(state=State.AT_RISK, probability=0.6, start=DAY + pd.Timedelta(days=1), **to)
    entry = SimpleNamespace(
        as_of=DAY, model=SimpleNamespace(name="pool"), thresholds={Kind.BROAD: 75.0},
        answers=(begins, asked, never, year, rest),
    )  # fmt: skip
    other = SimpleNamespace(**vars(entry) | {"thresholds": {Kind.BROAD: 60.0}})
    files = archive(hindcast, [other, entry, entry], version="0.1.0", day=DAY)
    assert set(files) == {
        "README.md", "CITATION.cff", OUTCOMES, "model-output/altseason-pool/hindcast.csv",
        "model-output/altseason-pool/ledger.csv",
    }  # fmt: skip
    made = rows(files, "model-output/altseason-pool/hindcast.csv")
    assert tuple(made) == COLUMNS
    first, target = "2026-06-06", "broad season begins"
    assert made.to_numpy().tolist() == [
        [first, target, "30", "2026-07-06", "pmf", "yes", "0.25"],
        [first, target, "30", "2026-07-06", "pmf", "no", "0.75"],
        [first, target, "90", "2026-09-04", "pmf", "yes", "0.5"],
        [first, target, "90", "2026-09-04", "pmf", "no", "0.5"],
    ]
    # A line recorded twice counts once; what cannot be has no row.
    recorded = rows(files, "model-output/altseason-pool/ledger.csv")
    later = "from 2027-01-01"
    assert recorded[["target", "horizon", "output_type_id", "value"]].to_numpy().tolist() == [
        [f"sustained season begins {later}", "573", "yes", "0.4"],
        [f"sustained season begins {later}", "573", "no", "0.6"],
        [f"sustained season first {later}", "573", "0.05", "240"],
        ["broad season begins", "208", "yes", "0.6"],
        ["broad season begins", "208", "no", "0.4"],
    ]
    came = rows(files, OUTCOMES)
    assert came["oracle_value"].tolist() == ["0", "1"]
    assert "date-released: 2026-06-06" in files["CITATION.cff"]
    assert all(f"| {column} |" in files["README.md"] for column in COLUMNS)
