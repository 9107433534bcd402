"""A forecast as text for a person, 80 columns wide."""

from __future__ import annotations

from features.health import STALE_DAYS
from features.market.season import PARTIAL_THRESHOLD
from models.forecasting.parts import Forecast
from models.formatting import (
    counted,
    listed,
    long_day,
    percent,
    share_interval,
    wrap,
)
from models.report.evidence_text import driver_text, evidence_text
from models.report.outlook_text import outlook_text
from models.report.outlook_words import ended_statement
from models.report.rows import WindowRow, window_rows
from models.report.statements import carried_statement, flipping_statement
from models.report.terminal import Terminal
from models.vocabulary import Kind

BAR_WIDTH = 8
STATES = {
    "bitcoin": "a Bitcoin season",
    "neutral": "neither a Bitcoin nor an altcoin season",
    "partial": "a partial altcoin season",
    "broad": "a broad altcoin season",
}
_PLAIN = Terminal()


def forecast_text(forecast: Forecast, terminal: Terminal = _PLAIN) -> str:
    """Return a forecast for a person to read.

    Parameters
    ----------
    forecast : Forecast
        From `models.forecasting.forecast.forecast`.
    terminal : Terminal
        Colours and bars that can be shown; the words are the same with and
        without.
    """
    outlook = outlook_text(forecast, terminal)
    ended = outlook_ended(forecast)
    # What is over never stands first.
    blocks = [_season(forecast, terminal), *([terminal.bold(wrap(ended))] if ended else outlook)]
    blocks += [_kind(forecast, kind, terminal) for kind in forecast.kinds]
    blocks += outlook if ended else []
    blocks += [_trend(forecast), driver_text(forecast, terminal)]
    blocks += [wrap(flipping_statement(forecast))]
    blocks += [evidence_text(forecast, terminal)]
    blocks += [terminal.warning(wrap(f"Warning: {note.text}")) for note in forecast.notes]
    blocks.append("Research software, not investment advice.")
    return "\n\n".join(block for block in blocks if block)


def outlook_ended(forecast: Forecast) -> str:
    """Return that the outlook's window is over and what to run instead; empty while it is open."""
    if forecast.outlook is None:
        return ""
    data = forecast.data
    return ended_statement(forecast.outlook.window, as_of=forecast.as_of, today=data.today)


def title(forecast: Forecast) -> str:
    """Return the first line: the day, the age of the data and how to get newer ones."""
    age = forecast.data.age_days
    words = (
        f"Altcoin season forecast as of {long_day(forecast.as_of)}, data {counted(age, 'day')} old"
    )
    # Strict: data of exactly a week ago still count as current.
    return f"{words} (predict.py --source yahoo for today's)" if age > STALE_DAYS else words


def question(forecast: Forecast, kind: Kind) -> str:
    """Return what the probabilities of a kind of season answer."""
    broad = kind == Kind.BROAD
    threshold = forecast.definition.threshold if broad else PARTIAL_THRESHOLD
    return f"Chance that a {kind} altcoin season begins (season index {threshold:g} or more)"


def trend_note(forecast: Forecast) -> str:
    """Return what the trend is and is not, in words."""
    then = forecast.trend
    days = listed([long_day(each.as_of) for each in then])
    note = (
        f"A week and a month ago: the same model on the data known on {days}, for windows of the "
        f"same length."
    )
    if forecast.by_date:
        note += f" The window to {long_day(forecast.by_date[0].window_end)} keeps its end."
    sampled = [long_day(each.as_of) for each in then if each.in_sample]
    if sampled:
        note += (
            f" The model has since been trained on outcomes up to "
            f"{long_day(forecast.model.trained_until)}: its values for {listed(sampled)} are in "
            f"sample."
        )
    return note + _missing_in_trend(forecast)


def _missing_in_trend(forecast: Forecast) -> str:
    """Return why the trend has no number where it has none."""
    reasons: dict[str, list[str]] = {}
    for each in forecast.trend:
        for row in each.windows:
            if row.reason is not None:
                where = f"{row.kind} on {long_day(each.as_of)}"
                reasons.setdefault(row.reason, []).append(where)
    note = "".join(
        f" n/a for {listed(list(dict.fromkeys(places)))}: {reason}."
        for reason, places in reasons.items()
    )
    # A season or want of data is said above; left is a window too far from the earlier day.
    too_far = {row.reason for each in forecast.trend for row in each.by_date} - {None, *reasons}
    return note + "".join(f" n/a for a window that ends {reason}." for reason in too_far)


def _season(forecast: Forecast, terminal: Terminal) -> str:
    season = forecast.season
    last = ", ".join(
        f"{kind} {long_day(day) if day is not None else 'none'}"
        for kind, day in season.last_onset.items()
    )
    return "\n".join(
        [
            *(terminal.bold(line) for line in wrap(title(forecast)).splitlines()),
            wrap(f"Season index {season.index:.0f} of 100: {STATES[season.state]}."),
            wrap(f"Last onsets: {last}."),
            *(wrap(sentence) for sentence in [carried_statement(forecast)] if sentence),
        ]
    )


def _kind(forecast: Forecast, kind: Kind, terminal: Terminal) -> str:
    heading = terminal.bold(question(forecast, kind))
    rows = window_rows(forecast, kind)
    if rows[0].window.probability is None:
        return f"{heading}\n" + wrap(f"  No forecast: {rows[0].window.reason}.")
    label = f"{'':{20 + 1 + BAR_WIDTH}}"
    heads = [
        f"{label}{'':35} {'a week':>6}{'a month':>8}",
        f"{label} {'chance':>6} {'base rate':>11}  {'90 % interval':<14} {'ago':>7}{'ago':>8}",
    ]
    return "\n".join(
        [heading, *map(terminal.faint, heads), *(_line(row, terminal) for row in rows)]
    )


def _line(row: WindowRow, terminal: Terminal) -> str:
    window = row.window
    bar = f"{'ended':{BAR_WIDTH}}"
    if not window.ended:
        bar = terminal.bar(window.probability or 0.0, BAR_WIDTH)
    chance = terminal.bold(f"{percent(window.probability):>6}")
    week, month = (percent(value) for value in row.earlier)
    return (
        f"by {long_day(window.window_end):>11} {window.horizon_days:>3} d {bar} {chance} "
        f"{percent(window.climatology):>11}  {share_interval(window.low, window.high, width=5)} "
        f"{week:>7}{month:>8}"
    )


def _trend(forecast: Forecast) -> str:
    shown = any(window.probability is not None for window in forecast.windows)
    return wrap(trend_note(forecast)) if shown else ""
