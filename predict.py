"""Print the probability that an altcoin season begins."""

from __future__ import annotations

from datetime import datetime
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

try:
    from models.cli.errors import (
        Commands,
        DebugOption,
        ExitCode,
        answer,
        clear_errors,
        fail,
        run,
        tell,
    )
except ImportError as error:  # another package of that name comes first on the path
    raise SystemExit(
        f"error: another package named 'models' hides this program's ({error}); install altseason "
        "into a virtual environment of its own."
    ) from None

from models.cli.forecast_options import (
    AsOfOption,
    FileOptions,
    PrintOptions,
    RecordOptions,
    StoreOptions,
    WindowOptions,
)
from models.cli.market_options import (
    ForecastMarketOptions,
    OnlineOption,
    PublishedOption,
    load_market,
    published_index,
)
from models.cli.option_groups import with_groups
from models.cli.options import (
    EPILOG,
    LEDGER,
    STORE,
    DeadlineOption,
    JsonOption,
    LedgerOption,
    ProgressLine,
    TrackingOption,
    VersionOption,
    as_timestamp,
    collect_seldom,
    file,
    flag,
    now,
    other_command,
    version_text,
    write_files,
)
from models.errors import DEADLINE_SECONDS

if TYPE_CHECKING:
    from features.panel import MarketPanel

app = typer.Typer(cls=Commands, add_completion=True, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True, epilog=f"{EPILOG[:-1]}, 4 an alert fired.")
@with_groups
def predict(
    context: typer.Context,
    *,
    as_of: AsOfOption = None,
    window: WindowOptions,
    market: ForecastMarketOptions,
    store: StoreOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
    debug: DebugOption = False,
    version: VersionOption = False,
) -> None:
    """Print how likely the onset of an altcoin season is, beside the base rate.

    Uses the champion that train.py registered and only what was known at the
    end of the as_of day.
    """
    if other_command(context):
        return
    _refuse_contradictions(as_of, window, printed, written, recorded)
    with clear_errors():
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
        drawn = bool(written.files)
        issued = forecast_command.issue(data, store, window, *days, today=today, drawn=drawn)
        forecast_command.deliver(issued, store, printed, written, recorded, instant=now())


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
    market: ForecastMarketOptions,
    outcomes: Annotated[
        Path | None,
        file("Judge days after the data by a file: date, at_50, at_75 (yes, no or open)."),
    ] = None,
    json: JsonOption = False,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Score the recorded forecasts against what happened, as far as it is known.

    Only windows that have ended are scored, beside the base rate; the others
    are listed as open.
    """
    with clear_errors():
        from models.ledger.book import read_ledger

        path = ledger or LEDGER
        entries = read_ledger(path)
        from models.season.outcome_file import judged_by, read_outcomes

        clock = now()
        came = None if outcomes is None else read_outcomes(outcomes, today=clock.normalize())
        progress = ProgressLine(quiet=False)
        panel = load_market(market, clock, progress, deadline=deadline).panel
        from models.ledger.scores import track_record, track_record_json
        from models.report.checks_text import track_record_text

        for line in entries.torn:
            tell(f"warning: {path}, line {line} was cut off and does not count.")
        if came is not None and outcomes is not None:
            tell(f"note: {judged_by(came, outcomes, panel.last_day)}")
        record = track_record(entries, panel, today=clock.normalize(), outcomes=came)
    if json:
        answer(dumps(track_record_json(record), indent=2, allow_nan=False))
    else:
        answer(track_record_text(record))


@app.command(epilog=EPILOG)
@with_groups
def health(
    *,
    as_of: AsOfOption = None,
    market: ForecastMarketOptions,
    json: JsonOption = False,
    rules: Annotated[
        bool, flag("--rules", "Print the plausibility rules that data must pass, and why.")
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
    with clear_errors():
        clock = now()
        witness = published_index(published, online=online, now=clock)
        data = load_market(market, clock, ProgressLine(quiet=False), deadline=deadline)
        from models.cli.forecast_command import health_of
        from models.forecasting.records import health_json
        from models.report.checks_text import health_text

        today = clock.normalize()
        state = health_of(data, as_of=as_timestamp(as_of), today=today, published=witness)
    if json:
        answer(dumps(health_json(state), indent=2, allow_nan=False))
    else:
        answer(health_text(state))
    if state.refusal:
        fail(state.refusal, ExitCode.DATA)


@app.command(epilog=EPILOG)
@with_groups
def export(
    *,
    directory: Annotated[Path, typer.Argument(help="Directory to write; made if absent.")],
    ledger: LedgerOption = None,
    tracking_uri: TrackingOption = STORE,
    deadline: DeadlineOption = DEADLINE_SECONDS,
    debug: DebugOption = False,
) -> None:
    """Write the champion's hindcast and the ledger as others can use them.

    An archive in the layout of forecast hubs, with a README and CITATION.cff.
    """
    with clear_errors():
        from models.ledger.book import read_ledger
        from models.ledger.hub import archive
        from models.tracking.read import load_forecaster, load_tables

        run_id = load_forecaster(tracking_uri, "champion", deadline=deadline).model_id.run_id
        tables = load_tables(tracking_uri, run_id, deadline=deadline)
        path = ledger or LEDGER
        entries = read_ledger(path).entries if ledger or path.exists() else ()
        files = archive(tables.hindcast, entries, version=version_text(), day=now().normalize())
        for name in files:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
        write_files({directory / n: ("export", text.encode()) for n, text in files.items()})
    answer("\n".join(f"{directory / name}" for name in files))


def _refuse_contradictions(
    as_of: datetime | None,
    window: WindowOptions,
    printed: PrintOptions,
    written: FileOptions,
    recorded: RecordOptions,
) -> None:
    for option, given in (
        ("--as-of", as_of),
        ("--by, --year or --on", window.by or window.year or window.on),
        ("--record", recorded.record),
        ("--plot or --report", written.files),
        ("--alert", recorded.alert),
    ):
        if printed.history and given:
            raise typer.BadParameter(f"--history and {option} exclude each other.")


def main() -> None:
    """Run the command as a process of its own."""
    collect_seldom()
    run(app)


if __name__ == "__main__":
    main()
