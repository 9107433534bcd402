"""What a person sees: text, page, picture, model card, and that they say the same."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from features.market.season import season_index
from features.provenance import Finding
from features.terminal import printable
from models.answers import Answer, Event
from models.forecasting.parts import (
    CarriedIndex,
    MarketNow,
    Note,
    NoteCode,
    PublishedIndex,
    Sector,
)
from models.forecasting.past import out_of_sample
from models.forecasting.records import forecast_csv, forecast_json, forecast_schema
from models.forecasting.status import season_status
from models.report import words
from models.report.card import CardFacts, claim_headlines, claims_statement, model_card
from models.report.page import forecast_page, output
from models.report.terminal import Terminal
from models.report.text import forecast_text
from models.tracking.read import TrainingTables
from models.vocabulary import Kind

AT_RISK, IN_SEASON, QUIET = "2018-09-25", "2018-01-09", "2018-03-20"
GOLDEN = Path(__file__).parent / "golden"
ANSWERS = TypeAdapter(tuple[Answer, ...])


@pytest.fixture(scope="module")
def tables(small_training):
    return TrainingTables(
        small_training.hindcast, small_training.verification, small_training.integrated, None
    )


@pytest.fixture(scope="module")
def page(small_forecast, small_training, reference, tables):
    def make(day=AT_RISK, age=0):
        made = small_forecast(day, age)
        forecaster = small_training.forecasters["logistic"]
        status = season_status(reference, forecaster, pd.Timestamp(day))
        past = out_of_sample(status, forecaster, tables.hindcast)
        return made, forecast_page(made, tables, past), past

    return make


def lived(made):
    """Return a forecast with a market now, as a live source gives it."""
    now = MarketNow(
        "CoinMarketCap", "2018-09-26T14:05Z", 52.0, 48, (CarriedIndex(30, 44.0),), 60.0, 12.3,
        (Sector("memes", 40.0, 12), Sector("AI", 55.0, 11)),
        PublishedIndex("CoinMarketCap, top 100", made.as_of, 29.0, 37.0, True, "as usual"),
    )  # fmt: skip
    return replace(made, now=now)


def test_the_text_is_the_reviewed_one(small_forecast):
    """Golden, of every state, of old data and of a live source: made anew by deleting it."""
    made = small_forecast(AT_RISK)
    texts = [forecast_text(small_forecast(day)) for day in (AT_RISK, IN_SEASON, QUIET)]
    texts += [forecast_text(lived(made)), forecast_text(small_forecast(AT_RISK, age=40))]
    for text in texts:
        assert len(text.splitlines()) <= 32
        assert max(map(len, text.splitlines())) <= 80
    full = forecast_text(lived(made), full=True)
    # What is asked for with --full holds the first screen, word for word.
    assert full.startswith(texts[3][: texts[3].index("Warning:")])
    path = GOLDEN / "forecast.txt"
    content = "\n\n=====\n\n".join([*texts, full]) + "\n"
    if not path.exists():
        path.write_text(content)
    plain = [re.sub(r"\d", "0", each) for each in (content, path.read_text())]
    assert plain[0] == plain[1]


def test_a_warning_names_what_and_its_consequence(small_forecast):
    day = pd.Timestamp(AT_RISK)
    finding = Finding(
        rule="ranking", series="universe", first_day=day, last_day=day, value=25.0,
        factor=0.5, consequence="value left out", said="it holds 25 altcoins, need 50",
        way_out="give all altcoins of the day",
    )  # fmt: skip
    noted = [Note(NoteCode.DATA_PROBLEM, f"Data: {finding.text}")]
    said = " ".join(forecast_text(replace(small_forecast(AT_RISK), notes=noted)).split())
    assert f"on {AT_RISK}: it holds 25 altcoins, need 50; value left out." in said
    assert "give all altcoins" not in said.lower()


def test_old_data_never_headline(small_forecast):
    """A window that has partly passed leaves the default text; the year says when it was seen."""
    text = forecast_text(small_forecast(AT_RISK, age=40))
    first, second = text.splitlines()[:2]
    assert "40 days old" in first
    assert "predict.py --source auto" in text
    assert "Nothing is known" in second
    assert "Next 90 days" not in text
    assert "as seen on 25 Sep" in text
    over = forecast_text(small_forecast(AT_RISK, age=200))
    assert "ended on 31 Dec 2018" in over
    assert "2018, broad season" not in over


def test_colour_is_of_a_terminal_alone(small_forecast):
    made = small_forecast(AT_RISK)
    plain, coloured = forecast_text(made), forecast_text(made, Terminal(colour=True))
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert printable(coloured, styled=True) == coloured
    wide = forecast_text(made, Terminal(width=120))
    assert max(map(len, wide.splitlines())) > 80

    class Stream:
        encoding = "utf-8"

        def isatty(self):
            return True

    assert Terminal.of(Stream(), {}).colour
    assert not Terminal.of(Stream(), {"NO_COLOR": "1"}).colour
    assert not Terminal.of(Stream(), {"TERM": "dumb"}).colour
    assert not Terminal.of(None, {}).colour


def test_json_is_the_answers_and_its_schema_holds(small_forecast):
    import jsonschema

    schema = forecast_schema()
    published = json.loads((Path(__file__).parents[1] / "docs/forecast.schema.json").read_text())
    assert published == json.loads(json.dumps(schema)), "docs/forecast.schema.json: run make docs"
    for day in (AT_RISK, IN_SEASON, QUIET):
        made = small_forecast(day)
        content = json.loads(json.dumps(forecast_json(made), allow_nan=False))
        jsonschema.validate(content, schema)
        assert content["schema"] == "altseason.forecast/3"
        assert ANSWERS.validate_python(content["answers"]) == made.answers


@pytest.mark.parametrize(
    ("name", "value"), [("probability", 1.2), ("end", "tomorrow"), ("kind", "x")]
)
def test_an_answer_that_cannot_be_is_refused(small_forecast, name, value):
    rows = forecast_json(small_forecast(AT_RISK))["answers"]
    with pytest.raises(ValueError, match=name):
        ANSWERS.validate_python([rows[0] | {name: value}])


def test_csv_has_a_row_an_answer(small_forecast, tmp_path):
    made = small_forecast(AT_RISK)
    path = tmp_path / "f.csv"
    path.write_text(forecast_csv(made))
    table = pd.read_csv(path)
    assert len(table) == len(made.answers)
    begins = table[table["question"] == "begins"]
    assert begins["probability"].between(0, 1).all()
    assert set(table["threshold"]) == {50.0, 75.0}
    days = table[table["question"] == "days"]
    assert days[["q05", "q50", "q95"]].notna().all(axis=None)


def test_earlier_days_are_the_forecasts_of_those_days(small_forecast):
    """A week ago is what a forecast of that day says for windows as long, and to the same end."""
    made = small_forecast(AT_RISK)
    week = small_forecast("2018-09-18")
    (then,) = [each for each in made.earlier if each.days_ago == 7]
    same = [a for a in then.answers if a.kind is Kind.BROAD and a.horizon(then.as_of) == 90]
    assert same[0].probability == week.begins(Kind.BROAD, 90).probability


def test_page_and_text_say_the_same(page):
    made, html, _ = page()
    near = made.begins(Kind.BROAD, 90)
    shown = html.replace("\u00a0", " ")
    assert f"<strong>{100 * near.probability:.0f} %</strong>" in shown
    assert words.trust_statement(made).replace("'", "&#39;")[:60] in shown
    assert "default-src 'none'" in html
    assert "<script" not in html
    assert shown.count("<details") >= 4


def test_the_page_escapes_and_steers_nothing(small_forecast, small_training, reference, tables):
    made = small_forecast(AT_RISK)
    note = replace(made.notes[0], text="<script>\x1b[31m\x07") if made.notes else None

    note = note or Note(NoteCode.DATA_PROBLEM, "<script>\x1b[31m\x07")
    forecaster = small_training.forecasters["logistic"]
    status = season_status(reference, forecaster, made.as_of)
    past = out_of_sample(status, forecaster, tables.hindcast)
    html = forecast_page(replace(made, notes=(note,)), tables, past)
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "\x07" not in html


def test_the_page_passes_axe_and_fits_a_phone(page, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    from axe_playwright_python.sync_playwright import Axe

    chromium = next((p for p in ("/usr/bin/chromium",) if Path(p).exists()), None)
    if chromium is None:
        pytest.skip("chromium is not installed")
    path = tmp_path / "page.html"
    path.write_text(page()[1])
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            for width in (1280, 390):
                tab = browser.new_page(viewport={"width": width, "height": 900}, bypass_csp=True)
                tab.goto(path.as_uri())
                for each in tab.query_selector_all("details"):
                    each.evaluate("node => node.open = true")
                assert tab.evaluate("document.documentElement.scrollWidth") <= width
                found = Axe().run(tab).response["violations"]
                assert [each["id"] for each in found] == []
        finally:
            browser.close()


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_pictures_are_the_same_each_time(page, tables, suffix):
    made, _, past = page()
    first, second = (output(suffix, made, tables, past, None) for _ in range(2))
    assert first == second
    if suffix == ".svg":
        assert b"<title" in first
        assert b"broad season" in first


def test_pictures_owe_nothing_to_settings_of_others(page, tables):
    import matplotlib as mpl

    made, _, past = page()
    plain = output(".png", made, tables, past, None)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert output(".png", made, tables, past, None) == plain


def test_past_days_are_the_hindcast_and_know_no_later_model(page, small_training):
    _, _, past = page()
    rows = small_training.hindcast
    rows = rows[
        (rows["model"] == "logistic") & (rows["kind"] == Kind.BROAD) & (rows["horizon"] == "90")
    ].set_index("as_of")["probability"]
    known = past.hindcast["probability"].dropna()
    pd.testing.assert_series_equal(
        known, rows.loc[known.index], check_names=False, check_freq=False
    )
    resolved = past.resolved()
    assert (resolved["as_of"] <= past.now.index[0] - pd.Timedelta(days=90)).all()


def test_the_card_says_where_it_fails(small_training):
    card = model_card(CardFacts.of_training(small_training, "logistic", "reference"))
    assert "# Model card: logistic" in card
    assert "Brief seasons: of" in card
    assert "Its skill is not shown at" in card
    assert max(len(line) for line in card.splitlines() if not line.startswith("|")) <= 100


def test_headlines_of_claims_hide_no_row_that_passes_by_its_interval():
    rows = pd.DataFrame(
        {
            "claim": ["a", "a", "a", "b"],
            "horizon_days": [90, 180, 365, 90],
            "condition": ["x"] * 3 + ["y"],
            "verdict": ["cannot tell"] * 4,
            "sentence": ["a90", "a180", "a365", "b90"],
            "low": [-0.1, 0.01, np.nan, -0.2],
            "high": [0.1, 0.3, np.nan, 0.2],
        }
    )
    first, second = claim_headlines(rows)
    assert (first.sentence, first.apart) == ("a90", ("a180",))
    assert (second.sentence, second.apart) == ("b90", ())
    said = claims_statement([first, second])
    assert "none has a detectable effect" in said
    assert "1 further row" in said


def test_signals_read_the_day(small_forecast, reference):
    made = small_forecast(AT_RISK)
    assert [each.name for each in made.signals] == [
        "Russell 2000",
        "ETFs",
        "ETH/BTC",
        "Breadth",
    ]
    breadth = made.signals[-1]
    index = season_index(reference).loc[made.as_of]
    assert f"{index:.0f} of 100" in breadth.reading
    assert breadth.holds is bool(index <= 33)
    # The funds of 2024 are not known in 2018.
    assert made.signals[1].holds is None
    assert "not known" in words.signal_verdict(made.signals[1])


def test_days_of_a_year_count_those_seen(small_forecast):
    made = small_forecast(QUIET)
    broad = next(each for each in made.of(Event.DAYS) if each.kind is Kind.BROAD)
    assert broad.seen > 0
    assert f"({broad.seen} so far)" in words.days_statement(made, broad)
