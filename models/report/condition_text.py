"""What alerts found and what features would change, as text for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from features.terminal import aligned
from models.forecasting.parts import Forecast
from models.forecasting.what_if import TARGET, TARGET_DAYS, BreadthNeeded, Supposition, WhatIf
from models.formatting import long_day, percent, wrap
from models.ledger.alerts import AlertState
from models.report.terminal import Terminal

_PLAIN = Terminal()


def alert_text(alerts: Sequence[AlertState], terminal: Terminal = _PLAIN) -> list[str]:
    """Return what alerts found: one block, none without alerts."""
    lines = [_alert(state) for state in alerts]
    return ["\n".join(terminal.warning(line) for line in lines)] if lines else []


def what_if_text(answer: WhatIf, terminal: Terminal = _PLAIN) -> str:
    """Return a hypothetical forecast beside the actual one for a person to read."""
    actual, hypothetical = answer.actual, answer.hypothetical
    head = f"HYPOTHETICAL: not the forecast as of {long_day(actual.as_of)}, and never recorded"
    rows = [("", "forecast", "supposed", "base rate"), *_window_rows(actual, hypothetical)]
    blocks = [
        terminal.bold(head),
        "\n".join(map(_change, answer.changes)),
        "\n".join(aligned(rows, "<>")),
        wrap(
            "Everything else is held fixed, including the simulated paths of the coins and the "
            "state of the season. Such a day need not be possible."
        ),
    ]
    if answer.needed is not None:
        blocks.append(wrap(_needed(answer.needed)))
    return "\n\n".join([*blocks, "Research software, not investment advice."])


def _alert(state: AlertState) -> str:
    before = "" if state.before is None else f", {percent(state.before)} in the forecast before"
    if state.alert.change and state.before is None:
        before = ", no earlier forecast of the same window to compare with"
    word = "ALERT" if state.fired else "alert reported before" if state.met else "no alert"
    return wrap(f"{word}: {state.alert} ({percent(state.probability)}{before}).")


def _change(change: Supposition) -> str:
    value = "missing" if change.value is None else f"{change.value:.4g}"
    return f"{change.feature}: {value}, supposed {change.supposed:.4g}"


def _window_rows(actual: Forecast, hypothetical: Forecast) -> Iterable[tuple[str, ...]]:
    for window, other in zip(actual.windows, hypothetical.windows, strict=True):
        name = f"{window.kind}, {window.horizon_days} days"
        figures = (window.probability, other.probability, window.climatology)
        yield (name, *map(percent, figures))
    if actual.outlook is None or hypothetical.outlook is None:
        return
    end = long_day(actual.outlook.window.end)
    for now, then in zip(actual.outlook.chances, hypothetical.outlook.chances, strict=True):
        figures = (now.probability, then.probability, now.climatology)
        yield (f"{now.kind}, by {end}", *map(percent, figures))


def _needed(needed: BreadthNeeded) -> str:
    shares = ", ".join(
        f"{name} {value:.0f} to {target:.0f}" for name, (value, target) in needed.shares.items()
    )
    side = "higher" if needed.change > 0 else "lower"
    change = f"breadth {abs(needed.change):.0f} points {side} today ({shares}), all else as it is"
    if needed.reached:
        return (
            f"What it would take for {percent(needed.probability)} in {TARGET_DAYS} days: {change}."
        )
    return (
        f"No change of breadth alone brings {percent(TARGET)} in {TARGET_DAYS} days; the most, "
        f"{percent(needed.probability)}, takes {change}."
    )
