"""The page of a forecast: what it says, and how a real browser shows it."""

from __future__ import annotations

import functools
import re
import shutil
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from features.panel import end_of_day
from models.forecasting.evidence import ForecastEvidence
from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import out_of_sample
from models.forecasting.parts import ModelId, Note, NoteCode
from models.forecasting.season_status import season_status
from models.formatting import long_day, percent, unbroken
from models.hazard.forecaster import Skill
from models.report.claim_statements import ClaimHeadline, claims_statement
from models.report.outlook_view import outlook_view
from models.report.outlook_words import period, when_words
from models.report.page import forecast_page
from models.report.prospective_summary import prospective_summary
from models.report.record import TABLE, prospective
from models.report.rows import window_rows
from models.report.statements import (
    headline,
    partial_statement,
    ranking_statement,
    skill_statements,
    today_statement,
    trust_statement,
)
from models.report.sweep_record import StoredSweep
from models.season.definition import OnsetDefinition
from models.tracking.tables import TrainingTables
from models.training import replay
from models.training.claims import claims
from models.vocabulary import Kind, Verdict
from tests.outlooks import outlook_on

ROOT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
                None)  # fmt: skip
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
SCREENS = [(width, scheme) for width in (360, 1280) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def tables(reference, quick):
    tested = claims(reference, quick.settings.definition, quick.until)
    return TrainingTables(quick.hindcast, quick.verification, quick.integrated, tested)


@pytest.fixture(scope="module")
def said(reference, quick):
    """Return forecast and record of a day with the small model."""

    last = pd.DatetimeIndex(["2025-12-10"])
    known = reference.known_at(end_of_day(last)[0])

    @functools.cache
    def on(day: str, name: str = "logistic"):
        forecaster = quick.forecasters[name]
        status = season_status(known, forecaster, pd.Timestamp(day))
        result = forecast(
            status, forecaster, ModelId("3", "0123456789abcdef"),
            by=pd.Timestamp(day) + pd.Timedelta(days=386),
            today=pd.Timestamp("2025-12-20"),
        )  # fmt: skip
        return result, out_of_sample(status, forecaster, quick.hindcast)

    return on


@pytest.fixture(scope="module")
def page(said, tables) -> str:
    result, past = said("2025-12-10")
    return forecast_page(result, tables, past)


class Outline(HTMLParser):
    """Headings, tables, ids and links of a page, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.scopes: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.levels.append(int(tag[1]))
        if tag == "th":
            self.scopes.append(attributes.get("scope"))
        if "id" in attributes:
            self.ids.append(attributes["id"])
        self.links += [v for k, v in attrs if k in ("href", "xlink:href", "src")]


# --- the words -----------------------------------------------------------------------------------


def judged(result, kind=Kind.BROAD, **verdicts: str):
    """The forecast with these verdicts by horizon and no others."""
    skill = tuple(
        Skill(kind, int(horizon.strip("d")), 0.1, 0.0, 0.2, 300, episodes, Verdict(verdict))
        for episodes, (horizon, verdict) in enumerate(verdicts.items(), start=4)
    )
    return replace(result, evidence=ForecastEvidence(15, skill, ()))


def test_what_may_be_said_follows_the_verdicts(said):
    result, _ = said("2025-12-10")
    mixed = judged(result, d30="better", d60="cannot tell", d90="better", d365="worse")
    sentences = skill_statements(mixed)
    assert sentences[0].startswith("Skill at 30 and 90 days: out of sample the forecasts beat")
    assert sentences[1].startswith("Worse than the base rate at 365 days")
    assert sentences[2].startswith("No detectable skill at 60 days")
    assert "4 to 7 seasons" in sentences[3]
    assert "At 365 days" in trust_statement(mixed)
    assert "did worse than the base rate" in trust_statement(mixed)
    assert "have beaten the base rate" in trust_statement(judged(result, d365="better"))
    unsure = judged(result, d365="cannot tell")
    assert "have no detectable skill" in trust_statement(unsure)
    assert "Nothing has been verified" in skill_statements(judged(result))[0]
    assert trust_statement(judged(result)) == ""


def test_partial_seasons_have_verdicts_of_their_own(said):
    result, _ = said("2025-12-10")
    assert partial_statement(judged(result, Kind.PARTIAL)) == ""
    assert partial_statement(judged(result, d30="better")) == ""
    mixed = judged(result, Kind.PARTIAL, d30="better", d60="cannot tell", d90="better")
    assert partial_statement(mixed) == (
        "Partial seasons: better than the base rate at 30 and 90 days; no detectable skill at 60 "
        "days."
    )


def test_today_is_apart_outside_the_interval(said):
    result, _ = said("2025-12-10")
    first = replace(result.windows[0], probability=0.5, climatology=0.4)
    rows = (
        replace(first, horizon_days=30, low=0.41, high=0.6),
        replace(first, horizon_days=60, low=0.40, high=0.6),
        replace(first, horizon_days=90, low=0.1, high=0.39),
    )
    better = judged(result, d30="better", d60="better", d90="better")
    sentence = today_statement(replace(better, windows=rows))
    assert "above it at 30 days and below it at 90 days" in sentence
    assert "indistinguishable from it" in today_statement(replace(better, windows=rows[1:2]))
    # Without detectable skill, an interval apart is no news.
    unsure = judged(result, d30="cannot tell", d60="better", d90="better")
    sentence = today_statement(replace(unsure, windows=rows))
    assert "below it at 90 days" in sentence
    assert "30 days" not in sentence
    assert today_statement(replace(unsure, windows=rows[:1])) == ""


def test_claims_are_counted_by_their_verdicts():
    rows = [ClaimHeadline("a", "cannot tell", ""), ClaimHeadline("b", "less often", "")]
    assert claims_statement(rows[:1]).startswith("None of the 1 claims has a detectable effect")
    assert "1 show a detectable effect on this history: “b” (less" in claims_statement(rows)


def test_the_headline_is_the_sustained_season(said):
    result, _ = said("2025-12-10")
    number, asked = headline(result)
    by_kind = {chance.kind: chance for chance in result.outlook.chances}
    assert number == percent(by_kind["sustained"].probability)
    assert "from 11 Dec 2025 to 31 Dec 2026" in asked
    assert f"any length begins: {percent(by_kind['broad'].probability)}" in asked
    begun = replace(by_kind["broad"], begun_on=pd.Timestamp("2026-02-01"))
    outlook = replace(result.outlook, chances=(begun, begun, by_kind["sustained"]))
    assert "broad season has begun on 1 Feb 2026" in headline(replace(result, outlook=outlook))[1]
    lasting = replace(by_kind["sustained"], begun_on=pd.Timestamp("2026-02-01"))
    outlook = replace(result.outlook, chances=(begun, begun, lasting))
    assert headline(replace(result, outlook=outlook))[0] == "begun"


def test_without_an_outlook_the_window_leads(said):
    result = replace(said("2025-12-10")[0], outlook=None)
    number, asked = headline(result)
    assert number == percent(result.by_date[0].probability)
    assert "by 31 Dec 2026" in asked
    bare = replace(result, by_date=())
    assert headline(bare)[0] == percent(result.windows[4].probability)


# --- the outlook in words ------------------------------------------------------------------------


def viewed(day: str, today: str = "2025-12-20", **changes):
    """The view of a day's outlook, some of its fields changed."""
    outlook = replace(outlook_on(day), **changes)
    return outlook_view(outlook, definition=OnsetDefinition(), today=pd.Timestamp(today))


def with_chances(day: str, *values: tuple[float, float, float]):
    """The sentences where the kinds, the weakest first, have (low, high, base rate)."""
    chances = tuple(
        replace(each, begun_on=None, low=low, high=high, climatology=base)
        for each, (low, high, base) in zip(outlook_on(day).chances, values, strict=True)
    )
    return " ".join(viewed(day, chances=chances).sentences)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([(0.2, 0.4, 0.3)] * 3, "For partial, broad and sustained seasons the chance is indisting"),
        ([(0.2, 0.4, 0.1), (0.2, 0.4, 0.5), (0.2, 0.4, 0.2)],
         "The 90 % interval lies above the base rate for partial seasons and below the base rate "
         "for broad seasons; for sustained seasons it is indistinguishable from it."),
        ([(0.2, 0.4, 0.41)] * 3,
         "lies below the base rate for partial, broad and sustained seasons."),
    ],
)  # fmt: skip
def test_the_interval_decides_on_the_base_rate(values, words):
    # An interval that ends at the base rate holds it.
    assert words in with_chances("2025-12-10", *values)


def test_a_begun_kind_is_forecast_anew():
    outlook = outlook_on("2025-09-20")
    by_kind = {each.kind: each for each in outlook.chances}
    assert by_kind["broad"].begun_on == pd.Timestamp("2025-09-10")
    view = viewed("2025-09-20")
    assert [row.title for row in view.onsets] == ["next partial", "next broad", "next sustained"]
    assert "began on 10 Sep 2025 may still become sustained" in " ".join(view.sentences)
    assert view.lasts_kinds == ("broad", "partial")
    assert [row.days for row in view.lasts] == [7, 30, 60, 90]


def test_after_a_season_the_earliest_onset():
    sentences = " ".join(viewed("2025-10-20").sentences)
    days = {day for _, day in outlook_on("2025-10-20").earliest_onset}
    assert all(f"on {long_day(day)}" in sentences for day in days)
    assert "earliest" not in " ".join(viewed("2025-12-10").sentences)


@pytest.mark.parametrize(("today", "ended"), [("2025-12-31", False), ("2026-01-01", True)])
def test_a_window_is_open_on_its_last_day(today, ended):
    assert viewed("2025-12-10", today).ended is ended


def test_bars_are_months_until_there_are_too_many():
    assert viewed("2025-12-10").parts == ("Dec",)
    far = outlook_view(
        outlook_on("2025-12-10", "2027-06-30"),
        definition=OnsetDefinition(),
        today=pd.Timestamp("2025-12-20"),
    )
    assert far.parts == ("Q4 25", "Q1 26", "Q2 26", "Q3 26", "Q4 26", "Q1 27", "Q2 27")
    assert far.period == "from 11 Dec 2025 to 30 Jun 2027"
    assert max(height for row in far.onsets for _, height in row.bars) == 1.0


@pytest.mark.parametrize(
    ("median", "half", "words"),
    [
        ("2026-03-01", ("2026-02-01", "2026-04-01"),
         "as likely as not by 1 Mar 2026; 50 % interval 1 Feb 2026 to 1 Apr 2026"),
        ("2026-03-01", ("2026-02-01", None),
         "as likely as not by 1 Mar 2026; 50 % interval 1 Feb 2026 to after 31 Dec 2025"),
        (None, (None, None), "more likely than not, none by 31 Dec 2025"),
    ],
)  # fmt: skip
def test_the_median_day_in_words(median, half, words):
    outlook = outlook_on("2025-12-10")
    days = [None if day is None else pd.Timestamp(day) for day in (median, *half)]
    first = replace(outlook.first_onset[0], median=days[0], interval_50=(days[1], days[2]))
    assert when_words(first, outlook.window) == words


# --- the record ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auc", "words"),
    [
        ({30: (0.4, 0.3, 0.6), 365: (None, None, None)}, ""),
        ({180: (0.7, 0.6, 0.8)}, "Beyond 90 days: yes at 180 days (AUC 0.70 [0.60, 0.80])."),
        ({365: (0.66, 0.0, 1.0)}, "no detectable skill at 365 days (AUC 0.66 [0.00, 1.00])"),
        ({365: (0.15, 0.02, 0.28)}, "no, the reverse at 365 days (AUC 0.15 [0.02"),
    ],
)
def test_whether_what_answers_ranks_better_than_chance(said, auc, words):
    result, _ = said("2025-12-10")
    skill = tuple(
        Skill(Kind.BROAD, days, 0.1, 0.0, 0.2, 300, 4, Verdict.BETTER, *values)
        for days, values in auc.items()
    )
    told = ranking_statement(replace(result, evidence=ForecastEvidence(15, skill, ())))
    assert (words in told) if words else (told == "")


def test_the_packaged_record_is_the_docs(reference):
    kept = replay.read(ROOT / "docs" / replay.TABLE)
    again = prospective_summary(kept, reference)
    shown = pd.read_csv(TABLE, parse_dates=["frozen", "known_until"])
    pd.testing.assert_frame_equal(shown, again, check_dtype=False, rtol=1e-5)
    record = prospective()
    assert record.frozen == kept["frozen"].max()
    assert [group.horizon_days for group in record.groups] == [30, 60, 90]


# --- the page ------------------------------------------------------------------------------------


def test_the_page_opens_with_year_and_age(page, said):
    result, _ = said("2025-12-10")
    opening = page[page.index("<body>") : page.index('id="say"')]
    assert "<strong>The data are 10 days old</strong>" in opening
    asked = f"Will an altcoin season begin {period(result.outlook.window)}?"
    assert unbroken(asked) in opening
    for chance in result.outlook.chances:
        told = (
            f"<strong>{unbroken(percent(chance.probability))}</strong>"
            if chance.begun_on is None
            else f"has begun on {unbroken(long_day(chance.begun_on))}"
        )
        assert escape(told, quote=False).replace("&lt;", "<").replace("&gt;", ">") in opening


def test_a_past_day_is_not_old(said, tables):
    result, past = said("2025-12-10")
    fresh = replace(result, notes=(), data=replace(result.data, age_days=229))
    shown = forecast_page(fresh, tables, past)
    assert "data 229 days old" in shown
    assert "days old</strong>" not in shown


def test_windows_that_have_ended_are_marked(said, tables):
    result, past = said("2025-12-10")
    assert 'class="ended"' not in forecast_page(result, tables, past)
    first, *others = result.windows
    over = replace(result, windows=(replace(first, ended=True), *others))
    assert forecast_page(over, tables, past).count('class="ended"') == 1


def test_an_outlook_that_has_ended_is_folded_away(said, tables):
    result, past = said("2025-12-10")
    assert "This window has ended" not in forecast_page(result, tables, past)
    late = replace(result, data=replace(result.data, age_days=600))
    shown = forecast_page(late, tables, past)
    opening = shown[shown.index('id="answer"') : shown.index("<table")]
    assert "This window has ended" in opening
    assert "Run predict.py --year\u00a02027" in opening
    assert "<details>" in opening
    assert "Will an altcoin season begin" not in shown


def test_without_an_outlook_the_page_says_so(said, tables):
    result, past = said("2025-12-10")
    shown = forecast_page(replace(result, outlook=None), tables, past)
    assert "the data hold no season to learn from" in shown


def test_the_page_shows_every_number_of_the_forecast(said, page):
    result, _ = said("2025-12-10")
    for kind in result.kinds:
        for row in window_rows(result, kind):
            window = row.window
            for value in (window.probability, window.climatology, *row.earlier):
                assert f">{escape(unbroken(percent(value)))}<" in page
            ends = f"{percent(window.low)} to {percent(window.high)}"
            assert escape(unbroken(ends)) in page


def test_the_page_is_well_formed(page):
    outline = Outline(page)
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:],
                                                             strict=False))  # fmt: skip
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.tags.count("table") == outline.tags.count("caption") == 11
    assert set(outline.scopes) == {"col", "row", "rowgroup"}
    assert outline.tags.count("script") == 0
    assert all(link.startswith("#") for link in outline.links)


def test_equal_forecasts_have_equal_pages(said, tables, page):
    result, past = said("2025-12-10")
    assert forecast_page(result, tables, past) == page


def test_the_stores_text_is_escaped(said, tables):
    bad = "<script>alert(1)</script>&\"'"
    result, past = said("2025-12-10")
    evil = replace(
        result,
        notes=(Note(NoteCode.DATA_PROBLEM, bad),),
        model=replace(result.model, name=bad, version=bad, run_id=bad),
        data=replace(result.data, source=bad),
    )
    rename = {"logistic": bad}
    claimed = tables.claims.assign(claim=bad, sentence=bad, verdict=bad)
    changed = TrainingTables(
        tables.hindcast.replace({"model": rename}),
        tables.verification.replace({"model": rename}),
        tables.integrated.replace({"model": rename}),
        claimed,
    )
    shown = forecast_page(evil, changed, replace(past, model=bad, reason=bad))
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert Outline(shown).tags.count("script") == 0


@pytest.mark.parametrize(
    ("day", "name"),
    [("2021-04-01", "logistic"), ("2016-03-01", "logistic"), ("2025-12-10", "climatology"),
     ("2025-10-25", "persistence")],
)  # fmt: skip
def test_every_day_and_model_has_a_page(said, tables, day, name):
    result, past = said(day, name)
    shown = forecast_page(result, replace(tables, claims=None), past)
    assert "None" not in re.sub(r"<style.*?</style>", "", shown, flags=re.DOTALL)
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", shown, flags=re.DOTALL)
    assert "did not test the claims. Run" in shown
    if name == "climatology":
        assert "its skill is 0" in shown
    if all(window.probability is None for window in result.windows):
        assert shown.count("No forecast") >= 2


# --- the browser ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def address(page, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "forecast.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("width", "scheme"), SCREENS)
def test_a_browser_finds_nothing_wrong(browser, address, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    said: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(address)
    assert asked == [address]
    assert said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator(".slim svg").is_visible() == (width == 360)
    assert tab.locator(".wide svg").is_visible() == (width == 1280)
    for details in tab.locator("summary").all():
        details.click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()
    assert [each["id"] for each in found.response["incomplete"]] == []
    assert any(rule["id"] == "color-contrast" for rule in found.response["passes"])
    tab.close()


def test_a_screen_reader_is_told_what_there_is(browser, address):
    tab = browser.new_page()
    tab.goto(address)
    names = [tab.get_by_role("table").nth(i).locator("caption").inner_text() for i in range(11)]
    for name in names:
        assert tab.get_by_role("table", name=name, exact=True).count() == 1
    for name in (
        "The next 30 to 365 days",
        "What the evidence supports",
        "Do small caps lead altcoins?",
        "Warnings",
    ):
        assert tab.get_by_role("region", name=name, exact=True).count() == 1
        assert tab.get_by_role("heading", name=name, exact=True).count() == 1
    title = "Chance that a broad altcoin season begins within 90 days"
    assert tab.get_by_role("img", name=title, exact=True).count() == 1
    assert tab.get_by_role("img", name=re.compile("^Reliability of logistic at")).count() == 3
    tab.close()


def test_the_theme_recolours_everything(browser, address):
    shades = {}
    for scheme in ("light", "dark"):
        tab = browser.new_page(color_scheme=scheme)
        tab.goto(address)
        shades[scheme] = tab.evaluate(
            "[getComputedStyle(document.body).backgroundColor, "
            "...new Set([...document.querySelectorAll('.wide svg [style*=\"var(--ink)\"]')]"
            ".map(e => getComputedStyle(e).stroke + getComputedStyle(e).fill))]"
        )
        tab.close()
    assert len(shades["light"]) > 1
    assert not set(shades["light"]) & set(shades["dark"])


def test_paper_is_white_and_unfolded(browser, address, tmp_path):
    tab = browser.new_page(color_scheme="dark")
    tab.emulate_media(media="print")
    tab.goto(address)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    heights = tab.evaluate(
        "[...document.querySelectorAll('details li')].map(e => e.getBoundingClientRect().height)"
    )
    assert heights
    assert all(height > 0 for height in heights)
    assert tab.locator(".wide svg").is_visible()
    content = tab.pdf(format="A4")
    pages = len(re.findall(rb"/Type\s*/Page\b", content))
    assert 4 <= pages <= 12
    tab.close()


def test_a_stored_sweep_is_a_section(said, tables, monkeypatch):
    stored = StoredSweep(162, pd.Timestamp("2026-06-06"), ("The median is <small>.", "The best."))
    monkeypatch.setattr("models.report.page.stored_sweep", lambda: stored)
    result, past = said("2025-12-10")
    made = forecast_page(result, tables, past)
    assert made.count("How much hangs on the choices") == 1
    assert "162 combinations of choices" in made
    assert "<li>The median is &lt;small&gt;.</li>\n<li>The best.</li>" in made
