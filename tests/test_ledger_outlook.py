"""Recorded outlooks: kept as said, judged by the labels, never early, scored by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import season_index
from features.panel import MarketPanel
from models.errors import LedgerError
from models.formatting import WIDTH
from models.ledger.book import Ledger, append, read_ledger
from models.ledger.entry import Entry
from models.ledger.outlook_entry import (
    RecordedChance,
    RecordedDays,
    RecordedFirstOnset,
    RecordedInSeason,
    RecordedLasts,
    RecordedOutlook,
)
from models.ledger.results import track_record_json
from models.ledger.track_record import track_record
from models.outlook.answers import (
    Chance,
    DaysInSeason,
    FirstOnset,
    InSeasonOn,
    Outlook,
    SeasonLasts,
)
from models.outlook.outlook import answer
from models.outlook.paths import known_onsets, simulate
from models.outlook.renewal import fit_renewal
from models.outlook.window import date_window, year_window
from models.report.ledger_text import track_record_text
from models.season.definition import OnsetDefinition
from models.season.spells import observe
from models.vocabulary import Kind
from tests.test_ledger import content, forecast_of

DEFINITION = {"threshold": 75.0, "quiet_days": 30.0, "window_days": 90.0, "top": 50.0,
              "sustained_days": 30.0, "sustained_within": 90.0}  # fmt: skip
THRESHOLDS = {Kind.BROAD: 75.0, Kind.PARTIAL: 50.0}
FIRST = date(2025, 1, 1)
OLD = (
    '{"schema": "altseason.ledger/1", "id": "03ad4061e20a2c86b072e9ccc3dc69e6", "as_of": '
    '"2026-01-10", "recorded_at": "2026-01-11T06:00:00Z", "replay": false, "definition": '
    '{"threshold": 75.0, "quiet_days": 30, "window_days": 90, "top": 50}, "thresholds": '
    '{"broad": 75.0}, "season": {"index": 20.0, "at_risk": {"broad": true}}, "windows": '
    '[{"kind": "broad", "horizon_days": 30, "window_end": "2026-02-09", "probability": 0.2, '
    '"low": 0.1, "high": 0.3, "climatology": 0.15, "reason": null, "by_date": false}, '
    '{"kind": "broad", "horizon_days": 3, "window_end": "2026-01-13", "probability": 0.2, '
    '"low": 0.1, "high": 0.3, "climatology": 0.15, "reason": null, "by_date": true}], "model": '
    '{"name": "logistic", "version": "1", "run_id": "run", "trained_until": "2025-12-30", '
    '"forecaster_sha256": "forecaster"}, "data": {"source": "files", "digest": "data", '
    '"last_day": "2026-01-10"}, "commit": "abc", "versions": {"python": "3.11"}, "sha256": '
    '"65b7145e5977f534a50264b8ec15b1f452597510c9a868ac005d373e48a087f6"}'
)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def panel_of(*values: float) -> MarketPanel:
    index = pd.Series(values, pd.date_range(FIRST, periods=len(values), unit="s"), dtype=float)
    return MarketPanel.from_series({"season_index": index}, "by hand")


def chance(kind: str, p: float, base: float = 0.5, begun: date | None = None) -> RecordedChance:
    return RecordedChance(Kind(kind), p, p, p, base, begun)


def outlook_of(as_of: date, end: date, *, since: date | None = None, **parts) -> RecordedOutlook:
    start = as_of + timedelta(days=1)
    plain = RecordedOutlook(start, end, since or start, None, (), (), (), (), ())
    return replace(plain, **{name: tuple(value) for name, value in parts.items()})


def entry(as_of: date, outlook: RecordedOutlook, *, line: int = 1, late: int = 1, **changes):
    recorded = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=late)
    values = {
        "line": line, "id": f"{line}", "as_of": as_of, "recorded_at": recorded,
        "replay": late > 8, "definition": DEFINITION, "thresholds": THRESHOLDS, "model": "pool",
        "trained_until": FIRST, "windows": (), "outlook": outlook,
    }  # fmt: skip
    return Entry(**(values | changes))


def squeezed(record) -> str:
    return " ".join(track_record_text(record).split())


def record_of(panel: MarketPanel, *entries: Entry):
    return track_record(Ledger(entries, ()), panel)


def said_of(panel: MarketPanel, as_of: int, end: int, *, since: int | None = None, **parts) -> dict:
    """Return the judged answers of one outlook, as JSON has them."""
    outlook = outlook_of(day(as_of), day(end), since=None if since is None else day(since), **parts)
    return track_record_json(record_of(panel, entry(day(as_of), outlook)))["outlook"]


# --- the line ------------------------------------------------------------------------------------

WINDOW = date_window(pd.Timestamp("2026-01-10"), None, pd.Timestamp("2026-03-05"))
SAID = Outlook(
    as_of=pd.Timestamp("2026-01-10"),
    window=WINDOW,
    chances=(
        Chance("partial", 1.0, 1.0, 1.0, 0.7, pd.Timestamp("2026-01-02")),
        Chance("broad", 0.4, 0.2, 0.6, 0.3, None),
        Chance("sustained", 0.1, 0.0, 0.2, 0.1, None),
    ),
    first_onset=(
        FirstOnset("broad", (("2026-01", 0.1), ("2026-02", 0.2), ("2026-03", 0.1)), (), 0.6, None,
                   (None, None), (None, None)),
    ),
    days_in_season=(DaysInSeason("broad", 3, 9.0, 5.0, 3.0, 40.0, 4.0, 9.0, 0.0),),
    in_season_on=(InSeasonOn(pd.Timestamp("2026-02-01"), (("broad", 0.1), ("partial", 0.2))),),
    season_lasts=(SeasonLasts("partial", 7, 0.8, 0.7, 0.9),),
    earliest_onset=(("broad", pd.Timestamp("2026-01-11")),),
    n_paths=400,
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "forecasts.jsonl"


def line_of(outlook: Outlook | None = SAID) -> dict:
    made = content(**({"outlook": outlook} if outlook else {}))
    return made | {"thresholds": {"broad": 75.0, "partial": 50.0}}


def test_an_outlook_is_read_as_it_was_recorded(path):
    append(path, line_of())
    (made,) = read_ledger(path).entries
    assert made.outlook == RecordedOutlook(
        start=date(2026, 1, 11),
        end=date(2026, 3, 5),
        counts_from=date(2026, 1, 11),
        year=None,
        chances=(
            RecordedChance(Kind.PARTIAL, 1.0, 1.0, 1.0, 0.7, date(2026, 1, 2)),
            RecordedChance(Kind.BROAD, 0.4, 0.2, 0.6, 0.3, None),
            RecordedChance(Kind.SUSTAINED, 0.1, 0.0, 0.2, 0.1, None),
        ),
        first_onset=(
            RecordedFirstOnset(
                Kind.BROAD, (("2026-01", 0.1), ("2026-02", 0.2), ("2026-03", 0.1)), 0.6
            ),
        ),
        days_in_season=(RecordedDays(Kind.BROAD, 3, 3.0, 4.0, 5.0, 9.0, 40.0, 0.0),),
        in_season_on=(
            RecordedInSeason(Kind.BROAD, date(2026, 2, 1), 0.1),
            RecordedInSeason(Kind.PARTIAL, date(2026, 2, 1), 0.2),
        ),
        season_lasts=(RecordedLasts(Kind.PARTIAL, 7, 0.8),),
    )


def test_a_line_of_the_older_schema_is_read(path):
    path.write_text(OLD + "\n")
    append(path, content("2026-01-11"))
    old, new = read_ledger(path).entries
    assert (old.outlook, new.outlook) == (None, None)
    assert old.definition == new.definition == DEFINITION
    assert old.windows[0].probability == 0.2


def test_an_older_line_cannot_be_recorded_again(path):
    path.write_text(OLD + "\n")
    assert append(path, content()).added is False


def edited(part: str, **change) -> dict:
    line = line_of()
    outlook = line["outlook"]
    if part == "":
        outlook |= change
    else:
        outlook[part] = [outlook[part][0] | change]
    return line


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (edited("chances", probability=1.5), r"probability must lie in \[0, 1\], got 1.5"),
        (edited("days_in_season", kind="sustained"), "kind must be one of .*, got 'sustained'"),
        (edited("days_in_season", median=1.0), "must not fall"),
        (edited("days_in_season", low_50="nan"), "low_50 must be a finite number, got .nan."),
        (edited("first_onset", none=0.7), "the months and none must sum to 1, got 1.1"),
        (edited("first_onset", months=[{"month": "2026-02", "probability": 0.4}]),
         "the months must be those from 2026-01 to 2026-03"),
        (edited("first_onset", kind="fourth"), "'fourth' is not a valid Kind"),
        (edited("", chances=[]), "a first onset needs the chance of its kind"),
        (edited("", **{"from": "2026-01-10"}), "a window of 2026-01-10 cannot run from 2026-01-10"),
        (edited("", by="2026-01-10"), "cannot run from 2026-01-11 to 2026-01-10"),
        (edited("in_season_on", date="2026-01-10"), "must come after 2026-01-10"),
        (edited("season_lasts", days=0), "must come after 2026-01-10"),
        (line_of() | {"thresholds": {"partial": 50.0}, "windows": []}, "a threshold of broad"),
    ],
)  # fmt: skip
def test_a_sealed_outlook_must_make_sense(line, rule, path):
    append(path, line)
    with pytest.raises(LedgerError, match=rule):
        read_ledger(path)


@pytest.mark.parametrize("as_of", ["2025-12-10", "2025-09-20", "2021-03-25"])
def test_all_answers_can_be_recorded_and_judged(as_of, reference, path):
    index, today = season_index(reference), pd.Timestamp(as_of)
    kinds = {"broad": 75.0, "partial": 50.0}
    fitted = {
        k: fit_renewal(index, until=today, definition=OnsetDefinition(level))
        for k, level in kinds.items()
    }
    now = {
        k: observe(index, until=today, definition=OnsetDefinition(level))
        for k, level in kinds.items()
    }
    paths = simulate(fitted, now, n_paths=400)
    made = answer(paths, year_window(today), dates=[today + pd.Timedelta(days=30)])
    day_after = datetime(today.year, today.month, today.day, tzinfo=UTC) + timedelta(days=1)
    append(path, line_of(made) | {"as_of": as_of, "windows": [],
                                  "recorded_at": f"{day_after:%Y-%m-%dT%H:%M:%SZ}"})  # fmt: skip
    record = track_record(read_ledger(path), reference)
    json.dumps(track_record_json(record), allow_nan=False)
    assert max(map(len, track_record_text(record).splitlines())) <= WIDTH
    chances = {c.kind: c for c in record.outlook.chances if c.question == "begins"}
    assert set(chances) == set(Kind)
    for kind in Kind:
        begun = known_onsets(list(now.values()), kind, list(kinds))
        known = (begun >= made.window.counts_from).any()
        assert (chances[kind].status == "begun") == known


# --- chances -------------------------------------------------------------------------------------


@pytest.mark.parametrize("last", range(59, 75))
def test_a_chance_is_open_to_the_end(last):
    panel = panel_of(*[20.0] * 60, *[80.0] * (last - 59))
    (row,) = said_of(panel, 40, 70, chances=[chance("broad", 0.2)])["chances"]["answers"]
    assert (row["status"], row["outcome"]) == (("resolved", 1) if last >= 70 else ("open", None))
    assert (row["window"], row["due"]) == (f"by {day(70)}", f"{day(70)}")


@pytest.mark.parametrize(("end", "outcome"), [(59, 0), (60, 1), (61, 1)])
def test_an_onset_on_the_last_day_is_inside(end, outcome):
    panel = panel_of(*[20.0] * 60, *[80.0] * 41)
    (row,) = said_of(panel, 40, end, chances=[chance("broad", 0.2)])["chances"]["answers"]
    assert row["outcome"] == outcome


def test_a_stronger_season_counts_for_the_weaker():
    # A partial season from day 40, so that no partial one begins with the broad one of day 60.
    panel = panel_of(*[20.0] * 40, *[60.0] * 20, *[80.0] * 120)
    rows = said_of(panel, 45, 80, chances=[chance(k, 0.5) for k in Kind])["chances"]["answers"]
    assert [(row["kind"], row["outcome"]) for row in rows] == [
        ("broad", 1), ("partial", 1), ("sustained", 1),
    ]  # fmt: skip
    weak = panel_of(*[20.0] * 40, *[60.0] * 120)
    rows = said_of(weak, 35, 80, chances=[chance(k, 0.5) for k in Kind])["chances"]["answers"]
    assert [row["outcome"] for row in rows] == [0, 1, 0]


@pytest.mark.parametrize(
    ("after", "status", "outcome"),
    [
        ([80] * 28, "open", None),  # 29 days seen: the window is over, the season undecided
        ([80] * 29, "resolved", 1),
        ([20] * 60, "open", None),
        ([20] * 61, "resolved", 0),
    ],
)
def test_a_sustained_season_is_resolved_once_decided(after, status, outcome):
    panel = panel_of(*[20.0] * 60, 80.0, *after)
    (row,) = said_of(panel, 40, 65, chances=[chance("sustained", 0.2)])["chances"]["answers"]
    assert (row["status"], row["outcome"]) == (status, outcome)
    # The 90th day from the onset, itself the first, is the last that can tell.
    assert row["due"] == (f"{day(60 + 89)}" if status == "open" else f"{day(65)}")


def test_a_sustained_season_waits_for_its_days():
    panel = panel_of(*[20.0] * 60, *[80.0] * 35)
    (row,) = said_of(panel, 40, 100, chances=[chance("sustained", 0.2)])["chances"]["answers"]
    assert row["status"] == "open"


def test_a_year_counts_known_and_pending():
    # An onset on day 60, its 30th day at the threshold on day 89; said on day 70.
    panel = panel_of(*[20.0] * 60, *[80.0] * 60)
    said = [chance("broad", 1.0, begun=day(60)), chance("sustained", 0.6)]
    found = said_of(panel, 70, 110, since=0, chances=said)["chances"]
    assert [(row["status"], row["outcome"]) for row in found["answers"]] == [
        ("begun", None), ("resolved", 1),
    ]  # fmt: skip
    begun, sustained = found["scores"]
    assert (begun["begun"], begun["resolved"], begun["brier"]) == (1, 0, None)
    assert (sustained["resolved"], sustained["came"]) == (1, 1)


@pytest.mark.parametrize("kind", ["broad", "partial", "sustained"])
def test_what_was_known_is_no_forecast(kind):
    panel = panel_of(*[20.0] * 60, *[80.0] * 60)
    (row,) = said_of(panel, 95, 110, since=0, chances=[chance(kind, 0.2)])["chances"]["answers"]
    assert (row["status"], row["outcome"]) == ("revised", None)


def test_scores_of_chances_worked_by_hand():
    panel = panel_of(*[20.0] * 60, *[80.0] * 41)
    made = [
        entry(day(n), outlook_of(day(n), day(70), chances=[chance("broad", p, 0.4)]), line=line)
        for line, (n, p) in enumerate([(40, 0.25), (50, 0.5)], 1)
    ]
    late = entry(day(45), outlook_of(day(45), day(59), chances=[chance("broad", 0.0)]), line=3)
    record = track_record_json(record_of(panel, *made, late))["outlook"]["chances"]
    none, row = record["scores"]
    assert (none["window"], none["brier"], none["came"]) == (f"by {day(59)}", 0.0, 0)
    assert (row["resolved"], row["separate_windows"], row["came"]) == (2, 1, 2)
    assert (row["expected"], row["expected_by_climatology"]) == (0.75, 0.8)
    assert row["brier"] == pytest.approx((0.75**2 + 0.5**2) / 2)
    assert row["brier_climatology"] == pytest.approx(0.36)
    assert row["brier_skill"] == pytest.approx(1 - 0.40625 / 0.36)
    assert row["log_score"] == pytest.approx(-np.log([0.25, 0.5]).mean())
    assert row["log_score_climatology"] == pytest.approx(-np.log(0.4))


def test_a_ruled_out_event_is_counted():
    panel = panel_of(*[20.0] * 60, *[80.0] * 41)
    record = record_of(
        panel, entry(day(40), outlook_of(day(40), day(70), chances=[chance("broad", 0.0)]))
    )
    (row,) = track_record_json(record)["outlook"]["chances"]["scores"]
    assert (row["log_score"], row["ruled_out"], row["brier"]) == (None, 1, 1.0)
    assert f"onset by {day(70)} 1 1 1 0.0 0.5 1.000 0.250 inf 0.69" in squeezed(record)


@settings(max_examples=40, deadline=None)
@given(
    levels=st.lists(st.sampled_from([20.0, 60.0, 80.0]), min_size=8, max_size=8),
    as_of=st.integers(31, 200),
    length=st.integers(1, 90),
    cut=st.integers(0, 100),
)
def test_later_data_change_no_outcome(levels, as_of, length, cut):
    values = np.repeat(levels, 40)
    months = RecordedFirstOnset(Kind.SUSTAINED, _even(as_of, length), 0.0)
    parts = {
        "chances": [chance(k, 0.5) for k in ("partial", "broad", "sustained")],
        "first_onset": [months],
        "days_in_season": [RecordedDays(Kind.BROAD, 0, 0, 0, 1, 2, 3, 0.5)],
        "in_season_on": [RecordedInSeason(Kind.BROAD, day(as_of + length), 0.5)],
        "season_lasts": [RecordedLasts(Kind.PARTIAL, length, 0.5)],
    }
    whole = said_of(panel_of(*values), as_of, as_of + length, **parts)
    known = max(len(values) - cut, as_of + 1)
    early = said_of(panel_of(*values[:known]), as_of, as_of + length, **parts)
    for part, found in whole.items():
        for before, after in zip(early[part]["answers"], found["answers"], strict=True):
            assert before == after or before["status"] == "open"
    outcomes = [c["outcome"] for c in whole["chances"]["answers"] if c["question"] == "begins"]
    resolved = [outcome for outcome in outcomes if outcome is not None]
    assert resolved == sorted(resolved, reverse=True)


def _even(as_of: int, length: int) -> tuple[tuple[str, float], ...]:
    names = sorted({f"{day(as_of + n):%Y-%m}" for n in range(1, length + 1)})
    return tuple((name, 1 / len(names)) for name in names)


# --- when, how much, how long --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("onset", "month", "ranked"),
    # Cumulative 0.2, 0.5 of January, February and none, against (1, 1), (0, 1), (0, 0).
    [(30, "2025-01", (0.8**2 + 0.5**2) / 2), (40, "2025-02", (0.2**2 + 0.5**2) / 2),
     (58, "2025-02", (0.2**2 + 0.5**2) / 2), (59, None, (0.2**2 + 0.5**2) / 2)],
)  # fmt: skip
def test_first_onset_month_by_hand(onset, month, ranked):
    panel = panel_of(*[20.0] * onset, *[80.0] * 60)
    first = RecordedFirstOnset(Kind.BROAD, (("2025-01", 0.2), ("2025-02", 0.3)), 0.5)
    found = said_of(panel, 20, 58, chances=[chance("broad", 0.5, 0.4)], first_onset=[first])
    (row,), (score,) = found["first_onset"]["answers"], found["first_onset"]["scores"]
    assert row["onset"] == (None if month is None else f"{day(onset)}")
    share = {"2025-01": 0.2, "2025-02": 0.3, None: 0.5}[month]
    assert score["ranked"] == pytest.approx(ranked)
    assert score["log_score"] == pytest.approx(-np.log(share))
    # The window has 38 days, 10 of them in January: no onset at an even rate.
    waiting = 0.6 ** (10 / 38)
    base = [1 - waiting, waiting - 0.6, 0.6]
    said = [each["climatology"] for each in row["months"]]
    assert [*said, row["climatology"]] == pytest.approx(base)
    came = {"2025-01": 0, "2025-02": 1, None: 2}[month]
    assert score["log_score_climatology"] == pytest.approx(-np.log(base[came]))
    assert score["none"] == (month is None)


def test_the_first_onset_is_after_as_of():
    panel = panel_of(*[20.0] * 31, *[80.0] * 2, *[20.0] * 40, *[80.0] * 40)
    first = RecordedFirstOnset(Kind.BROAD, (("2025-02", 0.2), ("2025-03", 0.3)), 0.5)
    found = said_of(
        panel, 40, 80, since=0, chances=[chance("broad", 1, 0.4, day(31))], first_onset=[first]
    )
    assert found["first_onset"]["answers"][0]["onset"] == f"{day(73)}"
    assert found["chances"]["answers"][0]["first_day"] == f"{day(0)}"


def test_the_first_sustained_onset_passes_over_a_touch():
    panel = panel_of(*[20.0] * 40, 80.0, *[20.0] * 65, *[80.0] * 60)
    first = RecordedFirstOnset(Kind.SUSTAINED, _even(35, 85), 0.0)
    said = {"chances": [chance("sustained", 0.5)], "first_onset": [first]}
    (row,) = said_of(panel, 35, 120, **said)["first_onset"]["answers"]
    assert row["onset"] == f"{day(106)}"


def test_days_in_season_worked_by_hand():
    # Days 31 and 32 were known; 5 of the window's days (41 to 60) are in season.
    panel = panel_of(*[20.0] * 31, 80.0, 80.0, *[20.0] * 22, *[80.0] * 5, *[20.0] * 10)
    said = RecordedDays(Kind.BROAD, 2, 2, 3, 5, 7, 20, 0.0)
    found = said_of(panel, 40, 62, since=0, days_in_season=[said])["days_in_season"]
    (row,), (score,) = found["answers"], found["scores"]
    assert (row["days"], row["status"]) == (7, "resolved")
    assert (score["inside_50"], score["inside_90"], score["none"]) == (1, 1, 0)
    assert (score["mean_days"], score["mean_median"], score["brier_none"]) == (7, 5, 0)
    # Quantile below what came: level * distance; above: (1 - level) * distance.
    losses = [0.05 * 5, 0.25 * 4, 0.5 * 2, 0.0, 0.05 * 13]
    assert score["quantile_score"] == pytest.approx(np.mean(losses))
    outside = replace(said, low=8.0, low_50=8.0, median=8.0, high_50=8.0)
    (score,) = said_of(panel, 40, 62, since=0, days_in_season=[outside])["days_in_season"]["scores"]
    assert (score["inside_50"], score["inside_90"]) == (0, 0)


@pytest.mark.parametrize(("on", "outcome"), [(54, 0), (55, 1), (59, 1), (60, 0)])
def test_in_season_on_a_day(on, outcome):
    panel = panel_of(*[80.0] * 10, *[20.0] * 45, *[80.0] * 5, *[20.0] * 10)
    said = [RecordedInSeason(Kind.BROAD, day(on), 0.3)]
    found = said_of(panel, 49, 69, in_season_on=said)["chances"]
    (row,), (score,) = found["answers"], found["scores"]
    assert (row["outcome"], row["climatology"]) == (outcome, 0.2)  # 10 of the first 50 days
    assert score["brier"] == pytest.approx((outcome - 0.3) ** 2)
    early = panel_of(*[20.0] * on)
    (row,) = said_of(early, 49, 69, in_season_on=said)["chances"]["answers"]
    assert row["status"] == "open"


def test_single_days_are_separate_by_forecast():
    panel = panel_of(*[20.0] * 100)
    made = [
        entry(day(n), outlook_of(day(n), day(90), in_season_on=[
            RecordedInSeason(Kind.BROAD, day(n + 10), 0.1)
        ]), line=n)
        for n in range(40, 61)
    ]  # fmt: skip
    (score,) = record_of(panel, *made).outlook.chance_scores
    assert (score.group.resolved, score.group.separate_windows) == (21, 3)  # of days 40, 50, 60


@pytest.mark.parametrize(("days", "outcome"), [(1, 1), (7, 1), (8, 0), (30, 0)])
def test_how_long_a_season_lasts(days, outcome):
    # In season on day 40, last on day 47, over 30 days later, and a new one after that.
    values = [*[20.0] * 40, 80.0, *[20.0] * 6, 80.0, *[20.0] * 31, *[80.0] * 30]
    said = [RecordedLasts(Kind.BROAD, days, 0.3)]
    due = 40 + days + 29
    found = said_of(panel_of(*values), 40, 60, season_lasts=said)["chances"]
    (row,), (score,) = found["answers"], found["scores"]
    assert (row["status"], row["outcome"], row["due"]) == ("resolved", outcome, f"{day(due)}")
    assert (score["window"], score["brier_climatology"]) == (f"{days} days more", None)
    (row,) = said_of(panel_of(*values[:due]), 40, 60, season_lasts=said)["chances"]["answers"]
    assert row["status"] == "open"
    (row,) = said_of(panel_of(*[20.0] * 100), 40, 60, season_lasts=said)["chances"]["answers"]
    assert row["status"] == "revised"


# --- what counts ---------------------------------------------------------------------------------


def test_replays_and_repeated_outlooks_are_kept_apart():
    panel = panel_of(*[20.0] * 100)
    said = outlook_of(day(40), day(70), chances=[chance("broad", 0.2)])
    other = replace(said, chances=(chance("broad", 0.9),))
    made = [
        entry(day(40), said, line=1),
        entry(day(40), other, line=2),
        entry(day(40), other, line=3, model="logistic"),
        entry(day(40), said, line=4, late=9),
    ]
    record = record_of(panel, *made)
    found = track_record_json(record)["outlook"]["chances"]
    assert [row["status"] for row in found["answers"]] == [
        "resolved", "repeated", "resolved", "resolved",
    ]  # fmt: skip
    assert [
        (row["made"], row["model"], row["resolved"], row["repeated"], row["expected"])
        for row in found["scores"]
    ] == [
        ("ahead", "logistic", 1, 0, 0.9), ("ahead", "pool", 1, 1, 0.2),
        ("replay", "pool", 1, 0, 0.2),
    ]  # fmt: skip
    text = squeezed(record)
    assert text.index("Outlooks made ahead of time") < text.index("Outlooks replayed")
    assert (
        f"log base broad 75, logistic onset by {day(70)} 1 1 0 0.9 0.5 0.810 0.250 2.30 0.69 "
        f"broad 75, pool onset by {day(70)} 1 1 0 0.2 0.5 0.040 0.250 0.22 0.69"
    ) in text
    assert "1 answer left out: this model had answered the same day and window before" in text


def test_years_and_windows_are_groups():
    end = date(2025, 12, 31)
    year = outlook_of(day(40), end, since=FIRST, chances=[chance("broad", 0.2)])
    later = replace(year, start=day(50), counts_from=day(50))
    made = [
        entry(day(40), replace(year, year=2025)), entry(day(40), later), entry(day(40), year)
    ]  # fmt: skip
    record = record_of(panel_of(*[20.0] * 60), *made)
    assert [row.group.window for row in record.outlook.chance_scores] == [
        "2025", f"by {end}", f"{day(50)} to {end}",
    ]  # fmt: skip
    assert {row.group.next_resolved_on for row in record.outlook.chance_scores} == {end}
    text = track_record_text(record)
    assert "  none resolved yet\n  3 answers open, the next resolved by 2025-12-31" in text


def test_a_ledger_without_outlooks_says_nothing_of_them():
    record = record_of(panel_of(*[20.0] * 60), entry(day(40), outlook=None))
    assert set(track_record_json(record)["outlook"]) == {
        "chances", "first_onset", "days_in_season",
    }  # fmt: skip
    assert "utlook" not in track_record_text(record)


def test_every_answer_is_told_in_the_text():
    panel = panel_of(*[20.0] * 36, *[80.0] * 10, 20.0, *[80.0] * 4, *[20.0] * 100)
    first = RecordedFirstOnset(Kind.BROAD, _even(45, 20), 0.0)
    outlook = outlook_of(
        day(45), day(65), chances=[chance("broad", 0.5, 0.4)], first_onset=[first],
        days_in_season=[RecordedDays(Kind.BROAD, 0, 0, 2, 4, 6, 9, 0.1)],
        in_season_on=[RecordedInSeason(Kind.BROAD, day(52), 0.5)],
        season_lasts=[RecordedLasts(Kind.BROAD, 7, 0.5)],
    )  # fmt: skip
    text = track_record_text(record_of(panel, entry(day(45), outlook)))
    assert max(map(len, text.splitlines())) <= WIDTH
    text = " ".join(text.split())
    for words in (
        f"onset by {day(65)} 1 1 0 0.5 0.4 0.250 0.160 0.69 0.51",
        "in season 1 1 0 0.5 0.2 0.250 0.047 0.69 0.25",  # 10 of 46 days were in season
        "lasts 7 days more 1 1 0 0.5 0.250 0.69",
        f"month by {day(65)} 1 1 0 ",
        f"by {day(65)} 1 1 1 1 4.0 4.0 0.",
    ):
        assert words in text


def test_no_outlook_no_entry():
    assert forecast_of().outlook is None
    assert content()["outlook"] is None
