"""Drivers and evidence of a forecast as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from models.forecasting.near_term import NEAR_DAYS
from models.forecasting.parts import Forecast
from models.formatting import interval, long_day, signed, unsigned_interval, wrap
from models.hazard.forecaster import Skill
from models.report.rows import driver_groups, driver_value
from models.report.statements import driver_heading, partial_statement, trust_statement
from models.report.terminal import Terminal
from models.report.verdicts import SHORT_SKILL
from models.vocabulary import Kind

DRIVERS_SHOWN = 8


def driver_text(forecast: Forecast, terminal: Terminal) -> str:
    """Return what moves the chance from the base rate, group by group, and that it adds up."""
    total = forecast.driver_sum
    if total is None:
        return "Drivers: none."
    shown = {driver.feature for driver in forecast.drivers[:DRIVERS_SHOWN]}
    lines = [
        *(terminal.bold(line) for line in wrap(driver_heading(total)).splitlines()),
        terminal.faint(f"{'':36}{'value':>12}{'points':>12}"),
    ]
    for group in driver_groups(forecast):
        lines.append(f"  {group.name:<46}{signed(group.points, 1):>12}")
        for each in group.drivers:
            if each.feature in shown:
                value, points = driver_value(each), signed(each.points, 1)
                lines.append(f"    {each.feature:<32}{value:>12}{points:>12}")
    if len(forecast.drivers) > len(shown):
        weaker = len(forecast.drivers) - len(shown)
        lines.append(f"    {weaker} weaker features are not shown (--json lists them)")
    moved = 100 * (total.probability - total.base_rate)
    lines.append(f"  {'rest: an average day is not at the base rate':<46}"
                 f"{signed(total.rest, 1):>12}")  # fmt: skip
    lines.append(f"  {'total':<46}{signed(moved, 1):>12}")
    return "\n".join(lines)


def evidence_text(forecast: Forecast, terminal: Terminal) -> str:
    """Return what stands behind a forecast: onsets, what was verified, model and data."""
    evidence, model, data = forecast.evidence, forecast.model, forecast.data
    where = "in training" if evidence.measured_at is None else "by the end of training"
    version = f"version {model.version}" if model.version else f"run {model.run_id}"
    statements = (partial_statement(forecast), trust_statement(forecast))
    return "\n".join(
        [
            terminal.bold(f"Evidence: {evidence.onsets} onsets {where}"),
            *_skill(forecast, terminal),
            *(wrap(statement) for statement in statements if statement),
            wrap(f"Model: {model.name}, {version}, trained until {long_day(model.trained_until)}."),
            wrap(f"Data: {data.source} to {long_day(data.last_day)} ({data.age_days} days old)."),
        ]
    )


def _skill(forecast: Forecast, terminal: Terminal) -> Iterator[str]:
    evidence = forecast.evidence
    if evidence.measured_at is not None:
        yield wrap(
            f"Skill out of sample: measured at {evidence.measured_at:g} only, not at "
            f"{forecast.definition.threshold:g}; run without --threshold to see it."
        )
        return
    rows = evidence.answering(Kind.BROAD)
    if not rows:
        yield "Brier skill out of sample: none yet."
        return
    yield wrap(
        "Skill out of sample, broad seasons, with 90 % intervals "
        "(Brier skill: 0 is the base rate, 1 perfect; AUC: 0.5 is chance)"
    )
    yield terminal.faint(f"{'':11}{'Brier skill':<21}{'AUC':<18}{'seasons':>7}  verdict")
    yield from (_row(skill) for skill in rows.values())
    if any(each.kind == Kind.BROAD for each in evidence.outlook):
        yield wrap(
            f"Up to {NEAR_DAYS} days this is the forecaster's hindcast; beyond, it is that of the "
            f"outlook, which answers there (every 28 days, from any state)."
        )


def _row(skill: Skill) -> str:
    value = f"{signed(skill.value):>5} {interval(skill.low, skill.high)}"
    auc = "n/a" if skill.auc is None else f"{skill.auc:.2f}"
    auc += unsigned_interval(skill.auc_low, skill.auc_high)
    return (
        f"  {skill.horizon_days:>3} days {value:<21}{auc:<18}{skill.episodes:>7}  "
        f"{SHORT_SKILL[skill.verdict]}"
    ).rstrip()
