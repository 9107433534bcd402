"""The picture of a forecast: what it is drawn from, its bytes, and what is refused."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import escape
from pathlib import Path

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import predict
from features.panel import end_of_day
from features.storage.atomic import staged
from models.errors import TrackingError
from models.forecasting.forecast import forecast
from models.forecasting.out_of_sample import out_of_sample
from models.forecasting.parts import ModelId
from models.forecasting.reforecast import reforecast
from models.forecasting.season_status import season_status
from models.formatting import long_day, percent, unbroken
from models.hazard.candidates import CANDIDATES
from models.report.docs import picture
from models.report.fan import _LABEL_GAP, _heights, describe_fan
from models.report.figures import discrimination
from models.report.picture import describe, draw, title
from models.report.style import COLOURS, inline_svg, png, svg
from models.tracking.reading import load_forecaster
from models.tracking.tables import load_tables
from tests.commands import run_command, squeezed
from tests.embedded import END, iso
from tests.outlooks import outlook_on

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"


def past_of(panel, training, day: str | pd.Timestamp, **options):
    """The out-of-sample forecasts of the small logistic model up to a day."""
    forecaster = training.forecasters["logistic"]
    status = season_status(panel, forecaster, pd.Timestamp(day))
    return out_of_sample(status, forecaster, training.hindcast, **options)


@pytest.fixture(scope="module")
def said(reference, quick):
    """What the small model forecast until half a year after its training."""
    return past_of(reference, quick, "2020-01-14")


# --- the figures of a run ------------------------------------------------------------------------


def test_every_candidate_has_a_colour():
    assert len({*COLOURS}) == len(COLOURS) >= len(CANDIDATES) - 1


@pytest.mark.parametrize(
    ("champion", "shown"),
    [
        ("pool", ["pool (champion)", "persistence", "best", "second", "base rate"]),
        ("persistence", ["persistence (champion)", "best", "second", "base rate"]),
        ("climatology", ["persistence", "best", "second", "base rate"]),
    ],
)
def test_the_champion_stands_beside_the_best(champion, shown):
    outcome = np.tile([0.0, 1.0], 6)
    # The more of them are on the wrong side, the lower the AUC.
    wrong = {"climatology": 6, "persistence": 5, "pool": 4, "best": 0, "second": 1, "third": 2}
    table = pd.concat(
        pd.DataFrame(
            {
                "model": name, "kind": "broad", "horizon_days": 60, "outcome": outcome,
                "probability": np.where(np.arange(12) < 2 * count, 1 - outcome, outcome),
            }
        )
        for name, count in wrong.items()
    )  # fmt: skip
    lines = discrimination(table, champion).axes[0].lines
    assert [str(line.get_label()).split(", AUC")[0] for line in lines] == shown
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == len(shown)


# --- the year to come ----------------------------------------------------------------------------


@pytest.mark.parametrize("narrow", [False, True])
def test_the_fan_is_the_curves_of_the_outlook(said, narrow):
    outlook = outlook_on("2020-01-14")
    *_, fan = draw(said, outlook=outlook, narrow=narrow).axes
    drawn = {line.get_linestyle(): line for line in fan.lines if len(line.get_xdata()) > 2}
    for curve in outlook.curves[1:]:
        line = drawn["--" if curve.kind == "sustained" else "-"]
        assert list(line.get_ydata()) == [0.0, *curve.probability]
        assert line.get_xdata()[-1] == mdates.date2num(curve.dates[-1])
        assert any(text.get_text().startswith(f"{curve.kind}\n{percent(curve.probability[-1])}")
                   for text in fan.texts)  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=2, max_size=2))
def test_labels_of_lines_never_lie_on_one_another(values):
    heights = _heights(values)
    assert abs(heights[0] - heights[1]) >= _LABEL_GAP - 1e-12
    assert all(_LABEL_GAP / 2 - 1e-12 <= height <= 1 - _LABEL_GAP / 2 + 1e-12 for height in heights)
    if values[0] != values[1]:
        assert (heights[0] < heights[1]) == (values[0] < values[1])


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("day", ["2020-01-14", "2025-09-20"])
def test_no_words_of_the_picture_overlap(said, day, narrow):
    figure = draw(said, outlook=outlook_on(day), narrow=narrow)
    figure.draw_without_rendering()
    fan = figure.axes[-1]
    boxes = [text.get_window_extent() for text in (*fan.texts, *fan.get_xticklabels())]
    assert not [
        (one, two) for at, one in enumerate(boxes) for two in boxes[:at] if one.overlaps(two)
    ]  # fmt: skip
    assert all(box.x1 <= figure.bbox.x1 and box.x0 >= figure.bbox.x0 for box in boxes)


def test_without_curves_there_is_no_fan(said):
    bare = replace(outlook_on("2020-01-14"), curves=())
    assert len(draw(said, outlook=bare).axes) == len(draw(said).axes) == 2
    assert describe(said, outlook=bare) == describe(said)
    assert describe_fan(outlook_on("2020-01-14")) in describe(
        said, outlook=outlook_on("2020-01-14")
    )


# --- what is drawn -------------------------------------------------------------------------------


def test_past_days_are_the_hindcasts(reference, quick, said):
    own = quick.hindcast[
        (quick.hindcast["model"] == "logistic") & (quick.hindcast["kind"] == "broad")
        & (quick.hindcast["horizon_days"] == 90)
    ].set_index("as_of")  # fmt: skip
    drawn = said.hindcast.dropna()
    pd.testing.assert_series_equal(drawn["probability"], own["probability"], check_freq=False)
    quarter = drawn.index[:13]
    table = reforecast(
        reference, quick.forecasters["logistic"], first=quarter[0], last=quarter[-1],
        horizons=[90],
    )  # fmt: skip
    hindsight = table[table["kind"] == "broad"].set_index("as_of")["probability"]
    both = pd.concat([drawn["probability"], hindsight], axis=1, join="inner").dropna()
    assert len(both) > 5
    assert not np.allclose(*both.to_numpy().T)


def test_then_the_stored_model_speaks(reference, quick, said):
    forecaster = quick.forecasters["logistic"]
    assert said.since.index[0] > said.hindcast.index[-1]
    assert said.since.index[0] >= quick.trained_until
    assert (said.since.index.diff()[1:] == pd.Timedelta(days=7)).all()
    table = reforecast(
        reference, forecaster, first=said.since.index[0], last=pd.Timestamp("2020-01-14"),
        horizons=[90],
    )  # fmt: skip
    own = table[table["kind"] == "broad"].set_index("as_of")
    both = pd.concat([said.since, said.now])
    for name in ("probability", "low", "high", "climatology"):
        np.testing.assert_array_equal(both[name], own.loc[both.index, name])
    assert not table["in_sample"].any()


def test_a_day_in_sample_is_called_so(reference, quick):
    day = pd.Timestamp("2018-11-01")
    found = past_of(reference, quick, day)
    assert found.in_sample
    assert found.hindcast.index[-1] <= day
    assert found.since.empty
    assert found.index.index[-1] == day
    assert found.onsets.max() <= day


def test_nothing_later_than_the_day_is_drawn(reference, quick):
    day = pd.Timestamp("2020-01-14")
    cut = reference.known_at(end_of_day(pd.DatetimeIndex([day]))[0])
    one, two = (past_of(panel, quick, day) for panel in (reference, cut))
    for name in ("hindcast", "since", "now"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(two, name))
    pd.testing.assert_series_equal(one.index, two.index)


def test_another_horizon_is_the_nearest_verified(reference, quick):
    found = past_of(reference, quick, "2019-06-30", horizon_days=40)
    assert found.horizon_days == 30


@pytest.mark.parametrize(
    ("day", "narrow"),
    [("2015-06-01", False), ("2016-03-01", True), ("2021-04-01", False), ("2025-12-10", True)],
)
def test_every_day_can_be_drawn(reference, quick, day, narrow):
    found = past_of(reference, quick, day)
    assert png(draw(found, narrow=narrow)).startswith(b"\x89PNG")
    words = describe(found)
    assert (found.reason in words) if found.reason else ("90 % interval" in words)


def test_the_description_counts_the_onsets_shown(said):
    shown = said.onsets[said.onsets >= said.hindcast.index[0]]
    assert f"{len(shown)} broad seasons began" in describe(said)
    assert "0 broad seasons began" in describe(said, since=pd.Timestamp("2019-12-01"))


def test_a_picture_begins_no_earlier_than_the_data(said):
    first = said.index.index[0]
    assert f"from {long_day(first)} to" in describe(said, since=pd.Timestamp("2001-01-01"))
    below = draw(said, since=pd.Timestamp("2001-01-01")).axes[1]
    assert below.get_xlim()[0] == pytest.approx(mdates.date2num(first))


# --- the bytes -----------------------------------------------------------------------------------


def test_the_svg_stands_alone(said):
    content = svg(draw(said), title="A < B", description="as & of")
    root = ElementTree.fromstring(content)
    assert root.get("role") == "img"
    named = {root.get("aria-labelledby"), root.get("aria-describedby")}
    assert {e.text for e in root.iter() if e.get("id") in named} == {"A < B", "as & of"}
    links = [v for e in root.iter() for k, v in e.attrib.items() if k.endswith("href")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not [e for e in root.iter() if e.tag in (SVG + "text", SVG + "image", SVG + "script")]
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    assert {link[1:] for link in links} <= ids
    assert b"date" not in content.lower()


def test_two_pictures_on_a_page_share_no_id(said):
    words, figure = {"title": title(said), "description": describe(said)}, draw(said)
    one, two = (
        {e.get("id") for e in ElementTree.fromstring(drawn).iter()} - {None}
        for drawn in (inline_svg(figure, name=name, **words) for name in ("one", "two"))
    )
    assert one
    assert not one & two


def test_the_page_sets_the_colours(said):
    drawn = inline_svg(draw(said), name="a", title="a", description="a")
    assert "var(--ink)" in drawn
    assert "var(--blue)" in drawn
    assert "#" not in drawn.replace("url(#", "").replace('href="#', "").replace("&#", "")


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_what_the_library_draws(trained, reference, tmp_path):
    uri, _, _ = trained
    picture, page = tmp_path / "a.svg", tmp_path / "a.html"
    result = run_command(predict.app, "--tracking-uri", uri, "--plot", picture, "--report", page)
    assert result.exit_code == 0, result.output
    assert "Chance that a broad altcoin season begins" in result.stdout
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.html", "a.svg"]
    stored = load_forecaster(uri)
    tables = load_tables(uri, stored.model_id.run_id)
    status = season_status(reference, stored.forecaster, reference.last_day)
    own = out_of_sample(status, stored.forecaster, tables.hindcast)
    outlook = forecast(status, stored.forecaster, stored.model_id, today=reference.last_day).outlook
    words = describe(own, outlook=outlook)
    assert outlook.curves
    drawn = svg(draw(own, outlook=outlook), title=title(own), description=words)
    assert picture.read_bytes() == drawn
    text = page.read_text()
    assert escape(unbroken(words)) in text
    assert tables.claims is not None
    assert escape(unbroken(tables.claims["sentence"].iloc[0])) in text


def test_equal_pictures_have_equal_bytes(said):
    # Of SVG the command's own test says so.
    assert png(draw(said)) == png(draw(said))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plot", "a.pdf"], "--plot must end in .png or .svg, got a.pdf"),
        (["--plot", "a"], "--plot must end in .png or .svg, got a"),
        (["--report", "a.htm"], "--report must end in .html, got a.htm"),
        (["--plot", "nowhere/a.png"], "there is no directory nowhere"),
        (["--report", "folder.html"], "folder.html is a directory"),
        (["--since", "2020-01-01"], "--since goes with --plot or --report"),
        (["--plot", "a.png", "--history", "2025-01-01", "2025-02-01"], "exclude each other"),
    ],
)
def test_an_unwritable_picture_is_refused_first(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    result = run_command(
        predict.app, *arguments, "--tracking-uri", f"sqlite:///{tmp_path / 'none.db'}"
    )
    assert result.exit_code == 2
    assert message in squeezed(result.stderr)
    assert [each.name for each in tmp_path.iterdir()] == ["folder.html"]


def test_a_picture_must_begin_before_its_forecast(trained, tmp_path):
    uri, _, _ = trained
    path = tmp_path / "a.png"
    result = run_command(predict.app, "--tracking-uri", uri, "--plot", path, "--since", iso(END))
    assert result.exit_code == 2
    assert iso(END) in result.stderr
    assert not path.exists()


def test_a_file_is_replaced_whole_or_kept(tmp_path):
    path = tmp_path / "a.png"
    path.write_text("before")

    def fail_half_way() -> None:
        with staged(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with staged(path) as beside:
        beside.write_text("whole")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


# --- the tables of a training --------------------------------------------------------------------


def test_candidate_and_training_share_tables(trained):
    uri, folder, _ = trained
    child = load_forecaster(uri).model_id.run_id
    tables = load_tables(uri, child)
    written = pd.read_parquet(folder / "hindcast.parquet")
    pd.testing.assert_frame_equal(tables.hindcast, written)
    assert tables.claims is not None
    assert set(tables.verification["model"]) == {"climatology", "logistic"}


@pytest.fixture
def empty_run(trained):
    """A run in the store without any table; deleted afterwards."""
    from mlflow import MlflowClient

    uri, _, _ = trained
    client = MlflowClient(tracking_uri=uri)
    run_id = client.create_run(client.search_experiments()[0].experiment_id).info.run_id
    yield client, uri, run_id
    client.delete_run(run_id)


def test_tables_that_no_manifest_seals_are_one_message(empty_run):
    _, uri, run_id = empty_run
    with pytest.raises(TrackingError, match="did not seal its tables, so that they are no evid"):
        load_tables(uri, run_id)
    with pytest.raises(TrackingError, match="cannot be read: Run with id="):
        load_tables(uri, "0123456789abcdef0123456789abcdef")


def test_the_docs_picture_shows_the_champion(reference, small_training):
    drawn = picture(reference, small_training)
    forecaster = small_training.forecasters["logistic"]
    status = season_status(reference, forecaster, reference.last_day)
    past = out_of_sample(status, forecaster, small_training.hindcast)
    made = forecast(status, forecaster, ModelId(None, ""), today=reference.last_day)
    assert drawn == png(draw(past, outlook=made.outlook)) != png(draw(past))
