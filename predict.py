"""Print the probability that an altcoin season begins."""

from __future__ import annotations

from datetime import datetime
from json import dumps
from typing import TYPE_CHECKING, Annotated

import typer

try:
    from models.cli.shadowing import shadowing_warnings
except ImportError as error:  # another package of that name comes first on the path
    raise SystemExit(
        f"error: another package named 'models' hides this program's ({error}); install altseason "
        "into a virtual environment of its own."
    ) from None

from models.cli.boundary import DebugOption, clear_errors
from models.cli.forecast_options import (
    AsOfOption,
    ConditionOptions,
    FileOptions,
    JsonOption,
    PrintOptions,
    RecordOptions,
    StoreOptions,
    WindowOptions,
)
from models.cli.json_errors import Commands
from models.cli.market_options import (
    MarketOptions,
    OnlineOption,
    PublishedOption,
    load_market,
    published_index,
)
from models.cli.option_groups import with_groups
from models.cli.options import (
    EPILOG,
    LEDGER,
    DeadlineOption,
    ExitCode,
    LedgerOption,
    ProgressLine,
    VersionOption,
    answer,
    as_timestamp,
    collect_seldom,
    fail,
    now,
    other_command,
)
from models.cli.streams import run, tell
from models.patience import DEADLINE_SECONDS

if TYPE_CHECKING:
    from features.panel import MarketPanel
    from models.cli.forecast_command import Issued

app = typer.Typer(cls=Commands, add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=f"{EPILOG[:-1]}, 4 an alert fired.")
@with_groups
def predict(
    context: typer.Context,
    *,
    as_of: AsOfOption = None,
    window: WindowOptions,
    market: MarketOptions,
    store: StoreOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
    conditions: ConditionOptions,
    debug: DebugOption = False,
    version: VersionOption = False,
) -> None:
    """Print how likely the onset of an altcoin season is, beside the base rate.

    Uses the champion that train.py registered and only what was known at the
    end of the as_of day.
    """
    for warning in shadowing_warnings():
        tell(f"warning: {warning}")
    if other_command(context):
        return
    _refuse_contradictions(as_of, window, printed, written, recorded, conditions)
    with clear_errors(store.deadline):
        clock, progress = now(), ProgressLine(quiet=False)
        today = clock.normalize()
        newest = as_of is None and printed.history is None
        known_by = None if printed.history else as_timestamp(as_of)
        data = load_market(
            market, clock, progress, newest=newest, deadline=store.deadline, known_by=known_by
        )
        from models.cli import forecast_command

        _tell_problems(data.panel, as_of, printed, progress)
        if printed.history:
            text, note = forecast_command.history_answer(data, store, printed, today=today)
            progress.message(note)
            answer(text)
            return
        days = map(as_timestamp, (as_of, written.since))
        drawn, supposed = bool(written.files), conditions.supposed
        issued = forecast_command.issue(data, store, window, *days, today=today, drawn=drawn)
        if supposed:
            answer(forecast_command.what_if_answer(issued, window, printed, supposed, today=today))
            return
        _deliver(issued, store, printed, written, recorded, conditions)


def _deliver(
    issued: Issued,
    store: StoreOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
    conditions: ConditionOptions,
) -> None:
    """Draw, print and record a forecast, and end with a code of its own when an alert fires."""
    from models.cli import forecast_command

    alerts = forecast_command.checked(issued, conditions, recorded.path)
    forecast_command.write_pictures(issued, store, written)
    text = forecast_command.forecast_answer(issued.forecast, printed, alerts)
    if recorded.path is not None:
        from models.cli.ledger_command import record_forecast, require_whole

        require_whole(recorded.path)
    # The answer first: what is recorded has been said, and the exit code tells of both.
    answer(text, "; nothing was recorded" if recorded.path else "")
    if recorded.path is not None:
        record_forecast(recorded.path, issued.forecast, issued.stored, now(), alerts)
    if any(state.fired for state in alerts):
        raise typer.Exit(ExitCode.ALERT)


def _tell_problems(
    panel: MarketPanel, as_of: datetime | None, printed: PrintOptions, progress: ProgressLine
) -> None:
    """Say on stderr what is wrong with the data, for answers that have no place for it."""
    if not (printed.history or printed.csv):
        return
    last = as_timestamp(printed.history[1] if printed.history else as_of)
    for problem in panel.provenance.problems_on(last or panel.last_day):
        progress.message(f"warning: {problem}")


@app.command(epilog=EPILOG)
@with_groups
def score(
    *,
    ledger: LedgerOption = None,
    market: MarketOptions,
    json: JsonOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Score the recorded forecasts against what happened, as far as it is known.

    Only windows that have ended are scored, beside the base rate; the others
    are listed as open.
    """
    with clear_errors(deadline):
        from models.cli.ledger_command import warn_of_torn_lines, warn_of_unchained_lines
        from models.ledger.book import read_ledger

        path = ledger or LEDGER
        entries = read_ledger(path)
        clock = now()
        progress = ProgressLine(quiet=False)
        panel = load_market(market, clock, progress, deadline=deadline).panel
        from models.ledger.results import track_record_json
        from models.ledger.track_record import track_record
        from models.report.ledger_text import track_record_text

        warn_of_torn_lines(path, entries.torn)
        warn_of_unchained_lines(path, entries)
        record = track_record(entries, panel, today=clock.normalize())
    if json:
        answer(dumps(track_record_json(record), indent=2, allow_nan=False))
    else:
        answer(track_record_text(record))


@app.command(epilog=EPILOG)
@with_groups
def health(
    *,
    as_of: AsOfOption = None,
    market: MarketOptions,
    json: JsonOption = False,
    rules: Annotated[
        bool,
        typer.Option("--rules", help="Print the plausibility rules that data must pass, and why."),
    ] = False,
    published: PublishedOption = None,
    online: OnlineOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Show each series' days, age, gaps, coverage, source and problems.

    Ends with exit code 3 when a forecast would be refused.
    """
    if rules:
        from features.plausibility.check import rules_text

        answer(rules_text())
        return
    with clear_errors(deadline):
        clock = now()
        witness = published_index(published, online=online, now=clock)
        data = load_market(market, clock, ProgressLine(quiet=False), deadline=deadline)
        from models.cli.health_command import health_of
        from models.forecasting.schema import health_json
        from models.report.health_text import health_text

        today = clock.normalize()
        state = health_of(data, as_of=as_timestamp(as_of), today=today, published=witness)
    if json:
        answer(dumps(health_json(state), indent=2, allow_nan=False))
    else:
        answer(health_text(state))
    if state.refusal:
        fail(state.refusal, ExitCode.DATA)


def _refuse_contradictions(
    as_of: datetime | None,
    window: WindowOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
    conditions: ConditionOptions,
) -> None:
    if conditions.what_if and (recorded.record or written.files or printed.csv):
        raise typer.BadParameter(
            "--what-if is hypothetical: it goes with neither --record, --plot, --report nor --csv."
        )
    for option, given in (
        ("--as-of", as_of),
        ("--by, --year or --on", window.by or window.year or window.on),
        ("--record", recorded.record),
        ("--plot or --report", written.files),
        ("--alert or --what-if", conditions.alert or conditions.what_if),
    ):
        if printed.history and given:
            raise typer.BadParameter(f"--history and {option} exclude each other.")


def main() -> None:
    """Run the command as a process of its own."""
    collect_seldom()
    run(app)


if __name__ == "__main__":
    main()
