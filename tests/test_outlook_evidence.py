"""What a forecast says of what it was worth: by what answers, at the threshold it was measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import predict
from features.market.market import Market
from features.market.season import NEAR_MARGINS, breadth
from features.panel import MarketPanel, end_of_day
from models.forecasting.carried import near_flipping
from models.forecasting.drivers import points_per_log_odds
from models.forecasting.evidence import ForecastEvidence
from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import OutOfSample
from models.forecasting.parts import ModelId
from models.forecasting.reforecast import reforecast
from models.forecasting.schema import forecast_csv, forecast_json
from models.forecasting.season_status import season_status
from models.hazard.forecaster import Forecaster, OutlookSkill, Skill
from models.ledger.book import read_ledger
from models.report.alarms import alarm_record, alarm_statement
from models.report.forecast_text import forecast_text
from models.report.outlook_words import worth_statements
from models.report.statements import skill_statements, trust_statement
from models.tracking.outlook_metrics import outlook_metrics
from models.training.outlook_proof import outlook_proof, outlook_skill, provable, with_outlook
from models.vocabulary import Kind, Verdict
from tests.commands import run_command, squeezed
from tests.embedded import END, iso
from tests.forecast_schema import validate

DAY = pd.Timestamp("2025-12-10")


@pytest.fixture(scope="module")
def proof(quick):
    return outlook_proof(quick, near_term="logistic", n_paths=400)


@pytest.fixture(scope="module")
def proven(quick, proof) -> Forecaster:
    return with_outlook(quick, proof).forecasters["logistic"]


@pytest.fixture(scope="module")
def say(reference, proven):
    def on(forecaster=proven, day=DAY):
        return forecast(
            season_status(reference, forecaster, day), forecaster, ModelId("3", "abc"), today=day
        )

    return on


@pytest.fixture(scope="module")
def said(say):
    return say()


# --- the outlook's own hindcast ------------------------------------------------------------------


def test_beyond_90_days_the_skill_is_that_of_the_outlook(said, proof):
    skills = said.evidence.answering(Kind.BROAD)
    assert list(skills) == [30, 60, 90, 180, 365]
    by_outlook = [days for days, each in skills.items() if isinstance(each, OutlookSkill)]
    assert by_outlook == [180, 365]
    row = proof.scores[
        (proof.scores["kind"] == "broad") & (proof.scores["horizon_days"] == 180)
        & (proof.scores["score"] == "brier") & (proof.scores["reference"] == "window_frequency")
    ].iloc[0]  # fmt: skip
    assert skills[180].value == row["skill"]
    assert skills[180].expected == pytest.approx(row["expected"])
    assert skills[180].observed == row["events"] / row["rows"]
    text = " ".join(forecast_text(said).split())
    assert "beyond, it is that of the outlook, which answers there" in text
    assert "The outlook answers the window to 31 Dec 2025" in trust_statement(said)


def test_a_hindcast_of_the_outlook_is_kept_with_the_champion(proven, proof):
    kept = Forecaster.from_bytes(proven.to_bytes())
    assert kept.evidence.outlook == outlook_skill(proof)
    assert len(kept.evidence.outlook) == 9  # three kinds, three horizons
    old = replace(proven, evidence=replace(proven.evidence, outlook=()))
    assert Forecaster.from_bytes(old.to_bytes()).evidence.outlook == ()


def test_metrics_of_the_outlook_sort_by_kind_and_days(proof):
    keys = [value.key for value in outlook_metrics(proof)]
    assert "outlook/broad_090d_skill" in keys
    assert "outlook/days_broad_365d_skill" in keys
    days = [
        key for key in sorted(keys) if key.startswith("outlook/broad_") and key.endswith("expected")
    ]
    assert [key.split("_")[1] for key in days] == ["090d", "180d", "365d"]
    assert all(np.isfinite(value.value) for value in outlook_metrics(proof))
    assert outlook_metrics(None) == []


def test_a_short_training_is_not_asked_for_it(quick, small_training):
    assert provable(quick)
    assert not provable(small_training)  # not verified at 90 days
    short = quick.index.loc[: quick.hindcast["as_of"].min() + pd.Timedelta(days=729)]
    assert not provable(replace(quick, index=short))


def worth(kind, days=365, said=0.65, came=0.36, low=0.1, verdict=Verdict.CANNOT_TELL):
    return OutlookSkill(
        kind, days, 0.08, -0.05, 0.21, 107, 6, verdict, 0.5, 0.1, 0.9, 3, said, came, low, 0.5
    )


def test_what_chances_were_worth_stands_beside_them_in_plain_words(said):
    evidence = ForecastEvidence(
        15, (), (), outlook=(worth(Kind.SUSTAINED), worth(Kind.SUSTAINED, 90, 0.1, 0.1, -0.1))
    )
    outlook = replace(said.outlook, chances=said.outlook.chances[2:])
    (near,) = worth_statements(outlook, evidence.shown_by_outlook)
    assert near.startswith(
        "Sustained: in the 90-day hindcast such forecasts averaged 10 % and 10 %"
    )
    assert "too high" not in near
    (far,) = worth_statements(outlook, lambda kind, days: evidence.shown_by_outlook(kind, 400))
    assert "averaged 65 % and 36 % came true: no detectable skill, forecasts too high" in far
    (vague,) = worth_statements(outlook, lambda kind, days: worth(kind, low=-0.1))
    assert "no detectable skill, forecasts above what came, within chance (" in vague


# --- another threshold ---------------------------------------------------------------------------


def test_another_threshold_shows_no_skill_that_was_not_measured(say, proven):
    result = say(proven.at(60.0))
    answer = forecast_json(result)
    validate(answer)
    assert answer["definition"]["threshold"] == 60
    evidence = answer["evidence"]
    assert (evidence["brier_skill"], evidence["outlook"], evidence["measured_at"]) == ({}, [], 75)
    assert evidence["onsets"] > 0
    assert "other_threshold" in [note["code"] for note in answer["notes"]]
    text = " ".join(forecast_text(result).split())
    assert "measured at 75 only, not at 60" in text
    assert "2017" not in text.partition("When does")[0].replace("trained", "")
    assert skill_statements(result)[0].startswith("Nothing has been verified at 60")


def test_a_lower_threshold_is_likelier_everywhere(say, proven):
    def broad(threshold):
        result = say(proven.at(threshold))
        windows = [each.probability for each in result.windows if each.kind == Kind.BROAD]
        return np.array([*windows, result.outlook.chances[1].probability])

    chances = [broad(threshold) for threshold in (55.0, 75.0, 85.0)]
    assert (np.diff(chances, axis=0) <= 1e-9).all()
    partial = [e.probability for e in say(proven.at(55.0)).windows if e.kind == Kind.PARTIAL]
    assert (np.array(partial) >= chances[0][:5] - 1e-9).all()


def test_a_history_names_its_thresholds(reference, proven):
    table = reforecast(reference, proven.at(60.0), first=DAY, last=DAY, horizons=(30,))
    assert dict(zip(table["kind"], table["threshold"], strict=True)) == {"broad": 60, "partial": 50}


def test_a_row_of_csv_names_its_threshold_and_the_chance_of_none(said):
    rows = pd.read_csv(pd.io.common.StringIO(forecast_csv(said)))
    assert rows.groupby("kind")["threshold"].unique().map(list).to_dict() == {
        "broad": [75], "partial": [50], "sustained": [75],
    }  # fmt: skip
    days = rows[rows["question"] == "days_in_season"].set_index("kind")["none"]
    assert days.to_dict() == {e.kind: e.none for e in said.outlook.days_in_season}


def test_the_command_serves_a_threshold_and_the_ledger_keeps_it(trained, tmp_path):
    uri, _, _ = trained
    store, ledger = ("--tracking-uri", uri), tmp_path / "ledger.jsonl"
    for threshold in ((), ("--threshold", 62.5), ("--threshold", 62.5)):
        done = run_command(
            predict.app, *store, *threshold, "--record", "--ledger", ledger, "--json"
        )
        assert done.exit_code == 0, done.output
        validate(json.loads(done.stdout))
    entries = read_ledger(ledger).entries
    assert [each.thresholds["broad"] for each in entries] == [75, 62.5]
    assert len({each.id for each in entries}) == 2
    scored = run_command(predict.app, "score", "--ledger", ledger, "--json")
    groups = {(row["kind"], row["threshold"]) for row in json.loads(scored.stdout)["scores"]}
    assert groups == {("broad", 75), ("broad", 62.5), ("partial", 50)}


@pytest.mark.parametrize(
    ("threshold", "words"), [(50, "are the partial ones"), (86, "train again for more"), (20, "86")]
)
def test_a_threshold_out_of_range_is_refused_with_the_reason(trained, threshold, words):
    uri, _, _ = trained
    done = run_command(predict.app, "--tracking-uri", uri, "--threshold", threshold)
    assert done.exit_code == 2
    told = squeezed(done.stderr)
    assert f"must be above 50 and at most 85, got {threshold}" in told
    assert words in told or threshold == 20


def test_a_picture_of_another_threshold_shows_no_record_of_this_one(trained, tmp_path):
    uri, _, _ = trained
    page = tmp_path / "page.html"
    done = run_command(
        predict.app, "--tracking-uri", uri, "--threshold", 60, "--report", page,
        "--as-of", iso(END),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "by the models of the time (out of sample)" not in text
    assert "Nothing has been verified at 60" in text
    assert "Skill out of sample of what answers" not in text


# --- drivers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2025-12-10", "2021-03-01", "2018-11-06"])
def test_drivers_lead_from_the_base_rate_to_the_forecast(say, day):
    result = say(day=pd.Timestamp(day))
    total, (window,) = result.driver_sum, [
        w for w in result.windows if w.kind == Kind.BROAD and w.horizon_days == 90
    ]  # fmt: skip
    assert (total.base_rate, total.probability) == (window.climatology, window.probability)
    reached = 100 * total.base_rate + sum(each.points for each in result.drivers) + total.rest
    assert reached == pytest.approx(100 * total.probability)
    assert all(np.sign(each.points) == np.sign(each.log_odds) for each in result.drivers)
    text = forecast_text(result)
    assert "raises the chance" not in text
    side = "lowers" if total.probability < total.base_rate else "raises"
    assert f"What {side} the 90-day chance" in text


@pytest.mark.parametrize(("base", "chance"), [(0.2, 0.5), (0.5, 0.2), (0.3, 0.3), (0.0, 1.0)])
def test_a_unit_of_log_odds_is_worth_the_mean_slope(base, chance):
    ends = np.clip((base, chance), 1e-4, 1 - 1e-4)
    line = np.linspace(*np.log(ends / (1 - ends)), 100_001)
    slope = np.exp(line) / (1 + np.exp(line)) ** 2
    assert points_per_log_odds(base, chance) == pytest.approx(100 * slope.mean(), rel=1e-3)


# --- what is bound to happen ---------------------------------------------------------------------


def test_coins_near_flipping_are_counted_by_hand():
    # Relative prices 90 days on, of coins that began at 1: two lead, three lag.
    last = {"a": 1.30, "b": 1.04, "c": 1.00, "d": 0.93, "e": 0.70}
    days = pd.DatetimeIndex(["2025-01-01", "2025-04-01"])
    rows = [
        {"date": day, "coin": coin, "close_usd": close, "close_btc": close}
        for coin, end in last.items()
        for day, close in zip(days, (1.0, end), strict=True)
    ]
    universe = pd.DataFrame({"snapshot_date": days[1], "rank": range(1, 6), "coin": list(last)})
    row = breadth(Market.from_tables(pd.DataFrame(rows), universe)).loc["2025-04-01"]
    lead = [row[f"near_lead_{margin}"] for margin in NEAR_MARGINS]
    lag = [row[f"near_lag_{margin}"] for margin in NEAR_MARGINS]
    assert lead == [20, 40, 40]  # c at 5 %, d too from 7.5 % on
    assert lag == [20, 20, 20]  # b; a leads by 30 %
    assert row["coins_compared"] == 5


def test_flipping_is_known_at_the_end_of_the_day_and_counts_coins(reference, proven):
    cut = reference.known_at(end_of_day(pd.DatetimeIndex([DAY]))[0])
    told = [near_flipping(season_status(panel, proven, DAY)) for panel in (reference, cut)]
    assert told[0] == told[1]
    assert [each.margin for each in told[0]] == list(NEAR_MARGINS)
    for smaller, larger in zip(told[0], told[0][1:], strict=False):
        assert smaller.lead <= larger.lead
        assert smaller.lag <= larger.lag
    index = reference.series("season_index")[DAY]
    leading = round(index * told[0][0].compared / 100)
    assert told[0][-1].lag <= leading
    assert told[0][-1].lead <= told[0][0].compared - leading


def test_without_coins_nothing_is_said_of_flipping(reference, proven):
    kept = {n: reference.series(n) for n in reference.names if not n.startswith("near_")}
    status = season_status(MarketPanel.from_series(kept, "bare"), proven, DAY)
    assert near_flipping(status) == ()


def test_the_text_says_where_the_index_is_bound_to_go(said):
    first, second = said.carried
    words = f"the index would be {first.index:.0f} in 30 days and {second.index:.0f} in 60."
    assert words in " ".join(forecast_text(said).split())


# --- alarms --------------------------------------------------------------------------------------


def record(chances, onsets, last):
    """Return what picture and page have of weekly forecasts 30 days ahead."""
    weeks = pd.date_range("2024-01-02", periods=len(chances), freq="7D")
    table = pd.DataFrame({"probability": chances, "climatology": 0.2}, index=weeks)
    now = pd.DataFrame({"probability": [0.1]}, index=[pd.Timestamp(last)])
    return OutOfSample(
        model="logistic", horizon_days=30, threshold=75.0, trained_until=weeks[-1],
        in_sample=False, index=pd.Series(dtype=float), onsets=pd.DatetimeIndex(onsets),
        hindcast=table, since=now.iloc[:0], now=now, reason=None,
    )  # fmt: skip


def test_alarms_are_counted_by_hand_false_ones_beside_hits():
    # 2 and 9 January: alarm, the onset of 30 January within 30 days; 20 February alone: false.
    chances = [0.7, 0.6, 0.1, 0.2, np.nan, np.nan, 0.1, 0.9, 0.3, 0.1]
    told = alarm_record(record(chances, ["2024-01-30"], "2024-06-01"))
    assert (told.weeks, told.followed, told.alarms, told.false_alarms) == (3, 2, 2, 1)
    assert (told.onsets, told.hits) == (1, 1)
    assert "2 of 3 were followed by a season in that time" in alarm_statement(told)
    assert "2 alarms, 1 of them false" in alarm_statement(told)


@pytest.mark.parametrize(("last", "weeks"), [("2024-03-20", 2), ("2024-03-21", 3)])
def test_a_week_counts_once_its_window_is_over(last, weeks):
    chances = [0.7, 0.6, 0.1, 0.2, np.nan, np.nan, 0.1, 0.9, 0.3, 0.1]
    assert alarm_record(record(chances, ["2024-01-30"], last)).weeks == weeks


def test_without_a_resolved_week_nothing_is_said_of_alarms():
    assert alarm_record(record([0.7], [], "2024-01-09")) is None
    assert alarm_statement(None) == ""


def test_skills_of_the_forecaster_stand_where_there_is_no_other():
    own = Skill(Kind.BROAD, 180, 0.1, 0.0, 0.2, 300, 4, Verdict.BETTER)
    assert ForecastEvidence(15, (own,), ()).answering(Kind.BROAD) == {180: own}
