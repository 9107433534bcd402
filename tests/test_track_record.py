"""The track record: outcomes by the definition, never early, forecasts apart from replays."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.market.season import at_risk, season_index
from features.panel import DataError, MarketPanel
from models.formatting import WIDTH
from models.hazard.leads import LEAD_DAYS
from models.ledger.book import Ledger
from models.ledger.entry import Entry, RecordedWindow
from models.ledger.results import TrackRecord, track_record_json
from models.ledger.track_record import track_record
from models.report.ledger_text import track_record_text
from models.verification.hindcast import hindcast
from models.verification.samples import with_episodes
from models.verification.skill import verify
from models.verification.walk_forward import WalkForward
from models.vocabulary import Kind

DEFINITION = {"threshold": 75.0, "quiet_days": 30.0, "window_days": 90.0, "top": 50.0,
              "sustained_days": 30.0, "sustained_within": 90.0}  # fmt: skip
THRESHOLDS = {"broad": 75.0, "partial": 50.0}
FIRST = date(2025, 1, 1)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def panel_of(*values: float, first: date = FIRST) -> MarketPanel:
    """Return a market of nothing but a season index; NaN leaves a day out."""
    index = pd.Series(values, pd.date_range(first, periods=len(values), unit="s"), dtype=float)
    return MarketPanel.from_series({"season_index": index.dropna()}, "by hand")


def window(
    as_of: date, horizon: int, probability: float | None = 0.2, *, by_date: bool = False,
    kind: str = "broad", climatology: float | None = 0.1,
) -> RecordedWindow:  # fmt: skip
    end = as_of + timedelta(days=horizon)
    return RecordedWindow(Kind(kind), horizon, end, by_date, probability, 0.0, 1.0, climatology)


def entry(as_of: date, *windows: RecordedWindow, line: int = 1, late: int = 1, **changes) -> Entry:
    recorded = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=late)
    settings = {
        "id": f"{line}", "as_of": as_of, "recorded_at": recorded, "replay": late > 8,
        "definition": DEFINITION, "thresholds": THRESHOLDS, "model": "logistic",
        "trained_until": FIRST, "windows": windows,
    }  # fmt: skip
    return Entry(line=line, **(settings | changes))


def record_of(panel: MarketPanel, *entries: Entry) -> TrackRecord:
    return track_record(Ledger(entries, ()), panel)


def judge(panel: MarketPanel, *entries: Entry) -> dict:
    """Return a track record as JSON has it."""
    return track_record_json(record_of(panel, *entries))


def one(panel: MarketPanel, as_of: date, horizon: int) -> dict:
    """Return the only window of a record."""
    (row,) = judge(panel, entry(as_of, window(as_of, horizon)))["windows"]
    return row


# --- outcomes ------------------------------------------------------------------------------------


def test_scores_worked_by_hand():
    # Quiet for 60 days, an onset on day 60, then data to day 80.
    panel = panel_of(*[20.0] * 60, *[80.0] * 21)
    said = {30: 0.25, 40: 0.5, 50: 0.5}  # windows of 20 days: only the last holds day 60
    record = judge(
        panel,
        *(
            entry(day(number), window(day(number), 20, p), line=number)
            for number, p in said.items()
        ),
    )
    (row,) = record["scores"]
    assert [each["outcome"] for each in record["windows"]] == [0, 1, 1]
    assert row["resolved"] == 3
    assert row["onsets"] == 2
    assert row["episodes"] == 1
    assert row["separate_windows"] == 2  # from day 30 to 50 and from 50 to 70
    assert row["expected"] == 1.25
    assert row["expected_by_climatology"] == pytest.approx(0.3)
    assert row["brier"] == pytest.approx((0.25**2 + 0.5**2 + 0.5**2) / 3)
    assert row["brier_climatology"] == pytest.approx((0.1**2 + 0.9**2 + 0.9**2) / 3)
    assert row["brier_skill"] == pytest.approx(1 - 0.5625 / 1.63)
    assert row["log_score"] == pytest.approx(-np.log([0.75, 0.5, 0.5]).mean())
    assert [(c["from"], c["forecasts"], c["onsets"]) for c in row["classes"]] == [
        (0.25, 1, 0), (0.5, 2, 2),
    ]  # fmt: skip


def test_rare_events_worked_by_hand():
    # As above; the windows that share no day are those of days 30 and 50, with outcomes 0 and 1.
    panel = panel_of(*[20.0] * 60, *[80.0] * 21)
    said = {30: 0.25, 40: 0.9, 50: 0.5}
    whole = record_of(
        panel, *(entry(day(n), window(day(n), 20, p), line=n) for n, p in said.items())
    )
    record = track_record_json(whole)
    rare = record["scores"][0]["rare_events"]
    assert (rare["onsets"], rare["expected"]) == (1, 0.75)
    assert rare["expected_by_climatology"] == pytest.approx(0.2)
    assert rare["n_test"]["delta1"] == pytest.approx(1 - np.exp(-0.75))
    assert rare["n_test"]["delta2"] == pytest.approx(1.75 * np.exp(-0.75))
    own, reference = -np.log(0.75 * 0.5), -np.log(0.9 * 0.1)
    assert rare["log_score"] == pytest.approx(own)
    assert rare["log_score_climatology"] == pytest.approx(reference)
    assert rare["gain_per_onset"] == {
        "value": pytest.approx(reference - own), "low": None, "high": None,
    }  # fmt: skip
    every = np.log([0.75 / 0.9, 0.9 / 0.1, 0.5 / 0.1])
    assert rare["gain_per_forecast"] == pytest.approx(every.mean())
    assert (
        "broad 75, logistic, 20 days: 2 windows; onsets seen 1, expected 0.8 (base rate 0.2); "
        "N-test d1 0.528, d2 0.827; log score 0.98 (base rate 2.41); gain over the base rate +1.21 "
        "nats per forecast, +1.43 per onset."
    ) in " ".join(track_record_text(whole).split())


@pytest.mark.parametrize(
    ("horizon", "outcome"),
    [(19, 0), (20, 1), (21, 1)],  # the onset falls on the 20th day
)
def test_the_last_day_is_inside(horizon, outcome):
    panel = panel_of(*[20.0] * 60, *[80.0] * 21)
    row = one(panel, day(40), horizon)
    assert (row["status"], row["outcome"]) == ("resolved", outcome)
    assert row["onset"] == (f"{day(60)}" if outcome else None)


@pytest.mark.parametrize("last", range(41, 75))
def test_nothing_resolves_before_the_last_day(last):
    quiet, season = min(last, 59) + 1, max(last - 59, 0)
    row = one(panel_of(*[20.0] * quiet, *[80.0] * season), day(40), 30)
    assert row["status"] == ("resolved" if last >= 70 else "open")
    assert row["outcome"] == (1 if last >= 70 else None)
    assert row["onset"] == (f"{day(60)}" if last >= 60 else None)  # seen, but not counted yet


def test_a_forecast_newer_than_the_data_is_open():
    row = one(panel_of(*[20.0] * 40), day(60), 30)
    assert (row["status"], row["outcome"], row["onset"]) == ("open", None, None)


@settings(max_examples=30, deadline=None)
@given(
    levels=st.lists(st.sampled_from([20.0, 60.0, 80.0]), min_size=8, max_size=8),
    as_of=st.integers(31, 240),
    horizon=st.integers(1, 120),
    cut=st.integers(0, 100),
)
def test_later_data_never_change_outcomes(levels, as_of, horizon, cut):
    values = np.repeat(levels, 40)
    made = entry(
        day(as_of), *(window(day(as_of), horizon, kind=kind) for kind in ("broad", "partial"))
    )
    whole = judge(panel_of(*values), made)["windows"]
    index = season_index(panel_of(*values))
    for row in whole:
        threshold = THRESHOLDS[row["kind"]]
        inside = values[as_of + 1 : as_of + horizon + 1]
        quiet = at_risk(index, threshold=threshold, quiet_days=30).iloc[as_of]
        if len(inside) < horizon:
            assert row["status"] == "open"
        elif not quiet:
            assert row["status"] == "revised"
        else:
            assert (row["status"], row["outcome"]) == ("resolved", int((inside >= threshold).any()))
    known = max(len(values) - cut, as_of + 1)
    for early, late in zip(judge(panel_of(*values[:known]), made)["windows"], whole, strict=True):
        assert early == late or early["status"] == "open"


def test_the_line_s_own_definition_decides():
    panel = panel_of(*[20.0] * 60, *[80.0] * 21)
    made = entry(day(40), window(day(40), 30), thresholds={"broad": 85.0})
    assert judge(panel, made)["windows"][0]["outcome"] == 0


def test_days_without_an_index_are_counted():
    values = [20.0] * 50 + [np.nan] * 6 + [20.0] * 30
    panel = panel_of(*values)
    assert one(panel, day(40), 30)["days_without_index"] == 0  # the last value stands in
    index = panel.series("season_index").drop(pd.date_range(day(56), day(60), unit="s"))
    gap = season_index(panel)
    assert not gap.isna().any()
    longer = MarketPanel({"season_index": _rows(index)}, "by hand")  # a gap of eleven days
    record = judge(longer, entry(day(40), window(day(40), 30)))
    assert record["windows"][0]["days_without_index"] == 4
    assert record["scores"][0]["with_days_without_index"] == 1


def _rows(index: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"value": index, "available_at": index.index + pd.Timedelta(days=1)})


# --- what counts ---------------------------------------------------------------------------------


def test_replays_are_scored_apart():
    panel = panel_of(*[20.0] * 100)
    early, late = (
        entry(day(40 + late), window(day(40 + late), 30, late / 100), late=late, line=late)
        for late in (8, 9)
    )
    record = track_record_json(whole := record_of(panel, early, late))
    assert [(row["made"], row["resolved"], row["expected"]) for row in record["scores"]] == [
        ("ahead", 1, 0.08), ("replay", 1, 0.09),
    ]  # fmt: skip
    text = track_record_text(whole)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "0 % to 25 %: 0 of 1 came true (forecast 8 %" in " ".join(text.split())
    assert text.index("made ahead of time\n") < text.index("Replays")


def test_the_first_forecast_counts():
    panel = panel_of(*[20.0] * 100)
    made = [
        entry(day(40), window(day(40), 30, p), line=line, model=model)
        for line, (p, model) in enumerate([(0.3, "logistic"), (0.0, "logistic"), (0.1, "pool")], 1)
    ]
    record = judge(panel, *made)
    assert [(row["model"], row["expected"], row["repeated"]) for row in record["scores"]] == [
        ("logistic", 0.3, 1), ("pool", 0.1, 0),
    ]  # fmt: skip
    assert [row["status"] for row in record["windows"]] == ["resolved", "repeated", "resolved"]


def test_days_not_at_risk_are_left_out():
    panel = panel_of(*[80.0] * 30, *[20.0] * 80)
    made = [
        entry(day(20), window(day(20), 30, None, climatology=None), line=1),
        entry(day(40), window(day(40), 30), line=2),  # quiet then, by today's data not yet
        entry(day(70), window(day(70), 30), line=3),
    ]
    record = judge(panel, *made)
    assert [row["status"] for row in record["windows"]] == ["no_forecast", "revised", "resolved"]
    (row,) = record["scores"]
    assert (row["resolved"], row["no_forecast"], row["revised"]) == (1, 1, 1)
    assert [row["onset"] for row in record["windows"]] == [None] * 3


def test_seasons_of_another_threshold_are_scored_apart():
    panel = panel_of(*[20.0] * 60, *[80.0] * 41)
    made = [
        entry(day(40), window(day(40), 30), line=line, thresholds={"broad": threshold})
        for line, threshold in ((1, 75.0), (2, 85.0))
    ]
    rows = judge(panel, *made)["scores"]
    assert [(row["threshold"], row["onsets"], row["repeated"]) for row in rows] == [
        (75.0, 1, 0), (85.0, 0, 0),
    ]  # fmt: skip


def test_dated_windows_are_a_group():
    panel = panel_of(*[20.0] * 100)
    made = [
        entry(day(n), window(day(n), 30), window(day(n), 70 - n, by_date=True), line=n)
        for n in (40, 45)
    ]
    record = judge(panel, *made)
    assert [(row["horizon_days"], row["date"], row["resolved"]) for row in record["scores"]] == [
        (30, None, 2), (None, f"{day(70)}", 2),
    ]  # fmt: skip
    assert record["scores"][1]["separate_windows"] == 1


@pytest.mark.parametrize("days", [LEAD_DAYS - 1, LEAD_DAYS])
def test_a_model_trained_on_the_day_is_counted(days):
    made = entry(day(40), window(day(40), 30), trained_until=day(40 + days), late=90)
    (row,) = judge(panel_of(*[20.0] * 100), made)["scores"]
    assert row["in_training"] == int(days == LEAD_DAYS)


def test_a_ruled_out_event_stays_in_json():
    panel = panel_of(*[20.0] * 60, *[80.0] * 21)
    whole = record_of(panel, entry(day(40), window(day(40), 30, 0.0)))
    record = track_record_json(whole)
    (row,) = record["scores"]
    assert (row["log_score"], row["ruled_out"], row["brier"]) == (None, 1, 1.0)
    json.dumps(record, allow_nan=False)
    assert "inf" in track_record_text(whole)
    assert "with a probability of 0 for what happened" in track_record_text(whole)


def test_an_empty_ledger_has_an_empty_record():
    record = record_of(panel_of(*[20.0] * 100))
    assert record.scores == record.windows == ()
    assert (
        track_record_text(record)
        == "Score of the recorded forecasts\nThe ledger holds no forecast yet."
    )


def test_foreign_days_and_indices_are_errors():
    panel = panel_of(*[20.0] * 100)
    with pytest.raises(DataError, match="begins on 2025-01-01, after 2024-12-31, the day of line"):
        one(panel, day(-1), 30)
    other = entry(day(40), window(day(40), 30), definition={**DEFINITION, "top": 100.0})
    with pytest.raises(DataError, match="counts the top 100 over 90 days"):
        judge(panel, other)
    other = entry(day(40), window(day(40), 30), thresholds={"broad": 101.0})
    with pytest.raises(DataError, match=r"line 1 of the ledger: threshold must lie in \(0, 100\]"):
        judge(panel, other)


# --- against the verification --------------------------------------------------------------------


class _Said:
    """A forecaster that says what was drawn."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        return self.random.dirichlet(np.full(14, 0.3), size=len(X))


def test_scores_equal_the_hindcasts(random_panel):
    from models.season.definition import OnsetDefinition
    from models.season.labels import onsets
    from models.training.landmarks import landmarks

    definition = OnsetDefinition()
    index = season_index(random_panel)
    rows = landmarks(random_panel, index, definition)
    forecasters = {"climatology": _Said(0), "drawn": _Said(1)}
    table = hindcast(
        rows, WalkForward(pd.Timestamp("2017-01-03"), 28), lambda X, y, w: forecasters, [30, 90]
    )
    table = table[table["model"] == "drawn"]
    made = [
        entry(
            as_of.date(),
            *(
                window(as_of.date(), row.horizon_days, row.probability, kind=row.kind,
                       climatology=row.climatology)
                for row in own.itertuples()
            ),
            line=line,
            model="drawn",
        )
        for line, (as_of, own) in enumerate(table.groupby("as_of"), 1)
    ]  # fmt: skip
    record = judge(random_panel, *made)
    days = {kind: onsets(index, each) for kind, each in definition.by_kind().items()}
    oracle = verify(with_episodes(table, days), step_days=7).set_index(["kind", "horizon_days"])
    assert len(record["scores"]) == 4
    for row in record["scores"]:
        own = oracle.loc[(row["kind"], row["horizon_days"])]
        assert row["resolved"] == own["days"]
        assert row["episodes"] == own["episodes"]
        assert row["brier"] == pytest.approx(own["brier"])
        varied = 0 < own["base_rate"] < 1  # else the hindcast gives no skill
        assert not varied or row["brier_skill"] == pytest.approx(own["brier_skill"])
        assert row["log_score"] == pytest.approx(own["log_score"])
