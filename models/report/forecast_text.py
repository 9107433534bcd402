"""A forecast as text for a person, 80 columns wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from features.market.season import PARTIAL_THRESHOLD
from models.formatting import interval, listed, long_day, percent, signed, wrap
from models.report.sayings import on_partial, on_window
from models.report.terminal import Terminal
from models.vocabulary import Kind, Verdict

BAR_WIDTH = 8
DRIVERS_SHOWN = 8
STATES = {
    "bitcoin": "a Bitcoin season",
    "neutral": "neither a Bitcoin nor an altcoin season",
    "partial": "a partial altcoin season",
    "broad": "a broad altcoin season",
}
VERDICTS = {
    Verdict.BETTER: "better than climatology",
    Verdict.WORSE: "worse than climatology",
    Verdict.CANNOT_TELL: "cannot tell",
}
_PLAIN = Terminal()


def forecast_text(forecast: Mapping[str, Any], terminal: Terminal = _PLAIN) -> str:
    """Return a forecast for a person to read.

    Parameters
    ----------
    forecast : mapping
        From `models.forecasting.forecast.forecast`.
    terminal : Terminal
        Colours and bars that can be shown; the words are the same with and
        without.
    """
    blocks = [_season(forecast, terminal)]
    blocks += [_kind(forecast, kind, terminal) for kind in forecast["season"]["at_risk"]]
    blocks += [_trend(forecast), _drivers(forecast["drivers"], terminal)]
    blocks += [_evidence(forecast, terminal)]
    blocks += [terminal.warning(wrap(f"Warning: {each}")) for each in forecast["warnings"]]
    blocks.append("Research software, not investment advice.")
    return "\n\n".join(block for block in blocks if block)


def question(forecast: Mapping[str, Any], kind: str) -> str:
    """Return what the probabilities of a kind of season answer."""
    threshold = forecast["definition"]["threshold"] if kind == Kind.BROAD else PARTIAL_THRESHOLD
    return f"Chance that a {kind} altcoin season begins (season index {threshold:g} or more)"


def windows(forecast: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the windows of a kind of season in the order of their ends, the one by date last.

    Each has `days`, `window_end`, `probability`, `low`, `high`, `climatology`,
    `reason`, and `ago`: the probabilities of a week and a month ago.
    """
    as_of = pd.Timestamp(forecast["as_of"])

    def own(part: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
        return [row for row in part[name] if row["kind"] == kind]

    rows = []
    for name, end in (("forecasts", "window_end"), ("by_date", "date")):
        earlier = [own(then, name) for then in forecast["trend"]]
        for position, row in enumerate(own(forecast, name)):
            rows.append(
                {
                    **row,
                    "days": (pd.Timestamp(row[end]) - as_of).days,
                    "window_end": row[end],
                    "ago": [then[position]["probability"] for then in earlier],
                }
            )
    return rows


def trend_note(forecast: Mapping[str, Any]) -> str:
    """Return what the trend is and is not, in words."""
    then = forecast["trend"]
    days = listed([long_day(each["as_of"]) for each in then])
    note = (
        f"A week and a month ago: what the same model says of as many days ahead, on what was "
        f"known on {days}."
    )
    if forecast["by_date"]:
        note += f" The window until {long_day(forecast['by_date'][0]['date'])} keeps its end."
    sampled = [long_day(each["as_of"]) for each in then if each["in_sample"]]
    if sampled:
        note += (
            f" The model has since learnt from outcomes until "
            f"{long_day(forecast['model']['trained_until'])}, so that what it says of "
            f"{listed(sampled)} is no forecast out of sample."
        )
    reasons: dict[str, list[str]] = {}
    for each in then:
        for row in each["forecasts"]:
            if row["reason"] is not None:
                where = f"{row['kind']} on {long_day(each['as_of'])}"
                reasons.setdefault(row["reason"], []).append(where)
    for reason, places in reasons.items():
        note += f" n/a for {listed(list(dict.fromkeys(places)))}: {reason}."
    # A season or want of data is said above; left is a window too far from the earlier day.
    too_far = {row["reason"] for each in then for row in each["by_date"]} - {None, *reasons}
    return note + "".join(f" n/a for a window that ends {reason}." for reason in too_far)


def _season(forecast: Mapping[str, Any], terminal: Terminal) -> str:
    season = forecast["season"]
    last = ", ".join(
        f"{kind} {long_day(day) if day else 'none'}" for kind, day in season["last_onset"].items()
    )
    title = f"Altcoin season forecast as of {long_day(forecast['as_of'])}"
    return "\n".join(
        [
            terminal.bold(title),
            wrap(f"Season index {season['index']:.0f} of 100: {STATES[season['state']]}."),
            wrap(f"Last onsets: {last}."),
        ]
    )


def _kind(forecast: Mapping[str, Any], kind: str, terminal: Terminal) -> str:
    title = terminal.bold(question(forecast, kind))
    rows = windows(forecast, kind)
    if rows[0]["probability"] is None:
        return f"{title}\n" + wrap(f"  No forecast: {rows[0]['reason']}.")
    label = f"{'':{20 + 1 + BAR_WIDTH}}"
    heads = [
        f"{label}{'':35} {'a week':>6}{'a month':>8}",
        f"{label} {'chance':>6} {'climatology':>11}  {'90 % interval':<14} {'ago':>7}{'ago':>8}",
    ]
    return "\n".join([title, *map(terminal.faint, heads), *(_line(row, terminal) for row in rows)])


def _line(row: Mapping[str, Any], terminal: Terminal) -> str:
    chance = terminal.bold(f"{percent(row['probability']):>6}")
    interval = f"{percent(row['low']):>5} to {percent(row['high']):>5}"
    week, month = (percent(value) for value in row["ago"])
    return (
        f"by {long_day(row['window_end']):>11} {row['days']:>3} d "
        f"{terminal.bar(row['probability'], BAR_WIDTH)} {chance} "
        f"{percent(row['climatology']):>11}  {interval} {week:>7}{month:>8}"
    )


def _trend(forecast: Mapping[str, Any]) -> str:
    shown = any(row["probability"] is not None for row in forecast["forecasts"])
    return wrap(trend_note(forecast)) if shown else ""


def _drivers(drivers: Sequence[Mapping[str, Any]], terminal: Terminal) -> str:
    if not drivers:
        return "Drivers: none."
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for driver in drivers:
        groups.setdefault(driver["group"], []).append(driver)
    totals = {group: sum(each["log_odds"] for each in own) for group, own in groups.items()}
    shown = {driver["feature"] for driver in drivers[:DRIVERS_SHOWN]}
    lines = [
        terminal.bold("What moves the next 90 days, in log-odds against an average day"),
        terminal.faint(f"{'':36}{'value':>12}{'log-odds':>12}"),
    ]
    for group, total in sorted(totals.items(), key=lambda item: -abs(item[1])):
        lines.append(f"  {group:<46}{signed(total):>12}  {_direction(total)}")
        for each in groups[group]:
            if each["feature"] in shown:
                value = "missing" if each["value"] is None else f"{each['value']:.4g}"
                lines.append(f"    {each['feature']:<32}{value:>12}{signed(each['log_odds']):>12}")
    if len(drivers) > len(shown):
        lines.append(f"    {len(drivers) - len(shown)} weaker features are not listed (see --json)")
    return "\n".join(lines)


def _direction(log_odds: float) -> str:
    rounded = round(log_odds, 2)
    return "raises the chance" if rounded > 0 else "lowers the chance" if rounded < 0 else "nothing"


def _evidence(forecast: Mapping[str, Any], terminal: Terminal) -> str:
    evidence, model, data = forecast["evidence"], forecast["model"], forecast["data"]
    lines = [
        terminal.bold(f"Evidence: {evidence['onsets']} onsets in training"),
        *_skill(evidence["brier_skill"], terminal),
        *(wrap(said) for said in (on_partial(forecast), on_window(forecast)) if said),
    ]
    version = f"version {model['version']}" if model["version"] else f"run {model['run_id']}"
    lines += [
        wrap(
            f"Model: {model['name']}, {version}, trained until {long_day(model['trained_until'])}."
        ),
        wrap(
            f"Data: {data['source']} to {long_day(data['last_day'])} ({data['age_days']} days old)."
        ),
    ]
    return "\n".join(lines)


def _skill(skills: Mapping[str, Mapping[str, Any]], terminal: Terminal) -> list[str]:
    known = {horizon: skill for horizon, skill in skills.items() if skill["value"] is not None}
    if not known:
        return ["Brier skill out of sample: none yet."]
    lines = ["Brier skill out of sample, broad seasons (0 is climatology, 1 perfect)"]
    lines.append(
        terminal.faint(f"{'':10}{'skill':>8}  {'90 % interval':<18}{'episodes':>8}  verdict")
    )
    for horizon, skill in known.items():
        ends = interval(skill["low"], skill["high"])
        lines.append(
            f"  {horizon:>3} days{signed(skill['value']):>8}  {ends:<18}"
            f"{skill['episodes']:>8}  {VERDICTS.get(skill['verdict'], 'the reference')}"
        )
    return lines
