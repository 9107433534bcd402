"""Print the probability that an altcoin season begins."""

from __future__ import annotations

from datetime import datetime
from json import dumps
from typing import Annotated

import typer

from models.cli.boundary import Commands, DebugOption, clear_errors
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
from models.cli.market_options import (
    MarketOptions,
    OnlineOption,
    PublishedOption,
    load_panel,
    published_index,
)
from models.cli.option_groups import with_groups
from models.cli.options import (
    EPILOG,
    LEDGER,
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
from models.cli.streams import run

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
    """Print how likely the onset of an altcoin season is, beside climatology.

    Uses the champion that train.py registered and only what was known at the
    end of the as_of day.
    """
    if other_command(context):
        return
    if printed.history:
        _refuse_beside_history(as_of, window, written, recorded, conditions)
    if conditions.what_if and (recorded.record or written.files or printed.csv):
        raise typer.BadParameter(
            "--what-if is hypothetical: it goes with neither --record, --plot, --report nor --csv."
        )
    with clear_errors(store.deadline):
        clock, progress = now(), ProgressLine(quiet=False)
        panel = load_panel(market, clock, progress)
        from models.cli import forecast_command

        if printed.history or printed.csv:
            last = printed.history[1] if printed.history else as_of
            # These answers have no place for it.
            for problem in panel.provenance.problems_on(as_timestamp(last) or panel.last_day):
                progress.message(f"warning: {problem}")
        if printed.history:
            text, note = forecast_command.history_answer(panel, store, printed)
            progress.message(note)
            answer(text)
            return
        days = map(as_timestamp, (as_of, written.since))
        issued = forecast_command.issue(panel, store, window, *days, today=clock.normalize())
        if conditions.what_if:
            supposed, today = conditions.supposed, clock.normalize()
            answer(forecast_command.what_if_answer(issued, window, printed, supposed, today=today))
            return
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


@app.command(epilog=EPILOG)
@with_groups
def score(
    *,
    ledger: LedgerOption = None,
    market: MarketOptions,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge the recorded forecasts by what came after them, as far as it is known.

    Only windows that have ended are scored, beside climatology; the others are
    listed as open.
    """
    with clear_errors():
        from models.cli.ledger_command import warn_of_torn_lines, warn_of_unchained_lines
        from models.ledger.book import read_ledger

        path = ledger or LEDGER
        entries = read_ledger(path)
        panel = load_panel(market, now(), ProgressLine(quiet=False))
        from models.ledger.results import track_record_json
        from models.ledger.track_record import track_record
        from models.report.ledger_text import track_record_text

        warn_of_torn_lines(path, entries.torn)
        warn_of_unchained_lines(path, entries)
        record = track_record(entries, panel)
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
        bool, typer.Option("--rules", help="Print instead the rules that data must pass, and why.")
    ] = False,
    published: PublishedOption = None,
    online: OnlineOption = False,
    debug: DebugOption = False,
) -> None:
    """Show each series' days, age, gaps, coverage, source and problems.

    Ends with exit code 3 when a forecast would be refused.
    """
    if rules:
        from features.plausibility.document import rules_text

        answer(rules_text())
        return
    with clear_errors():
        clock = now()
        witness = published_index(published, online=online, now=clock)
        panel = load_panel(market, clock, ProgressLine(quiet=False))
        from models.forecasting.data_quality import data_health
        from models.forecasting.schema import health_json
        from models.report.health_text import health_text

        state = data_health(
            panel, as_of=as_timestamp(as_of), today=clock.normalize(), published=witness
        )
    if json:
        answer(dumps(health_json(state), indent=2, allow_nan=False))
    else:
        answer(health_text(state))
    if state.refusal:
        fail(state.refusal, ExitCode.DATA)


def _refuse_beside_history(
    as_of: datetime | None,
    window: WindowOptions,
    written: FileOptions,
    recorded: RecordOptions,
    conditions: ConditionOptions,
) -> None:
    for option, given in (
        ("--as-of", as_of),
        ("--by, --year or --on", window.by or window.year or window.on),
        ("--record", recorded.record),
        ("--plot or --report", written.files),
        ("--alert or --what-if", conditions.alert or conditions.what_if),
    ):
        if given:
            raise typer.BadParameter(f"--history and {option} exclude each other.")


def main() -> None:
    """Run the command as a process of its own."""
    collect_seldom()
    run(app)


if __name__ == "__main__":
    main()
