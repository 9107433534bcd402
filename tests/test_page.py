"""The page of a forecast: what it says, and how a real browser shows it."""

from __future__ import annotations

import functools
import re
import shutil
from dataclasses import replace
from html import escape
from html.parser import HTMLParser

import pandas as pd
import pytest

from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import out_of_sample
from models.forecasting.parts import ForecastEvidence, ModelId, Note, NoteCode, Skill
from models.forecasting.season_status import season_status
from models.formatting import percent, unbroken
from models.report.page import forecast_page
from models.report.rows import window_rows
from models.report.statements import (
    ClaimHeadline,
    claims_statement,
    headline,
    partial_statement,
    skill_statements,
    today_statement,
    trust_statement,
)
from models.tracking.tables import TrainingTables
from models.training.claims import claims
from models.vocabulary import Kind, Verdict

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

    @functools.cache
    def on(day: str, name: str = "logistic"):
        forecaster = quick.forecasters[name]
        status = season_status(reference, forecaster, pd.Timestamp(day))
        result = forecast(
            status, forecaster, ModelId("3", "0123456789abcdef"), by=None,
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
    assert "better than climatology 30 and 90 days ahead" in sentences[0]
    assert "worse than climatology 365 days ahead" in sentences[1]
    assert sentences[2].startswith("At 60 days the history cannot tell")
    assert "4 to 7 seasons" in sentences[3]
    assert "At 365 days" in trust_statement(mixed)
    assert "did worse than climatology" in trust_statement(mixed)
    assert "have beaten climatology" in trust_statement(judged(result, d365="better"))
    unsure = judged(result, d365="cannot tell")
    assert "cannot be told from climatology" in trust_statement(unsure)
    assert "Nothing has been verified" in skill_statements(judged(result))[0]
    assert trust_statement(judged(result)) == ""


def test_partial_seasons_have_verdicts_of_their_own(said):
    result, _ = said("2025-12-10")
    assert partial_statement(judged(result, Kind.PARTIAL)) == ""
    assert partial_statement(judged(result, d30="better")) == ""
    mixed = judged(result, Kind.PARTIAL, d30="better", d60="cannot tell", d90="better")
    assert partial_statement(mixed) == (
        "Partial seasons: better than climatology at 30 and 90 days; cannot tell at 60 days."
    )


def test_the_loud_number_has_its_trust_beside_it(page, said):
    result, _ = said("2025-12-10")
    (answer,) = re.findall(r'<p class="answer">.*?</p>', page, flags=re.DOTALL)
    assert trust_statement(result)
    assert escape(unbroken(trust_statement(result))) in answer
    assert page.count(escape(unbroken(trust_statement(result)))) == 1


def test_today_is_apart_from_climatology_where_its_interval_leaves_it_out(said):
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
    assert "nothing unusual" in today_statement(replace(better, windows=rows[1:2]))
    # Where the history cannot tell, an interval apart is no news.
    unsure = judged(result, d30="cannot tell", d60="better", d90="better")
    sentence = today_statement(replace(unsure, windows=rows))
    assert "below it at 90 days" in sentence
    assert "30 days" not in sentence
    assert today_statement(replace(unsure, windows=rows[:1])) == ""


def test_claims_are_counted_by_their_verdicts():
    rows = [ClaimHeadline("a", "cannot tell", ""), ClaimHeadline("b", "less often", "")]
    assert "none of the article's 1 claims" in claims_statement(rows[:1])
    assert "about 1: “b” (less often). About the other 1" in claims_statement(rows)


def test_the_headline_is_the_number_by_date_or_the_last_window(said):
    result, _ = said("2025-12-10")
    number, asked = headline(result)
    assert number == percent(result.by_date[0].probability)
    assert "by 31 Dec 2026" in asked
    far, _ = said("2022-12-01")
    assert far.by_date == ()
    number, asked = headline(far)
    assert number == percent(far.windows[4].probability)
    assert "by 1 Dec 2023" in asked
    assert "The window until 1 Dec 2023 spans 365 days" in trust_statement(far)


# --- the page ------------------------------------------------------------------------------------


def test_the_page_shows_every_number_of_the_forecast(said, page):
    result, _ = said("2025-12-10")
    for kind in result.kinds:
        for row in window_rows(result, kind):
            window = row.window
            for value in (window.probability, window.climatology, *row.earlier):
                assert f">{escape(unbroken(percent(value)))}<" in page
            ends = f"{percent(window.low)} to {percent(window.high)}"
            assert escape(unbroken(ends)) in page


def test_the_page_is_well_formed_and_names_its_parts(page):
    outline = Outline(page)
    assert outline.levels[0] == 1
    assert outline.levels.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(outline.levels, outline.levels[1:],
                                                             strict=False))  # fmt: skip
    assert len(outline.ids) == len(set(outline.ids))
    assert outline.tags.count("table") == outline.tags.count("caption") == 5
    assert set(outline.scopes) == {"col", "row", "rowgroup"}
    assert outline.tags.count("script") == 0
    assert all(link.startswith("#") for link in outline.links)


def test_equal_forecasts_have_equal_pages(said, tables, page):
    result, past = said("2025-12-10")
    assert forecast_page(result, tables, past) == page


def test_whatever_the_store_holds_is_text_and_nothing_else(said, tables):
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
def test_every_kind_of_day_and_model_has_a_page(said, tables, day, name):
    result, past = said(day, name)
    shown = forecast_page(result, replace(tables, claims=None), past)
    assert "None" not in re.sub(r"<style.*?</style>", "", shown, flags=re.DOTALL)
    assert "nan" not in re.sub(r"<svg.*?</svg>", "", shown, flags=re.DOTALL)
    assert "Train again with" in shown
    if name == "climatology":
        assert "it has no skill" in shown
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
    names = [tab.get_by_role("table").nth(i).locator("caption").inner_text() for i in range(5)]
    for name in names:
        assert tab.get_by_role("table", name=name, exact=True).count() == 1
    for name in ("Forecast", "What the evidence allows to say", "The article's claims", "Warnings"):
        assert tab.get_by_role("region", name=name, exact=True).count() == 1
        assert tab.get_by_role("heading", name=name, exact=True).count() == 1
    title = "Chance that a broad altcoin season begins within 90 days"
    assert tab.get_by_role("img", name=title, exact=True).count() == 1
    assert tab.get_by_role("img", name=re.compile("^Reliability of logistic at")).count() == 3
    tab.close()


def test_the_theme_changes_the_colours_of_page_and_pictures(browser, address):
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


def test_paper_is_white_and_shows_what_the_screen_folds_away(browser, address, tmp_path):
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
