"""The figure of what was forecast before each onset."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from models.report.record_figures import event_timeline
from models.report.style import BLUE, ORANGE
from tests.test_events import STEP, forecasts, onset_days, week


@pytest.fixture(scope="module")
def timeline():
    """A timeline of four onsets: warned, warned and withdrawn, not warned, one day ahead."""
    values = np.full(100, 0.1)
    values[[18, 19]] = 0.8
    values[[40, 41]] = 0.9
    values[90] = 0.7
    onsets = onset_days(week(20), week(43), week(70), week(90, 1))
    return event_timeline(forecasts(values), onsets, level=0.5, step_days=STEP)


def test_the_timeline_has_a_panel_per_onset(timeline):
    shown = [axes for axes in timeline.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"{day:%Y-%m-%d}" for day in (week(20), week(43), week(70), week(90, 1))
    ]


def test_the_timeline_says_the_lead_time_in_words(timeline):
    words = [axes.get_title(loc="right") for axes in timeline.axes if axes.get_visible()]
    assert words == [
        "warned 14 days ahead", "21 days ahead, withdrawn", "no warning", "warned 1 day ahead",
    ]  # fmt: skip


def test_the_timeline_draws_what_was_said(timeline):
    axes = timeline.axes[0]
    drawn = next(line for line in axes.lines if line.get_color() == BLUE)
    days, values = drawn.get_data()
    assert days.tolist() == list(range(-126, 0, STEP))
    assert values[days == -14].tolist() == [0.8]
    assert values[days == -21].tolist() == [0.1]
    onset = [line for line in axes.lines if line.get_color() == ORANGE]
    assert [line.get_xdata()[0] for line in onset] == [0]


def test_the_timeline_is_white_and_1100_pixels_wide(timeline):
    assert timeline.get_facecolor() == to_rgba("white")
    assert timeline.get_figwidth() * timeline.dpi == pytest.approx(1100)
    timeline.canvas.draw()


def test_a_timeline_without_onsets_is_an_error():
    with pytest.raises(ValueError, match="no onset follows the first forecast on 2025-01-07"):
        event_timeline(forecasts([0.5]), onset_days(week(0)), level=0.5, step_days=STEP)
